"""Where a run calls other people's code, and what becomes of the run when that code raises.

Annotations are no text here: those of tools within functions could not be evaluated then.
"""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BaseModel, Field

from haltpoint import (
    Agent,
    FunctionModel,
    ModelReply,
    ModelRequest,
    RunRequirement,
    ScriptedModel,
    Task,
    current_tool_call,
    tool,
)
from haltpoint import cancel_run as stop_run
from support.replies import wants

from .misdeeds import Code

__all__ = ["PLACES", "Place", "agent_of", "settle"]

BOTH = ("plain", "async")


class Place(NamedTuple):
    """A place where other people's code is called.

    Attributes:
        build: returns the agent's keyword arguments, those of its call beside them.
        status: the run's status after the code has raised.
        error: what the caller gets then.
        interrupted: what the run's status may be after the code has raised KeyboardInterrupt.
        forms: the forms that the code may have.
        resumes: whether the code is called when a run is continued whose tool is in doubt.
        in_workers: whether a worker calls such code.
    """

    build: Callable[[Code], tuple[dict[str, Any], dict[str, Any]]]
    status: str
    error: str | None = None
    interrupted: tuple[str, ...] = ("CANCELLED",)
    forms: tuple[str, ...] = BOTH
    resumes: bool = False
    in_workers: bool = True


def _script(name: str = "act", **arguments: Any) -> ScriptedModel:
    return ScriptedModel([wants(name, **arguments), "END"])


def _tool(code: Code) -> Any:
    answer = code.function("done")
    if code.form == "plain":

        @tool
        def act() -> str:
            """Do it."""
            return answer()

    else:

        @tool
        async def act() -> str:
            """Do it."""
            return await answer()

    return {"model": _script(), "tools": [act]}, {}


def _innocent(**options: Any) -> Any:
    @tool(name="act", **options)
    def act(number: int = 1) -> str:
        """Do it."""
        return f"done {number}"

    return act


def _validator(code: Code) -> Any:
    def check(value: int) -> int:
        code.act()
        return value

    @tool
    def act(number: Annotated[int, AfterValidator(check)]) -> str:
        """Do it."""
        return f"done {number}"

    return {"model": _script(number=1), "tools": [act]}, {}


def _late_validator(code: Code) -> Any:
    def check(value: int) -> int:
        if _is_in_tool():
            code.act()
        return value

    @tool
    def act(number: Annotated[int, AfterValidator(check)]) -> str:
        """Do it."""
        return f"done {number}"

    return {"model": _script(number=1), "tools": [act]}, {}


def _is_in_tool() -> bool:
    try:
        current_tool_call()
    except RuntimeError:
        return False
    return True


def _default_factory(code: Code) -> Any:
    def usual() -> int:
        code.act()
        return 1

    class Options(BaseModel):
        level: int = Field(default_factory=usual)

    @tool
    def act(options: Options) -> str:
        """Do it."""
        return f"done {options.level}"

    return {"model": _script(options={}), "tools": [act]}, {}


def _answer_validator(code: Code) -> Any:
    def check(value: int) -> int:
        code.act()
        return value

    class Answer(BaseModel):
        number: Annotated[int, AfterValidator(check)]

    return {"model": ScriptedModel(['{"number": 1}'] * 3)}, {"task": Task("Work.", response_format=Answer)}


def _model(code: Code) -> Any:
    answer = code.function()

    async def reply(request: ModelRequest) -> ModelReply | str:
        await answer()
        return "END" if request.replies_so_far else wants("act")

    return {"model": FunctionModel(reply), "tools": [_innocent()]}, {}


def _rule(code: Code) -> Any:
    answer = code.function(True)
    if code.form == "plain":

        def rule(number: int) -> bool:
            return answer(number)

    else:

        async def rule(number: int) -> bool:
            return await answer(number)

    return {"model": _script(number=1), "tools": [_innocent(requires_confirmation=rule)]}, {}


def _reconcile(code: Code) -> Any:
    @tool(reconcile=code.function("found"))
    async def act() -> str:
        """Never get to an end: stop the run in the middle."""
        stop_run(current_tool_call().run_id, interrupt=True)
        await asyncio.Event().wait()
        raise AssertionError

    return {"model": _script(), "tools": [act]}, {}


def _handler(code: Code) -> Any:
    return {"model": _script(), "tools": [_innocent(requires_confirmation=True)]}, {"hitl_handler": code.function()}


def _executor(code: Code) -> Any:
    agent = {"model": _script(), "tools": [_innocent(external_execution=True)]}
    return agent, {"external_tool_executor": code.function("done")}


def _on_pause(code: Code) -> Any:
    agent = {"model": _script(), "tools": [_innocent(requires_confirmation=True)], "on_pause": code.function()}
    return agent, {}


def _on_event(code: Code) -> Any:
    return {"model": _script(), "tools": [_innocent()], "on_event": code.function()}, {}


PLACES = {
    "tool": Place(_tool, "COMPLETED"),
    "validator": Place(_validator, "COMPLETED", forms=("plain",)),
    "validator before the tool": Place(_late_validator, "COMPLETED", forms=("plain",)),
    "default factory": Place(_default_factory, "COMPLETED", forms=("plain",)),
    "validator of an answer": Place(_answer_validator, "COMPLETED", forms=("plain",)),
    "model": Place(_model, "ERROR", "ModelError", forms=("async",)),
    "rule": Place(_rule, "PAUSED"),
    "reconcile": Place(_reconcile, "PAUSED", resumes=True),
    "handler": Place(_handler, "PAUSED", "anything", interrupted=("PAUSED",), in_workers=False),
    "executor": Place(_executor, "PAUSED", "anything", interrupted=("PAUSED",), in_workers=False),
    "on_pause": Place(_on_pause, "PAUSED", interrupted=("PAUSED",)),
    # Events are told while the run goes on: it may be over by then.
    "on_event": Place(_on_event, "COMPLETED", interrupted=("CANCELLED", "COMPLETED")),
}


def agent_of(place: Place, code: Code) -> tuple[Agent, dict[str, Any]]:
    """An agent with that code in that place, and the keyword arguments of its call."""
    agent_arguments, call_arguments = place.build(code)
    agent = Agent(agent_arguments.pop("model"), name="clerk", db=code.db, **agent_arguments)
    code.agents.append(agent)
    return agent, {"task": "Work.", **call_arguments}


def settle(requirement: RunRequirement) -> None:
    """Decide whatever is asked for, so that the run goes on."""
    if requirement.kind == "confirmation":
        requirement.confirm()
    elif requirement.kind == "recovery":
        requirement.supply("seen to")
    else:
        requirement.set_external_execution_result("done")
