"""What models and people read of an exception, and what the log keeps of it."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from haltpoint import (
    Agent,
    FunctionModel,
    ModelError,
    ModelReply,
    ScriptedModel,
    SqliteDatabase,
    ToolCall,
    Unknown,
    cancel_run,
    current_tool_call,
    tool,
)
from haltpoint.exception_text import exception_text, message_of, traceback_text
from support.replies import results_in, wants
from support.running import asynchronous

from .misdeeds import (
    ExitsWhenReadError,
    GroupOfAll,
    NoTextError,
    UnreadableError,
    chain_of,
    groups_in_groups,
)


class Cycle(Exception):
    """It is its own cause."""

    def __init__(self) -> None:
        super().__init__("round")
        self.__cause__ = self


class Hostile(Exception):
    """It resists being looked at."""

    def __getattribute__(self, name: str) -> Any:
        raise AttributeError(name)


class Nested(Exception):
    def __init__(self, *members: BaseException) -> None:
        super().__init__(f"{len(members)} sub-exceptions")
        self.exceptions = members


def caused(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


def noted(error: Any, *notes: Any) -> BaseException:
    error.__notes__ = list(notes)
    return error


TEXTS = [
    (ValueError("too much"), "ValueError: too much"),
    (StopIteration(), "StopIteration"),
    (SystemExit(3), "SystemExit: 3"),
    (
        GroupOfAll("two failed"),
        "GroupOfAll: two failed\nCaused by ConnectionError: db-7 refused\nCaused by GeneratorExit: left",
    ),
    (
        Nested(Nested(OSError("deep")), KeyError("k")),
        "Nested: 2 sub-exceptions\nCaused by OSError: deep\nCaused by KeyError: 'k'",
    ),
    (
        caused(RuntimeError("no price"), caused(LookupError("no row"), OSError("disk gone"))),
        "RuntimeError: no price\nCaused by OSError: disk gone",
    ),
    (noted(ValueError("odd"), "Only even numbers.", 5, "\ud800"), "ValueError: odd\nOnly even numbers.\n?"),
    (
        caused(ValueError("odd"), noted(OSError("gone"), "Plug it in.")),
        "ValueError: odd\nCaused by OSError: gone\nPlug it in.",
    ),
    (NoTextError(), "NoTextError: its message can't be read, since __str__ raised AttributeError"),
    (ExitsWhenReadError(), "ExitsWhenReadError: its message can't be read, since __str__ raised SystemExit"),
    (ValueError("\ud800 half"), "ValueError: ? half"),
    (Cycle(), "Cycle: round"),
]


@pytest.mark.parametrize(("error", "text"), TEXTS, ids=[type(error).__name__ for error, _ in TEXTS])
@asynchronous
async def test_a_model_reads_type_message_notes_and_innermost_causes(
    db: SqliteDatabase, error: BaseException, text: str
) -> None:
    @tool
    def fail() -> str:
        """Fail."""
        raise error

    @tool
    async def fail_async() -> str:
        """Fail on the loop."""
        raise error

    for failing in (fail, fail_async):
        model = ScriptedModel([wants(failing.__name__), "so be it"])
        output = await Agent(model, db=db, tools=[failing]).do_async("Fail.", return_output=True)
        assert output.is_complete
        expected = "RuntimeError: coroutine raised StopIteration\nCaused by StopIteration"
        is_converted = failing is fail_async and isinstance(error, StopIteration)
        assert results_in(model.requests[-1]) == [expected if is_converted else text]
        assert output.tools[0].tool_call_error


def test_of_many_causes_the_first_are_read() -> None:
    text = exception_text(Nested(*[ValueError(number) for number in range(1000)]))
    assert text.count("Caused by") == 10
    assert text.endswith("and by 990 more")


def test_the_innermost_cause_of_a_long_chain_is_read() -> None:
    error = chain_of(5000)
    assert exception_text(error) == "ConnectionError: try 4999\nCaused by OSError: disk gone"
    text = traceback_text(error)
    assert text.startswith("OSError: disk gone\n\nThe above exception was the direct cause")
    assert "... 4961 exceptions that lead from one to the other are left out ..." in text
    assert text.endswith("ConnectionError: try 4999")
    assert text.count("ConnectionError: try") == 39


def test_what_is_not_read_is_said() -> None:
    text = exception_text(chain_of(20_000))
    assert text == "ConnectionError: try 19999\nand by more: only 10000 exceptions of its causes were read"


def test_a_short_chain_is_shown_as_python_shows_it() -> None:
    error = chain_of(30)
    assert traceback_text(error) == "".join(traceback.format_exception(error)).rstrip()


class LyingError(Exception):
    """Its class is whatever it says."""

    @property
    def __class__(self) -> Any:
        raise LookupError("class")

    @__class__.setter
    def __class__(self, value: object) -> None:
        raise AssertionError


class _Nameless(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise LookupError("name")


def nameless() -> BaseException:
    """An exception whose class has no name."""
    return _Nameless("NamelessError", (Exception,), {})()


@pytest.mark.parametrize("make", [LyingError, nameless, UnreadableError, lambda: groups_in_groups(5000)])
def test_nothing_is_raised_by_reading_an_exception(make: Callable[[], BaseException]) -> None:
    error = make()
    name = type.__dict__["__name__"].__get__(type(error))
    for text in (exception_text(error), traceback_text(error)):
        assert name in text
    assert isinstance(message_of(error), str)


def test_a_handler_of_logging_that_fails_harms_no_run(db: SqliteDatabase, capsys: pytest.CaptureFixture[str]) -> None:
    class Failing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RecursionError

    @tool
    async def fail() -> str:
        """Fail."""
        raise ValueError("odd")

    failing = Failing()
    logging.getLogger("haltpoint").addHandler(failing)
    try:
        output = Agent(ScriptedModel([wants("fail"), "so be it"]), db=db, tools=[fail]).do("Fail.", return_output=True)
    finally:
        logging.getLogger("haltpoint").removeHandler(failing)
    assert output.is_complete
    assert capsys.readouterr().err == "a handler of haltpoint.tools failed with RecursionError\n"


@pytest.mark.parametrize("error", [NoTextError(), ExitsWhenReadError(), Hostile("h"), ValueError("\ud800"), Cycle()])
def test_any_exception_has_texts_that_can_be_stored(error: BaseException) -> None:
    for text in (exception_text(error), message_of(error), traceback_text(error)):
        text.encode()
    assert type(error).__name__ in exception_text(error)
    assert type(error).__name__ in traceback_text(error)


def test_no_path_and_no_traceback_reaches_the_model(db: SqliteDatabase) -> None:
    @tool
    def divide() -> float:
        """Divide by nothing."""
        return 1 / 0

    model = ScriptedModel([wants("divide"), "so be it"])
    Agent(model, db=db, tools=[divide]).do("Divide.")
    assert results_in(model.requests[-1]) == ["ZeroDivisionError: division by zero"]


def test_a_failed_tool_is_logged_with_its_traceback(db: SqliteDatabase, caplog: pytest.LogCaptureFixture) -> None:
    @tool
    def divide() -> float:
        """Divide by nothing."""
        return 1 / 0

    with caplog.at_level(logging.INFO, "haltpoint"):
        Agent(ScriptedModel([wants("divide"), "so be it"]), db=db, tools=[divide]).do("Divide.")
    (record,) = [record for record in caplog.records if record.name == "haltpoint.tools"]
    assert record.levelno == logging.WARNING
    assert "divide failed" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError
    assert "return 1 / 0" in caplog.text


@pytest.mark.parametrize("error", [NoTextError(), ExitsWhenReadError(), ValueError("\ud800")])
def test_what_can_not_be_read_can_be_logged(
    db: SqliteDatabase, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    @tool
    def fail() -> str:
        """Fail."""
        raise error

    with caplog.at_level(logging.INFO, "haltpoint"):
        Agent(ScriptedModel([wants("fail"), "so be it"]), db=db, tools=[fail]).do("Fail.")
    assert "fail failed" in caplog.text
    assert type(error).__name__ in caplog.text


def test_retries_of_the_model_are_logged(db: SqliteDatabase, caplog: pytest.LogCaptureFixture) -> None:
    answers = iter([OSError("no route"), "fine"])

    async def answer(request: object) -> str:
        value = next(answers)
        if isinstance(value, Exception):
            raise value
        return value

    with caplog.at_level(logging.INFO, "haltpoint"):
        assert Agent(FunctionModel(answer), db=db, retry=2).do("Answer.") == "fine"
    (record,) = [record for record in caplog.records if record.name == "haltpoint.models"]
    assert "attempt 1 of 2" in record.getMessage()
    assert "no route" in caplog.text


@pytest.mark.filterwarnings("ignore::haltpoint.NotificationWarning")
def test_failing_callbacks_are_logged(db: SqliteDatabase, caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: object, **__: object) -> bool:
        raise LookupError("nothing there")

    def rule() -> bool:
        return fail()

    @tool(requires_confirmation=rule)
    def act() -> str:
        """Act."""
        return "acted"

    with caplog.at_level(logging.INFO, "haltpoint"):
        agent = Agent(ScriptedModel([wants("act"), "done"]), db=db, tools=[act], on_pause=fail, on_event=fail)
        assert agent.do("Act.", return_output=True).is_paused
    texts = [record.getMessage() for record in caplog.records if record.name == "haltpoint.callbacks"]
    for what in ("requires_confirmation of act", "on_pause", "on_event"):
        assert any(text.startswith(what) and "nothing there" in text for text in texts)


def test_who_takes_a_run_up_is_logged(db: SqliteDatabase, caplog: pytest.LogCaptureFixture) -> None:
    agent = Agent(ScriptedModel([]), db=db)
    with caplog.at_level(logging.INFO, "haltpoint"):
        with pytest.raises(ModelError) as caught:
            agent.do("Answer.")
        agent.continue_run(run_id=caught.value.run_id, model=ScriptedModel(["fine"]))
    texts = [record.getMessage() for record in caplog.records if record.name == "haltpoint.runs"]
    assert any("its model failed" in text for text in texts)
    assert f"took up run {caught.value.run_id}, which was ERROR" in texts


def test_nothing_is_printed_unless_the_program_logs(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "from haltpoint import Agent, ModelReply, ScriptedModel, ToolCall, tool\n"
        "@tool\n"
        "def divide() -> float: return 1 / 0\n"
        "model = ScriptedModel([ModelReply(tool_calls=[ToolCall('divide', {})]), 'so be it'])\n"
        "print(Agent(model, tools=[divide]).do('Divide.'))\n"
    )
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("so be it\n", "")


def test_debug_prints_the_traceback(db: SqliteDatabase, capsys: pytest.CaptureFixture[str]) -> None:
    @tool
    def divide() -> float:
        """Divide by nothing."""
        return 1 / 0

    agent = Agent(ScriptedModel([wants("divide"), "so be it"]), db=db, tools=[divide], debug=True)
    agent.do("Divide.")
    told = capsys.readouterr().err
    assert "divide failed" in told
    assert "return 1 / 0" in told
    assert "ZeroDivisionError: division by zero" in told


@pytest.mark.parametrize("reason", ["\ud800", 5, ["a"]])
def test_any_reason_of_not_knowing_can_be_shown(db: SqliteDatabase, reason: Any) -> None:
    @tool(reconcile=lambda call: Unknown(reason))
    async def act() -> str:
        """Never get to an end."""
        cancel_run(current_tool_call().run_id, interrupt=True)
        await asyncio.Event().wait()
        raise AssertionError

    agent = Agent(ScriptedModel([wants("act"), "done"]), db=db, tools=[act])
    stopped = agent.do("Act.", return_output=True)
    paused = agent.continue_run(run_id=stopped.run_id, return_output=True)
    assert paused.active_requirements[0].kind == "recovery"


def test_a_failure_of_a_model_may_hold_any_facts(db: SqliteDatabase) -> None:
    odd: Any = {"provider": 5, "status_code": "teapot", "retryable": True, "retry_after": "soon"}
    agent = Agent(ScriptedModel([ModelError("odd", **odd)]), db=db)
    with pytest.raises(ModelError) as caught:
        agent.do("Answer.")
    assert db.run(str(caught.value.run_id)).is_error


@pytest.mark.parametrize("error", [LookupError("gone"), SystemExit(3), GeneratorExit("out")])
def test_a_reply_may_hold_what_can_not_be_read(db: SqliteDatabase, error: BaseException) -> None:
    class Unreadable(dict[str, Any]):
        def __iter__(self) -> Any:
            raise error

    @tool
    def act(number: int) -> str:
        """Act."""
        return "acted"

    reply = ModelReply(tool_calls=[ToolCall("act", {"number": Unreadable(one=1)})])
    agent = Agent(ScriptedModel([reply]), db=db, tools=[act])
    with pytest.raises(ModelError) as caught:
        agent.do("Act.")
    assert type(error).__name__ in str(caught.value)
    assert db.run(str(caught.value.run_id)).is_error


def test_failed_and_refused_calls_are_failed_steps(db: SqliteDatabase) -> None:
    @tool
    def fail(number: int) -> str:
        """Fail."""
        raise ValueError(number)

    @tool
    def work() -> str:
        """Work."""
        return "worked"

    replies = [wants("fail", number=1), wants("fail", number="none"), wants("nothing"), wants("work"), "done"]
    output = Agent(ScriptedModel(replies), db=db, tools=[fail, work]).do("Try.", return_output=True)
    steps = [(step.name, step.status.value, step.message) for step in output.step_results if "tool:" in step.name]
    assert steps == [
        ("tool:fail", "ERROR", "failed"),
        ("tool:fail", "ERROR", "refused"),
        ("tool:nothing", "ERROR", "refused"),
        ("tool:work", "COMPLETED", "returned"),
    ]
