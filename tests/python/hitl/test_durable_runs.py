"""A run is on disk before anything of it leaves, and goes on after every failure of the model."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from haltpoint import (
    Agent,
    FunctionModel,
    ModelError,
    ModelReply,
    ModelRequest,
    ScriptedModel,
    SqliteDatabase,
    Task,
    tool,
)
from support.programs import run_program
from support.provider_server import Answer, Call, Cut, ProviderServer, Raw, Status, provider_server
from support.replies import results_in, wants
from support.running import asynchronous
from support.wire import Script
from support.worker import WORKER
from support.workshop import TOOLS, model

__all__ = ["provider_server"]

CLAUDE = "anthropic/claude-sonnet-4-6"
FAILURES = {
    401: Status(401, "bad key"),
    429: Status(429, "slow down"),
    500: Status(500, "broken"),
    529: Status(529, "overloaded"),
    "cut": Cut(),
    "malformed": Raw('{"half":'),
    "no answer": Raw("{}"),
}


def other_process(db_file: Path, action: str, run_id: str | None) -> dict[str, Any]:
    assert run_id is not None
    told: dict[str, Any] = run_program(WORKER, action, str(db_file), "answer", run_id, cwd=db_file.parent).last
    return told


@asynchronous
async def test_another_process_knows_the_run_before_the_first_request_leaves(db: SqliteDatabase, db_file: Path) -> None:
    seen: list[dict[str, Any]] = []

    async def look(request: ModelRequest) -> str:
        seen.append(await asyncio.to_thread(other_process, db_file, "proceed", agent.run_id))
        return "answered"

    agent = Agent(FunctionModel(look), db=db)
    output = await agent.do_async("Look.", return_output=True)
    assert output.output == "answered"
    assert [told["error"] for told in seen] == ["RunBusyError"]
    assert seen[0]["run_id"] == output.run_id


@pytest.mark.parametrize("failure", FAILURES.values(), ids=map(str, FAILURES))
@asynchronous
async def test_a_failed_run_is_stored_and_continues_in_a_new_process(
    provider_server: ProviderServer, db: SqliteDatabase, db_file: Path, failure: Script
) -> None:
    provider_server.script(failure)
    agent = Agent(CLAUDE, db=db)
    with pytest.raises(ModelError) as caught:
        await agent.do_async("Work.")
    assert caught.value.run_id == agent.run_id
    output = agent._agent_run_output
    assert output is not None
    assert (output.run_id, output.is_error, output.is_problematic) == (agent.run_id, True, True)
    assert output.error_details
    assert len(provider_server.requests) == 1
    assert other_process(db_file, "proceed", agent.run_id)["output"] == "finished"


@asynchronous
async def test_a_failure_after_a_tool_keeps_the_tools_result(
    provider_server: ProviderServer, db: SqliteDatabase
) -> None:
    calls: list[str] = []

    @tool
    def send(text: str) -> str:
        """Send a text."""
        calls.append(text)
        return f"sent {text}"

    provider_server.script(Answer(None, [Call("send", {"text": "hello"})]), Status(529), Status(500), "all sent")
    agent, task = Agent(CLAUDE, db=db, tools=[send]), Task("Send hello.")
    with pytest.raises(ModelError):
        await agent.do_async(task)
    assert task.is_problematic
    with pytest.raises(ModelError):
        await agent.continue_run_async(task=task)
    assert await agent.continue_run_async(task=task) == "all sent"
    assert calls == ["hello"]
    assert len([step for step in agent.get_run_output().step_results if step.name == "tool:send"]) == 1  # type: ignore[union-attr]


@pytest.mark.parametrize("by", ["run_id", "task"])
@pytest.mark.parametrize("who", ["same agent", "new agent"])
@asynchronous
async def test_a_failed_run_continues_by_run_id_and_by_task(db: SqliteDatabase, by: str, who: str) -> None:
    agent, task = Agent(ScriptedModel([OSError("no route")]), db=db), Task("Work.")
    with pytest.raises(ModelError):
        await agent.do_async(task)
    continuing = agent if who == "same agent" else Agent(ScriptedModel([]), db=db)
    which: dict[str, Any] = {"task": task} if by == "task" else {"run_id": agent.run_id}
    result = await continuing.continue_run_async(**which, model=model("answer"), return_output=True)
    assert (result.output, result.error_details, result.run_id) == ("finished", None, task.run_id)
    assert [step.step_number for step in result.step_results] == [1]


@asynchronous
async def test_retries_are_bounded_by_retry(provider_server: ProviderServer, db: SqliteDatabase) -> None:
    now = {"Retry-After": "0"}
    provider_server.script(Status(500, headers=now), Status(529, headers=now), Status(429, headers=now))
    with pytest.raises(ModelError) as caught:
        await Agent(CLAUDE, db=db, retry=3).do_async("Work.")
    assert caught.value.status_code == 429
    assert len(provider_server.requests) == 3


@asynchronous
async def test_a_retry_that_succeeds_leaves_one_step(provider_server: ProviderServer, db: SqliteDatabase) -> None:
    provider_server.script(Status(503, headers={"Retry-After": "0"}), "finished")
    output = await Agent(CLAUDE, db=db).do_async("Work.", retry=2, return_output=True)
    assert output.output == "finished"
    assert len(output.step_results) == 1


@asynchronous
async def test_retries_wait_as_long_as_the_provider_asks(provider_server: ProviderServer, db: SqliteDatabase) -> None:
    provider_server.script(Status(429, headers={"retry-after-ms": "700"}), "finished")
    began = time.monotonic()
    assert await Agent(CLAUDE, db=db, retry=2).do_async("Work.") == "finished"
    assert time.monotonic() - began >= 0.7


@asynchronous
async def test_what_asking_again_cannot_mend_is_not_retried(
    provider_server: ProviderServer, db: SqliteDatabase
) -> None:
    provider_server.script(Status(401))
    with pytest.raises(ModelError):
        await Agent(CLAUDE, db=db, retry=5).do_async("Work.")
    assert len(provider_server.requests) == 1


@asynchronous
async def test_return_false_mode_gives_false_for_a_failed_run(db: SqliteDatabase) -> None:
    agent = Agent(ScriptedModel([OSError("no route")]), db=db, mode="return_false")
    assert await agent.do_async("Work.") is False
    assert await agent.continue_run_async(run_id=agent.run_id, model=model("answer")) == "finished"


@asynchronous
async def test_the_latest_output_is_kept_when_the_model_answers_with_nonsense(db: SqliteDatabase) -> None:
    agent = Agent(FunctionModel(lambda request: 7), db=db)  # type: ignore[arg-type, return-value]
    with pytest.raises(ModelError, match="must answer with a ModelReply or a str"):
        await agent.do_async("Work.")
    assert agent.get_run_output().is_error  # type: ignore[union-attr]
    assert await agent.continue_run_async(run_id=agent.run_id, model=model("answer")) == "finished"


@asynchronous
async def test_a_model_of_ones_own_is_asked_through_the_protocol(db: SqliteDatabase) -> None:
    class Parrot:
        name = "parrot"

        async def request(self, request: ModelRequest) -> ModelReply:
            return ModelReply(str(request.messages[-1].content), usage={"input_tokens": 3, "output_tokens": 4})

    output = await Agent(Parrot(), db=db).do_async("Hello.", return_output=True)
    assert (output.output, output.model_name) == ("Hello.", "parrot")
    assert (output.usage.requests, output.usage.input_tokens, output.usage.total_tokens) == (1, 3, 7)


@asynchronous
async def test_a_scripted_model_finds_its_place_in_the_process_that_continues(
    db: SqliteDatabase, db_file: Path
) -> None:
    agent = Agent(model("two colors"), db=db, tools=TOOLS)
    paused = await agent.do_async("Paint.", return_output=True)
    paused.active_requirements[0].confirm()
    again = await agent.continue_run_async(run_id=paused.run_id, return_output=True)
    assert again.active_requirements[0].tool_execution.tool_args == {"color": "blue"}
    finished = await asyncio.to_thread(
        run_program, WORKER, "confirm", str(db_file), "two colors", paused.run_id, cwd=db_file.parent
    )
    assert finished.last["output"] == "finished"
    assert [fact["color"] for fact in finished.told[:-1]] == ["blue"]


@asynchronous
async def test_a_request_repeated_after_a_failure_holds_each_result_once(db: SqliteDatabase) -> None:
    broken = ScriptedModel([wants("note_down", text="a"), OSError("no route")])
    agent = Agent(broken, db=db, tools=TOOLS)
    with pytest.raises(ModelError):
        await agent.do_async("Note.")
    mended = model("note")
    assert await agent.continue_run_async(run_id=agent.run_id, model=mended) == "finished"
    assert results_in(mended.requests[0]) == ["noted a"]
