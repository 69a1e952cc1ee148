"""A call whose process died in its middle: who is asked, what is repeated, and what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from durability import in_doubt
from durability.ledger import Ledger
from durability.processes import Participant


def continued(directory: Path, name: str, rule: str = "ask") -> dict[str, Any]:
    """Let a run die in a tool's first attempt and continue it in a new process."""
    with Participant(in_doubt.die_in, str(directory), name) as process:
        assert process.finish().killed
    (began,) = Ledger(directory).lines("began")
    with Participant(in_doubt.continue_after_death, str(directory), name, began["run_id"], rule) as process:
        told: dict[str, Any] = process.finish().told
    return told


def attempts(directory: Path) -> list[int]:
    return [line["attempt"] for line in Ledger(directory).lines("began")]


@pytest.mark.parametrize("name", ["plain", "plain_async", "approved"])
def test_a_call_in_doubt_is_asked_about_also_when_it_was_approved(tmp_path: Path, name: str) -> None:
    told = continued(tmp_path, name)
    assert (told["status"], told["reason"]) == ("PAUSED", "recovery")
    assert attempts(tmp_path) == [1]


def test_the_question_shows_the_call_when_and_where_it_started_and_its_key(tmp_path: Path) -> None:
    (requirement,) = continued(tmp_path, "plain")["requirements"]
    (began,) = Ledger(tmp_path).lines("began")
    assert requirement["kind"] == "recovery"
    assert requirement["tool_execution"]["tool_name"] == "plain"
    assert requirement["details"]["idempotency_key"] == began["key"]
    assert "process" in str(requirement["details"])
    assert requirement["details"]["started_at"]


@pytest.mark.parametrize("name", ["read_only", "idempotent"])
def test_what_may_be_repeated_is_repeated_unasked(tmp_path: Path, name: str) -> None:
    assert continued(tmp_path, name)["results"] == ["done"]
    assert attempts(tmp_path) == [1, 2]


@pytest.mark.parametrize("name", ["plain", "approved"])
def test_the_rule_to_retry_repeats_without_asking(tmp_path: Path, name: str) -> None:
    assert continued(tmp_path, name, "retry")["results"] == ["done"]
    assert attempts(tmp_path) == [1, 2]


def test_the_rule_to_fail_stops_the_run_with_an_error(tmp_path: Path) -> None:
    assert continued(tmp_path, "plain", "fail")["status"] == "ToolInDoubtError"
    assert attempts(tmp_path) == [1]


def test_the_rule_to_fail_does_not_concern_what_may_be_repeated(tmp_path: Path) -> None:
    assert continued(tmp_path, "idempotent", "fail")["results"] == ["done"]


@pytest.mark.parametrize(("name", "result"), [("act_found", "found out"), ("act_found_async", '{"found": "out"}')])
def test_a_tool_that_finds_out_the_result_is_not_run_again(tmp_path: Path, name: str, result: str) -> None:
    told = continued(tmp_path, name)
    assert told["status"] == "COMPLETED"
    assert told["results"][0].replace(" ", "") == result.replace(" ", "")
    assert attempts(tmp_path) == [1]


def test_a_tool_is_told_which_call_is_in_doubt(tmp_path: Path) -> None:
    continued(tmp_path, "act_found")
    (asked,) = Ledger(tmp_path).lines("reconciled")
    (began,) = Ledger(tmp_path).lines("began")
    assert asked["args"] == {"what": "it"}
    for fact in ("run_id", "call", "key", "attempt"):
        assert asked[fact] == began[fact]


def test_a_tool_that_knows_that_the_call_never_began_is_run(tmp_path: Path) -> None:
    assert continued(tmp_path, "act_never_began")["results"] == ["it done"]
    assert attempts(tmp_path) == [1, 2]


@pytest.mark.parametrize(
    ("name", "reason"), [("act_cannot_tell", "the service is gone"), ("act_raises", "ConnectionError: no route")]
)
def test_a_person_is_asked_when_the_tool_cannot_tell_and_told_why(tmp_path: Path, name: str, reason: str) -> None:
    told = continued(tmp_path, name)
    assert (told["status"], told["reason"]) == ("PAUSED", "recovery")
    assert reason in str(told["requirements"][0]["details"])
    assert attempts(tmp_path) == [1]


def test_a_calls_key_is_the_same_in_each_attempt_and_process_and_another_calls_is_another(tmp_path: Path) -> None:
    run_id = None
    for _ in range(3):
        with Participant(in_doubt.try_twice_and_die, str(tmp_path), run_id) as process:
            ended = process.finish()
        began = Ledger(tmp_path).lines("began")
        run_id = began[0]["run_id"]
    assert ended.told == "finished"
    keys = {part: {line["key"] for line in began if line["part"] == part} for part in "ab"}
    assert [len(found) for found in keys.values()] == [1, 1]
    assert keys["a"] != keys["b"]
    assert len({line["pid"] for line in began}) == 3
    for part in "ab":
        numbers = [line["attempt"] for line in began if line["part"] == part]
        assert numbers == sorted(numbers)
