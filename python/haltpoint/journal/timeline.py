"""A run's journal as the story that a person reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from haltpoint.presentation.calls import arguments_text, event_words, later_calls_text, origin_text
from haltpoint.presentation.escaping import visible_json
from haltpoint.presentation.times import from_seconds
from haltpoint.run.agent.view import MICROSECONDS
from haltpoint.run.changed_arguments import decision_as_given, same_arguments
from haltpoint.sensitive import JournalMask
from haltpoint.timestamps import format_time

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Event", "told"]

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Event:
    """One thing that happened in a run.

    Attributes:
        seq: its place in the journal, from 1.
        at: when it happened (aware, UTC).
        kind: the journal's name for it.
        mark: one character that stands for it.
        style: how a terminal shows it.
        title: what happened, in a line.
        detail: what was said, returned or given, which may be long.
        entry: the journal's entry.
    """

    seq: int
    at: datetime
    kind: str
    mark: str
    style: str
    title: str
    detail: str | None
    entry: Entry


def told(journal: Iterable[Mapping[str, Any]]) -> list[Event]:
    """Return the events of a journal, oldest first, with the values of sensitive parameters masked.

    Args:
        journal: what `Database.journal` returns: the whole, since later entries name what earlier ones began.
    """
    teller = _Teller()
    return [teller.event(item) for item in journal]


class _Teller:
    """Keeps in mind what the ids in entries stand for."""

    def __init__(self) -> None:
        self._tools: dict[str, str] = {}
        self._calls: dict[str, str] = {}
        self._waits: set[str] = set()
        self._mask = JournalMask()
        # What the model said of calls, by their ids.
        self._said: dict[str, dict[str, Any]] = {}
        # What the model had filled into forms, by the call and the field.
        self._filled: dict[str, dict[str, Any]] = {}

    def event(self, item: Mapping[str, Any]) -> Event:
        entry = self._mask.entry(item["kind"], item["entry"])
        # Of what changed only the names are told, and what is masked has its name.
        for call in item["entry"].get("calls", ()):
            self._tools[call["id"]] = call["name"]
            self._filled[call["id"]] = {
                field["name"]: field["value"] for field in call.get("fields", ()) if field.get("value") is not None
            }
        for call in entry.get("calls", ()):
            self._said[call["id"]] = call.get("args") or {}
        if item["kind"] == "requirement_opened":
            self._calls[entry["requirement_id"]] = entry["call_id"]
            if entry["kind"] == "wait":
                self._waits.add(entry["requirement_id"])
        title, detail = self._words(item["kind"], self._as_given(entry), self._changes_of(item["entry"]))
        mark, style = _look(item["kind"], entry)
        at = from_seconds(item["at"] / MICROSECONDS)
        return Event(item["seq"], at, item["kind"], mark, style, title, detail, entry)

    def _as_given(self, entry: Entry) -> Entry:
        """A decision with what the person gave; for a value that was left as it was shown, the journal has another."""
        said = self._said.get(self._calls.get(entry.get("requirement_id", ""), ""))
        decision = entry.get("decision")
        return entry if decision is None else {**entry, "decision": decision_as_given(decision, said)}

    def _words(self, kind: str, entry: Entry, changes: str) -> tuple[str, str | None]:
        words = _WAIT_WORDS if entry.get("requirement_id") in self._waits else _WORDS
        tell = words.get(kind, _WORDS.get(kind))
        if tell is None:
            return self._unknown(kind, entry)
        return tell(f"{self._tool_of(entry)}{changes}", entry)

    def _tool_of(self, entry: Entry) -> str:
        call_id = entry.get("call_id") or self._calls.get(entry.get("requirement_id", ""), "")
        return self._tools.get(call_id, call_id)

    def _changes_of(self, entry: Entry) -> str:
        """Which fields that the model had filled an answer changes."""
        values: Mapping[str, Any] = entry.get("decision", {}).get("values") or {}
        filled = self._filled.get(self._calls.get(entry.get("requirement_id", ""), ""), {})
        changed = [name for name, value in values.items() if name in filled and filled[name] != value]
        return f", and changes {', '.join(changed)}" if changed else ""

    def _unknown(self, kind: str, entry: Entry) -> tuple[str, str | None]:
        # A journal of a newer release may hold kinds that this one has no words for.
        return f"{kind.replace('_', ' ')} {self._tool_of(entry)}".rstrip(), visible_json(entry)


_MARKS = {
    "run_started": ("●", "bold"),
    "run_queued": ("○", "cyan"),
    "run_continued": ("┬", "magenta"),
    "model_replied": ("▸", "cyan"),
    "steps_planned": ("▸", "cyan"),
    "answer_refused": ("▸", "yellow"),
    "tool_started": ("▹", "blue"),
    "tool_finished": ("▪", "blue"),
    "tool_interrupted": ("▪", "yellow"),
    "tool_reconciled": ("▪", "yellow"),
    "requirement_opened": ("?", "bold yellow"),
    "requirement_decided": ("◆", "bold green"),
    "requirement_expired": ("✖", "yellow"),
    "approval_revoked": ("◇", "yellow"),
    "run_paused": ("■", "yellow"),
    "cancel_requested": ("✖", "yellow"),
    "run_cancelled": ("■", "yellow"),
    "run_failed": ("✖", "bold red"),
    "run_completed": ("●", "bold green"),
    "run_moved": ("▶", "magenta"),
    "run_arrived": ("◀", "magenta"),
}


def _look(kind: str, entry: Entry) -> tuple[str, str]:
    mark, style = _MARKS.get(kind, ("·", ""))
    is_bad = entry.get("is_error") or entry.get("decision", {}).get("type") in ("reject", "skip")
    return mark, "red" if is_bad else style


def _started(tool: str, entry: Entry) -> tuple[str, str | None]:
    by = entry.get("agent_name") or "an agent"
    return f"{by} starts with model {entry.get('model_name') or 'unknown'}", entry["description"]


def _queued(tool: str, entry: Entry) -> tuple[str, str | None]:
    begins = entry.get("not_before")
    later = "" if begins is None else f", from {format_time(from_seconds(begins / MICROSECONDS))} on"
    return f"{entry.get('by') or 'somebody'} leaves the run to a worker{later}", None


def _continued(tool: str, entry: Entry) -> tuple[str, str | None]:
    return f"{entry['holder']} goes on", None


def _model_replied(tool: str, entry: Entry) -> tuple[str, str | None]:
    calls = _calls(entry)
    return f"the model asks for {calls}" if calls else "the model answers", entry.get("text")


def _steps_planned(tool: str, entry: Entry) -> tuple[str, str | None]:
    return f"planned: {_calls(entry)}", None


def _calls(entry: Entry) -> str:
    return ", ".join(f"{call['name']}({arguments_text(call['args'])})" for call in entry.get("calls", ()))


def _answer_refused(tool: str, entry: Entry) -> tuple[str, str | None]:
    return "the answer does not fit, and the model is asked again", entry["reason"]


def _tool_started(tool: str, entry: Entry) -> tuple[str, str | None]:
    again = f", attempt {entry['attempt']}" if entry["attempt"] > 1 else ""
    return f"{tool} begins in {entry['holder']}{again}", None


_OUTCOMES = {
    "tool": "returns",
    "refused": "can't be run",
    "rejected": "is not run: it was rejected",
    "external": "has its result from elsewhere",
    "user": "is answered",
    "supplied": "has its result from a person",
    "skipped": "is given up",
    "reconciled": "is found to be done",
    "waited": "is over",
    "signal": "has happened",
}


def _tool_finished(tool: str, entry: Entry) -> tuple[str, str | None]:
    source = entry.get("source", "tool")
    words = "fails" if source == "tool" and entry.get("is_error") else _OUTCOMES.get(source, source)
    return f"{tool} {words}", entry["content"]


def _tool_interrupted(tool: str, entry: Entry) -> tuple[str, str | None]:
    return f"{tool} is stopped in its middle: {entry['reason']}", None


def _tool_reconciled(tool: str, entry: Entry) -> tuple[str, str | None]:
    found = "never began" if entry.get("not_started") else "can't tell what became of it"
    return f"{tool} {found}", entry.get("reason")


_NEEDS = {
    "confirmation": "waits for a confirmation",
    "user_input": "waits for a person's input",
    "external_tool": "waits for its result from elsewhere",
    "recovery": "is in doubt: it began, and its outcome is unknown",
}


def _requirement_opened(tool: str, entry: Entry) -> tuple[str, str | None]:
    return f"{tool} {_NEEDS.get(entry['kind'], entry['kind'])} ({entry['requirement_id'][:8]})", None


_DECISIONS = {
    "confirm": "confirms",
    "reject": "rejects",
    "input": "fills in",
    "result": "gives the result of",
    "retry": "lets run once more:",
    "supply": "gives the result of",
    "skip": "gives up",
}


def _requirement_decided(tool: str, entry: Entry) -> tuple[str, str | None]:
    decision = entry["decision"]
    if entry.get("remembered") is not None:
        return f"{tool} is confirmed: remembered, {origin_text(entry['remembered'])}", None
    words = _DECISIONS.get(decision["type"], decision["type"])
    given = decision.get("note") or decision.get("content")
    if "values" in decision:
        given = _given_text(decision["values"], decision.get("shown"))
    if decision.get("tool_args") is not None:
        tool, given = f"{tool} with changed arguments", _given_text(decision["tool_args"], decision.get("shown_args"))
    if decision.get("remember") is not None:
        tool = f"{tool}, and {later_calls_text(decision['remember'])}"
    return f"{entry.get('by') or 'somebody'} {words} {tool}", given


def _given_text(given: Mapping[str, Any], shown: Mapping[str, Any] | None) -> str:
    """What a person gave, and what the tool makes of it, where that is something else."""
    text = arguments_text(given)
    return text if shown is None or same_arguments(given, shown) else f"{text} (the tool gets {arguments_text(shown)})"


def _requirement_expired(tool: str, entry: Entry) -> tuple[str, str | None]:
    return f"nobody decided about {tool} in time", None


def _wait_opened(tool: str, entry: Entry) -> tuple[str, str | None]:
    until = entry.get("terms", {}).get("expires_at")
    end = None if until is None else f"until {format_time(from_seconds(until / MICROSECONDS))}"
    if entry.get("event") is not None:
        waits = f"waits for the event {event_words(entry['event'])}"
        return f"the run {waits if end is None else f'{waits} {end}'} ({entry['requirement_id'][:8]})", None
    words = "waits" if end is None else end
    return f"{tool} {words} ({entry['requirement_id'][:8]})", None


def _wait_ended(tool: str, entry: Entry) -> tuple[str, str | None]:
    return "no signal of the event came in time" if tool == "event" else f"the time of {tool} has come", None


def _wait_decided(tool: str, entry: Entry) -> tuple[str, str | None]:
    decision = entry["decision"]
    if decision["type"] == "signal":
        who = f"{entry['by']} signals" if entry.get("by") else "a signal says:"
        return f"{who} {event_words(decision['event'])}", visible_json(decision["payload"])
    return f"{entry.get('by') or 'somebody'} ends {tool}", None


_WAIT_WORDS: dict[str, Callable[[str, Entry], tuple[str, str | None]]] = {
    "requirement_opened": _wait_opened,
    "requirement_expired": _wait_ended,
    "requirement_decided": _wait_decided,
}


def _approval_revoked(tool: str, entry: Entry) -> tuple[str, str | None]:
    who, which = entry.get("by") or "somebody", entry["requirement_id"][:8]
    return f"{who} revokes that later calls of {tool} run without asking ({which})", None


def _paused(tool: str, entry: Entry) -> tuple[str, str | None]:
    return "the run waits", None


def _cancel_requested(tool: str, entry: Entry) -> tuple[str, str | None]:
    if entry.get("reason") is not None:
        return f"the run is to stop: {entry['reason']}", None
    return f"{entry.get('by') or 'somebody'} wants the run to stop", None


def _cancelled(tool: str, entry: Entry) -> tuple[str, str | None]:
    return "the run is cancelled", None


def _failed(tool: str, entry: Entry) -> tuple[str, str | None]:
    return "the run can't go on", entry["failure"]["message"]


def _completed(tool: str, entry: Entry) -> tuple[str, str | None]:
    output = entry.get("output")
    return "the run is completed", None if output is None else visible_json(output)


def _moved(tool: str, entry: Entry) -> tuple[str, str | None]:
    return f"{entry.get('by') or 'somebody'} moves the run to {entry['to']}", None


def _arrived(tool: str, entry: Entry) -> tuple[str, str | None]:
    return f"the run comes from {entry['from']}, {entry['status'].lower()}", None


_WORDS: dict[str, Callable[[str, Entry], tuple[str, str | None]]] = {
    "run_started": _started,
    "run_queued": _queued,
    "run_continued": _continued,
    "model_replied": _model_replied,
    "steps_planned": _steps_planned,
    "answer_refused": _answer_refused,
    "tool_started": _tool_started,
    "tool_finished": _tool_finished,
    "tool_interrupted": _tool_interrupted,
    "tool_reconciled": _tool_reconciled,
    "requirement_opened": _requirement_opened,
    "requirement_decided": _requirement_decided,
    "requirement_expired": _requirement_expired,
    "approval_revoked": _approval_revoked,
    "run_paused": _paused,
    "cancel_requested": _cancel_requested,
    "run_cancelled": _cancelled,
    "run_failed": _failed,
    "run_completed": _completed,
    "run_moved": _moved,
    "run_arrived": _arrived,
}
