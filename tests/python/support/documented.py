"""Documented ways to use the package, each played by a program of its own against the loopback provider."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.programs import Finished, run_program
from support.provider_server import Answer, Call, ProviderServer
from support.wire import Script

__all__ = ["asks", "play"]

_PROGRAMS = Path(__file__).parents[1] / "documented_programs"


def asks(*calls: tuple[str, dict[str, Any]], text: str | None = None) -> Answer:
    """An answer that asks for tool calls, together."""
    return Answer(text, [Call(name, arguments) for name, arguments in calls])


def play(program: str, example: str, server: ProviderServer, cwd: Path, *script: Script | str) -> Finished:
    """Run an example; the provider gives the script's answers, all of them, and refuses no request."""
    server.script(*script)
    finished = run_program(_PROGRAMS / f"{program}.py", example, cwd=cwd, env=server.environment())
    assert finished.code == 0, finished.errors
    assert len(server.requests) == len(script)
    return finished
