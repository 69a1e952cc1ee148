"""Whether data that came back is the data that was shown."""

from __future__ import annotations

import json

from haltpoint.tools.json_form import with_whole_numbers

__all__ = ["is_plain", "same_data"]


def same_data(first: object, second: object) -> bool:
    """Whether two values are the same JSON data.

    Numbers that are equal are the same: JavaScript writes 50 for 50.0, and 10000000000000000 for 1e16. True is not 1,
    as it is to Python alone, and the text "1.10" is not "1.1".
    """
    return first is second or _written(first) == _written(second)


def is_plain(value: object) -> bool:
    """Whether a value is text, a number, true or false, or null, which Python may take for another one."""
    return value is None or isinstance(value, (str, bool, int, float))


def _written(value: object) -> object:
    try:
        return json.dumps(with_whole_numbers(value), sort_keys=True)
    except (TypeError, ValueError, RecursionError):
        # It is no JSON data, and so the same as nothing else.
        return object()
