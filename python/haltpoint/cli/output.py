"""What a command prints: for a person at a terminal, or plain for whatever reads a pipe.

At a terminal there are colours and tables as wide as it is. Elsewhere each item is one line of fields with a tab
between them, without headings. All text passes through `visible`, and no markup is ever read in it.
"""

from __future__ import annotations

import json
import sys
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from haltpoint.cli.errors import OutputError
from haltpoint.presentation.escaping import isolated, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import Console
    from rich.text import Text

__all__ = ["Column", "Output", "Styled", "json_text", "words_of"]

# Below this width, in characters, the cells of a row stand one below the other.
_NARROW = 72

# A table of more rows is printed in parts. A list without --limit is one.
_ROWS_AT_ONCE = 50


class Styled(NamedTuple):
    """Text in the words of a style, such as "bold" or "red"."""

    text: str
    style: str


Part = str | Styled


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        title: its heading.
        style: of its cells.
        is_long: whether it gets the room that the others leave, and its text is wrapped.
    """

    title: str
    style: str = ""
    is_long: bool = False


class Output:
    """Standard output.

    Args:
        as_json: whether the command was asked for JSON, and words have no place there.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    @property
    def is_terminal(self) -> bool:
        """Whether a person looks at it."""
        return sys.stdout.isatty() and not self.as_json

    def json(self, value: Any) -> None:
        """Print a value as one line of JSON."""
        _write(json_text(value))

    def line(self, *parts: Part) -> None:
        """Print one line, of which a terminal shows the styles."""
        if self.is_terminal:
            self._console.print(_text(parts), soft_wrap=True)
        else:
            _write("".join(visible(words_of(part)) for part in parts))

    def wrapped(self, indent: int, *parts: Part) -> None:
        """Print text that keeps its indent, in columns, where it is too long for one line of a terminal."""
        from rich.padding import Padding

        self._console.print(Padding(_text(parts), (0, 0, 0, indent), expand=False))

    def rule(self, title: str) -> None:
        """Print a line across the terminal, with a title in it."""
        from rich.rule import Rule

        self._console.print()
        self._console.print(Rule(_text([Styled(title, "bold yellow")]), align="left", style="yellow"))

    def blank(self) -> None:
        """Print an empty line, which has a meaning for a person only."""
        if self.is_terminal:
            self._console.print()

    def fields(self, *parts: Part) -> None:
        """Print one line of fields with a tab between them."""
        _write("\t".join(visible(words_of(part)) for part in parts))

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[Part]], *, nothing: str) -> None:
        """Print rows, or `nothing` at a terminal where there are none."""
        if not self.is_terminal:
            for row in rows:
                self.fields(*row)
            return
        widths = [len(column.title) for column in columns]
        number = -1
        # A long list is shown while it is read.
        for number, part in enumerate(_parts(rows)):
            if self._console.width < _NARROW:
                self._stacked(columns, part)
            else:
                self._wide(columns, part, widths, has_heading=number == 0)
        if number < 0:
            self.line(Styled(nothing, "dim"))

    def clear(self) -> None:
        """Begin at the top of an empty terminal."""
        self._console.clear()

    @cached_property
    def _console(self) -> Console:
        from rich.console import Console

        return Console(markup=False, emoji=False, highlight=False)

    def _wide(
        self, columns: Sequence[Column], rows: Sequence[Sequence[Part]], widths: list[int], *, has_heading: bool
    ) -> None:
        """Print rows as a table, whose columns are as wide as `widths` or wider; `widths` grows with them."""
        from rich.table import Table

        cells = [[_text([part]) for part in row] for row in rows]
        widths[:] = [max(width, *(row[place].cell_len for row in cells)) for place, width in enumerate(widths)]
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold dim", pad_edge=False, show_header=has_heading)
        for column, width in zip(columns, widths, strict=True):
            table.add_column(
                column.title,
                style=column.style,
                no_wrap=not column.is_long,
                ratio=1 if column.is_long else None,
                min_width=None if column.is_long else width,
            )
        for row in cells:
            table.add_row(*row)
        self._console.print(table)

    def _stacked(self, columns: Sequence[Column], rows: Iterable[Sequence[Part]]) -> None:
        for row in rows:
            pairs = list(zip(columns, row, strict=True))
            short = [_text([_styled(part, column)]) for column, part in pairs if not column.is_long]
            self._console.print(_joined([text for text in short if text]))
            for column, part in pairs:
                if column.is_long:
                    self.wrapped(2, _styled(part, column))


def _parts(rows: Iterable[Sequence[Part]]) -> Iterator[list[Sequence[Part]]]:
    """The rows, so many at a time as are shown at once."""
    left = iter(rows)
    while part := list(islice(left, _ROWS_AT_ONCE)):
        yield part


def json_text(value: Any) -> str:
    """Return a value as one line of JSON in ASCII, which nothing between here and its reader can change."""
    return json.dumps(value).replace("\x7f", "\\u007f")


def _write(line: str) -> None:
    try:
        sys.stdout.write(f"{line}\n")
        # Whoever follows a watch through a pipe wants each line when it is there.
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(error) from error


def words_of(part: Part) -> str:
    """Return the text of a part, without its style."""
    return part.text if isinstance(part, Styled) else part


def _styled(part: Part, column: Column) -> Part:
    return part if isinstance(part, Styled) else Styled(part, column.style)


def _text(parts: Iterable[Part]) -> Text:
    from rich.text import Text

    text = Text(overflow="fold")
    for part in parts:
        text.append(isolated(visible(words_of(part))), part.style if isinstance(part, Styled) else None)
    return text


def _joined(texts: Sequence[Text]) -> Text:
    from rich.text import Text

    return Text("  ").join(texts)
