"""What a JSON schema takes, where it is all that is known of a value."""

from __future__ import annotations

from typing import Any

import pytest

from haltpoint.tools.field_words import schema_of
from haltpoint.tools.schema_check import value_problems


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("^a+$", "aa", True),
        ("^a+$", "a\n", False),
        ("^(a|b$)", "b\n", False),
        (r"^\$$", "$", True),
        ("^[$]$", "$", True),
        ("^[^]$]$", "$", False),
    ],
)
def test_a_pattern_ends_where_the_text_does(pattern: str, text: str, fits: bool) -> None:
    assert (value_problems({"type": "string", "pattern": pattern}, text) == []) is fits


@pytest.mark.parametrize(
    ("field_type", "fits", "other"),
    [
        ("date", "2026-02-01", "soon"),
        ("datetime", "2026-02-01T10:00:00", "at ten"),
        ("Time", "10:00", "25:00"),
        ("uuid", "12345678-1234-5678-1234-567812345678", "12"),
        ("email", "ann@example.com", "ann"),
        ("list[date]", ["2026-02-01"], ["soon"]),
    ],
)
def test_a_model_names_formats_of_text(field_type: str, fits: Any, other: Any) -> None:
    schema = schema_of({"field_type": field_type})
    assert value_problems(schema, fits) == []
    assert value_problems(schema, other) != []
