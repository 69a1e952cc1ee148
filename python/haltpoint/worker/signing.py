"""Signatures of webhooks, by the Standard Webhooks scheme: receivers have libraries for it in many languages."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

__all__ = ["WebhookSecret"]

_PREFIX = "whsec_"
_FEWEST_BYTES = 16


class WebhookSecret:
    """The key that webhooks are signed with. Its representation does not show it.

    Args:
        text: "whsec_" and the key in base64, as the scheme writes it; else the key itself, as UTF-8.

    Raises:
        ValueError: the base64 is malformed, or the key has less than 16 bytes. The message does not show it.
    """

    def __init__(self, text: str) -> None:
        self._key = _decoded(text)
        if len(self._key) < _FEWEST_BYTES:
            raise ValueError(f"a webhook secret needs at least {_FEWEST_BYTES} bytes, best 32 random ones")

    def headers(self, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        """Return the headers that go with a message.

        Args:
            message_id: what the message is told from others by; the same each time it is sent.
            timestamp: when it is sent, in seconds since the epoch.
            body: the bytes that are sent.
        """
        signed = f"{message_id}.{timestamp}.".encode() + body
        signature = base64.b64encode(hmac.digest(self._key, signed, hashlib.sha256)).decode()
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": f"v1,{signature}",
        }

    def __repr__(self) -> str:
        return "WebhookSecret(...)"


def _decoded(text: str) -> bytes:
    if not text.startswith(_PREFIX):
        return text.encode("utf-8", "surrogateescape")
    try:
        return base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        # Raised anew without a cause, which might show the secret.
        raise ValueError(f"what follows {_PREFIX!r} in a webhook secret must be base64") from None
