"""Workers: processes that go on with runs by themselves, as soon as there is something to go on with."""

from __future__ import annotations

from haltpoint.working.progress import Progress
from haltpoint.working.signing import WebhookSecret
from haltpoint.working.webhooks import Webhook
from haltpoint.working.worker import Worker

__all__ = ["Progress", "Webhook", "WebhookSecret", "Worker"]
