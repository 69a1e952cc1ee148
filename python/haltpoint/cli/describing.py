"""A run, its story and what it waits for, as a person reads them or as lines for a pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from haltpoint.cli.approving import approvals_text
from haltpoint.cli.hints import commands_for
from haltpoint.cli.identifiers import short_requirement_id
from haltpoint.cli.output import Output, Styled
from haltpoint.presentation.calls import call_text, event_words, origin, shortened
from haltpoint.presentation.escaping import visible, visible_json, visible_lines
from haltpoint.presentation.records import open_waits
from haltpoint.presentation.times import age, clock, from_seconds
from haltpoint.resolution.answers import is_dynamic
from haltpoint.run.changed_arguments import model_said
from haltpoint.timestamps import format_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from haltpoint.journal.timeline import Event
    from haltpoint.run.agent.output import AgentRunOutput
    from haltpoint.run.requirements import RunRequirement

__all__ = ["call_lines", "print_event", "print_requirement", "print_run", "status_style"]

_INDENT = 12
_LONG_VALUE = 100
_MOST_LINES = 12
_MOST_OF_TITLE = 300
_MOST_CHARACTERS = 1500
# What is said of when waiting ends: of a decision, and of a wait; before and after.
_EXPIRY = (("expires at", "expired at"), ("sleeps until", "slept until"))
_STATUS_STYLES = {
    "PAUSED": "yellow",
    "COMPLETED": "green",
    "ERROR": "red",
    "CANCELLED": "magenta",
    "RUNNING": "cyan",
    "QUEUED": "cyan",
    "MOVED": "dim",
}


def status_style(status: str) -> str:
    """Return the style of a run's status."""
    return _STATUS_STYLES.get(status, "")


def print_run(run: AgentRunOutput, output: Output) -> None:
    """Print what a run is about and where it stands."""
    for name, value, style in _facts(run):
        if value is None:
            continue
        if output.is_terminal:
            output.line(Styled(f"{name:<9}", "dim"), Styled(value, style))
        else:
            output.fields(name, value)


def _facts(run: AgentRunOutput) -> list[tuple[str, str | None, str]]:
    reason = f" ({run.pause_reason})" if run.pause_reason else ""
    events = [event_words(item.event) for item in open_waits(run) if item.event is not None]
    if events and run.pause_reason == "wait":
        until = "" if run.sleeps_until is None else f" until {clock(run.sleeps_until)}"
        reason = f" (waits for the event {', '.join(events)}{until})"
    elif run.sleeps_until is not None:
        reason = f" (sleeps until {clock(run.sleeps_until)})"
    elif run.not_before is not None:
        reason = f" (begins at {clock(run.not_before)})"
    started = from_seconds(run.created_at)
    return [
        ("run", run.run_id, "bold"),
        ("status", f"{run.status}{reason}", status_style(run.status.value)),
        ("task", run.task.description, ""),
        ("agent", run.agent_name, ""),
        ("model", run.model_name, ""),
        ("session", run.session_id, ""),
        ("user", run.user_id, ""),
        ("started", f"{clock(started)}, {age(started)} ago", ""),
        ("error", run.error_details, "red"),
    ]


def print_event(event: Event, output: Output, *, in_full: bool = False) -> None:
    """Print one event of a run's story.

    Args:
        event: the event.
        output: where to.
        in_full: leave nothing out of a long detail.
    """
    if not output.is_terminal:
        output.fields(format_time(event.at), event.kind, event.title, event.detail or "")
        return
    time = f"{event.at.astimezone():%H:%M:%S}"
    title = event.title if in_full else shortened(visible(event.title), _MOST_OF_TITLE)
    output.line(Styled(time, "dim"), "  ", Styled(event.mark, event.style), " ", Styled(title, event.style))
    if event.detail:
        _print_detail(event.detail, output, in_full=in_full)


