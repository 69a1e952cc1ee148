"""The documented ways to confirm and to reject a tool call."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.documented import asks, play
from support.provider_server import Answer, ProviderServer, provider_server

__all__ = ["provider_server"]

CLOSE = ("close_account", {"customer": "Verne"})
PAY = ("pay_out", {"amount": 30, "iban": "X1"})


@pytest.mark.parametrize(
    "example",
    [
        "same_agent_by_run_id",
        "same_agent_by_task",
        "handler_after_a_confirmation",
        "new_agent_by_run_id",
        "new_agent_by_task",
        "new_agent_on_a_new_database",
    ],
)
def test_a_confirmed_call_runs_once(provider_server: ProviderServer, tmp_path: Path, example: str) -> None:
    told = play("confirming", example, provider_server, tmp_path, asks(CLOSE), "Closed.").told
    closing, completed = told
    assert closing == "closing Verne"
    assert (completed["status"], completed["output"], completed["pause_reason"]) == ("COMPLETED", "Closed.", None)
    assert completed["tools"] == [[*CLOSE, "account of Verne closed"]]


def test_a_rejected_call_does_not_run_and_the_model_reads_the_note(
    provider_server: ProviderServer, tmp_path: Path
) -> None:
    (completed,) = play("confirming", "rejected_with_a_note", provider_server, tmp_path, asks(CLOSE), "All right.").told
    assert completed["output"] == "All right."
    (result,) = provider_server.last["messages"][-1]["content"]
    assert "Mr. Verne has changed his mind" in str(result["content"])


@pytest.mark.parametrize("example", ["loop_over_several_tools", "handler_for_several_tools"])
@pytest.mark.parametrize("script", [(asks(PAY), asks(CLOSE)), (asks(PAY, CLOSE),)], ids=["in turn", "together"])
def test_several_calls_are_confirmed(
    provider_server: ProviderServer, tmp_path: Path, example: str, script: tuple[Answer, ...]
) -> None:
    told = play("confirming", example, provider_server, tmp_path, *script, "Both done.").told
    *did, completed = told
    assert sorted(did) == ["closing Verne", "paying 30"]
    assert (completed["status"], completed["output"]) == ("COMPLETED", "Both done.")
