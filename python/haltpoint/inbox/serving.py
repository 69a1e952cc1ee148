"""Serving the inbox from this process, until Ctrl-C or a signal ends it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import uvicorn

from haltpoint.inbox.bounded_protocol import BoundedProtocol

if TYPE_CHECKING:
    import socket
    from types import FrameType

    from haltpoint.inbox.app import InboxApp

__all__ = ["serve"]

# For how long answers that are under way may take once the server stops, in seconds.
_GRACE = 3


class _Server(uvicorn.Server):
    """A server that does not wait for pages that wait for news themselves."""

    def __init__(self, config: uvicorn.Config, app: InboxApp) -> None:
        super().__init__(config)
        self._app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop."""
        self._app.end_streams()
        if sig == signal.SIGTERM:
            # Whoever manages services asks it to end, and it ends in order: the signal is not raised anew after that.
            self.should_exit = True
        else:
            super().handle_exit(sig, frame)


def serve(app: InboxApp, listener: socket.socket) -> None:
    """Serve the application.

    Args:
        app: the application.
        listener: a bound socket, so that the address is known to be ours before it is printed.
    """
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        lifespan="off",
        # The first address that a browser opens holds the token.
        access_log=False,
        log_level="warning",
        server_header=False,
        # Who asks over which protocol is what this server sees itself.
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE,
    )
    _Server(config, app).run(sockets=[listener])
