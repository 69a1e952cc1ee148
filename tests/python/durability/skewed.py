"""Run in processes whose wall clocks are off: asks, decides, expires or continues, and says what came of it."""

from __future__ import annotations

import sys

from haltpoint import Agent, HaltpointError, ModelReply, ScriptedModel, SqliteDatabase, StoreError, ToolCall, tool


@tool(requires_confirmation=True, expires_after=60)
def pay(euros: int) -> str:
    """Pay."""
    return f"paid {euros}"


def _agent(database: SqliteDatabase) -> Agent:
    calls = [ToolCall("pay", {"euros": 1}), ToolCall("pay", {"euros": 2})]
    return Agent(ScriptedModel([ModelReply(tool_calls=calls), "END"]), db=database, tools=[pay])


def _say(word: object) -> None:
    sys.stdout.write(f"{word}\n")


def _decide(database: SqliteDatabase, euros: str) -> None:
    waiting = database.requirements(open_only=False)
    requirement = next(one for one in waiting if one.tool_execution.tool_args == {"euros": int(euros)})
    requirement.confirm(by="ann")
    requirement.commit()


def main(path: str, act: str, *more: str) -> None:
    """Do one thing with the database."""
    with SqliteDatabase(path) as database:
        try:
            if act == "ask":
                _agent(database).do("x", return_output=True)
            elif act == "decide":
                _decide(database, *more)
            elif act == "expire":
                _say(database.expire_due())
            elif act == "continue":
                _say(_agent(database).continue_run(run_id=database.runs()[0].run_id))
        except HaltpointError as error:
            _say(type(error).__name__)
        run_id = database.runs()[0].run_id
        _say(f"verified {database.verify(run_id).ok}")


try:
    main(*sys.argv[1:])
except StoreError as _error:
    _say(type(_error).__name__)
    _say("before 1970" if "before 1970" in str(_error) else str(_error))
