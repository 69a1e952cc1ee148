"""The person: shown a requirement as plain data, they decide. There is no agent in this process, and no database."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from terminal import event, is_interactive, line, styled

if TYPE_CHECKING:
    from haltpoint import RunRequirement

CONFIRMATIONS = {"a": "approve", "r": "reject"}
RECOVERIES = {"s": "supply", "r": "retry", "k": "skip"}

_NOTE = "both charges are right: she ordered twice"


@dataclass(frozen=True)
class Person:
    """Who answers.

    Attributes:
        confirmation: their answer to a confirmation, or None to ask at the keyboard.
        recovery: their answer to a call in doubt, or None to ask at the keyboard.
    """

    confirmation: str | None = None
    recovery: str | None = None

    def decide(self, requirement: RunRequirement) -> str:
        """Resolve a requirement in place, and return what was decided, in words."""
        line()
        return self._recover(requirement) if requirement.kind == "recovery" else self._confirm(requirement)

    def _confirm(self, requirement: RunRequirement) -> str:
        call = requirement.tool_execution
        arguments = ", ".join(f"{name}={value!r}" for name, value in call.tool_args.items())
        _show(f"The agent wants to run {styled(f'{call.tool_name}({arguments})', 'bold')}")
        if _choose("[a]pprove or [r]eject", CONFIRMATIONS, self.confirmation, "approve") == "approve":
            requirement.confirm()
            return "approved"
        requirement.reject(note=_NOTE)
        return f"rejected: “{_NOTE}”"

    def _recover(self, requirement: RunRequirement) -> str:
        name = styled(requirement.tool_execution.tool_name, "bold")
        _show(f"{name} had begun when the process died. Was the e-mail sent? The journal cannot know.")
        line("    So you look into the mail server's log: it took 1 message.")
        question = "[s]upply the result, [r]etry all the same, s[k]ip"
        choice = _choose(question, RECOVERIES, self.recovery, "supply")
        if choice == "supply":
            requirement.supply("sent, says its log")
            return "supplied its result"
        if choice == "retry":
            requirement.retry()
            return "run it again"
        requirement.skip(note="nobody looked it up")
        return "go on without it"


def _show(question: str) -> None:
    line(f"  {styled('?', 'yellow', 'bold')} {question}")


def _choose(question: str, choices: Mapping[str, str], given: str | None, default: str) -> str:
    if given is None and is_interactive():
        return _ask(question, choices, default)
    why = "as the command line says" if given else "nobody is at the keyboard, so the demo answers itself"
    event(" ", "answer", f"{given or default} ({why})", "yellow")
    return given or default


def _ask(question: str, choices: Mapping[str, str], default: str) -> str:
    while True:
        answer = input(f"    {question} ({styled('Enter', 'dim')}: {default}) > ").strip().lower()
        if not answer:
            return default
        if answer in choices:
            return choices[answer]
        if answer in choices.values():
            return answer


def person_from(arguments: list[str], description: str | None) -> Person:
    """Return who answers, as the command line says."""
    parser = argparse.ArgumentParser(prog="docs/demo", description=description)
    parser.add_argument("--confirmation", choices=CONFIRMATIONS.values(), help="answer without asking")
    parser.add_argument("--recovery", choices=RECOVERIES.values(), help="answer without asking")
    options = parser.parse_args(arguments)
    return Person(options.confirmation, options.recovery)
