"""JSON text that says a name twice in one object says two things: it is refused, however it is given."""

from __future__ import annotations

from typing import Any

import pytest

from haltpoint import Agent, InvalidResolutionError, ScriptedModel, tool
from support.command import CommandLine
from support.databases import opened
from support.replies import results_in, wants

TWICE = '{"a": 1, "a": 1000}'


@tool(requires_user_input=True, user_input_fields=["limits", "rows"])
def set_limits(limits: dict[str, int], rows: list[dict[str, int]] | None = None, note: str = "") -> str:
    """Set limits."""
    return f"{limits} {rows}"


def _asked(cli: CommandLine) -> str:
    with opened(cli.db_file) as db:
        script = ScriptedModel([wants("set_limits"), lambda request: str(results_in(request)[-1])])
        return Agent(script, db=db, tools=[set_limits]).do("Set.", return_output=True).active_requirements[0].id


def _elsewhere(cli: CommandLine, requirement_id: str, given: dict[str, str]) -> str:
    refused = cli("answer", requirement_id, *(f"{name}={text}" for name, text in given.items()))
    assert refused.code != 0
    return refused.err


def _here(cli: CommandLine, requirement_id: str, given: dict[str, str]) -> str:
    with opened(cli.db_file) as db, pytest.raises(InvalidResolutionError) as caught:
        db.requirement(requirement_id).answer(given)
    return str(caught.value)


@pytest.mark.parametrize("give", [_elsewhere, _here])
@pytest.mark.parametrize(
    "given", [{"limits": TWICE}, {"limits": '{"b": 1}', "rows": f"[{TWICE}]"}, {"limits": f" {TWICE}\n"}]
)
def test_it_is_refused_in_the_value_of_a_field(cli: CommandLine, give: Any, given: dict[str, str]) -> None:
    requirement_id = _asked(cli)
    assert 'the text holds the name "a" twice in one object' in give(cli, requirement_id, given)
    with opened(cli.db_file) as db:
        assert db.requirement(requirement_id).decision is None


def test_text_that_is_meant_as_text_stays_as_it_is(cli: CommandLine) -> None:
    @tool(requires_user_input=True, user_input_fields=["note"])
    def keep(note: str) -> str:
        """Keep."""
        return note

    with opened(cli.db_file) as db:
        script = ScriptedModel([wants("keep"), lambda request: str(results_in(request)[-1])])
        agent = Agent(script, db=db, tools=[keep])
        requirement = agent.do("Keep.", return_output=True).active_requirements[0]
        requirement.answer({"note": TWICE})
        assert requirement.run_id is not None
        assert agent.continue_run(run_id=requirement.run_id) == TWICE
