"""One run has one driver, however many processes want it, and whoever stops it or decides is heard of everywhere."""

from __future__ import annotations

import signal
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from durability import one_driver
from durability.histories import Journal
from durability.ledger import Ledger
from durability.processes import Participant, inspect

_AT_ONCE = 20
_LEASE = 0.4
# What is promised for word from another process.
_PROMPT = 0.5


def journal_of(directory: Path, run_id: str) -> Journal:
    with Participant(inspect, str(directory), run_id) as process:
        told = process.finish().told
    assert told["problems"] == []
    return Journal(told["export"])


def test_of_twenty_processes_that_continue_a_run_one_drives_it(tmp_path: Path) -> None:
    with Participant(one_driver.start_paying, str(tmp_path)) as starter:
        run_id = starter.finish().told["run_id"]
    with ExitStack() as stack:
        processes = [
            stack.enter_context(Participant(one_driver.continue_at_once, str(tmp_path), run_id))
            for _ in range(_AT_ONCE)
        ]
        assert {process.hear() for process in processes} == {"ready"}
        for process in processes:
            process.say("go")
        statuses = Counter(process.finish().told["status"] for process in processes)
    assert statuses["COMPLETED"] >= 1
    assert set(statuses) <= {"COMPLETED", "RunBusyError"}, statuses
    assert Counter(line["tool"] for line in Ledger(tmp_path).lines("began")) == {"pay": 1, "weigh": 1}
    assert journal_of(tmp_path, run_id).kinds()["run_continued"] == 1


def test_a_stopped_driver_is_overtaken_after_its_lease_and_refused_when_it_wakes(tmp_path: Path) -> None:
    directory = str(tmp_path)
    with Participant(one_driver.start_sawing, directory, _LEASE) as stopped:
        assert stopped.hear() == "sawing"
        (began,) = Ledger(tmp_path).lines("began")
        stopped.signal(signal.SIGSTOP)
        run_id = began["run_id"]
        with Participant(one_driver.take_over, directory, run_id) as successor:
            told = successor.finish().told
        assert (told["status"], told["output"]) == ("COMPLETED", "sawn")
        assert told["refusals"] >= 1
        before = journal_of(tmp_path, run_id).entries
        stopped.say("too late")
        stopped.signal(signal.SIGCONT)
        told = stopped.finish().told
        assert told["status"] == "LeaseLostError", told["message"]
    assert journal_of(tmp_path, run_id).entries == before
    (outcome,) = Journal.of(journal_of(tmp_path, run_id), "tool_finished", call_id=began["call"])
    assert outcome["content"] == "oak sawn by hand"
    assert [line["what"] for line in Ledger(tmp_path).lines() if line.get("tool") == "saw"] == ["began", "ended"]


def test_a_driver_that_lives_keeps_its_run_beyond_its_lease(tmp_path: Path) -> None:
    directory = str(tmp_path)
    with Participant(one_driver.start_sawing, directory, _LEASE) as driver:
        assert driver.hear() == "sawing"
        run_id = Ledger(tmp_path).lines("began")[0]["run_id"]
        end = time.monotonic() + 3 * _LEASE
        while time.monotonic() < end:
            with Participant(one_driver.drive, directory, run_id) as other:
                assert other.finish().told["status"] == "RunBusyError"
        driver.say("sawn")
        assert driver.finish().told["status"] == "COMPLETED"


def test_a_killed_driver_is_succeeded_at_once(tmp_path: Path) -> None:
    directory = str(tmp_path)
    with Participant(one_driver.start_sawing, directory, 3600.0) as driver:
        assert driver.hear() == "sawing"
        run_id = Ledger(tmp_path).lines("began")[0]["run_id"]
        driver.signal(signal.SIGKILL)
        assert driver.finish().killed
    with Participant(one_driver.take_over, directory, run_id) as successor:
        told = successor.finish().told
    assert (told["status"], told["refusals"]) == ("COMPLETED", 0)


def test_a_cancellation_from_another_process_is_heeded_within_half_a_second(tmp_path: Path) -> None:
    directory, ledger = str(tmp_path), Ledger(tmp_path)
    with Participant(one_driver.work_for_ever, directory, None) as driver:
        while len(ledger.lines("began")) < 3:
            pass
        run_id = ledger.lines("began")[0]["run_id"]
        with Participant(one_driver.cancel, directory, run_id) as canceller:
            was_cancelled, asked = canceller.finish().told
        assert was_cancelled
        assert driver.finish().told["status"] == "CANCELLED"
    assert max(line["at"] for line in ledger.lines("began")) < asked + _PROMPT
    steps = len(ledger.lines("began"))
    ledger.note("enough")
    with Participant(one_driver.work_for_ever, directory, run_id) as successor:
        assert successor.finish().told["status"] == "COMPLETED"
    assert len(ledger.lines("began")) == steps


def test_a_decision_of_another_process_is_heard_of_within_half_a_second(tmp_path: Path) -> None:
    with Participant(one_driver.wait_for_a_decision, str(tmp_path)) as waiting:
        run_id = waiting.hear()
        with Participant(one_driver.decide, str(tmp_path), run_id) as other:
            on_disk = other.finish().told
        decision, heard = waiting.finish().told
    assert decision is True
    assert heard - on_disk < _PROMPT
