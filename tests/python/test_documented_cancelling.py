"""The documented ways to cancel a run and to continue it."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.documented import asks, play
from support.provider_server import ProviderServer, provider_server

__all__ = ["provider_server"]

TOOL_STEPS = [["model_execution", "COMPLETED"], ["tool:print_labels", "COMPLETED"]]


@pytest.mark.parametrize(
    "example",
    [
        "same_agent_by_run_id",
        "same_agent_by_task",
        "new_agent_by_run_id",
        "new_agent_by_task",
        "steps_go_on_from_the_cut",
    ],
)
def test_a_cancelled_run_goes_on_from_the_cut(provider_server: ProviderServer, tmp_path: Path, example: str) -> None:
    script = (asks(("print_labels", {"count": 40})), "All labels are printed.")
    told = play("cancelling", example, provider_server, tmp_path, *script).told
    printing, cancelled, completed = told
    assert printing == "printing"
    assert (cancelled["status"], cancelled["output"]) == ("CANCELLED", None)
    assert (completed["status"], completed["output"]) == ("COMPLETED", "All labels are printed.")
    assert completed["run_id"] == cancelled["run_id"]
    assert completed["tools"] == [["print_labels", {"count": 40}, "40 labels printed"]]
    assert completed["steps"] == [*TOOL_STEPS, ["model_execution", "COMPLETED"]]
