"""A receiver of webhooks on this machine, which may refuse for a while."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import Any

from typing_extensions import Self

__all__ = ["SECRET", "Receiver"]

_KEY = b"a secret of thirty-two bytes, ok"
SECRET = f"whsec_{base64.b64encode(_KEY).decode()}"


@dataclass(frozen=True)
class Delivery:
    """A request as it came in.

    Attributes:
        id: what the message calls itself.
        is_signed: whether its signature is that of its id, its time and its body.
        message: the body.
    """

    id: str
    is_signed: bool
    message: Any


class Receiver:
    """Listens on the loopback address. Answers with the statuses it is told to, then with 204."""

    def __init__(self, *statuses: int) -> None:
        self._deliveries: SimpleQueue[Delivery] = SimpleQueue()
        left = list(statuses)
        deliveries = self._deliveries

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                deliveries.put(_delivery(self.headers, body))
                self.send_response(left.pop(0) if left else 204)
                self.send_header("location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Where it listens; with a word in it that nobody else is to see."""
        return f"http://127.0.0.1:{self._server.server_port}/hidden-path"

    def next(self) -> Delivery:
        """Wait for the next request."""
        return self._deliveries.get(timeout=30)

    def until(self, kind: str) -> list[Delivery]:
        """Wait for an event of that kind, and return all up to it."""
        found = [self.next()]
        while found[-1].message["type"] != kind:
            found.append(self.next())
        return found

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _delivery(headers: Any, body: bytes) -> Delivery:
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(_KEY, signed, hashlib.sha256).digest()).decode()
    is_signed = headers["webhook-signature"] == f"v1,{expected}"
    return Delivery(headers["webhook-id"], is_signed, json.loads(body))
