"""Webhooks reach their receiver, signed, in order, whatever becomes of the worker and of the receiver."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

from haltpoint import SqliteDatabase
from haltpoint.run.events import EVENT_KINDS

from .crew import CLERK
from .receiver import SECRET, Receiver
from .workers import WorkerProcess, Yard

_ENVIRONMENT = {"HALTPOINT_WEBHOOK_SECRET": SECRET}


def _sender(yard: Yard, receiver: Receiver, *options: str) -> WorkerProcess:
    return yard.worker("--webhook", receiver.url, *options, env=_ENVIRONMENT)


def test_events_come_signed_and_in_order(yard: Yard) -> None:
    with Receiver() as receiver, _sender(yard, receiver) as worker:
        worker.until("started")
        (run_id,) = yard.submit("pay")
        found = receiver.until("run_paused")
        yard.decide(run_id)
        found += receiver.until("run_completed")
    assert all(delivery.is_signed for delivery in found)
    assert len({delivery.id for delivery in found}) == len(found)
    kinds = ["run_queued", "requirement_opened", "run_paused", "requirement_decided", "run_completed"]
    assert [delivery.message["type"] for delivery in found] == kinds
    asked = found[1].message["data"]
    assert (asked["tool_name"], asked["requirement_kind"], asked["run_id"]) == ("pay", "confirmation", run_id)
    assert "amount" not in str(found)


def test_each_kind_of_entry_in_a_journal_is_a_kind_of_event() -> None:
    codec = Path(__file__).parents[3] / "src" / "journal" / "codec.rs"
    kinds = re.findall(r'^    \w+ => "(\w+)",$', codec.read_text(), re.MULTILINE)
    # Of an erased run nothing is told.
    assert tuple(kinds) == (*EVENT_KINDS, "payloads_erased", "run_moved", "run_arrived")


def test_what_a_receiver_refuses_comes_again_with_the_same_id(yard: Yard) -> None:
    with Receiver(500, 302) as receiver, _sender(yard, receiver, "--webhook-event", "run_completed") as worker:
        worker.until("started")
        (run_id,) = yard.submit("Greet.")
        refused = worker.until("not_delivered", run_id)
        found = [receiver.next() for _ in range(3)]
    assert {delivery.message["type"] for delivery in found} == {"run_completed"}
    assert len({delivery.id for delivery in found}) == 1
    assert "status 500" in refused["message"]
    assert "hidden-path" not in refused["message"]


def test_runs_go_on_while_nobody_receives(yard: Yard) -> None:
    with Receiver() as receiver:
        url = receiver.url
    with yard.worker("--webhook", url, env=_ENVIRONMENT) as worker:
        worker.until("started")
        runs = yard.submit("Greet.", "Greet.")
        yard.until(lambda: {yard.status(run_id) for run_id in runs} == {"COMPLETED"})


def test_another_worker_sends_what_a_stopped_one_did_not(yard: Yard) -> None:
    with Receiver(*[503] * 1000) as deaf:
        with _sender(yard, deaf, "--webhook-event", "run_completed") as first:
            first.until("started")
            (run_id,) = yard.submit("Greet.")
            first.until("not_delivered", run_id)
            first.send(signal.SIGTERM)
            first.kinds_until_its_end()
        with _sender(yard, deaf, "--webhook-event", "run_completed") as second:
            assert second.until("not_delivered", run_id)


def test_another_worker_sends_soon_what_a_killed_one_did_not(yard: Yard) -> None:
    with Receiver(*[503] * 1000) as deaf, _sender(yard, deaf, "--webhook-event", "run_completed") as first:
        first.until("started")
        (run_id,) = yard.submit("Greet.")
        first.until("not_delivered", run_id)
        # Has asked for the delivery in vain by the time that it is ready.
        with _sender(yard, deaf, "--webhook-event", "run_completed") as second:
            second.until("started")
            first.send(signal.SIGKILL)
            first.wait()
            killed_at = time.monotonic()
            assert second.until("not_delivered", run_id)
            assert time.monotonic() - killed_at < 15


def test_the_secret_and_the_url_stay_out_of_the_database(yard: Yard) -> None:
    with Receiver() as receiver, _sender(yard, receiver) as worker:
        worker.until("started")
        yard.submit("Greet.")
        receiver.until("run_completed")
        worker.send(signal.SIGTERM)
        worker.kinds_until_its_end()
    content = b"".join(path.read_bytes() for path in yard.db_file.parent.glob("runs.db*"))
    assert b"hidden-path" not in content
    assert SECRET.removeprefix("whsec_").encode() not in content


def test_without_subscribers_the_outbox_stays_empty(tmp_path: Path) -> None:
    from haltpoint._engine import Outbox

    with SqliteDatabase(tmp_path / "runs.db") as database:
        CLERK.on_database(database).submit("Greet.")
        assert Outbox(database.native).after(0, 10) == []


def test_a_webhook_without_a_secret_is_refused(yard: Yard) -> None:
    with yard.worker("--webhook", "https://example.org/") as worker:
        assert worker.wait() == 2
