"""Continuing is idempotent, and says clearly what it cannot continue."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from haltpoint import (
    Agent,
    AgentRunOutput,
    InMemoryDatabase,
    RunNotFoundError,
    RunStatus,
    ScriptedModel,
    SqliteDatabase,
    Task,
    ToolNotAvailableError,
    UnfinishedRunError,
    tool,
)
from support.programs import run_program
from support.replies import wants
from support.running import asynchronous
from support.worker import WORKER
from support.workshop import TOOLS, model


@asynchronous
async def test_continuing_a_completed_run_returns_its_output_and_calls_nothing(db: SqliteDatabase) -> None:
    calls: list[str] = []

    @tool
    def ring(bell: str) -> str:
        """Ring a bell."""
        calls.append(bell)
        return "rung"

    task = Task("Ring.")
    first = await Agent(ScriptedModel([wants("ring", bell="big"), "heard"]), db=db, tools=[ring]).do_async(
        task, return_output=True
    )
    silent = ScriptedModel([])
    agent = Agent(silent, db=db)
    for again in (
        await agent.continue_run_async(run_id=first.run_id, return_output=True),
        await agent.continue_run_async(task=task, return_output=True),
    ):
        assert again.status is RunStatus.completed
        assert again.output == "heard"
        assert again.to_dict()["step_results"] == first.to_dict()["step_results"]
        assert again.to_dict()["messages"] == first.to_dict()["messages"]
    assert await agent.continue_run_async(run_id=first.run_id) == "heard"
    assert silent.requests == []
    assert calls == ["big"]


@pytest.mark.parametrize("database", ["sqlite", "memory"])
@asynchronous
async def test_an_unknown_run_id_is_never_a_new_run(db: SqliteDatabase, database: str) -> None:
    scripted = model("answer")
    agent = Agent(scripted, db=db if database == "sqlite" else InMemoryDatabase())
    for run_id in ("0190d8a0-0000-7000-8000-000000000000", "nonsense", ""):
        with pytest.raises(RunNotFoundError):
            await agent.continue_run_async(run_id=run_id)
    assert scripted.requests == []
    assert agent.run_id is None


@asynchronous
async def test_without_a_database_another_agent_is_told_what_to_configure() -> None:
    agent = Agent(model("paint"), tools=TOOLS)
    paused = await agent.do_async("Paint.", return_output=True)
    paused.active_requirements[0].confirm()
    with pytest.raises(RunNotFoundError, match="SqliteDatabase"):
        await Agent(model("paint"), tools=TOOLS).continue_run_async(run_id=paused.run_id)
    assert await agent.continue_run_async(run_id=paused.run_id) == "finished"


@asynchronous
async def test_two_paused_runs_of_one_agent_without_a_database_continue_both() -> None:
    agent = Agent(model("paint"), tools=TOOLS)
    outputs = [await agent.do_async("Paint.", return_output=True) for _ in range(2)]
    for output in outputs:
        output.active_requirements[0].confirm()
        assert await agent.continue_run_async(run_id=output.run_id) == "finished"


@asynchronous
async def test_neither_task_nor_run_id_is_an_error(db: SqliteDatabase) -> None:
    agent = Agent(model("answer"), db=db)
    with pytest.raises(ValueError, match="task or a run_id"):
        await agent.continue_run_async()
    with pytest.raises(ValueError, match="no run yet"):
        await agent.continue_run_async(task=Task("Never started."))


@asynchronous
async def test_a_task_whose_run_is_unfinished_is_not_started_anew(db: SqliteDatabase) -> None:
    agent, task = Agent(model("paint"), db=db, tools=TOOLS), Task("Paint.")
    paused = await agent.do_async(task, return_output=True)
    with pytest.raises(UnfinishedRunError) as caught:
        await agent.do_async(task)
    assert caught.value.run_id == paused.run_id
    paused.active_requirements[0].confirm()
    assert await agent.continue_run_async(task=task) == "finished"


@asynchronous
async def test_a_run_continues_in_another_session_and_for_another_user(db: SqliteDatabase) -> None:
    first = Agent(model("paint"), db=db, tools=TOOLS, session_id="one", user_id="ann")
    paused = await first.do_async("Paint.", return_output=True)
    paused.active_requirements[0].confirm()
    other = Agent(model("paint"), db=db, tools=TOOLS, session_id="two", user_id="bob")
    result: AgentRunOutput = await other.continue_run_async(run_id=paused.run_id, return_output=True)
    assert (result.output, result.session_id, result.user_id) == ("finished", "one", "ann")


@asynchronous
async def test_a_tool_that_is_missing_is_named_and_the_run_stays_as_it_was(
    db: SqliteDatabase, db_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "faraway.py").write_text(
        "from haltpoint import tool\n\n@tool(requires_confirmation=True)\ndef launch(stage: int) -> str:\n"
        '    "Launch a stage."\n    return f"stage {stage} is up"\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    launch = importlib.import_module("faraway").launch
    agent = Agent(ScriptedModel([wants("launch", stage=1), "up"]), db=db, tools=[launch])
    paused = await agent.do_async("Launch.", return_output=True)
    paused.active_requirements[0].confirm()
    await paused.requirements[0]
    told = run_program(WORKER, "proceed", str(db_file), "answer", paused.run_id, cwd=tmp_path).last
    assert (told["error"], told["run_id"]) == ("ToolNotAvailableError", paused.run_id)
    assert "'launch'" in told["message"]
    assert "'faraway'" in told["message"]
    assert issubclass(ToolNotAvailableError, LookupError)
    result = await Agent(agent.model, db=db).continue_run_async(run_id=paused.run_id, tools=[launch])
    assert result == "up"


@asynchronous
async def test_tools_that_this_process_has_imported_are_found_again(db: SqliteDatabase) -> None:
    paused = await Agent(model("paint"), db=db, tools=TOOLS).do_async("Paint.", return_output=True)
    paused.active_requirements[0].confirm()
    assert await Agent(model("paint"), db=db).continue_run_async(run_id=paused.run_id) == "finished"


@asynchronous
async def test_a_closed_and_reopened_database_holds_the_run(db_file: Path) -> None:
    with SqliteDatabase(db_file) as db:
        paused = await Agent(model("paint"), db=db, tools=TOOLS).do_async("Paint.", return_output=True)
    with SqliteDatabase(db_file) as db:
        agent = Agent(model("paint"), db=db, tools=TOOLS)
        result = await agent.continue_run_async(run_id=paused.run_id, hitl_handler=lambda item: item.confirm())
    assert result == "finished"
