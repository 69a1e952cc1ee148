"""Peers that never finish what they began are let go, before anything is known of who they are."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import uvicorn

from haltpoint import InMemoryDatabase
from haltpoint.inbox import bounded_protocol, create_app
from haltpoint.inbox.serving import serve

_TOKEN = "a token of this test"
_PATIENCE = 30


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of an inbox in this process that is in a hurry."""
    monkeypatch.setattr(bounded_protocol, "LONGEST_REQUEST", 0.5)
    monkeypatch.setattr(bounded_protocol, "MOST_OF_ONE_PEER", 5)
    servers: list[uvicorn.Server] = []
    run = uvicorn.Server.run

    def noted(server: uvicorn.Server, sockets: list[socket.socket]) -> None:
        servers.append(server)
        run(server, sockets)

    monkeypatch.setattr(uvicorn.Server, "run", noted)
    with InMemoryDatabase() as database, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        app = create_app(database, token=_TOKEN, by="ann")
        thread = threading.Thread(target=serve, args=(app, listener))
        listener.listen()
        thread.start()
        yield listener.getsockname()[1]
        servers[0].should_exit = True
        thread.join()


def _connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE)


def _until_closed(connection: socket.socket) -> bytes:
    received = b""
    while piece := connection.recv(65536):
        received += piece
    return received


_HEAD = f"POST /api/requirements/x/decision HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {_TOKEN}\r\n"
_BODY = "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
_WHOLE = f"GET /api/runs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {_TOKEN}\r\n\r\n"


@pytest.mark.parametrize("sent", ["", "GET / HTTP", "GET / HTTP/1.1\r\nHost: localhost\r\n", _HEAD, _HEAD + _BODY])
def test_what_is_not_sent_to_its_end_is_closed(port: int, sent: str) -> None:
    with _connected(port) as connection:
        connection.sendall(sent.encode())
        assert b"200 OK" not in _until_closed(connection)


def test_a_half_of_a_second_request_is_closed_as_well(port: int) -> None:
    with _connected(port) as connection:
        connection.sendall(_WHOLE.encode())
        assert b"200 OK" in connection.recv(65536)
        connection.sendall(_WHOLE[:20].encode())
        _until_closed(connection)


def test_a_peer_has_so_many_connections_and_gets_new_ones_for_old(port: int) -> None:
    for _ in range(2):
        with ExitStack() as stack:
            connections = [stack.enter_context(_connected(port)) for _ in range(6)]
            assert _until_closed(connections[5]) == b""
            connections[0].sendall(_WHOLE.encode())
            assert b"200 OK" in connections[0].recv(65536)
            for connection in connections[:5]:
                connection.shutdown(socket.SHUT_WR)
                _until_closed(connection)
