"""The documented ways to recover a run whose model failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.documented import play
from support.provider_server import Cut, ProviderServer, Raw, Status, provider_server
from support.wire import Script

__all__ = ["provider_server"]

FAILURES = {
    "401": Status(401),
    "429": Status(429),
    "500": Status(500),
    "529": Status(529),
    "cut connection": Cut(),
    "malformed body": Raw('{"content": ['),
}
EXAMPLES = ["same_agent_by_run_id", "same_agent_by_task", "new_agent_by_run_id", "new_agent_by_task"]


def check_recovery(server: ProviderServer, tmp_path: Path, example: str, failure: Script) -> None:
    failed, completed = play("recovering", example, server, tmp_path, failure, "7").told
    assert failed["status"] == "ERROR"
    assert failed["error_details"]
    assert (completed["status"], completed["output"]) == ("COMPLETED", "7")
    assert completed["run_id"] == failed["run_id"]
    assert completed["error_details"] is None


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_failed_run_recovers(provider_server: ProviderServer, tmp_path: Path, example: str) -> None:
    check_recovery(provider_server, tmp_path, example, Status(500))


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_every_failure_can_be_recovered_from(provider_server: ProviderServer, tmp_path: Path, failure: Script) -> None:
    check_recovery(provider_server, tmp_path, "new_agent_by_run_id", failure)


def test_a_run_that_does_not_fail_needs_no_recovery(provider_server: ProviderServer, tmp_path: Path) -> None:
    (completed,) = play("recovering", "same_agent_by_run_id", provider_server, tmp_path, "7").told
    assert completed["output"] == "7"
