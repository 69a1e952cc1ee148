"""What type checkers make of tools and of what runs show. Checked, not run."""

from __future__ import annotations

from typing import Any

from typing_extensions import assert_type

from haltpoint import (
    AgentRunOutput,
    InMemoryDatabase,
    RunRequirement,
    RunStatus,
    SqliteDatabase,
    Task,
    ToolExecution,
    cancel_run,
    tool,
)


@tool
def plain(number: int) -> str:
    return str(number)


@tool(requires_confirmation=True, timeout=2.0)
async def confirmed(text: str, *, times: int = 1) -> list[str]:
    return [text] * times


async def decorated_functions_keep_their_signatures() -> None:
    assert_type(plain(1), str)
    assert_type(await confirmed("a", times=2), list[str])


def runs_show_their_state(task: Task, output: AgentRunOutput, requirement: RunRequirement) -> None:
    assert_type(task.run_id, str | None)
    assert_type(output.status, RunStatus)
    assert_type(output.active_requirements, list[RunRequirement])
    assert_type(requirement.tool_execution, ToolExecution)
    assert_type(cancel_run(output.run_id), bool)


async def requirements_are_awaitable(requirement: RunRequirement) -> Any:
    assert_type(await requirement, RunRequirement)
    requirement.confirm()


async def databases_give_outputs_of_any_answer(database: SqliteDatabase, memory: InMemoryDatabase) -> None:
    assert_type(database.run("run-1"), AgentRunOutput[Any])
    assert_type(await memory.run_async("run-1"), AgentRunOutput[Any])
    assert_type(database.runs(status="PAUSED"), list[AgentRunOutput[Any]])
    assert_type(await database.runs_async(status=RunStatus.paused, limit=5), list[AgentRunOutput[Any]])
    assert_type(database.requirements(kind="confirmation"), list[RunRequirement])
    assert_type(await database.requirements_async(run_id="run-1", open_only=False), list[RunRequirement])
