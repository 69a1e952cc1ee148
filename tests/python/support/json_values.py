"""Strategies for JSON, well-formed and not quite."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

__all__ = ["changed", "json_values"]

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)

json_values: st.SearchStrategy[Any] = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
"""Any JSON value."""


@st.composite
def changed(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> Any:
    """One of `values` with up to three of its parts replaced, removed or doubled."""
    value = copy.deepcopy(draw(values))
    for _ in range(draw(st.integers(0, 3))):
        value = _with_change(draw, value)
    return value


def _with_change(draw: st.DrawFn, value: Any) -> Any:
    containers = [part for part in _parts(value) if part and isinstance(part, (dict, list))]
    if not containers:
        return draw(json_values)
    container = draw(st.sampled_from(containers))
    place = draw(st.sampled_from(list(container) if isinstance(container, dict) else range(len(container))))
    change = draw(st.sampled_from(["replace", "remove", "double"]))
    if change == "replace":
        container[place] = draw(json_values)
    elif change == "remove":
        del container[place]
    elif isinstance(container, list):
        container.append(copy.deepcopy(container[place]))
    else:
        container[place] = [copy.deepcopy(container[place])] * 2
    return value


def _parts(value: Any) -> list[Any]:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value, *(part for child in children for part in _parts(child))]
