"""What the adapters of S9 share: they start the server, warm up, and measure their runs against it.

Clients find the server by the environment variables that OpenAI's own client reads. What is measured is this process;
the processor time of the server is reported beside it, as `extra.server_cpu_seconds`.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path

import common
from chat_server import HOST

# Plays one run, from the prompt to its final text, which it returns.
Run = Callable[[], Awaitable[str]]
# Makes an agent for a job; its tool appends the numbers that it is executed with to the list.
Opened = Callable[[common.Job, list[int]], AbstractAsyncContextManager[Run]]

SERVER = Path(__file__).with_name("chat_server.py")


@contextmanager
def _server() -> Generator[int, None, None]:
    """Serve for as long as the `with` block lasts; yields the port."""
    with subprocess.Popen([sys.executable, os.fspath(SERVER)], stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdout is None:
                raise RuntimeError("the server has no standard output")
            yield int(process.stdout.readline())
        finally:
            process.kill()


def _direct_to(port: int, steps: int) -> None:
    """Send the clients that are made from now on to the server, which lets each of their runs make so many calls."""
    os.environ["OPENAI_BASE_URL"] = f"http://{HOST}:{port}/{steps}/v1"
    os.environ["OPENAI_API_KEY"] = "none"
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = HOST


def _processor_seconds_of_server(port: int) -> float:
    connection = HTTPConnection(HOST, port)
    connection.request("GET", "/processor-time")
    seconds = float(connection.getresponse().read())
    connection.close()
    return seconds


async def _warm_up(job: common.Job, opened: Opened, port: int) -> None:
    job = replace(job, steps=common.STEPS_OF_WARM_UP, database=job.scratch())
    _direct_to(port, job.steps)
    async with opened(job, []) as run:
        common.expect(await run(), common.FINAL, "final text of the warm-up")


async def _runs(job: common.Job, opened: Opened, port: int) -> common.Outcome:
    await _warm_up(job, opened, port)
    _direct_to(port, job.steps)
    executed: list[int] = []
    async with opened(job, executed) as run:
        before = _processor_seconds_of_server(port)
        with common.measured() as meter:
            answers = await asyncio.gather(*(run() for _ in range(job.runs)))
        server = _processor_seconds_of_server(port) - before
    common.expect(set(answers), {common.FINAL}, "final texts")
    common.expect(len(executed), job.steps * job.runs, "tool executions")
    return common.Outcome(meter, len(executed), {"server_cpu_seconds": server})


def over_http(opened: Opened) -> Callable[[common.Job], common.Outcome]:
    """The scenario "http": `runs` runs at once, of `steps` steps each, with agents that `opened` makes."""

    def play(job: common.Job) -> common.Outcome:
        with _server() as port:
            return asyncio.run(_runs(job, opened, port))

    return play
