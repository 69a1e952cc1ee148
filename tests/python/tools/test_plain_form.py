"""The JSON form of what a tool gets."""

from __future__ import annotations

import dataclasses
import enum
import ipaddress
import json
import math
import os
import subprocess
import sys
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, NamedTuple
from unittest.mock import MagicMock
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    AliasChoices,
    AliasPath,
    AnyUrl,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    Secret,
    SecretBytes,
    SecretStr,
    TypeAdapter,
    computed_field,
    field_serializer,
    model_serializer,
)
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass as pydantic_dataclass

from haltpoint.tools.json_form import MAX_DEPTH, json_text
from haltpoint.tools.plain_form import HIDDEN, plain_form


class Colour(enum.Enum):
    RED = "red"


class Weight(enum.IntEnum):
    HEAVY = 3


class Mode(str, enum.Enum):
    FAST = "fast"

    def __str__(self) -> str:
        raise AssertionError


class Plain:
    def __str__(self) -> str:
        raise AssertionError

    __repr__ = __str__


class Holder(enum.Enum):
    OBJECT = Plain()


class Loud(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "another text"


class Point(NamedTuple):
    x: int
    y: Decimal


@dataclasses.dataclass(slots=True)
class Address:
    street: str
    since: date = dataclasses.field(default=date(2024, 1, 2), repr=False)


@pydantic_dataclass
class Parcel:
    grams: int = Field(alias="weightInGrams")


class Account(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="allow")
    account_id: str
    pin: str = Field(exclude=True)
    to_name: str = Field(validation_alias="recipient", serialization_alias="someoneElse")

    @computed_field
    def twice(self) -> str:
        raise AssertionError

    @field_serializer("account_id")
    def hide(self, value: str) -> str:
        raise AssertionError


class Custom(BaseModel):
    total: Decimal

    @model_serializer
    def written(self) -> Any:
        raise AssertionError


class Paths(BaseModel):
    first: int = Field(validation_alias=AliasPath("numbers", 0))
    either: int = Field(validation_alias=AliasChoices(AliasPath("a", 0), "b", "c"))
    sent_as: int = Field(serialization_alias="sentAs")


class ByName(BaseModel):
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=False)
    order_id: str = Field(alias="orderId")


class Amounts(RootModel[list[Decimal]]):
    pass


class Clash(BaseModel):
    model_config = ConfigDict(extra="allow")
    inner: int = Field(validation_alias=AliasPath("a", "b"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        ("text", "text"),
        (Loud("said"), "said"),
        (7, 7),
        (2**64 - 1, 2**64 - 1),
        (2**64, "18446744073709551616"),
        (-(2**63) - 1, "-9223372036854775809"),
        (1.5, 1.5),
        (math.inf, "inf"),
        (math.nan, "nan"),
        (Colour.RED, "red"),
        (Weight.HEAVY, 3),
        (Mode.FAST, "fast"),
        (Decimal("12345678901234567.890"), "12345678901234567.890"),
        (Decimal("1E+400"), "1E+400"),
        (date(2024, 1, 2), "2024-01-02"),
        (datetime(2024, 1, 2, 3, 4, tzinfo=timezone.utc), "2024-01-02T03:04:00Z"),
        (timedelta(hours=1), "PT1H"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (PurePosixPath("/a/b"), "/a/b"),
        (ipaddress.ip_address("10.0.0.1"), "10.0.0.1"),
        (ipaddress.ip_network("10.0.0.0/8"), "10.0.0.0/8"),
        (Fraction(1, 3), "1/3"),
        (AnyUrl("https://example.com/a"), "https://example.com/a"),
        (b"", ""),
        (b"line 1\nline 2", "line 1\nline 2"),
        (bytearray("é".encode()), "é"),
        (b"\xff\x00", "base64:/wA="),
        (b"\x00", "base64:AA=="),
        (b"base64:AA==", "base64:YmFzZTY0OkFBPT0="),
        ((1, [2, {"a": ()}]), [1, [2, {"a": []}]]),
        (deque([1, 2]), [1, 2]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"b", "a"}), ["a", "b"]),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (MappingProxyType({"a": Decimal("1.10")}), {"a": "1.10"}),
        ({1: "a", None: "b", Colour.RED: "c", date(2024, 1, 2): "d", (1, 2): "e"},
         {"1": "a", "null": "b", "red": "c", "2024-01-02": "d", "[1,2]": "e"}),
        (Point(1, Decimal("2.50")), [1, "2.50"]),
        (Address("High Street"), {"street": "High Street", "since": "2024-01-02"}),
        (Parcel(weightInGrams=5), {"weightInGrams": 5}),
        (Amounts([Decimal("1.10")]), ["1.10"]),
        (Custom(total=Decimal("1.10")), {"total": "1.10"}),
        (ByName.model_validate({"order_id": "A1"}), {"order_id": "A1"}),
        ([Custom.model_construct()], [{}]),
    ],
)  # fmt: skip
def test_each_kind_of_value_has_a_form(value: object, expected: object) -> None:
    form = plain_form(value)
    assert (form.data, form.is_whole) == (expected, True)
    assert type(form.data) is type(expected)
    json_text(form.data)


