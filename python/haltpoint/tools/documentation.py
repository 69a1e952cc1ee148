"""What a docstring says about a tool and its parameters."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from haltpoint._concurrency.async_functions import AnyFunction, implementation
from haltpoint._concurrency.fork_guard import no_fork

if TYPE_CHECKING:
    from docstring_parser import Docstring

__all__ = ["Documentation", "read_documentation"]


class Documentation(NamedTuple):
    """The parts of a docstring that a model reads.

    Attributes:
        description: the text before the sections; empty when there is none.
        parameters: the description of each parameter that has one, by name.
    """

    description: str = ""
    parameters: Mapping[str, str] = MappingProxyType({})


def read_documentation(function: AnyFunction) -> Documentation:
    """Read the docstring of `function`, in Google, NumPy or Sphinx style. One that can't be parsed is kept whole."""
    text = inspect.getdoc(implementation(function))
    if not text:
        return Documentation()
    return Documentation(text) if _is_one_sentence(text) else _parsed(text)


def _is_one_sentence(text: str) -> bool:
    # In each style a section has a title on a line of its own, or begins with one of these marks.
    return "\n" not in text and not text.startswith((":", "@")) and not text.rstrip().endswith(":")


def _parsed(text: str) -> Documentation:
    with no_fork:
        from docstring_parser import ParseError, parse
    try:
        parsed = parse(text)
    except ParseError:
        return Documentation(text)
    return Documentation(_description(parsed), _parameters(parsed))


def _description(parsed: Docstring) -> str:
    parts = (parsed.short_description, parsed.long_description)
    return "\n\n".join(part for part in parts if part)


def _parameters(parsed: Docstring) -> dict[str, str]:
    return {
        # NumPy style describes several parameters of one kind together: "x, y : int".
        name.strip(): parameter.description
        for parameter in parsed.params
        for name in parameter.arg_name.split(",")
        if parameter.description
    }
