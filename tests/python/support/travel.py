"""A tool whose fields are of all kinds, and a run that waits for them on a database file."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from haltpoint import Agent, PostgresDatabase, ScriptedModel, SqliteDatabase, tool
from support.databases import opened
from support.replies import wants

__all__ = ["FILLED_IN", "REFUSED", "book", "finish_booking", "start_booking"]


def lucky(number: int) -> int:
    """Refuse 13, which no schema says."""
    if number == 13:
        raise ValueError("must be another number than 13")
    return number


class Address(BaseModel):
    """Where somebody lives."""

    street: str
    code: int


@tool(requires_user_input=True, user_input_fields=["nights", "room", "day", "breakfast", "address", "cc", "tone"])
def book(
    hotel: str,
    nights: Annotated[int, Field(ge=1), AfterValidator(lucky)],
    room: Literal["single", "double"],
    day: date,
    breakfast: bool,
    address: Address,
    cc: str | None = None,
    tone: str | None = "warm",
) -> str:
    """Book a hotel."""
    return f"{hotel} {nights} {room} {day:%d.%m.} {breakfast} {address.street} {address.code} {cc} {tone}"


FILLED_IN = {
    "nights": "2",
    "room": "double",
    "day": "2024-02-29",
    "breakfast": "yes",
    "address": '{"street": "A", "code": 7}',
}
"""What a person types."""

REFUSED = [
    ("nights", "0", 'nights: must be greater than or equal to 1, got "0"'),
    ("nights", "two", 'nights: must be a whole number, got "two"'),
    ("room", "suite", "room: must be 'single' or 'double', got \"suite\""),
    ("day", "31 February", 'day: must be a date such as 2024-02-29, got "31 February"'),
    ("breakfast", "perhaps", 'breakfast: must be yes or no, got "perhaps"'),
    ("address", '{"street": "A"}', "address.code: Field required (a whole number)"),
    ("address", "at home", "address: must be a JSON object with street, code"),
]
"""What they may type instead, and what is said of it."""


def _agent(database: SqliteDatabase | PostgresDatabase) -> Agent:
    model = ScriptedModel([wants("book", hotel="Ritz"), lambda request: request.messages[-1].content])
    return Agent(model, db=database, tools=[book])


def start_booking(db_file: Path) -> str:
    """Start a run that waits for a person, and return its id."""
    with opened(db_file) as database:
        output: Any = _agent(database).do("Book.", return_output=True)
        return str(output.run_id)


def finish_booking(db_file: Path, run_id: str) -> str | None:
    """Continue the run, and return what the tool made of the answers."""
    with opened(db_file) as database:
        result: str | None = _agent(database).continue_run(run_id=run_id)
        return result
