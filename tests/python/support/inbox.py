"""The inbox page, served by the installed command in a process of its own, and a plain client to it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from typing_extensions import Self

from support.command import CommandLine, Followed

__all__ = ["Answer", "Inbox"]

_PATIENCE = 30
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Answer:
    """What the server answered."""

    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)


class Inbox:
    """A served inbox. A context manager that leaves no process behind."""

    def __init__(self, cli: CommandLine, *options: str) -> None:
        self._command: Followed = cli.follow("serve", "--port", "0", "--by", "ann", "--json", *options)
        said = self._command.record()
        self.address: str = said["address"]
        self.token: str = said["token"]
        self.host = urlsplit(self.address).netloc

    @property
    def process(self) -> Any:
        """The server's process."""
        return self._command.process

    @property
    def bearer(self) -> dict[str, str]:
        """The header with which a program is let in."""
        return {"Authorization": f"Bearer {self.token}"}

    def ask(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: str | bytes | None = None
    ) -> Answer:
        """Send a request just as it is given; a redirect is not followed."""
        connection = http.client.HTTPConnection(self.host, timeout=_PATIENCE)
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, response.msg, response.read().decode())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        """Get as somebody who has the token."""
        return self.ask("GET", path, headers={**self.bearer, **headers})

    def decide(self, requirement_id: str, decision: Any, **headers: str) -> Answer:
        """Decide through the JSON API."""
        return self.ask(
            "POST",
            f"/api/requirements/{requirement_id}/decision",
            headers={**self.bearer, "Content-Type": "application/json", **headers},
            body=json.dumps(decision),
        )

    def submit(self, path: str, fields: Mapping[str, str], **headers: str) -> Answer:
        """Send a form."""
        return self.ask("POST", path, headers={"Content-Type": _FORM, **headers}, body=urlencode(fields))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._command.__exit__(*exception)
