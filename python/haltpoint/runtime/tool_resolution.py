"""The tools that a run works with: at its start, and when it is continued elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from haltpoint.exceptions import ToolArgumentsError, ToolChangedError, ToolNotAvailableError
from haltpoint.logs import logger
from haltpoint.models.base import ToolSpec
from haltpoint.tools.arguments import bind_journaled
from haltpoint.tools.failing_validators import failures_if_refused, failures_logged
from haltpoint.tools.input_form import shown_parameters
from haltpoint.tools.module_names import is_in_module
from haltpoint.tools.registry import registered_tool
from haltpoint.tools.resolve import resolve_tools

if TYPE_CHECKING:
    from haltpoint._engine import CallToRun
    from haltpoint.tools.definition import ToolDefinition

__all__ = ["check_ready", "checks_foreign_code", "offered_tools", "tool_specs", "tools_at_hand"]


_log = logger("runs")


def offered_tools(tools: Mapping[str, ToolDefinition]) -> list[dict[str, Any]]:
    """Return what the journal keeps of the tools that a model is offered.

    With the parameters of those whose calls are approved: whoever approves may change the arguments, without the code.
    """
    return [_offered_tool(definition) for definition in tools.values()]


def _offered_tool(definition: ToolDefinition) -> dict[str, Any]:
    tool: dict[str, Any] = {"name": definition.name, "module": definition.module}
    if definition.sensitive:
        tool["sensitive"] = definition.sensitive
    return {**tool, "parameters": shown_parameters(definition)} if definition.pause == "confirmation" else tool


def tool_specs(tools: Mapping[str, ToolDefinition]) -> tuple[ToolSpec, ...]:
    """Return the tools as a model is told of them."""
    return tuple(
        ToolSpec(definition.name, definition.description, definition.parameters, definition.strict)
        for definition in tools.values()
    )


def tools_at_hand(
    offered: Iterable[Mapping[str, Any]],
    given: Iterable[Any],
    remembered: Mapping[str, ToolDefinition],
    run_id: str,
    *,
    has_begun: bool,
) -> dict[str, ToolDefinition]:
    """Return the tools to continue a run with.

    A tool that the run was started with is looked for among those given now, then those that this process started the
    run with, then the `@tool` functions that it has imported, by name and module. Nothing is imported for it. A run
    that has begun goes on without a tool that is gone, as long as no call needs it: see `check_ready`. One that has not
    begun is for a process that has all its tools.

    Args:
        offered: name and module of the tools that the run was started with.
        given: what the agent, the task and the caller bring.
        remembered: the tools that this process knows the run to work with.
        run_id: for the log and for errors.
        has_begun: whether the model has answered yet.

    Raises:
        ToolNotAvailableError: the run has not begun, and a tool is not at hand.
    """
    tools = resolve_tools(given)
    for item in offered:
        name, module = item["name"], item["module"]
        if name in tools:
            continue
        definition = remembered.get(name) or registered_tool(name, module)
        if definition is not None:
            tools[name] = definition
        elif has_begun:
            _log.warning("run %s goes on without the tool %r of module %r: this process lacks it", run_id, name, module)
        else:
            raise _not_available(name, module, run_id)
    return tools


def check_ready(
    calls: Iterable[CallToRun],
    tools: Mapping[str, ToolDefinition],
    run_id: str,
    *,
    allow_changed: bool = False,
) -> None:
    """Check that calls can run as they were planned, and as people decided.

    Args:
        calls: the calls that are about to run.
        tools: the tools at hand.
        run_id: for the errors.
        allow_changed: take a tool that has changed since.

    Raises:
        ToolNotAvailableError: a tool is not at hand.
        ToolChangedError: a tool is of another module or has other parameters now, or would get something else than what
            people were shown.
    """
    for call in calls:
        definition = tools.get(call.name)
        if definition is None:
            raise _not_available(call.name, call.module or "?", run_id)
        if allow_changed:
            if call.approved is not None:
                _check_shown(definition, call, run_id, allow_changed=True)
            continue
        if call.module is not None and not is_in_module(definition.function, call.module):
            raise ToolChangedError(
                f"run {run_id} waits with a call of {call.name!r} of module {call.module!r}, and the tool of that name "
                f"is now of module {definition.module!r}; continue it with the tool as it was, or pass "
                "allow_changed_tools=True to run the call with the present one",
                run_id=run_id,
                tool_name=call.name,
            )
        if call.digest is not None and definition.digest != call.digest:
            raise ToolChangedError(
                f"run {run_id} waits with a call of {call.name!r} whose parameters have changed since; continue it "
                "with the tool as it was, or pass allow_changed_tools=True to run the call with the present one",
                run_id=run_id,
                tool_name=call.name,
            )
        if call.approved is not None:
            _check_shown(definition, call, run_id)


def checks_foreign_code(calls: Iterable[CallToRun], tools: Mapping[str, ToolDefinition]) -> bool:
    """Return whether `check_ready` calls other people's code for these calls, such as validators, which may be slow."""
    known = [tools[call.name] for call in calls if call.approved is not None and call.name in tools]
    return any(definition.calls_foreign_code for definition in known)


def _check_shown(definition: ToolDefinition, call: CallToRun, run_id: str, *, allow_changed: bool = False) -> None:
    try:
        with failures_logged(f"the arguments of {definition.name}"), failures_if_refused(ToolChangedError):
            bind_journaled(definition, call, allow_changed=allow_changed)
    except ToolChangedError as error:
        error.run_id = run_id
        raise
    except ToolArgumentsError:
        # About what a person gave where no code was at hand: the model is told once the call runs.
        return


def _not_available(name: str, module: str, run_id: str) -> ToolNotAvailableError:
    return ToolNotAvailableError(
        f"run {run_id} needs the tool {name!r} of module {module!r}, which this process does not have; pass it to "
        "Agent(tools=[...]) or continue_run_async(tools=[...]), or import the module that declares it with @tool first",
        run_id=run_id,
        tool_name=name,
    )
