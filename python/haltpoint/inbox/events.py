"""News for open pages, as server-sent events."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.responses import StreamingResponse

from haltpoint.inbox.context import site_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.requests import Request
    from starlette.responses import Response

    from haltpoint.inbox.change_feed import News

__all__ = ["events"]

# In seconds: without a word now and then, proxies take a connection for dead.
_SAY_SOMETHING_EVERY = 20.0


async def events(request: Request) -> Response:
    """Tell of each change of the database, until the page goes away."""
    return StreamingResponse(_stream(site_of(request).news), media_type="text/event-stream")


async def _stream(news: News) -> AsyncGenerator[str, None]:
    versions = news.versions()
    next_one = asyncio.ensure_future(anext(versions))
    try:
        while True:
            await asyncio.wait((next_one,), timeout=_SAY_SOMETHING_EVERY)
            if not next_one.done():
                yield ": still here\n\n"
                continue
            yield f"event: change\ndata: {next_one.result()}\n\n"
            next_one = asyncio.ensure_future(anext(versions))
    except StopAsyncIteration:
        return
    finally:
        next_one.cancel()
        await asyncio.gather(next_one, return_exceptions=True)
        await versions.aclose()
