"""Plain functions as tools, which run in threads."""

from __future__ import annotations

from haltpoint import Agent, ModelReply, ScriptedModel, SqliteDatabase, ToolCall
from support.running import asynchronous


@asynchronous
async def test_a_tool_that_raises_stop_iteration_has_failed_like_any_other(db: SqliteDatabase) -> None:
    def first_of_nothing() -> object:
        """Return the first of no things."""
        return next(iter(()))

    model = ScriptedModel([ModelReply(tool_calls=[ToolCall("first_of_nothing", {})]), "done"])
    agent = Agent(model, db=db, tools=[first_of_nothing])
    output = await agent.do_async("Go", return_output=True)
    assert output.is_complete
    (execution,) = output.tools
    assert execution.tool_call_error
    assert execution.result == "StopIteration"
