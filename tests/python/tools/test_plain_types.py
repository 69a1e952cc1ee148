"""Types that tools take without loading pydantic: described and validated as pydantic does it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from haltpoint.tools import define_tool
from haltpoint.tools.plain_types import Adapter, PlainAdapter, plain_type
from haltpoint.tools.pydantic_types import adapter_of, property_schemas
from support.json_values import json_values

SCALARS = [str, int, float, bool]
PLAIN = [
    *SCALARS,
    *[Optional[scalar] for scalar in SCALARS],  # noqa: UP045 - both spellings are users'
    *[scalar | None for scalar in SCALARS],
    *[list[scalar] for scalar in SCALARS],
    list[list[int]],
    list[str | None],
    list[float] | None,
]
NOT_PLAIN = [Any, None, list, dict, dict[str, int], tuple[int], set[str], bytes, object, int | str, str | int | None]


def plain_adapter(hint: Any) -> PlainAdapter:
    found = plain_type(hint)
    assert found is not None
    return PlainAdapter(found.core)


@pytest.mark.parametrize("hint", PLAIN, ids=str)
def test_a_plain_type_is_described_as_pydantic_describes_it(hint: Any) -> None:
    found = plain_type(hint)
    adapter = TypeAdapter(hint)
    assert found is not None
    assert found.core == adapter.core_schema
    assert ({"it": found.json}, {}) == property_schemas("tool", {"it": adapter})


@pytest.mark.parametrize("hint", NOT_PLAIN, ids=str)
def test_all_other_types_are_left_to_pydantic(hint: Any) -> None:
    assert plain_type(hint) is None


def outcome(adapter: Adapter, text: str, *, strict: bool) -> Any:
    """The value, with its type, and how it is written; or what is wrong with the text."""
    try:
        value = adapter.validate_json(text, strict=strict or None)
    except ValidationError as error:
        return repr(error.errors(include_url=False))
    return repr(value), repr(adapter.dump_python(value, mode="json"))


EDGES = ('"1"', '"1.5"', "1.0", "1e400", "NaN", "-Infinity", '"inf"', '"yes"', "0", "1", "9" * 40, '["1", null]', "{")
TEXTS = json_values.map(json.dumps) | st.sampled_from(EDGES)


@given(st.sampled_from(PLAIN), TEXTS, st.booleans())
def test_a_plain_type_takes_and_refuses_what_pydantic_does(hint: Any, text: str, strict: bool) -> None:
    assert outcome(plain_adapter(hint), text, strict=strict) == outcome(
        adapter_of("tool", "it", hint), text, strict=strict
    )


def test_a_tool_means_the_same_whether_pydantic_describes_it_or_not() -> None:
    def take(text: str, numbers: list[int], ratio: float = 0.5, name: str | None = None) -> str: ...

    def take_more(
        text: str, numbers: list[int], other: dict[str, int], ratio: float = 0.5, name: str | None = None
    ): ...

    plain, mixed = (define_tool(function).parameters["properties"] for function in (take, take_more))
    assert plain == {name: mixed[name] for name in plain}


PROGRAM = """
import sys
from haltpoint import Agent, ScriptedModel, ModelReply, ToolCall, tool

@tool
def add(numbers: list[int], unit: str | None = None) -> str:
    "Add numbers."
    return f"{sum(numbers)} {unit}"

script = [ModelReply(tool_calls=[ToolCall("add", {"numbers": [1, 2]})]), "done"]
assert Agent(ScriptedModel(script), tools=[add]).do("Add.") == "done"
print("pydantic" in sys.modules)
"""


def test_a_run_with_plain_tools_does_not_load_pydantic() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
