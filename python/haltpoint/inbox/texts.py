"""Text in pages. What models, tools and people wrote is shown as it is, and never obeyed."""

from __future__ import annotations

import json
import unicodedata
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from haltpoint.invisible import right_to_left_words, unseen_parts, unseen_text, with_unseen_shown
from haltpoint.presentation.times import age
from haltpoint.resolution.answers import is_dynamic
from haltpoint.timestamps import format_time, parse_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haltpoint.run.requirements import RunRequirement

__all__ = [
    "LONGEST",
    "age_element",
    "answers",
    "arguments_text",
    "asks_by_itself",
    "call_text",
    "cut",
    "duration_text",
    "json_text",
    "left_element",
    "moment_element",
    "plain",
    "shortened",
    "shown",
    "shown_whole",
    "values_text",
]

# Of a text, so many characters are shown; forms offer none that is longer.
LONGEST = 10_000
# Of unseen characters in a row, so many have their names shown.
_NAMED = 8
_DAY, _HOUR, _MINUTE = 86400, 3600, 60


def shown(text: object) -> Markup:
    r"""Return text as HTML in which each character without a look of its own is written like `\u202e`, and marked.

    Such characters could hide a part of what is approved, or show it in another order. Words that are read from right
    to left stand apart from what is beside them, so that they move nothing else. Of a long text the beginning is shown.
    """
    return shown_whole(cut(str(text)))


def cut(text: str) -> str:
    """Return the beginning of a text that is too long for a page, with how much is missing; else the text."""
    left_out = len(text) - LONGEST
    if left_out <= 0:
        return text
    return f"{text[:LONGEST]}… ({left_out:,} more characters: see all data of this run)"


def shown_whole(text: str) -> Markup:
    """Return text like `shown`, however long it is: for what a person typed just now, which stands nowhere else."""
    return Markup("").join(_marked(part) if is_unseen else _isolated(part) for part, is_unseen in unseen_parts(text))


def plain(text: object) -> str:
    """Return text for a place that takes no marks, such as a title, with the same characters written by number."""
    return with_unseen_shown(str(text))


def json_text(value: Any, *, indent: int | None = None) -> str:
    """Return a value as JSON text."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def shortened(text: str, most: int) -> str:
    """Return a text of at most so many characters and a mark where something is missing."""
    return text if len(text) <= most else f"{text[:most]}…"


def asks_by_itself(requirement: RunRequirement) -> bool:
    """Whether the call does nothing but ask: its arguments are the form."""
    return requirement.kind == "user_input" and is_dynamic(requirement.tool_execution)


def answers(requirement: RunRequirement) -> dict[str, Any]:
    """Return what the fields of a form hold."""
    return {field["name"]: field.get("value") for field in requirement.user_input_schema or ()}


def call_text(requirement: RunRequirement) -> str:
    """Return a requirement's call in one line, like `pay(amount=5)`."""
    return f"{requirement.tool_execution.tool_name}({arguments_text(requirement)})"


def arguments_text(requirement: RunRequirement) -> str:
    """Return the arguments of a requirement's call in one line, like `amount=5, to="bob"`."""
    return values_text(requirement.tool_execution.tool_args)


def values_text(values: Mapping[str, Any]) -> str:
    """Return named values in one line, like `amount=5, to="bob"`."""
    return ", ".join(f"{name}={_value_text(value)}" for name, value in values.items())


def duration_text(seconds: float) -> str:
    """Return a duration in its largest units: "120 ms", "4.2 s", "3 min 5 s", "2 h 10 min", "5 d 3 h"."""
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < _HOUR:
        return _two(whole, _MINUTE, "min", 1, "s")
    if whole < _DAY:
        return _two(whole, _HOUR, "h", _MINUTE, "min")
    return _two(whole, _DAY, "d", _HOUR, "h")


def age_element(at: datetime | str) -> Markup:
    """Return how long ago a moment was, such as "5m", with the moment itself for machines and pointers.

    Args:
        at: the moment, also as ISO 8601 text.
    """
    moment = parse_time(at) if isinstance(at, str) else at
    exact = f"{moment:%Y-%m-%d %H:%M:%S} UTC"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(format_time(moment), exact, age(moment))


def moment_element(at: datetime | str) -> Markup:
    """Return a moment to the second, for people and machines; `at` may be ISO 8601 text."""
    moment = parse_time(at) if isinstance(at, str) else at
    return Markup('<time datetime="{}">{}</time>').format(format_time(moment), f"{moment:%Y-%m-%d %H:%M:%S} UTC")


def left_element(at: datetime) -> Markup:
    """Return how much time is left until a moment, such as "5m", with the moment itself for machines and pointers."""
    exact = f"{at:%Y-%m-%d %H:%M:%S} UTC"
    now = datetime.now(timezone.utc)
    # As long ago as it lies ahead.
    left = age(now - (at - now))
    return Markup('<time datetime="{}" title="{}" data-left>{}</time>').format(format_time(at), exact, left)


def _value_text(value: Any) -> str:
    # Only a beginning is ever shown in one line.
    return json_text(cut(value) if isinstance(value, str) else value)


def _two(seconds: int, large: int, large_name: str, small: int, small_name: str) -> str:
    rest = seconds % large // small
    more = f" {rest} {small_name}" if rest else ""
    return f"{seconds // large} {large_name}{more}"


def _isolated(text: str) -> Markup:
    parts = right_to_left_words(text)
    return Markup("").join(
        Markup("<bdi>{}</bdi>").format(part) if is_moving else escape(part) for part, is_moving in parts
    )


def _marked(characters: str) -> Markup:
    names = sorted({unicodedata.name(character, "control character").lower() for character in characters[:_NAMED]})
    return Markup('<span class="unseen" title="{}">{}</span>').format(", ".join(names), unseen_text(characters))
