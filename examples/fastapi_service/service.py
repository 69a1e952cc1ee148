"""A web service whose tickets are answered by an agent.

The service only submits runs and shows them. Workers drive them, in processes of their own, so that a restart of the
service interrupts nothing. People approve refunds on the inbox page below /people.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from starlette.requests import Request

from haltpoint import AgentRunOutput, RunNotFoundError, SqliteDatabase
from haltpoint.inbox import create_app
from tickets import support


class NewTicket(BaseModel):
    """What a customer sends."""

    customer: str
    text: str


class Ticket(BaseModel):
    """How a ticket stands.

    Attributes:
        id: the id of its run.
        status: the status of the run, such as QUEUED, PAUSED or COMPLETED.
        answer: the agent's answer; None until the run is completed.
        waits_for: the calls that a person has to decide on.
    """

    id: str
    status: str
    answer: str | None = None
    waits_for: list[str] = []

    @classmethod
    def of(cls, run: AgentRunOutput[Any]) -> Ticket:
        """Describe a run."""
        calls = [one.tool_execution for one in run.active_requirements]
        return cls(
            id=run.run_id,
            status=run.status.value,
            answer=run.output,
            waits_for=[f"{call.tool_name} {call.tool_args}" for call in calls],
        )


def signed_in_user(request: Request) -> str | None:
    """Return who sends a request; the proxy in front sets this header, and removes it from what comes in."""
    return request.headers.get("x-forwarded-user")


def create_service() -> FastAPI:
    """Make the application; `uvicorn --factory service:create_service` calls this."""
    database = SqliteDatabase()  # the file of HALTPOINT_DB
    agent = support.on_database(database)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        yield
        database.close()

    service = FastAPI(title="Tickets", lifespan=lifespan)
    service.mount("/people", create_app(database, authenticate=signed_in_user))

    async def open_ticket(ticket: NewTicket) -> Ticket:
        run_id = await agent.submit_async(ticket.text, user_id=ticket.customer)
        return Ticket(id=run_id, status="QUEUED")

    async def show_ticket(ticket_id: str) -> Ticket:
        try:
            return Ticket.of(await database.run_async(ticket_id))
        except RunNotFoundError as error:
            raise HTTPException(404, "no such ticket") from error

    service.post("/tickets", status_code=202)(open_ticket)
    service.get("/tickets/{ticket_id}")(show_ticket)
    return service
