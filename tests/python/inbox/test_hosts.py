"""A request that names two hosts is refused: a proxy may have judged by one and the application by the other."""

from __future__ import annotations

import pytest

from haltpoint import InMemoryDatabase
from haltpoint.inbox import create_app
from support.asgi import asked


# Past any server that looks at them itself. The two names of each are sent as two headers, in this order.
@pytest.mark.parametrize(
    "headers",
    [
        {"host": "localhost", "Host": "evil.example"},
        {"host": "evil.example", "Host": "localhost"},
        {"host": "localhost", "Host": "localhost"},
        {"host": "localhost", "Host": "127.0.0.1"},
    ],
)
def test_a_request_with_two_hosts_is_refused(headers: dict[str, str]) -> None:
    app = create_app(InMemoryDatabase(), authenticate=lambda request: "ann")
    assert asked(app, "GET", "/api/requirements", {"host": "localhost"}).status == 200
    assert asked(app, "GET", "/api/requirements", headers).status == 400