def test_a_model_shows_every_field_under_the_name_that_validation_takes() -> None:
    account = Account.model_validate({"accountId": "1", "pin": "0000", "recipient": "Ann", "extra": Decimal(2)})
    expected = {"accountId": "1", "pin": "0000", "recipient": "Ann", "extra": "2"}
    assert plain_form(account) == (expected, True)
    assert plain_form({"to": [account]}) == ({"to": [expected]}, True)


def test_a_field_with_several_aliases_has_the_name_of_its_schema() -> None:
    paths = Paths.model_validate({"numbers": [1], "b": 2, "sent_as": 3})
    assert plain_form(paths).data == {"numbers": [1], "b": 2, "sent_as": 3}


@pytest.mark.parametrize(
    "secret", [SecretStr("abc"), SecretBytes(b"abc"), Secret[date](date(2024, 1, 2)), SecretStr("")]
)
def test_secrets_are_hidden_and_the_form_says_so(secret: object) -> None:
    assert plain_form({"a": secret, "b": 1}) == ({"a": HIDDEN, "b": 1}, False)


class Raising:
    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


class Pretender:
    __class__ = dict  # type: ignore[assignment]


class Meta(type):
    def __getattribute__(cls, name: str) -> Any:
        if name in {"__qualname__", "__pydantic_fields__"}:
            raise RuntimeError(name)
        return super().__getattribute__(name)


class Made(metaclass=Meta):
    pass


class FailingMapping(dict):  # type: ignore[type-arg]
    def items(self) -> Any:
        raise OSError


@dataclasses.dataclass
class Lazy:
    size: int


Lazy.size = property(lambda self: 1 // 0, lambda self, value: None)  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (Plain, "<Plain>"),
        (lambda: Holder.OBJECT, "<Plain>"),
        (Raising, "<Raising>"),
        (Pretender, "<Pretender>"),
        (Made, "<Made>"),
        (lambda: FailingMapping(a=1), "<FailingMapping>"),
        (lambda: Lazy(1), "<Lazy>"),
        (lambda: MagicMock(spec=dict), "<MagicMock>"),
        (lambda: object, "<type>"),
        (lambda: len, "<builtin_function_or_method>"),
        (lambda: range(3), "<range>"),
        (lambda: 10**5000, "<int>"),
    ],
)
def test_an_object_without_a_form_is_shown_by_its_type(make: Callable[[], object], name: str) -> None:
    assert plain_form(make()) == (name, False)
    assert plain_form([1, {"a": make()}]) == ([1, {"a": name}], False)


def test_iterators_are_not_consumed() -> None:
    counter = iter([1, 2])
    assert plain_form(counter) == ("<list_iterator>", False)
    generator = (number for number in (1, 2))
    assert plain_form({"ids": generator}) == ({"ids": "<generator>"}, False)
    lazy = TypeAdapter(Iterable[int]).validate_python([1, 2])
    assert plain_form(lazy) == ("<ValidatorIterator>", False)
    assert [list(counter), list(generator), list(lazy)] == [[1, 2]] * 3


def test_two_keys_with_the_same_text_are_both_shown() -> None:
    assert plain_form({1: "a", "1": "b"}) == ([["1", "a"], ["1", "b"]], True)
    clash = Clash.model_validate({"a": {"b": 1}, "inner": 2})
    assert plain_form(clash) == ({"a": {"b": 1}, "inner": 2}, True)
    clash = Clash.model_construct(inner=1, a=2)
    assert plain_form(clash) == ({"inner": 1, "a": 2}, True)


def test_text_that_is_no_unicode_is_escaped() -> None:
    assert plain_form({"\ud800": ["\udfff"]}) == ({"\\ud800": ["\\udfff"]}, False)


def test_cycles_end_at_the_name_of_the_type() -> None:
    cyclic: list[Any] = [1]
    cyclic += [cyclic, cyclic]
    assert plain_form(cyclic) == ([1, "<list>", "<list>"], False)
    # Twice the same object is no cycle.
    assert plain_form([shared := {"a": 1}, shared]) == ([{"a": 1}, {"a": 1}], True)


def test_depth_is_bounded() -> None:
    deep: Any = Decimal("1.10")
    for _ in range(MAX_DEPTH):
        deep = [deep]
    form = plain_form(deep)
    assert form.is_whole
    assert json.loads(json_text(form.data)) == form.data
    too_deep = plain_form([deep])
    assert not too_deep.is_whole
    json_text(too_deep.data)
    for _ in range(10_000):
        deep = [deep]
    json_text(plain_form(deep).data)


def printed_by(program: str, seed: str = "0") -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": seed}
    command = [sys.executable, "-c", f"from haltpoint.tools.plain_form import plain_form; {program}"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_sets_have_the_same_order_in_every_process() -> None:
    seen = {printed_by("print(plain_form({'b', 'a', 'd', ('x', 1), 3}).data)", seed) for seed in ("1", "2", "3")}
    assert len(seen) == 1


def test_plain_data_needs_no_pydantic() -> None:
    program = "plain_form({'a': [1, 1.5, 'x', {Decimal(1)}, object()]}); print('pydantic' in sys.modules)"
    assert printed_by(f"import sys; from decimal import Decimal; {program}") == "False\n"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)  # fmt: skip
def test_json_data_is_its_own_form(data: Any) -> None:
    assert plain_form(data) == (data, True)
