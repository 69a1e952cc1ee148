"""What all commands that decide have in common: find, decide, wait for the disk, and say what happens next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from haltpoint.cli.approving import approvals_text
from haltpoint.cli.database import opened
from haltpoint.cli.describing import call_lines
from haltpoint.cli.errors import CommandError
from haltpoint.cli.exit_codes import ExitCode, exit_code_of, is_other_than_shown
from haltpoint.cli.identifiers import find_requirement, short_requirement_id
from haltpoint.cli.next_steps import next_step
from haltpoint.cli.output import Output, Styled
from haltpoint.exceptions import InvalidResolutionError, RequirementConflictError
from haltpoint.presentation.calls import arguments_text, call_text, remembered_text
from haltpoint.presentation.escaping import visible
from haltpoint.presentation.records import run_record
from haltpoint.presentation.times import clock
from haltpoint.resolution.answers import is_dynamic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from haltpoint.cli.database import DatabaseName
    from haltpoint.db.database import Database
    from haltpoint.resolution.parse import RequirementKind
    from haltpoint.run.requirements import RunRequirement

__all__ = ["Said", "decide", "decided_call_text", "decided_text"]

COMMANDS: dict[RequirementKind, str] = {
    "confirmation": "approve or reject",
    "user_input": "answer",
    "external_tool": "result",
    "recovery": "recover",
    "wait": "approve",
}


class Said(TypedDict):
    """What each decision says beside itself.

    Attributes:
        by: who decides.
        expected_digest: of what they were shown.
    """

    by: str
    expected_digest: str | None


def decide(
    db_file: DatabaseName,
    identifier: str,
    kind: RequirementKind,
    draft: Callable[[RunRequirement, Said], None],
    *,
    by: str,
    expected_digest: str | None,
    as_json: bool,
    also: RequirementKind | None = None,
) -> None:
    """Put a decision on disk and print what comes of it.

    Args:
        db_file: the database.
        identifier: the beginning of the requirement's id, or of its run's.
        kind: the kind of requirement that the command is for.
        draft: decides on the requirement, short of the disk.
        by: who decides.
        expected_digest: of what was shown; None for what is looked up here.
        as_json: whether to print JSON.
        also: another kind that the command is for.

    Raises:
        CommandError: there is no such requirement, it is of another kind, or what would run is not what was shown.
        InvalidResolutionError: the decision does not fit.
        RequirementConflictError: somebody decided otherwise before.
    """
    with opened(db_file) as database:
        requirement = find_requirement(database, identifier)
        if requirement.kind != also:
            _check_kind(requirement, kind)
        shown = list(call_lines(requirement.masked()))
        digest = requirement.digest if expected_digest is None else expected_digest
        try:
            draft(requirement, {"by": by, "expected_digest": digest})
            requirement.commit()
        except InvalidResolutionError as error:
            if is_other_than_shown(error):
                raise _changed(database, requirement.id, shown, error) from error
            raise
        except RequirementConflictError as error:
            now = database.requirement(requirement.id)
            if now.is_resolved:
                raise
            raise _approved_otherwise(now, error) from error
        # What will run stands on disk, also where validation made something else of what was given.
        _report(database, database.requirement(requirement.id), Output(as_json=as_json))


def _changed(
    database: Database, requirement_id: str, shown: Sequence[str], error: InvalidResolutionError
) -> CommandError:
    # An error may end up in a log.
    now = list(call_lines(database.requirement(requirement_id).masked()))
    before = [] if now == shown else ["It was:", *shown]
    details = "\n".join([*before, "It is now:", *now])
    return CommandError(str(error), exit_code_of(error), type(error).__name__, details=details)


def _approved_otherwise(requirement: RunRequirement, error: RequirementConflictError) -> CommandError:
    """Others approved it with changes, and this person does not say that they saw these."""
    lines = ["It is now:", *call_lines(requirement.masked())]
    if requirement.digest is not None:
        lines.append(f"To approve just that, add --expected-digest {requirement.digest}")
    return CommandError(str(error), exit_code_of(error), type(error).__name__, details="\n".join(lines))


def decided_call_text(requirement: RunRequirement) -> str:
    """Return the call that was decided on, with what will run; of one that only asks, what was answered."""
    masked = requirement.masked()
    decision, execution = masked.decision or {}, masked.tool_execution
    if decision.get("type") == "input" and is_dynamic(execution):
        return f"{visible(execution.tool_name)}: {arguments_text(decision['values'])}"
    return call_text(execution)


def decided_text(requirement: RunRequirement) -> str:
    """Return who decided what on a requirement, and when; or who approved so far."""
    requirement = requirement.masked()
    if requirement.decision is None:
        return approvals_text(requirement) or "open"
    what = "ended" if requirement.kind == "wait" else _words(requirement.decision)
    by = "" if requirement.decided_by is None else f" by {requirement.decided_by}"
    at = "" if requirement.decided_at is None else f" at {clock(requirement.decided_at)}"
    return f"{what}{by}{at}"


_WORDS = {
    "confirm": "approved",
    "reject": "rejected",
    "input": "answered",
    "result": "given its result",
    "retry": "let run once more",
    "supply": "given its result",
    "skip": "given up",
}


def _words(decision: Mapping[str, Any]) -> str:
    words = _WORDS[decision["type"]]
    if decision.get("tool_args") is not None:
        words = f"{words} with changed arguments"
    if decision.get("remember") is not None:
        words = f"{words}, and {remembered_text(decision['remember'])},"
    note = decision.get("note")
    return f'{words}, "{note}",' if note else words


def _check_kind(requirement: RunRequirement, kind: RequirementKind) -> None:
    if requirement.kind != kind:
        raise CommandError(
            f"requirement {requirement.id} is of kind {requirement.kind}: "
            f"decide on it with haltpoint {COMMANDS[requirement.kind]}",
            ExitCode.USAGE,
        )


def _report(database: Database, requirement: RunRequirement, output: Output) -> None:
    run = database.run(requirement.run_id or "")
    step = next_step(database, run)
    if output.as_json:
        output.json({"requirement": requirement.masked().to_dict(), "run": run_record(run), "next": step})
        return
    output.line(
        Styled(short_requirement_id(requirement.id), "bold"),
        f"  {decided_call_text(requirement)}: ",
        Styled(decided_text(requirement), "green"),
    )
    output.line(step)
