"""What `haltpoint move` and `haltpoint copy` say of what they did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from haltpoint.cli.exit_codes import ExitCode, exit_code_of
from haltpoint.cli.output import Output
from haltpoint.presentation.escaping import visible

if TYPE_CHECKING:
    from haltpoint.db.moving import MoveReport

__all__ = ["print_report"]


def print_report(report: MoveReport, done: str, *, as_json: bool) -> ExitCode:
    """Print what became of the runs, and return the exit code: that of the first error, those about busy runs last.

    Args:
        report: what became of them.
        done: the word for what was done.
        as_json: whether it is printed as JSON.
    """
    output = Output(as_json=as_json)
    if as_json:
        output.json(report.to_dict())
    else:
        before = f"; {len(report.before)} were there before" if report.before else ""
        stay = f"; {len(report.refused)} stay" if report.refused else ""
        output.line(f"{done} {len(report.done)} run{'' if len(report.done) == 1 else 's'}{before}{stay}.")
        for error in report.refused:
            click.echo(f"haltpoint: {visible(str(error))}", err=True)
    codes = [exit_code_of(error) for error in report.refused]
    others = [code for code in codes if code is not ExitCode.NOTHING_TO_DO]
    return next(iter([*others, *codes]), ExitCode.DONE)
