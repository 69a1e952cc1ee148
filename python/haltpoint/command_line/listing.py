"""Lists, shown once or watched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from haltpoint.command_line.damage import DamagedRuns, tell_on_standard_error
from haltpoint.command_line.output import Column, Output, Part, Styled, json_text
from haltpoint.command_line.watching import each_change

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from haltpoint.db.database import Database

__all__ = ["Listing", "Row", "print_list"]


@dataclass(frozen=True)
class Row:
    """One thing in a list.

    Attributes:
        key: what tells it from the others.
        record: what `--json` prints of it.
        cells: what a table shows of it.
    """

    key: str
    record: dict[str, Any]
    cells: Sequence[Part]


@dataclass(frozen=True)
class Listing:
    """A list that can be read again and again.

    Attributes:
        columns: of its table.
        read: returns its rows as they are now, newest first.
        nothing: what is said where there are none.
        damaged: what `read` tells of runs that can't be read.
    """

    columns: Sequence[Column]
    read: Callable[[], list[Row]]
    nothing: str
    damaged: DamagedRuns


def print_list(listing: Listing, database: Database, output: Output, *, watch: bool) -> None:
    """Print a list; with `watch`, go on until the process is interrupted.

    A terminal shows the whole list anew after each change. Elsewhere a row is printed when it is new or has changed,
    oldest first.
    """
    if not watch:
        _print_rows(listing, listing.read(), output)
        for error in listing.damaged.taken():
            tell_on_standard_error(error, as_json=output.as_json)
    elif output.is_terminal:
        _redraw(listing, database, output)
    else:
        _follow(listing, database, output)


def _print_rows(listing: Listing, rows: Sequence[Row], output: Output) -> None:
    if output.as_json:
        for row in rows:
            output.json(row.record)
    else:
        output.table(listing.columns, [row.cells for row in rows], nothing=listing.nothing)


def _redraw(listing: Listing, database: Database, output: Output) -> None:
    for _ in each_change(database):
        rows = listing.read()
        output.clear()
        _print_rows(listing, rows, output)
        for error in listing.damaged.taken():
            output.line(Styled(str(error), "red"))
        output.line(Styled("watching; Ctrl-C ends it", "dim"))


def _follow(listing: Listing, database: Database, output: Output) -> None:
    printed: dict[str, str] = {}
    told: set[str] = set()
    for _ in each_change(database):
        rows = listing.read()
        news = {str(error): error for error in listing.damaged.taken() if str(error) not in told}
        told |= set(news)
        for error in news.values():
            tell_on_standard_error(error, as_json=output.as_json)
        changed = [row for row in rows if printed.get(row.key) != json_text(row.record)]
        _print_rows(listing, changed[::-1], output)
        # What left the list is forgotten, so that a watch of many days stays small.
        printed = {row.key: json_text(row.record) for row in rows}
