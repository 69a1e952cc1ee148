"""All that stands on the page of one run."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from haltpoint._concurrency.threads import in_thread
from haltpoint.inbox.cancelling import UNFINISHED
from haltpoint.inbox.forms import CHANGING, Field, argument_fields, input_fields
from haltpoint.inbox.timeline_layout import draw
from haltpoint.journal.spans import spans_of
from haltpoint.journal.timeline import told
from haltpoint.presentation.records import open_requirements, open_waits
from haltpoint.presentation.times import from_seconds
from haltpoint.run.agent.view import MICROSECONDS
from haltpoint.run.approvals import approved_arguments, approved_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from haltpoint.db.database import Database
    from haltpoint.run.agent.output import AgentRunOutput
    from haltpoint.run.requirements import RunRequirement

__all__ = ["Question", "run_page_data"]

# How the names of those fields begin that a person fills in.
_TYPED = ("note", "result", "value-", "argument-")


@dataclass(frozen=True)
class Question:
    """An open requirement with its form.

    Attributes:
        requirement: what is asked.
        approved: the arguments that others changed and approved, where the call takes several people.
        memory: which later calls they approved, too.
        fields: the arguments that may be changed, or the input that is asked for.
        given: what the person typed before, where that was refused.
        is_edited: whether the arguments are being changed, so that there is nothing else to do.
        is_over: whether it is too late to decide.
    """

    requirement: RunRequirement
    approved: dict[str, Any] | None
    memory: dict[str, Any] | None
    fields: list[Field]
    given: Mapping[str, str]
    is_edited: bool
    is_over: bool

    @property
    def lost(self) -> list[str]:
        """What the person typed into fields that the form does not have any more."""
        has_form = not self.is_over and (self.is_edited or self.given.get("action") != CHANGING)
        return [] if has_form else _typed(self.given)


async def run_page_data(
    database: Database,
    run_id: str,
    decided: str | None = None,
    *,
    edited: str | None = None,
    refused: str | None = None,
    form: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return what the template of the page needs.

    Args:
        database: where the run is.
        run_id: the run.
        decided: the id of a requirement that was decided just now.
        edited: the id of a requirement of which the arguments are being changed.
        refused: the id of a requirement on which a decision was refused just now.
        form: what was typed then.

    Raises:
        RunNotFoundError: there is no such run.
        StoreError: the run can't be read.
    """
    given = form or {}
    if given.get("action") == CHANGING:
        edited = refused

    def questions(run: AgentRunOutput[Any], schemas: Mapping[str, Any]) -> list[Question]:
        asked = [
            _question(item, given if item.id == refused else {}, schemas, is_edited=item.id == edited)
            for item in (*open_requirements(run), *open_waits(run))
        ]
        # While arguments are changed, nothing else can be approved.
        return [item for item in asked if item.is_edited] or asked

    return await in_thread(lambda: {**_data(database, run_id, decided, questions), "typed": _typed(given)})


def _data(
    database: Database,
    run_id: str,
    decided: str | None,
    questions: Callable[[AgentRunOutput[Any], Mapping[str, Any]], list[Question]],
) -> dict[str, Any]:
    run = database.run(run_id)
    journal = database.journal(run_id)
    spans = spans_of(journal)
    is_under_way = run.status in UNFINISHED
    now = int(time.time() * MICROSECONDS) if is_under_way else journal[-1]["at"]
    return {
        "run": run,
        "started": from_seconds(run.created_at),
        "questions": questions(run, _schemas(journal)),
        "events": told(journal),
        "spans": spans,
        "picture": draw(spans, now),
        "audit": [record.masked() for record in database.audit(run_id)],
        "just_decided": _just_decided(run, decided),
        "can_be_cancelled": is_under_way,
        "was_cancelled": False,
        "problem": None,
        "refused": None,
    }


def _schemas(journal: list[dict[str, Any]]) -> dict[str, Any]:
    """The JSON schemas of the arguments of the tools, by their names, as far as the journal has them."""
    tools: list[dict[str, Any]] = journal[0]["entry"].get("tools", [])
    return {item["name"]: item["parameters"] for item in tools if "parameters" in item}


def _typed(form: Mapping[str, str]) -> list[str]:
    return [text for name, text in form.items() if text and name.startswith(_TYPED)]


def _question(
    requirement: RunRequirement, given: Mapping[str, str], schemas: Mapping[str, Any], *, is_edited: bool
) -> Question:
    fields: list[Field] = []
    if requirement.kind == "confirmation":
        fields = argument_fields(requirement, schemas.get(requirement.tool_execution.tool_name, {}))
    elif requirement.kind == "user_input":
        fields = input_fields(requirement, given)
    return Question(
        requirement,
        approved_arguments(requirement),
        approved_memory(requirement),
        fields,
        given,
        is_edited and requirement.kind == "confirmation" and bool(fields),
        requirement.is_expired,
    )


def _just_decided(run: AgentRunOutput, decided: str | None) -> RunRequirement | None:
    found = next((item for item in run.requirements if item.id == decided and _was_decided(item)), None)
    return None if found is None else found.masked()


def _was_decided(requirement: RunRequirement) -> bool:
    """Whether there is something to report: the decision, or one of the approvals that it takes."""
    return requirement.decision is not None or bool(requirement.approvals)
