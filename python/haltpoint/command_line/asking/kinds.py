"""What may be done with a requirement of each kind, and what is asked for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from haltpoint.command_line.asking.fields import filled_in
from haltpoint.command_line.asking.prompts import Action, ask_line, edited
from haltpoint.command_line.output import Output

if TYPE_CHECKING:
    from haltpoint.run.decisions import RequirementKind
    from haltpoint.run.requirements import RunRequirement

__all__ = ["CHOICES", "Draft"]

# Asks what else must be known, and decides on the requirement, short of the disk. False: nothing was decided.
Draft = Callable[["RunRequirement", Output, str], bool]


def _approve(requirement: RunRequirement, output: Output, by: str) -> bool:
    requirement.confirm(by=by)
    return True


def _reject(requirement: RunRequirement, output: Output, by: str) -> bool:
    note = ask_line("why? the model is told; Enter for no reason")
    requirement.reject(note or None, by=by)
    return True


def _fill_in(requirement: RunRequirement, output: Output, by: str) -> bool:
    requirement.answer(filled_in(requirement, output), by=by)
    return True


def _give_result(requirement: RunRequirement, output: Output, by: str) -> bool:
    requirement.set_external_execution_result(ask_line("result, as the model gets it"), by=by)
    return True


def _write_result(requirement: RunRequirement, output: Output, by: str) -> bool:
    text = edited("", ".txt")
    if text is None:
        return False
    requirement.set_external_execution_result(text.removesuffix("\n"), by=by)
    return True


def _retry(requirement: RunRequirement, output: Output, by: str) -> bool:
    requirement.retry(by=by)
    return True


def _supply(requirement: RunRequirement, output: Output, by: str) -> bool:
    requirement.supply(ask_line("what it returned, as the model gets it"), by=by)
    return True


def _give_up(requirement: RunRequirement, output: Output, by: str) -> bool:
    note = ask_line("why? the model is told; Enter for no reason")
    requirement.skip(note or None, by=by)
    return True


CHOICES: Mapping[RequirementKind, Mapping[Action, Draft]] = {
    "confirmation": {
        Action("a", "[a]pprove"): _approve,
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
}
