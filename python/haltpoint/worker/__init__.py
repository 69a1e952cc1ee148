"""Workers: processes that go on with runs by themselves, as soon as there is something to go on with."""

from __future__ import annotations

from haltpoint.worker.progress import Progress
from haltpoint.worker.signing import WebhookSecret
from haltpoint.worker.webhooks import Webhook
from haltpoint.worker.worker import Worker

__all__ = ["Progress", "Webhook", "WebhookSecret", "Worker"]
