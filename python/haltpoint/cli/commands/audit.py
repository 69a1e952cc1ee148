"""`haltpoint audit`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from haltpoint.cli.command import command as haltpoint_command
from haltpoint.cli.database import opened
from haltpoint.cli.exit_codes import ExitCode
from haltpoint.cli.identifiers import find_run_id
from haltpoint.cli.options import database_option, json_option, run_argument
from haltpoint.cli.output import Output, Styled
from haltpoint.exceptions import StoreError
from haltpoint.presentation.calls import origin_text
from haltpoint.presentation.escaping import visible_json
from haltpoint.presentation.times import clock

if TYPE_CHECKING:
    from haltpoint.cli.database import DatabaseName
    from haltpoint.db.database import Database
    from haltpoint.db.verification import AuditRecord, Verification

__all__ = ["command"]

_HASH_DIGITS = 64
_MOVES = ("moved", "arrived")


def _checked_head(context: click.Context, parameter: click.Parameter, head: str | None) -> str | None:
    is_hash = head is None or (len(head) == _HASH_DIGITS and not head.strip("0123456789abcdefABCDEF"))
    if not is_hash:
        raise click.BadParameter(f"a hash has {_HASH_DIGITS} hexadecimal digits")
    return head


@haltpoint_command("audit")
@run_argument
@click.option("--head", metavar="HASH", callback=_checked_head, help="A hash kept elsewhere, which an entry must have.")
@database_option
@json_option
def command(run_id: str, head: str | None, db_file: DatabaseName, as_json: bool) -> ExitCode:
    """Print who decided what about a run, and verify it.

    Each decision stands there with the exact arguments that it was made on, and when it was made.

    The run's hash chain is verified, too: exit code 1 says that it does not fit, or can't be checked. A chain that was
    written with an audit key needs that key in HALTPOINT_AUDIT_KEY. Keep the head that is printed elsewhere: given back
    with --head, it shows whether the end of the record was cut off. RUN_ID is the run's id or the beginning of it.
    """
    with opened(db_file) as database:
        found = find_run_id(database, run_id)
        verification = database.verify(found, head)
        records = _records(database, verification)
    output = Output(as_json=as_json)
    if as_json:
        told = None if records is None else [record.to_dict() for record in records]
        output.json({"run_id": found, "verification": dataclasses.asdict(verification), "records": told})
    else:
        for record in records or ():
            _print_record(record.masked(), output)
        _print_verification(verification, output)
    return ExitCode.DONE if verification.ok else ExitCode.FAILED


def _records(database: Database, verification: Verification) -> list[AuditRecord] | None:
    """What was decided; None where the journal is too damaged to tell, as the verification then says."""
    try:
        return database.audit(verification.run_id)
    except StoreError:
        if verification.ok:
            raise
        return None


def _print_record(record: AuditRecord, output: Output) -> None:
    is_somebody = record.reason is None or record.action in _MOVES
    by = record.by or ("somebody" if is_somebody else "nobody")
    action = record.action.replace("_", " ")
    tool = record.tool_name or ""
    facts = {
        "shown": None if record.tool_args is None else visible_json(record.tool_args),
        "changed to": None if record.changed_args is None else visible_json(record.changed_args),
        "decision": None if record.decision is None else visible_json(record.decision),
        "requirement": record.requirement_id,
        "remembered": None if record.remembered_from is None else origin_text(record.remembered_from),
        "reason": record.reason,
    }
    if not output.is_terminal:
        output.fields(record.at.isoformat(), by, record.action, tool, *(fact or "" for fact in facts.values()))
        return
    output.line(Styled(clock(record.at), "dim"), "  ", Styled(by, "bold"), f"  {action} ", Styled(tool, "bold"))
    for name, fact in facts.items():
        if fact is not None:
            output.wrapped(4, Styled(f"{name:<12}", "dim"), fact)


def _print_verification(verification: Verification, output: Output) -> None:
    keyed = "keyed" if verification.keyed else "not keyed"
    found = f"{verification.first_bad}" if verification.first_bad is not None else "sound"
    head = verification.head or ""
    if not output.is_terminal:
        output.fields("chain", found, str(verification.entries), keyed, head)
        return
    output.blank()
    style = "green" if verification.ok else "red"
    output.line(Styled(found, style), f": {verification.entries} entries, {keyed}, head {head}")
