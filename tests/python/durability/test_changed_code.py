"""A paused run is continued by a process whose code is not what it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from durability import changed_code
from durability.ledger import Ledger
from durability.processes import Participant


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
