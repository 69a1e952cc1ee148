"""What haltpoint needs of the program around it: a running asyncio event loop, and real threads."""

from __future__ import annotations

import asyncio
import sys

from haltpoint.exceptions import EventLoopError

__all__ = ["check_threads", "running_loop", "unwatchable_error"]

# What gevent must leave as it is.
_NEEDED = ("threading", "queue", "select")


def running_loop() -> asyncio.AbstractEventLoop:
    """Return the asyncio event loop that runs in this thread.

    Raises:
        EventLoopError: there is none: another library's loop runs, such as trio's, or no loop at all.
    """
    try:
        return asyncio.get_running_loop()
    except RuntimeError as error:
        raise EventLoopError(
            "no asyncio event loop runs here, and haltpoint's async methods work with asyncio only. With trio, or with "
            "anyio on trio, call the synchronous method in a thread: await trio.to_thread.run_sync(agent.do, task). In "
            "plain code call the synchronous method, agent.do(task), or asyncio.run(agent.do_async(task))"
        ) from error


def check_threads() -> None:
    """Check that threads are threads.

    Raises:
        EventLoopError: gevent has put greenlets in their place.
    """
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None:
        return
    patched = [name for name in _NEEDED if monkey.is_module_patched(name)]
    if patched:
        raise EventLoopError(
            f"gevent has replaced {', '.join(patched)}, and haltpoint needs real threads. Start the program with "
            "monkey.patch_all(thread=False, queue=False, select=False), and let gevent wait for a real thread: "
            "gevent.get_hub().threadpool.apply(agent.do, (task,))"
        )


def unwatchable_error(loop: asyncio.AbstractEventLoop) -> EventLoopError:
    """Return the error for an event loop that can't watch file descriptors."""
    return EventLoopError(
        f"the event loop {type(loop).__name__} can't watch file descriptors, which haltpoint needs: use another one, "
        "such as asyncio.SelectorEventLoop, or call the synchronous method in a thread: "
        "await asyncio.to_thread(agent.do, task)"
    )
