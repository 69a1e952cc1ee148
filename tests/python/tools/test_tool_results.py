"""What the model reads of a tool's result."""

from __future__ import annotations

import enum
import json
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr, field_serializer
from pydantic.dataclasses import dataclass as pydantic_dataclass

from haltpoint.exceptions import ToolResultError
from haltpoint.tools.results import render_result


class Colour(enum.Enum):
    RED = "red"


class Mood(str, enum.Enum):
    GOOD = "good"


class Level(enum.IntEnum):
    HIGH = 3


class Model(BaseModel):
    a: int = 1
    b: str = "v"
    hidden: str = Field(default="secret", exclude=True)
    password: SecretStr = SecretStr("pw")
    when: date = date(2024, 1, 2)

    @field_serializer("a")
    def double(self, a: int) -> int:
        return a * 2


class Holder(BaseModel):
    content: Any = None


@dataclass
class Node:
    name: str
    children: list[Any] = field(default_factory=list[Any])


@pydantic_dataclass
class Point:
    x: int
    at: datetime


class Pair(NamedTuple):
    left: int
    right: int


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain text", "plain text"),
        ("", ""),
        (None, "null"),
        (True, "true"),
        (42, "42"),
        (1.5, "1.5"),
        (10**30, "1" + "0" * 30),
        ({"k": "v", "n": 1}, '{"k":"v","n":1}'),
        ({"ä": "ß"}, '{"ä":"ß"}'),
        ([1, "a", None], '[1,"a",null]'),
        ((1, 2), "[1,2]"),
        ({3}, "[3]"),
        (frozenset({3}), "[3]"),
        (deque([1, 2]), "[1,2]"),
        (Pair(1, 2), "[1,2]"),
        (OrderedDict([("b", 1), ("a", 2)]), '{"b":1,"a":2}'),
        (MappingProxyType({"a": 1}), '{"a":1}'),
        (Model(), '{"a":2,"b":"v","password":"**********","when":"2024-01-02"}'),
        ([Model(a=2)], '[{"a":4,"b":"v","password":"**********","when":"2024-01-02"}]'),
        (Node("a", [Node("b")]), '{"name":"a","children":[{"name":"b","children":[]}]}'),
        (Point(1, datetime(2024, 1, 2)), '{"x":1,"at":"2024-01-02T00:00:00"}'),
        (Colour.RED, '"red"'),
        (date(2024, 1, 2), '"2024-01-02"'),
        (Mood.GOOD, "good"),
        (Level.HIGH, "3"),
        ([Colour.RED, Mood.GOOD, Level.HIGH], '["red","good",3]'),
        ([datetime(2024, 1, 2, tzinfo=timezone.utc)], '["2024-01-02T00:00:00Z"]'),
        ([timedelta(hours=1)], '["PT1H"]'),
        ([UUID(int=5)], '["00000000-0000-0000-0000-000000000005"]'),
        ([Decimal("1.10")], '["1.10"]'),
        ([PurePosixPath("/a/b")], '["/a/b"]'),
        ({date(2024, 1, 2): 1, Colour.RED: 2, 3: 3, None: 4}, None),
    ],
)
def test_what_has_a_json_form_is_rendered(value: Any, text: str | None) -> None:
    if text is None:
        text = '{"2024-01-02":1,"red":2,"3":3,"null":4}'
    assert render_result(value) == text


def test_a_text_of_ten_megabytes_is_passed_on_as_the_same_object() -> None:
    ascii_text = "x" * 10_000_000
    other_text = "ä€😀" * 3_000_000
    assert render_result(ascii_text) is ascii_text
    assert render_result(other_text) is other_text


def cyclic_list() -> Any:
    loop: list[Any] = []
    loop.extend([loop, loop])
    return loop


def cyclic_objects() -> Any:
    node = Node("a")
    node.children.append({"back": node})
    return node


def cyclic_model() -> Any:
    holder = Holder()
    holder.content = [holder]
    return holder


def nested(depth: int) -> Any:
    value: Any = None
    for _ in range(depth):
        value = [value]
    return value


def generated() -> Any:
    yield 1


async def awaited() -> None: ...


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\x00\xff", "base64"),
        (bytearray(b"a"), "base64"),
        (memoryview(b"a"), "base64"),
        ({"deep": [{"er": b"x"}]}, "base64"),
        ({b"key": 1}, "base64"),
        (Holder(content=b"text"), "base64"),
        (Node("a", [b"x"]), "base64"),
        (float("nan"), "nan"),
        ([float("inf")], "inf"),
        ({"a": {"b": -float("inf")}}, "-inf"),
        (Holder(content=float("nan")), "nan"),
        ("\ud800", "surrogate"),
        (["a\udfff"], "surrogate"),
        ({"\ud800": 1}, "surrogate"),
        (Holder(content="\ud800"), "surrogate|JSON"),
        (cyclic_list(), "cyclic"),
        (cyclic_objects(), "cyclic"),
        (cyclic_model(), "cyclic|Circular"),
        (nested(101), "deeper"),
        (nested(50_000), "deeper"),
        (Holder(content=nested(50_000)), "deeper|depth"),
        ({(1, 2): 3}, "key"),
        (object(), r"builtins\.object.*return text"),
        ([print], "no JSON form"),
        (Node, "no JSON form"),
        (ValueError("x"), "no JSON form"),
        (generated(), "list of its items"),
        (iter([1]), "list of its items"),
    ],
)
def test_what_has_no_json_form_is_an_error_that_names_the_type(value: Any, reason: str) -> None:
    with pytest.raises(ToolResultError, match=reason) as caught:
        render_result(value)
    assert type(value).__name__ in str(caught.value)


def test_an_integer_that_python_cannot_write_is_an_error() -> None:
    with pytest.raises(ToolResultError, match="can't be written as JSON"):
        render_result([10**5000])


def test_a_coroutine_that_nobody_awaited_is_an_error() -> None:
    coroutine = awaited()
    with pytest.raises(ToolResultError, match="coroutine"):
        render_result(coroutine)
    coroutine.close()


def test_the_greatest_depth_is_rendered() -> None:
    assert render_result(nested(100)) == "[" * 100 + "null" + "]" * 100


any_value = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text(st.characters())
    | st.binary()
    | st.dates()
    | st.decimals()
    | st.uuids()
    | st.sampled_from([Colour.RED, Mood.GOOD, Level.HIGH]),
    lambda children: (
        st.lists(children, max_size=3)
        | st.tuples(children)
        | st.dictionaries(st.text() | st.integers() | st.dates(), children, max_size=3)
        | st.builds(Node, st.text(), st.lists(children, max_size=2))
        | st.builds(Holder, content=children)
    ),
    max_leaves=10,
)


@given(any_value)
@settings(max_examples=400, deadline=None)
def test_any_value_is_rendered_as_strict_json_or_refused(value: Any) -> None:
    try:
        text = render_result(value)
    except ToolResultError:
        return
    text.encode()
    if not isinstance(value, (str, enum.Enum, date, Decimal, UUID)):
        json.loads(text, parse_constant=pytest.fail)