def _print_detail(text: str, output: Output, *, in_full: bool) -> None:
    shown = text if in_full else shortened(text, _MOST_CHARACTERS)
    lines = visible_lines(shown)
    most = len(lines) if in_full else _MOST_LINES
    for line in lines[:most]:
        output.wrapped(_INDENT, Styled(line, "dim"))
    if len(lines) > most:
        output.wrapped(_INDENT, Styled(f"… ({len(lines) - most} more lines; --full shows all)", "dim"))


def print_requirement(requirement: RunRequirement, output: Output) -> None:
    """Print what a requirement asks, and how to decide on it."""
    if not output.is_terminal:
        call = call_text(requirement.tool_execution)
        output.fields("requirement", requirement.id, requirement.kind, call, approvals_text(requirement) or "")
        for line in _open_field_lines(requirement):
            output.fields("field", requirement.id, line)
        return
    short = short_requirement_id(requirement.id)
    output.line(Styled(short, "bold"), "  ", Styled(requirement.kind, "yellow"), f", {age(requirement.created_at)} ago")
    for line in call_lines(requirement):
        output.wrapped(2, line)
    for command in commands_for(requirement):
        output.line("    ", Styled(command, "cyan"))


def call_lines(requirement: RunRequirement) -> Iterator[str]:
    """Yield a call's tool and all of its arguments, or fields, then what else is known of it and who approved it."""
    execution = requirement.tool_execution
    yield visible(execution.tool_name)
    said = model_said(execution)
    for name, value in _arguments_beside_the_form(requirement).items():
        yield from _value_lines(f"  {visible(name)}", value, origin(execution, said, name))
    for field in requirement.user_input_schema or ():
        yield _field_line(field, origin(execution, said, field["name"]))
    for name, value in (requirement.details or {}).items():
        yield f"  {visible(name).replace('_', ' ')}: {value if isinstance(value, str) else visible_json(value)}"
    approved = approvals_text(requirement)
    if approved is not None:
        yield approved
    if requirement.expires_at is not None:
        is_asleep = requirement.kind == "wait" and requirement.event is None
        yield f"{_EXPIRY[is_asleep][requirement.is_expired]} {clock(requirement.expires_at)}"


def _open_field_lines(requirement: RunRequirement) -> Iterator[str]:
    """Yield the fields that a person is asked to fill in."""
    for field in requirement.user_input_schema or ():
        if field["name"] in requirement.open_fields and requirement.decision is None:
            yield _field_line(field, "").strip()


def _arguments_beside_the_form(requirement: RunRequirement) -> dict[str, Any]:
    """What the call runs with beside the fields of its form; the arguments of one that only asks are the form."""
    execution, form = requirement.tool_execution, requirement.user_input_schema
    if form is not None and is_dynamic(execution):
        return {}
    names = [field["name"] for field in form or ()]
    return {name: value for name, value in execution.tool_args.items() if name not in names}


def _value_lines(name: str, value: object, origin: str) -> Iterator[str]:
    """A value as JSON; one that is long gets the room to be read."""
    if isinstance(value, str) and "\n" in value:
        yield f"{name} ={origin}"
        yield from (f"    | {line}" for line in visible_lines(value))
    elif len(visible_json(value)) > _LONG_VALUE and isinstance(value, (dict, list)):
        first, *rest = visible_json(value, indent=2).split("\n")
        yield f"{name} ={origin} {first}"
        yield from (f"  {line}" for line in rest)
    else:
        yield f"{name} = {visible_json(value)}{origin}"


def _field_line(field: Mapping[str, Any], origin: str) -> str:
    value = _unfilled(field) if field.get("value") is None else f"{visible_json(field['value'])}{origin}"
    description = f"   {visible(field['description'])}" if field.get("description") else ""
    return f"  {visible(field['name'])} ({visible(field.get('field_type') or 'str')}) = {value}{description}"


def _unfilled(field: Mapping[str, Any]) -> str:
    if field.get("default") is not None:
        return f"(to be filled in; {visible_json(field['default'])} if left empty)"
    return "(to be filled in)" if field.get("required", True) else "(may stay empty)"
