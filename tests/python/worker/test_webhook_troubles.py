"""Whatever becomes of a webhook, the worker goes on, and so do the other webhooks."""

from __future__ import annotations

import asyncio

import pytest

from audit.evidence import tamper
from haltpoint import StoreError
from haltpoint.worker.outbox import Outbox
from haltpoint.worker.posting import post
from haltpoint.worker.progress import Progress
from haltpoint.worker.signing import WebhookSecret
from haltpoint.worker.webhooks import Webhook
from haltpoint.worker.worker import Worker
from support.databases import on_files

from .crew import CLERK
from .receiver import SECRET, Receiver
from .workers import Yard

_PASSWORD = "hunter2pw"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org/hooks",
        "ftp://example.org/",
        "https://",
        "https:///path",
        "https://example.org:99999/",
        "https://example.org:0/",
        "https://example.org:port/",
        "https://[::1/",
        f"https://user:{_PASSWORD}@example.org/",
        f"https://{_PASSWORD}@example.org/",
        "https://exa mple.org/",
        "https://example.org/a b",
        "https://example.org/line\nbreak",
        "https://example.org/\x00",
        "https://example.org/caf\u00e9",
        "https://b\u00fccher.example/",
        "https://example..org/",
        f"https://{'a' * 64}.org/",
    ],
)
def test_a_url_that_no_message_can_be_sent_to_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ValueError, match="URL") as caught:
        Webhook(url, WebhookSecret(SECRET))
    assert _PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8080",
        "https://example.org/a%20b?c=d#e",
        "https://[::1]:443/",
        "https://xn--bcher-kva.example/",
    ],
)
def test_other_urls_are_taken(url: str) -> None:
    Webhook(url, WebhookSecret(SECRET))


def test_what_only_the_client_finds_out_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("haltpoint.worker.posting._opener.open", _refuse)
    assert post("https://example.org/", {}, b"") == "the receiver can't be reached: ValueError"


def _refuse(*_: object, **__: object) -> None:
    raise ValueError("nonnumeric port")


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE entries SET hash = x'00' WHERE id >> 32 = (SELECT run FROM runs WHERE run_id = '{}')",
        "DELETE FROM entries WHERE id >> 32 = (SELECT run FROM runs WHERE run_id = '{}')",
    ],
)
@on_files
def test_an_event_that_cannot_be_read_is_reported_and_passed_by(yard: Yard, damage: str) -> None:
    reported: list[Progress] = []
    with Receiver() as receiver, yard.database() as database:
        webhook = Webhook(receiver.url, WebhookSecret(SECRET), ["run_queued"])

        async def main() -> None:
            outbox = await webhook.subscribe(database)
            broken, whole = await asyncio.to_thread(yard.submit, "Greet.", "Greet.")
            tamper("sql", yard.db_file, damage.format(broken))
            delivery = asyncio.create_task(webhook.deliver(database, outbox, reported.append))
            (received,) = await asyncio.to_thread(receiver.until, "run_queued")
            delivery.cancel()
            await asyncio.wait({delivery})
            assert received.message["data"]["run_id"] == whole
            assert {(told.kind, told.run_id) for told in reported} == {("not_delivered", broken)}
            assert all("can't be read" in str(told.message) for told in reported)

        asyncio.run(main())


def test_a_delivery_that_fails_begins_again_and_holds_up_no_other(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    failing: list[Outbox] = []
    reported: list[Progress] = []
    after = Outbox.after

    def fails_once(outbox: Outbox, place: int) -> list[object]:
        if not failing:
            failing.append(outbox)
            raise StoreError("the disk is gone")
        return after(outbox, place)  # type: ignore[return-value]

    monkeypatch.setattr(Outbox, "after", fails_once)
    with Receiver() as first, Receiver() as second, yard.database() as database:
        webhooks = [Webhook(receiver.url, WebhookSecret(SECRET), ["run_completed"]) for receiver in (first, second)]
        worker = Worker([CLERK.on_database(database)], webhooks=webhooks, report=reported.append)

        async def main() -> None:
            receiving = [asyncio.to_thread(receiver.until, "run_completed") for receiver in (first, second)]
            done = asyncio.ensure_future(asyncio.gather(*receiving))
            serving = asyncio.create_task(worker.run())
            await asyncio.to_thread(CLERK.on_database(database).submit, "Greet.")
            await asyncio.wait_for(done, 30)
            worker.stop()
            await serving

        asyncio.run(main())
    assert [
        "the disk is gone" in str(progress.message) for progress in reported if progress.kind == "not_delivered"
    ] == [True]
