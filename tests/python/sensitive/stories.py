"""A story in which sensitive values stand in each place where they can: what a model says, defaults, edits, answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from haltpoint import Agent, InMemoryDatabase, ModelReply, ScriptedModel, SqliteDatabase, ToolCall, tool

# Each stands in another place. None may be seen where nobody decides.
SAID = "4000-0000-0000-0002"
CODE = 987654
EDITED = "5100-1111-2222-3333"
ANSWERED = '6011-ånswer-"quoted"-77'
DEFAULT = "standard-pin-4711"
REFUSED = "not-a-number-at-all-55"
SECRETS = [SAID, str(CODE), EDITED, "6011-ånswer", "6011-\\u00e5nswer", DEFAULT, REFUSED]


class Card(BaseModel):
    """A card."""

    number: str
    code: int


@tool(requires_confirmation=True, sensitive=["card", "pin"])
def charge(card: Card, euros: int, pin: str = DEFAULT) -> str:
    """Charge a card."""
    if euros > 100:
        raise ValueError(f"the bank refuses {card.number}")
    return f"charged {card.number} with {pin}"


@tool(requires_user_input=True, user_input_fields=["passport"], sensitive=["passport"])
def book(city: str, passport: str) -> str:
    """Book a journey."""
    return f"booked for {passport}"


@tool(sensitive=["token"])
def look_up(token: int) -> str:
    """Look something up."""
    return "found"


TOOLS = [charge, book, look_up]
CARD = {"number": SAID, "code": CODE}


@dataclass(frozen=True)
class Story:
    """What happened.

    Attributes:
        done: a run that has come to its end.
        waiting: a run that waits for a confirmation.
    """

    done: str
    waiting: str


def agent_on(db: SqliteDatabase | InMemoryDatabase, *replies: Any, **options: Any) -> Agent:
    """An agent whose model says so."""
    return Agent(ScriptedModel(list(replies)), db=db, tools=TOOLS, session_id="monday", **options)


def _charge(euros: int) -> ModelReply:
    call = ToolCall("charge", {"card": CARD, "euros": euros})
    return ModelReply(f"I charge {SAID}.", tool_calls=[call], provider_data={"again": str(CARD)})


def _resolve(requirement: Any) -> None:
    if requirement.kind == "user_input":
        requirement.answer({"passport": ANSWERED}, by="ann")
    elif requirement.tool_execution.tool_args["euros"] == 7:
        requirement.confirm(tool_args={"card": {"number": EDITED, "code": 1}, "euros": 8, "pin": "0000"}, by="ann")
    elif requirement.tool_execution.tool_args["euros"] == 9:
        requirement.reject(f"I do not know {SAID}", by="ann")
    else:
        requirement.confirm(remember="session", remember_args=True, by="ann")


def tell(db: SqliteDatabase | InMemoryDatabase) -> Story:
    """Let the runs happen."""
    replies = [_charge(euros) for euros in (7, 9, 500)]
    ask = ModelReply(tool_calls=[ToolCall("book", {"city": "Oslo"}), ToolCall("look_up", {"token": REFUSED})])
    done = agent_on(db, *replies, ask, "done").do("Charge it.", return_output=True, hitl_handler=_resolve)
    assert done.is_complete, done.error_details
    waiting = agent_on(db, _charge(6)).do("Charge it.", return_output=True)
    return Story(done.run_id, waiting.run_id)


def seen(text: object) -> list[str]:
    """The sensitive values that stand in a text."""
    return [secret for secret in SECRETS if secret in str(text)]
