"""HTTP in which what never ends is ended: half-sent heads, unfinished bodies, and too many connections of one peer.

All of this comes before it is known who asks.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["BoundedProtocol"]

# How long a request may take to come in, its body included, in seconds.
LONGEST_REQUEST = 20.0
# A reverse proxy is one peer, too.
MOST_OF_ONE_PEER = 256

_connections: Counter[str] = Counter()


class BoundedProtocol(H11Protocol):
    """One connection."""

    _peer: str | None = None
    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Take a connection, or close it where its peer has too many."""
        super().connection_made(transport)
        self._peer = self.client[0] if self.client else ""
        _connections[self._peer] += 1
        if _connections[self._peer] > MOST_OF_ONE_PEER:
            transport.close()
        else:
            self._bound()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        super().data_received(data)
        self._bound()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        self._unbound()
        if self._peer is not None:
            _forget(self._peer)

    def _bound(self) -> None:
        """Keep the time while the peer has something left to send."""
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._unbound()
        elif self._limit is None:
            self._limit = self.loop.call_later(LONGEST_REQUEST, self._give_up)

    def _unbound(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _give_up(self) -> None:
        self._limit = None
        if not self.transport.is_closing():
            self.transport.close()


def _forget(peer: str) -> None:
    _connections[peer] -= 1
    if not _connections[peer]:
        del _connections[peer]
