"""A link to a server that a test can cut: what is sent then gets no answer, and nobody is told."""

from __future__ import annotations

import contextlib
import socket
import threading
from urllib.parse import urlsplit

from typing_extensions import Self

__all__ = ["Link"]


class Link:
    """A proxy before a server. A context manager that ends all connections.

    Args:
        address: that of a database on the server.
    """

    def __init__(self, address: str) -> None:
        place = urlsplit(address)
        self._server = (place.hostname or "", place.port or 0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.address = place._replace(netloc=f"{place.username}@127.0.0.1:{port}").geturl()
        self._is_whole = threading.Event()
        self._is_whole.set()
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Let nothing through from now on."""
        self._is_whole.clear()

    def mend(self) -> None:
        """Let new connections through; those that were cut end."""
        cut, self._sockets = self._sockets, []
        for end in cut:
            _end(end)
        self._is_whole.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._listener.close()
        self.mend()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                self._sockets += [client, server]
                for one, other in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65_536):
                if self._is_whole.is_set():
                    other.sendall(data)
        _end(other)


def _end(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
