"""The checks of the kill matrix find what they are there for: each is shown a history in which it happened."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from durability.histories import Journal, check_decisions, check_effects, check_outcomes
from durability.ledger import Ledger

_CALL: dict[str, Any] = {"call": "c", "key": "k"}
_SOUND: list[tuple[str, dict[str, Any]]] = [
    ("model_replied", {"calls": [{"id": "c"}]}),
    ("requirement_opened", {"requirement_id": "r", "call_id": "c", "kind": "confirmation"}),
    ("requirement_decided", {"requirement_id": "r", "decision": {"type": "confirm"}}),
    ("tool_started", {"call_id": "c", "attempt": 1}),
    ("tool_finished", {"call_id": "c", "content": "paid"}),
    ("run_completed", {}),
]


def journal(*entries: tuple[str, dict[str, Any]]) -> Journal:
    return Journal("\n".join(["head", *(json.dumps({"kind": kind, "entry": entry}) for kind, entry in entries)]))


def check(journal: Journal, ledger: Ledger) -> None:
    check_outcomes(journal)
    check_effects(journal, ledger)
    check_decisions(journal, ledger)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = Ledger(tmp_path)
    ledger.note("began", **_CALL, attempt=1)
    ledger.note("acknowledged", requirement="r", decision={"type": "confirm"})
    return ledger


def test_a_sound_history_passes(ledger: Ledger) -> None:
    check(journal(*_SOUND), ledger)


def test_a_tool_that_ran_again_unasked_is_found(ledger: Ledger) -> None:
    ledger.note("began", **_CALL, attempt=2)
    again = [*_SOUND[:4], ("tool_started", {"call_id": "c", "attempt": 2}), *_SOUND[4:]]
    with pytest.raises(AssertionError):
        check(journal(*again), ledger)


def test_a_tool_that_ran_twice_under_one_start_is_found(ledger: Ledger) -> None:
    ledger.note("began", **_CALL, attempt=1, repeatable=True)
    with pytest.raises(AssertionError):
        check(journal(*_SOUND), ledger)


def test_a_tool_that_ran_before_its_start_was_on_disk_is_found(ledger: Ledger) -> None:
    with pytest.raises(AssertionError):
        check(journal(*_SOUND[:3], *_SOUND[4:]), ledger)


def test_a_key_that_changed_is_found(ledger: Ledger) -> None:
    ledger.note("began", call="c", key="another", attempt=2, repeatable=True)
    again = [*_SOUND[:4], ("tool_started", {"call_id": "c", "attempt": 2}), *_SOUND[4:]]
    with pytest.raises(AssertionError):
        check(journal(*again), ledger)


@pytest.mark.parametrize("wrong", [_SOUND[:4] + _SOUND[5:], [*_SOUND[:5], _SOUND[4], _SOUND[5]]])
def test_an_outcome_that_is_missing_or_there_twice_is_found(ledger: Ledger, wrong: Any) -> None:
    with pytest.raises(AssertionError):
        check(journal(*wrong), ledger)


def test_a_start_after_the_outcome_is_found(ledger: Ledger) -> None:
    with pytest.raises(AssertionError):
        check(journal(*_SOUND[:5], ("tool_started", {"call_id": "c", "attempt": 2}), _SOUND[5]), ledger)


def test_an_acknowledged_decision_that_is_lost_or_another_is_found(ledger: Ledger) -> None:
    with pytest.raises((AssertionError, KeyError)):
        check(journal(*_SOUND[:2], *_SOUND[3:]), ledger)
    other = ("requirement_decided", {"requirement_id": "r", "decision": {"type": "reject", "note": "no"}})
    with pytest.raises(AssertionError):
        check(journal(*_SOUND[:2], other, *_SOUND[3:]), ledger)


def test_a_tool_that_ran_though_it_was_rejected_is_found(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.note("began", **_CALL, attempt=1)
    rejected = ("requirement_decided", {"requirement_id": "r", "decision": {"type": "reject", "note": "no"}})
    outcome = ("tool_finished", {"call_id": "c", "content": "no", "source": "rejected"})
    with pytest.raises(AssertionError, match="must not"):
        check(journal(*_SOUND[:2], rejected, _SOUND[3], outcome, _SOUND[5]), ledger)
