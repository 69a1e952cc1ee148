"""LangGraph: a graph of a model node and a `ToolNode`, with the SQLite checkpointer.

Modes, all with `AsyncSqliteSaver`, which switches the file to WAL and leaves `synchronous` at FULL:
    sync: `durability="sync"`. Each superstep (the model, the tools) is on disk before the next one begins. A process
        that is killed repeats the superstep it was in, the tool calls of it included.
    async: the default. Checkpoints are written while later supersteps run, one after the other and as fast as the disk
        allows; a process that is killed repeats the supersteps whose checkpoints were still to be written.
    sync-delta: as sync, with the messages in a `DeltaChannel` (beta), which stores what a superstep added and a whole
        copy every 100 updates, instead of all messages at each superstep.

The model is a chat model class of its own, as LangChain documents it, called by the node directly. A person is asked
with `interrupt()`, answered with `Command(resume=...)`. Tracing is off by `LANGSMITH_TRACING=false`.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

os.environ["LANGSMITH_TRACING"] = "false"

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langgraph.channels import DeltaChannel
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

import common

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from langgraph.graph.state import CompiledStateGraph

# The numbers the tools were executed with.
executed: list[int] = []


@tool
async def lookup(number: int) -> str:
    """Look a number up."""
    executed.append(number)
    return common.lookup_result(number)


@tool
async def publish(number: int) -> str:
    """Publish a number, once a person agrees."""
    if not interrupt({"tool": common.APPROVED_TOOL, "number": number}):
        raise RuntimeError("the approval did not arrive")
    executed.append(number)
    return common.lookup_result(number)


class ScriptedChatModel(BaseChatModel):
    """Asks for one call per reply, told apart by the last message; answers at once."""

    steps: int
    approval: bool = False

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError("the graph runs in an event loop")

    async def _agenerate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._reply(messages[-1]))])

    def _reply(self, last: BaseMessage) -> AIMessage:
        number = int(last.text.split()[-1]) if isinstance(last, ToolMessage) else 0
        if number < self.steps:
            return _call(common.TOOL, number + 1)
        if self.approval and number == self.steps:
            return _call(common.APPROVED_TOOL, number + 1)
        return AIMessage(common.FINAL)


def _call(name: str, number: int) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": name, "args": {"number": number}, "id": f"call_{number}"}])


def _append(messages: list[AnyMessage], writes: Sequence[list[AnyMessage]]) -> list[AnyMessage]:
    return [*messages, *(message for write in writes for message in write)]


class DeltaState(TypedDict):
    """Messages that are stored as what each superstep added."""

    messages: Annotated[list[AnyMessage], DeltaChannel(_append)]


def _graph(job: common.Job, saver: AsyncSqliteSaver, steps: int) -> CompiledStateGraph[Any, Any, Any, Any]:
    state = DeltaState if job.mode.endswith("-delta") else MessagesState
    approval = job.scenario == "resume"
    model = ScriptedChatModel(steps=steps, approval=approval)
    tools = [lookup, publish] if approval else [lookup]

    async def call_model(values: dict[str, Any]) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(values["messages"])]}

    builder = StateGraph(state)
    builder.add_node("model", call_model)
    builder.add_node("tools", ToolNode(tools, handle_tool_errors=False))
    builder.add_edge(START, "model")
    builder.add_conditional_edges("model", tools_condition)
    builder.add_edge("tools", "model")
    return builder.compile(checkpointer=saver)


class Runs:
    """One graph on one database file."""

    def __init__(self, job: common.Job, saver: AsyncSqliteSaver, steps: int) -> None:
        self._graph = _graph(job, saver, steps)
        self._durability: Literal["sync", "async"] = "async" if job.mode == "async" else "sync"
        # A tool call is two supersteps.
        self._recursion_limit = 2 * steps + 10

    async def start(self, run_id: str) -> dict[str, Any]:
        """Run until it ends or pauses."""
        return await self._invoke({"messages": [HumanMessage(common.PROMPT)]}, run_id)

    async def approve(self, run_id: str) -> dict[str, Any]:
        """Answer the interrupt and run to the end."""
        return await self._invoke(Command(resume=True), run_id)

    async def _invoke(self, given: object, run_id: str) -> dict[str, Any]:
        config = {"configurable": {"thread_id": run_id}, "recursion_limit": self._recursion_limit}
        return await self._graph.ainvoke(given, config, durability=self._durability)


@asynccontextmanager
async def _runs(job: common.Job, database: str, steps: int) -> AsyncIterator[Runs]:
    async with AsyncSqliteSaver.from_conn_string(database) as saver:
        await saver.setup()
        yield Runs(job, saver, steps)


async def _warm_up(job: common.Job) -> None:
    async with _runs(job, job.scratch(), common.STEPS_OF_WARM_UP) as runs:
        await runs.start("warm-up")
    executed.clear()


def _expect_done(state: dict[str, Any]) -> None:
    common.expect(state["messages"][-1].text, common.FINAL, "final text")


async def _concurrent(job: common.Job) -> common.Outcome:
    await _warm_up(job)
    async with _runs(job, job.database, job.steps) as runs:
        with common.measured() as meter:
            states = await asyncio.gather(*(runs.start(f"run-{index}") for index in range(job.runs)))
    for state in states:
        _expect_done(state)
    common.expect(len(executed), job.runs * job.steps, "tool executions")
    return common.Outcome(meter, len(executed))


async def _pause(job: common.Job) -> common.Outcome:
    async with _runs(job, job.database, job.steps) as runs:
        with common.measured() as meter:
            state = await runs.start("run-0")
    common.expect(len(state["__interrupt__"]), 1, "interrupts")
    common.expect(len(executed), job.steps, "tool executions")
    return common.Outcome(meter, len(executed), {"run_id": "run-0"})


async def _continue(job: common.Job) -> common.Outcome:
    if job.phase == "continue_warm":
        await _warm_up(job)
    async with _runs(job, job.database, job.steps) as runs:
        with common.measured() as meter:
            state = await runs.approve(str(job.run_id))
        continue_seconds, meter.seconds = meter.seconds, common.seconds_since_start(job)
    _expect_done(state)
    common.expect(executed, [job.steps + 1], "tool executions")
    return common.Outcome(meter, len(executed), {"continue_seconds": continue_seconds})


def concurrent(job: common.Job) -> common.Outcome:
    """Play `runs` runs at once; one run is the sequential scenario."""
    return asyncio.run(_concurrent(job))


def resume(job: common.Job) -> common.Outcome:
    """Play one half of a run that waits for a person."""
    return asyncio.run(_pause(job) if job.phase == "pause" else _continue(job))


if __name__ == "__main__":
    common.main(
        "langgraph",
        "langgraph",
        {
            "sequential": concurrent,
            "concurrent": concurrent,
            "resume": resume,
            "cancel": common.unsupported("The library has no call that cancels a run from another process."),
            "decision": common.unsupported(
                "An interrupt ends the invocation; nothing waits for an answer of another process."
            ),
        },
    )
