"""Ctrl-C at a question that a callback asks: it reaches the `input()`, ends the call, and nothing is lost."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import pexpect
import pytest

from haltpoint import Agent, RunEvent, RunStatus, ScriptedModel, SqliteDatabase, tool
from support.callbacks import KINDS
from support.keyboard import KEYBOARD
from support.replies import wants

_TESTS = Path(__file__).parents[1]

# How a run is left whose callback was interrupted: a paused one still waits, one under way is cancelled. An event is
# told while the run goes on, which may have ended by then.
_LEFT = {
    "hitl_handler": "PAUSED",
    "external_tool_executor": "PAUSED",
    "on_pause": "PAUSED",
    "on_event": "CANCELLED|COMPLETED",
    "rule": "CANCELLED",
    "reconcile": "CANCELLED",
}


@pytest.fixture
def terminal(db_file: Path) -> Any:
    """Starts the program at a terminal."""
    started: list[Any] = []

    def start(kind: str, how_often: str = "once") -> Any:
        path = os.pathsep.join([str(_TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
        program = pexpect.spawn(
            sys.executable,
            ["-W", "error", str(KEYBOARD), kind, str(db_file), how_often],
            env={**os.environ, "PYTHONPATH": path},
            encoding="utf-8",
            timeout=30,
            use_poll=True,
        )
        started.append(program)
        return program

    yield start
    for program in started:
        program.close(force=True)


def interrupt(program: Any) -> None:
    """Press Ctrl-C once the program waits: between its question and its reading, Python would hear of it too late."""
    while not _is_asleep(program.pid):
        time.sleep(0.01)
    program.sendintr()


def _is_asleep(pid: int) -> bool:
    state = Path(f"/proc/{pid}/task/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "S"


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_reaches_a_callback(kind: str, terminal: Any) -> None:
    program = terminal(kind)
    program.expect_exact("Go on? ")
    program.sendline("yes")
    program.expect_exact("answered yes")
    program.expect_exact("then: finished")
    program.expect(pexpect.EOF)


@pytest.mark.parametrize("kind", KINDS)
def test_ctrl_c_at_a_callbacks_question_ends_the_call_and_the_next_one_works(
    kind: str, terminal: Any, db_file: Path
) -> None:
    program = terminal(kind)
    program.expect_exact("Go on? ")
    interrupt(program)
    program.expect(rf"interrupted: \['({_LEFT[kind]})'\]")
    left = program.match[1]
    program.expect_exact("Go on? ")
    program.sendline("yes")
    program.expect_exact("then: finished")
    program.expect(pexpect.EOF)
    with SqliteDatabase(db_file) as db:
        first = db.runs()[-1]
        assert first.status.value == left
        assert db.verify(first.run_id).ok
        for requirement in first.active_requirements:
            assert requirement.draft_decision() is None


def test_what_comes_of_ctrl_c_is_told_in_the_calling_thread_as_well(terminal: Any) -> None:
    program = terminal("on_event", "each time")
    program.expect_exact("Go on? ")
    program.sendline("yes")
    program.expect_exact("Go on? ")
    interrupt(program)
    questions = 0
    while program.expect_exact(["Go on? ", "interrupted: ["]) == 0:
        questions += 1
        program.sendline("yes")
    assert questions


def test_a_second_ctrl_c_waits_for_no_further_callback(terminal: Any) -> None:
    program = terminal("on_event", "each time")
    program.expect_exact("Go on? ")
    interrupt(program)
    program.expect_exact("Go on? ")
    interrupt(program)
    program.expect_exact("interrupted: [")


def test_a_callback_that_raises_what_ctrl_c_raises_leaves_the_process_in_order(db: SqliteDatabase) -> None:
    def interrupt(event: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Agent(ScriptedModel(["finished"]), db=db, on_event=interrupt).do("Answer.")
    assert Agent(ScriptedModel(["finished"]), db=db).do("Answer.") == "finished"


@tool(requires_confirmation=True)
def pay(euros: int) -> str:
    """Pay."""
    return f"paid {euros}"


@pytest.mark.parametrize("how_often", [1, 2, 3, 99])
@pytest.mark.parametrize("pauses", [True, False])
def test_one_that_raises_it_again_and_again_is_not_waited_for(
    db: SqliteDatabase, recwarn: pytest.WarningsRecorder, how_often: int, pauses: bool
) -> None:
    """Whether the run has paused by then is up to the threads; nothing is waited for in any case."""
    for _ in range(5):
        told: list[str] = []

        def interrupt(event: RunEvent, told: list[str] = told) -> None:
            told.append(event.kind)
            if len(told) <= how_often:
                raise KeyboardInterrupt

        agent = Agent(ScriptedModel([wants("pay", euros=5), "END"]), db=db, tools=[pay], on_event=interrupt)
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            agent.do("Pay.", hitl_handler=None if pauses else lambda asked: asked.confirm())
        assert time.monotonic() - began < 1.5
        run = db.run(str(agent.run_id))
        assert run.status in (RunStatus.cancelled, RunStatus.paused, RunStatus.completed)
        assert len(told) <= 2 or how_often == 1
        assert db.verify(run.run_id).ok
    assert [str(warning.message) for warning in recwarn] == []
