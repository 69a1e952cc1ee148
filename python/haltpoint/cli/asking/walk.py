"""`haltpoint inbox -i`: one open requirement after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from haltpoint.cli.asking.kinds import Person, choices_for
from haltpoint.cli.asking.prompts import Action, ask_action, need_terminal
from haltpoint.cli.deciding import decided_call_text, decided_text
from haltpoint.cli.describing import call_lines, print_event, print_run
from haltpoint.cli.identifiers import short_requirement_id
from haltpoint.cli.next_steps import next_step
from haltpoint.cli.output import Output, Styled
from haltpoint.cli.watching import each_change
from haltpoint.exceptions import (
    InvalidResolutionError,
    RequirementConflictError,
    RequirementExpiredError,
    ToolResultError,
)
from haltpoint.journal.timeline import Event, told
from haltpoint.presentation.times import age

if TYPE_CHECKING:
    from haltpoint.db.database import Database
    from haltpoint.run.requirements import RunRequirement

__all__ = ["walk"]

_SKIP = Action("s", "[s]kip")
_QUIT = Action("q", "[q]uit")
_MOST_EVENTS = 25

# What a person can be told of and go on.
_REFUSALS = (InvalidResolutionError, RequirementConflictError, RequirementExpiredError, ToolResultError)

Page = Callable[["str | None"], "list[RunRequirement]"]


def walk(database: Database, page: Page, output: Output, *, by: str, watch: bool) -> None:
    """Ask about each open requirement, newest first. Each decision is on disk before the next question.

    Args:
        database: where they are.
        page: returns the open requirements that are older than the one of an id, or the newest ones for None.
        output: a terminal.
        by: who decides.
        watch: whether to wait for more at the end, until the process is interrupted.

    Raises:
        CommandError: there is no terminal.
    """
    need_terminal()
    walker = _Walker(database, page, output, by)
    for _ in each_change(database):
        if not (walker.ask_all() and watch):
            break
        walker.say_that_it_waits()
    walker.sum_up()


def _end_of(requirement: RunRequirement) -> str:
    if requirement.decision is not None:
        return f"it was {decided_text(requirement)}"
    return "its time was over" if requirement.is_expired else "its run was stopped"


class _Walker:
    def __init__(self, database: Database, page: Page, output: Output, by: str) -> None:
        self._database = database
        self._page = page
        self._output = output
        self._person = Person(by, database)
        self._asked: set[str] = set()
        self._decided = 0
        self._waits = False

    def ask_all(self) -> bool:
        """Ask about what was not asked about before; False when the person has had enough."""
        try:
            return all(self._ask(requirement.id) for requirement in self._open() if self._is_new(requirement))
        except EOFError:
            self._output.line()
            return False

    def say_that_it_waits(self) -> None:
        if not self._waits:
            self._output.line(Styled("nothing more to ask; waiting for more, Ctrl-C ends it", "dim"))
        self._waits = True

    def sum_up(self) -> None:
        left = "there is more: haltpoint inbox" if self._page(None) else "nothing else waits"
        self._output.line(Styled(f"{self._decided} decided; {left}", "bold"))

    def _open(self) -> Iterator[RunRequirement]:
        before = None
        while found := self._page(before):
            yield from found
            before = found[-1].id

    def _is_new(self, requirement: RunRequirement) -> bool:
        is_new = requirement.id not in self._asked
        self._asked.add(requirement.id)
        self._waits = self._waits and not is_new
        return is_new

    def _ask(self, requirement_id: str) -> bool:
        """Ask until there is a decision or the person goes on to the next; False when they have had enough."""
        shown = None
        while requirement := self._still_open(requirement_id):
            # Once more where others have approved meanwhile: to approve means to approve the same.
            if (requirement.digest, requirement.approvals) != shown:
                self._show(requirement)
            shown = (requirement.digest, requirement.approvals)
            choices = choices_for(requirement)
            action = ask_action([*choices, _SKIP, _QUIT])
            if action is _QUIT:
                return False
            if action is _SKIP or self._decide(requirement, action):
                return True
        return True

    def _still_open(self, requirement_id: str) -> RunRequirement | None:
        found = self._database.requirements(id_prefix=requirement_id)
        if found:
            return found[0]
        # It was open when the list was read: say what became of it.
        for gone in self._database.requirements(id_prefix=requirement_id, open_only=False):
            self._output.line(Styled(f"{short_requirement_id(gone.id)}: meanwhile {_end_of(gone)}", "yellow"))
        return None

    def _decide(self, requirement: RunRequirement, action: Action) -> bool:
        """Decide and commit; False when the question stands."""
        try:
            if not choices_for(requirement)[action](requirement, self._output, self._person):
                return False
            requirement.commit()
        except _REFUSALS as error:
            self._output.line(Styled(str(error), "red"))
            return False
        except click.ClickException as error:
            self._output.line(Styled(error.message, "red"))
            return False
        self._decided += 1
        # What will run stands on disk, also where validation made something else of what was given.
        decided = self._database.requirement(requirement.id)
        self._output.line(f"{decided_call_text(decided)}: ", Styled(decided_text(decided), "green"))
        self._output.line(next_step(self._database, self._database.run(requirement.run_id or "")))
        return True

    # What is shown

    def _show(self, requirement: RunRequirement) -> None:
        run_id = requirement.run_id or ""
        self._output.rule(
            f"{requirement.kind} {short_requirement_id(requirement.id)}, {age(requirement.created_at)} ago"
        )
        print_run(self._database.run(run_id), self._output)
        self._output.blank()
        self._show_story(told(self._database.journal(run_id)), run_id)
        self._output.blank()
        self._output.line(Styled("The call", "bold"))
        for line in call_lines(requirement):
            self._output.wrapped(2, line)
        self._output.blank()

    def _show_story(self, events: list[Event], run_id: str) -> None:
        left_out = max(0, len(events) - _MOST_EVENTS)
        if left_out:
            print_event(events[0], self._output)
            self._output.line(Styled(f"          … {left_out} events before: haltpoint show {run_id}", "dim"))
        for event in events[left_out + 1 if left_out else 0 :]:
            print_event(event, self._output)
