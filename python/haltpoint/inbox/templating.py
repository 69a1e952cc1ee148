"""The templates of the pages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from haltpoint.inbox import texts
from haltpoint.run.approvals import approved_arguments
from haltpoint.run.changed_arguments import model_said

__all__ = ["environment"]

_TEMPLATES = Path(__file__).parent / "templates"


def environment() -> Environment:
    """Return the templates, in which every value is escaped."""
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., Any]] = made.filters
    filters.update(
        shown=texts.shown,
        shown_whole=texts.shown_whole,
        plain=texts.plain,
        json=texts.json_text,
        shortened=texts.shortened,
        duration=texts.duration_text,
        age=texts.age_element,
        left=texts.left_element,
        moment=texts.moment_element,
        arguments=texts.arguments_text,
        call=texts.call_text,
        values=texts.values_text,
        approved=approved_arguments,
        model_said=model_said,
        asks_by_itself=texts.asks_by_itself,
        answers=texts.answers,
    )
    return made
