"""Lists, shown once or watched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from haltpoint.cli.damage import DamagedRuns, tell_on_standard_error
from haltpoint.cli.output import Column, Output, Part, Styled, json_text, words_of
from haltpoint.cli.watching import each_change

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

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
        read: returns its rows as they are now, newest first, at most `limit`.
        count: returns how many there are, or how many are older than the one of a row's key.
        limit: how many are shown at most.
        nothing: what is said where there are none.
        damaged: what `read` tells of runs that can't be read.
    """

    columns: Sequence[Column]
    read: Callable[[], Iterable[Row]]
    count: Callable[[str | None], int]
    limit: int
    nothing: str
    damaged: DamagedRuns


def print_list(listing: Listing, database: Database, output: Output, *, watch: bool) -> None:
    """Print a list; with `watch`, go on until the process is interrupted.

    A terminal shows the whole list anew after each change. Elsewhere a row is printed when it is new or has changed,
    oldest first.
    """
    if not watch:
        shown = _Shown()
        _print_rows(listing, shown.passing(listing.read()), output)
        for error in listing.damaged.taken():
            tell_on_standard_error(error, as_json=output.as_json)
        _tell_of_rest(listing, shown, output)
    elif output.is_terminal:
        _redraw(listing, database, output)
    else:
        _follow(listing, database, output)


class _Shown:
    """Counts rows while they are printed."""

    def __init__(self) -> None:
        self.number = 0
        self.last: Row | None = None

    def passing(self, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            self.number += 1
            self.last = row
            yield row


def _print_rows(listing: Listing, rows: Iterable[Row], output: Output) -> None:
    if output.as_json:
        for row in rows:
            output.json(row.record)
    else:
        output.table(listing.columns, (row.cells for row in rows), nothing=listing.nothing)


def _tell_of_rest(listing: Listing, shown: _Shown, output: Output) -> None:
    """Say how many are not shown, and how to see them: no list is cut off in silence."""
    last = shown.last
    if last is None or shown.number < listing.limit or not listing.count(last.key):
        return
    total = listing.count(None)
    if output.as_json:
        click.echo(json_text({"shown": shown.number, "total": total, "before": last.key}), err=True)
        return
    words = f"{shown.number:,} of {total:,}, older ones with --before {words_of(last.cells[0])}"
    if output.is_terminal:
        output.line(Styled(words, "dim"))
    else:
        click.echo(f"haltpoint: {words}", err=True)


def _redraw(listing: Listing, database: Database, output: Output) -> None:
    for _ in each_change(database):
        shown = _Shown()
        rows = list(shown.passing(listing.read()))
        output.clear()
        _print_rows(listing, rows, output)
        _tell_of_rest(listing, shown, output)
        for error in listing.damaged.taken():
            output.line(Styled(str(error), "red"))
        output.line(Styled("watching; Ctrl-C ends it", "dim"))


def _follow(listing: Listing, database: Database, output: Output) -> None:
    printed: dict[str, str] = {}
    told: set[str] = set()
    for _ in each_change(database):
        shown = _Shown()
        rows = list(shown.passing(listing.read()))
        news = {str(error): error for error in listing.damaged.taken() if str(error) not in told}
        told |= set(news)
        for error in news.values():
            tell_on_standard_error(error, as_json=output.as_json)
        changed = [row for row in rows if printed.get(row.key) != json_text(row.record)]
        _print_rows(listing, changed[::-1], output)
        # Where all of them are new, older new ones may not be among them.
        if len(changed) == len(rows):
            _tell_of_rest(listing, shown, output)
        # What left the list is forgotten, so that a watch of many days stays small.
        printed = {row.key: json_text(row.record) for row in rows}
