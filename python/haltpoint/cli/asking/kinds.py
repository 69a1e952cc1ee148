"""What may be done with a requirement of each kind, and what is asked for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from haltpoint._concurrency.background_loop import run_blocking
from haltpoint.cli.approving import approve_alike
from haltpoint.cli.asking.fields import filled_in
from haltpoint.cli.asking.prompts import Action, ask_action, ask_line, edited
from haltpoint.cli.given import json_object
from haltpoint.cli.output import Output, Styled
from haltpoint.presentation.calls import arguments_text
from haltpoint.presentation.escaping import visible_json
from haltpoint.resolution.changed_arguments import with_changed_arguments
from haltpoint.resolution.parse import confirm_decision
from haltpoint.run.approvals import approved_arguments
from haltpoint.run.changed_arguments import changed_arguments

if TYPE_CHECKING:
    from haltpoint.db.database import Database
    from haltpoint.resolution.parse import RequirementKind
    from haltpoint.run.remember_scope import RememberScope
    from haltpoint.run.requirements import RunRequirement

__all__ = ["Draft", "Person", "choices_for"]


@dataclass
class Person:
    """Who is asked.

    Attributes:
        name: who they are.
        database: where what they decide on is.
        edits: arguments as they edited them and as they were refused, by the requirement and what they were shown.
    """

    name: str
    database: Database
    edits: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])


# Asks what else must be known, and decides on the requirement, short of the disk. False: nothing was decided.
Draft = Callable[["RunRequirement", Output, "Person"], bool]

_YES = Action("y", "[y]es, approve this")
_NO = Action("n", "[n]o")

_SEND = Action("y", "[y]es, send it so")
_NOT = Action("n", "[n]o")
_EMPTY = "the result is empty: the model gets an empty text"

_IN_RUN = Action("r", "approve later calls of this [r]un, too")
_IN_SESSION = Action("s", "those of all runs of its [s]ession")
_ANY_ARGUMENTS = Action("a", "with [a]ny arguments")
_SAME_ARGUMENTS = Action("t", "only with [t]hese")
_BACK = Action("b", "[b]ack")


def _approve(requirement: RunRequirement, output: Output, person: Person) -> bool:
    approve_alike(requirement, person.name)
    return True


def _edit(requirement: RunRequirement, output: Output, person: Person) -> bool:
    approved = approved_arguments(requirement)
    shown = visible_json(requirement.tool_execution.tool_args if approved is None else approved, indent=2)
    place = requirement.id, shown
    text = edited(person.edits.get(place, f"{shown}\n"), ".json")
    if text is None:
        return False
    # What is refused, as it is or when it is committed, is what the next edit begins with.
    person.edits[place] = text
    changed = json_object(text, "what was edited")
    will_run = arguments_text(_checked(requirement, changed, person))
    output.line(Styled(f"to run: {requirement.tool_execution.tool_name}({will_run})", "bold"))
    if ask_action([_YES, _NO]) is _NO:
        del person.edits[place]
        return False
    requirement.confirm(tool_args=changed, by=person.name, expected_digest=requirement.digest)
    return True


def _checked(requirement: RunRequirement, changed: Mapping[str, Any], person: Person) -> Mapping[str, Any]:
    """What would run with changed arguments, checked before the person is asked whether that is meant.

    Raises:
        InvalidResolutionError: they do not fit.
    """
    wanted = changed_arguments(requirement, changed)
    if wanted is None:
        return requirement.tool_execution.tool_args
    said = confirm_decision(wanted, None)
    decision = run_blocking(with_changed_arguments(person.database, requirement, said, {}))
    shown: Mapping[str, Any] = decision.get("shown_args") or decision["tool_args"]
    return shown


def _approve_later_calls(requirement: RunRequirement, output: Output, person: Person) -> bool:
    where = ask_action([_IN_RUN, _IN_SESSION, _BACK])
    if where is _BACK:
        return False
    which = ask_action([_ANY_ARGUMENTS, _SAME_ARGUMENTS, _BACK])
    if which is _BACK:
        return False
    scope: RememberScope = "run" if where is _IN_RUN else "session"
    requirement.confirm(
        remember=scope, remember_args=which is _SAME_ARGUMENTS, by=person.name, expected_digest=requirement.digest
    )
    output.line(Styled("haltpoint remembered lists what stands, and haltpoint revoke ends it", "dim"))
    return True


def _reject(requirement: RunRequirement, output: Output, person: Person) -> bool:
    note = ask_line("why? the model is told; Enter for no reason")
    requirement.reject(note or None, by=person.name, expected_digest=requirement.digest)
    return True


def _fill_in(requirement: RunRequirement, output: Output, person: Person) -> bool:
    given = filled_in(requirement, output)
    if not given and not _is_meant("nothing is filled in: fields stay as they are, or take their defaults", output):
        return False
    requirement.answer(given, by=person.name, expected_digest=requirement.digest)
    return True


def _give_result(requirement: RunRequirement, output: Output, person: Person) -> bool:
    return _give(requirement, ask_line("result, as the model gets it"), output, person)


def _write_result(requirement: RunRequirement, output: Output, person: Person) -> bool:
    text = edited("", ".txt")
    if text is None:
        return False
    return _give(requirement, text.removesuffix("\n"), output, person)


def _give(requirement: RunRequirement, result: str, output: Output, person: Person) -> bool:
    if not result.strip() and not _is_meant(_EMPTY, output):
        return False
    requirement.set_external_execution_result(result, by=person.name, expected_digest=requirement.digest)
    return True


def _retry(requirement: RunRequirement, output: Output, person: Person) -> bool:
    requirement.retry(by=person.name, expected_digest=requirement.digest)
    return True


def _supply(requirement: RunRequirement, output: Output, person: Person) -> bool:
    result = ask_line("what it returned, as the model gets it")
    if not result.strip() and not _is_meant(_EMPTY, output):
        return False
    requirement.supply(result, by=person.name, expected_digest=requirement.digest)
    return True


def _give_up(requirement: RunRequirement, output: Output, person: Person) -> bool:
    note = ask_line("why? the model is told; Enter for no reason")
    requirement.skip(note or None, by=person.name, expected_digest=requirement.digest)
    return True


def _is_meant(problem: str, output: Output) -> bool:
    output.line(Styled(problem, "yellow"))
    return ask_action([_SEND, _NOT]) is _SEND


_EDIT = Action("e", "[e]dit the arguments")

_CHOICES: Mapping[RequirementKind, Mapping[Action, Draft]] = {
    "confirmation": {
        Action("a", "[a]pprove"): _approve,
        Action("l", "approve [l]ater calls, too"): _approve_later_calls,
        _EDIT: _edit,
        Action("r", "[r]eject"): _reject,
    },
    "user_input": {
        Action("f", "[f]ill in"): _fill_in,
    },
    "external_tool": {
        Action("g", "[g]ive the result"): _give_result,
        Action("e", "write it in the [e]ditor"): _write_result,
    },
    "recovery": {
        Action("t", "re[t]ry"): _retry,
        Action("u", "s[u]pply its result"): _supply,
        Action("g", "[g]ive it up"): _give_up,
    },
    "wait": {
        Action("w", "[w]ake it now"): _approve,
    },
}


def choices_for(requirement: RunRequirement) -> Mapping[Action, Draft]:
    """Return what a person can do about a requirement, and what does it."""
    choices = _CHOICES[requirement.kind]
    return {key: draft for key, draft in choices.items() if not (requirement.fixed_arguments and key is _EDIT)}
