"""A paused run is continued by a process whose code is not what it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from durability import changed_code
from durability.ledger import Ledger
from durability.processes import Participant
from haltpoint import Agent, InMemoryDatabase, ScriptedModel, ToolChangedError, tool
from support.replies import results_in, wants


@pytest.fixture
def run_id(tmp_path: Path) -> str:
    with Participant(changed_code.start_with_first_version, str(tmp_path)) as process:
        told: str = process.finish().told
    return told


def continued(directory: Path, run_id: str, version: str | None, *, allow: bool = False) -> dict[str, Any]:
    with Participant(_continue, str(directory), run_id, version, allow) as process:
        told: dict[str, Any] = process.finish().told
    return told


def _continue(directory: str, run_id: str, version: str | None, allow: bool) -> dict[str, Any]:
    return changed_code.continue_with(directory, run_id, version, allow_changed=allow)


def test_a_tool_that_is_gone_is_named_and_the_run_goes_on_where_it_is_there(tmp_path: Path, run_id: str) -> None:
    told = continued(tmp_path, run_id, None)
    assert (told["status"], told["tool"]) == ("ToolNotAvailableError", "transfer")
    assert Ledger(tmp_path).lines("began") == []
    assert continued(tmp_path, run_id, "first") == {"status": "COMPLETED", "results": ["30 sent"]}


def test_a_tool_whose_parameters_changed_is_refused_and_the_run_stays_as_it_was(tmp_path: Path, run_id: str) -> None:
    told = continued(tmp_path, run_id, "other parameters")
    assert (told["status"], told["tool"]) == ("ToolChangedError", "transfer")
    assert "allow_changed_tools" in told["message"]
    assert Ledger(tmp_path).lines("began") == []
    assert continued(tmp_path, run_id, "first")["status"] == "COMPLETED"


def test_a_changed_tool_runs_with_exactly_the_approved_arguments_once_that_is_allowed(
    tmp_path: Path, run_id: str
) -> None:
    told = continued(tmp_path, run_id, "other parameters", allow=True)
    assert told == {"status": "COMPLETED", "results": ["30 EUR sent"]}
    (began,) = Ledger(tmp_path).lines("began")
    assert (began["version"], began["amount"]) == (3, 30)


def test_arguments_that_no_longer_fit_are_the_models_to_mend_and_nothing_runs(tmp_path: Path, run_id: str) -> None:
    told = continued(tmp_path, run_id, "parameters that do not fit", allow=True)
    assert told["status"] == "COMPLETED"
    assert "cents" in told["results"][0]
    assert Ledger(tmp_path).lines("began") == []


def test_a_tool_with_another_body_and_other_words_is_the_same_tool(tmp_path: Path, run_id: str) -> None:
    assert continued(tmp_path, run_id, "other words and body")["results"] == ["30 sent better"]


def refund(module: str) -> Any:
    """A tool that stands in a module."""

    def refund(charge: str) -> str:
        """Refund."""
        return f"{module} refunded {charge}"

    refund.__module__ = module
    return tool(requires_confirmation=True)(refund)


def paused_with(db: InMemoryDatabase, module: str) -> str:
    agent = Agent(ScriptedModel([wants("refund", charge="c1")]), db=db, tools=[refund(module)])
    output = agent.do("Refund.", return_output=True)
    requirement = output.requirements[0]
    requirement.confirm(by="ann")
    requirement.commit()
    return output.run_id


def continued_with(db: InMemoryDatabase, run_id: str, module: str, **options: Any) -> str:
    model = ScriptedModel(["", lambda request: results_in(request)[-1]])
    return str(Agent(model, db=db, tools=[refund(module)]).continue_run(run_id=run_id, requirements=[], **options))


def test_a_tool_of_another_module_is_another_tool() -> None:
    db = InMemoryDatabase()
    run_id = paused_with(db, "billing")
    with pytest.raises(ToolChangedError, match=r"of module 'billing', and .* now of module 'legacy'") as caught:
        continued_with(db, run_id, "legacy")
    assert (caught.value.run_id, caught.value.tool_name) == (run_id, "refund")
    assert db.run(run_id).is_paused
    assert continued_with(db, run_id, "billing") == "billing refunded c1"


def test_a_tool_of_another_module_runs_once_that_is_allowed() -> None:
    db = InMemoryDatabase()
    run_id = paused_with(db, "billing")
    assert continued_with(db, run_id, "legacy", allow_changed_tools=True) == "legacy refunded c1"


@pytest.mark.parametrize(("before", "now"), [("__main__", "tools"), ("tools", "__main__")])
def test_what_was_typed_into_a_notebook_may_stand_in_a_module_later(
    monkeypatch: pytest.MonkeyPatch, before: str, now: str
) -> None:
    # As at a prompt: the module of no file.
    monkeypatch.setattr("haltpoint.tools.definition.canonical_module", lambda function: function.__module__)
    db = InMemoryDatabase()
    assert continued_with(db, paused_with(db, before), now) == f"{now} refunded c1"
