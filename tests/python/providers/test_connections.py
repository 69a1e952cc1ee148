"""Requests under way: timeouts, cancelling, event loops, forks, the end of the interpreter."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import time
import weakref

import pytest

from haltpoint._concurrency.loop_bridge import LoopBridge
from haltpoint.models import ModelReply, ModelRequest
from haltpoint.models.provider import ProviderModel
from support.asking_providers import ANTHROPIC, CHAT, QUESTION, failure
from support.provider_server import ProviderServer, Stall


def test_a_slow_answer_ends_at_the_timeout(provider_server: ProviderServer) -> None:
    provider_server.script(Stall())
    error = failure(ANTHROPIC, settings={"timeout": 0.3})
    assert error.retryable
    assert "did not answer within 0.3 s" in str(error)
    assert provider_server.client_gone.wait(5)


def test_cancelling_closes_the_connection_at_once(provider_server: ProviderServer) -> None:
    async def main() -> None:
        task = asyncio.create_task(ProviderModel(ANTHROPIC).request(ModelRequest([QUESTION])))
        await asyncio.to_thread(provider_server.stalled.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(provider_server.client_gone.wait, 5)

    provider_server.script(Stall())
    asyncio.run(main())


def test_a_loop_may_end_with_requests_under_way(
    provider_server: ProviderServer, capfd: pytest.CaptureFixture[str]
) -> None:
    async def main() -> None:
        tasks.append(asyncio.create_task(ProviderModel(CHAT).request(ModelRequest([QUESTION]))))
        await asyncio.to_thread(provider_server.stalled.wait, 5)

    tasks: list[asyncio.Task[ModelReply]] = []
    provider_server.script(Stall())
    asyncio.run(main())
    assert tasks[0].cancelled()
    assert provider_server.client_gone.wait(5)
    assert capfd.readouterr() == ("", "")


def test_many_requests_share_a_loop_and_many_threads_have_their_own(provider_server: ProviderServer) -> None:
    async def several() -> list[ModelReply]:
        model = ProviderModel(CHAT)
        return await asyncio.gather(*(model.request(ModelRequest([QUESTION])) for _ in range(20)))

    def in_a_thread() -> None:
        replies.extend(asyncio.run(several()))

    replies: list[ModelReply] = []
    provider_server.script(*["Hello."] * 80)
    threads = [threading.Thread(target=in_a_thread) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [reply.text for reply in replies] == ["Hello."] * 80


def test_a_bridge_keeps_no_loop_alive() -> None:
    async def main() -> weakref.ref[asyncio.AbstractEventLoop]:
        assert LoopBridge.current() is LoopBridge.current()
        LoopBridge.current().wait(1)
        return weakref.ref(asyncio.get_running_loop())

    first = asyncio.run(main())
    second = asyncio.run(main())
    gc.collect()
    assert first() is None
    assert second is not None


def run_program(source: str, server: ProviderServer, **environment: str) -> subprocess.CompletedProcess[str]:
    """A program of its own, with the loopback provider in its environment.

    Newer Pythons warn of every fork of a process with threads; whether one works is for the test to find out.
    """
    variables = {**os.environ, **server.environment(), **environment, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", source],
        env=variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


PRELUDE = """
import asyncio, os, sys, threading
from haltpoint.exceptions import ForkedProcessError, ModelError
from haltpoint.models import Message, ModelRequest
from haltpoint.models.provider import ProviderModel
model = ProviderModel("openai/gpt-4o-mini")
request = ModelRequest([Message("user", "Hello?")])
"""


def test_proxies_of_the_environment_are_not_used_for_this_machine(provider_server: ProviderServer) -> None:
    provider_server.script("Hello.")
    nowhere = dict.fromkeys(("http_proxy", "HTTP_PROXY", "ALL_PROXY", "https_proxy"), "http://127.0.0.1:1")
    done = run_program(PRELUDE + "print(asyncio.run(model.request(request)).text)", provider_server, **nowhere)
    assert (done.stdout, done.stderr) == ("Hello.\n", "")


def test_an_interpreter_may_exit_with_requests_under_way(provider_server: ProviderServer) -> None:
    provider_server.script(Stall())
    source = (
        PRELUDE
        + """
def work():
    asyncio.run(model.request(request))
threading.Thread(target=work, daemon=True).start()
sys.stdin.readline()
"""
    )
    variables = {**os.environ, **provider_server.environment(), "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", source],
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as program:
        assert provider_server.stalled.wait(20)
        started = time.monotonic()
        assert program.communicate(b"\n", timeout=20) == (b"", b"")
        assert time.monotonic() - started < 10
        assert program.returncode == 0


def test_a_forked_child_is_told_so(provider_server: ProviderServer) -> None:
    provider_server.script("Hello.")
    source = (
        PRELUDE
        + """
asyncio.run(model.request(request))
if os.fork() == 0:
    try:
        asyncio.run(model.request(request))
    except ForkedProcessError as error:
        print("forked" if "spawn" in str(error) else error, flush=True)
    os._exit(0)
os.wait()
"""
    )
    done = run_program(source, provider_server)
    assert (done.stdout, done.stderr) == ("forked\n", "")


def test_a_fork_before_the_first_request_does_no_harm(provider_server: ProviderServer) -> None:
    provider_server.script("Hello.")
    source = (
        PRELUDE
        + """
if os.fork() == 0:
    print(asyncio.run(model.request(request)).text, flush=True)
    os._exit(0)
os.wait()
"""
    )
    done = run_program(source, provider_server)
    assert (done.stdout, done.stderr) == ("Hello.\n", "")
