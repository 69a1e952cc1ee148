"""What type checkers make of the public names. Checked by pyright, not run.

Each wrong call carries the ignore that it needs; one that is not needed any more is an error of its own.
"""

from __future__ import annotations

from typing import Any

from typing_extensions import assert_type

from haltpoint import (
    Agent,
    AgentRunOutput,
    InMemoryDatabase,
    RunRequirement,
    RunStatus,
    ScriptedModel,
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
    plain("one")  # pyright: ignore[reportArgumentType]
    await confirmed("a", 2)  # pyright: ignore[reportCallIssue]


def unknown_options_of_tools_are_refused() -> None:
    tool(requires_confirmaton=True)  # pyright: ignore[reportCallIssue]
    tool(timeout="long")  # pyright: ignore[reportArgumentType]


def agents_take_what_is_documented() -> None:
    Agent("openai/gpt-4o-mini", db=SqliteDatabase("runs.db"), tools=[plain, confirmed])
    Agent(ScriptedModel(["Done."]), db=InMemoryDatabase(), mode="return_false")
    Agent("openai/gpt-4o-mini", "clerk")  # pyright: ignore[reportCallIssue]
    Agent(model="openai/gpt-4o-mini", db="runs.db")  # pyright: ignore[reportArgumentType]
    Agent(model="openai/gpt-4o-mini", mode="ignore")  # pyright: ignore[reportArgumentType]
    Agent(model="openai/gpt-4o-mini", knowledge_base=None)  # pyright: ignore[reportCallIssue]
    SqliteDatabase("runs.db", durability="none")  # pyright: ignore[reportArgumentType]


def runs_show_their_state(task: Task, output: AgentRunOutput, requirement: RunRequirement) -> None:
    assert_type(task.run_id, str | None)
    assert_type(output.status, RunStatus)
    assert_type(output.active_requirements, list[RunRequirement])
    assert_type(requirement.tool_execution, ToolExecution)
    assert_type(cancel_run(output.run_id), bool)
    output.run_id = "another"  # pyright: ignore[reportAttributeAccessIssue]


async def requirements_are_awaitable(requirement: RunRequirement) -> Any:
    assert_type(await requirement, RunRequirement)
    requirement.confirm()
    requirement.reject(3)  # pyright: ignore[reportArgumentType]
