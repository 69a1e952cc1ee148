"""A decimal that the model said as a number is not shown as another one, on the command line and on the page."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel

from haltpoint import Agent, ModelReply, ScriptedModel, ToolCall, tool
from support.command import CommandLine
from support.databases import opened
from support.inbox import Inbox


class Line(BaseModel):
    price: Decimal
    note: str = ""


Clamped = Annotated[Decimal, AfterValidator(lambda given: min(given, Decimal(10)))]
Text = Annotated[str, AfterValidator(str.strip)]


def asked(cli: CommandLine, annotation: Any, said: str) -> str:
    """Return a paused run whose tool the model gives this JSON."""

    def pay(euros: Any) -> str:
        """Pay."""
        return str(euros)

    pay.__annotations__["euros"] = annotation
    call = ToolCall("pay", f'{{"euros": {said}}}')  # type: ignore[arg-type]
    with opened(cli.db_file) as db:
        agent = Agent(
            ScriptedModel([ModelReply(tool_calls=[call]), "x"]), db=db, tools=[tool(requires_confirmation=True)(pay)]
        )
        return agent.do("Pay.", return_output=True).run_id


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        (Decimal, "49"),
        (Decimal, "12.50"),
        (Decimal, "0.1"),
        (Decimal, "12345678901234567.89"),
        (list[Decimal], "[1, 2.5]"),
        (dict[str, Decimal], '{"a": 1.10}'),
        (Line, '{"price": 5, "note": "n"}'),
    ],
)
def test_a_number_that_is_shown_as_its_text_is_what_the_model_said(
    cli: CommandLine, annotation: Any, said: str
) -> None:
    run_id = asked(cli, annotation, said)
    assert "the model said" not in cli("show", run_id).out
    with Inbox(cli) as inbox:
        page = inbox.get(f"/runs/{run_id}").text
    assert "<dt>euros" in page
    assert "the model said" not in page


@pytest.mark.parametrize(
    ("annotation", "said", "shown"),
    [
        (Clamped, "49", "the model said 49"),
        (Line, '{"price": 5}', "the model said"),
        (Text, '" a "', "the model said"),
        (list[Clamped], "[1, 20]", "the model said"),
        (set[Decimal], "[2, 1]", "the model said"),
    ],
)
def test_what_was_made_another_value_is_still_told(cli: CommandLine, annotation: Any, said: str, shown: str) -> None:
    assert shown in cli("show", asked(cli, annotation, said)).out
