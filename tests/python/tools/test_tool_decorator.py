"""The `tool` decorator: what it accepts, what it refuses, and what it leaves alone."""

from __future__ import annotations

import asyncio
import functools
import inspect
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from haltpoint.tools import define_tool, tool


def add(left: int, right: int) -> int:
    """Add two numbers."""
    return left + right


def is_large(left: int, right: int) -> bool:
    return left > right


def test_a_decorated_function_is_the_same_object_and_runs_as_before() -> None:
    decorated = tool(add)
    assert decorated is add
    assert tool(read_only=True)(add) is add
    assert decorated(2, right=3) == 5


def test_a_decorated_async_function_is_still_a_coroutine_function() -> None:
    @tool(idempotent=True, max_retries=2)
    async def double(number: int) -> int:
        return number * 2

    assert inspect.iscoroutinefunction(double)
    assert asyncio.run(double(4)) == 8
    definition = define_tool(double)
    assert definition.is_async
    assert definition.max_retries == 2
    assert definition.repeatable


def test_the_defaults_neither_pause_nor_repeat_nor_limit() -> None:
    @tool
    def plain(text: str) -> str:
        return text

    definition = define_tool(plain)
    assert definition.pause is None
    assert (definition.timeout, definition.max_retries) == (None, 0)
    assert not definition.repeatable


def test_all_options_reach_the_definition() -> None:
    @tool(
        requires_user_input=True,
        user_input_fields=["who"],
        read_only=True,
        idempotent=True,
        stop_after_tool_call=True,
        sequential=True,
        timeout=1.5,
        max_retries=3,
        name="send-it",
        description="Sends it.",
        strict=True,
    )
    def send(what: str, who: str) -> str:
        """Not this text."""
        return what + who

    definition = define_tool(send)
    assert definition.name == "send-it"
    assert definition.description == "Sends it."
    assert definition.user_input_fields == ("who",)
    assert definition.read_only
    assert definition.idempotent
    assert definition.stop_after_tool_call
    assert definition.sequential
    assert definition.strict
    assert (definition.timeout, definition.max_retries) == (1.5, 3)


@pytest.mark.parametrize(
    ("options", "pause"),
    [
        ({"requires_confirmation": True}, "confirmation"),
        ({"requires_confirmation": is_large}, "confirmation"),
        ({"requires_user_input": True, "user_input_fields": ["left"]}, "user_input"),
        ({"external_execution": True, "read_only": True}, "external_tool"),
    ],
)
def test_each_human_flag_names_its_pause(options: dict[str, Any], pause: str) -> None:
    @tool(**options)
    def subtract(left: int, right: int) -> int:
        return left - right

    assert define_tool(subtract).pause == pause


def test_an_unknown_option_is_named_together_with_the_known_ones() -> None:
    with pytest.raises(TypeError, match=r"requires_confirmaton.*requires_confirmation, "):
        tool(requires_confirmaton=True)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    with pytest.raises(TypeError, match="dynamic_user_input"):
        tool(dynamic_user_input=True)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"requires_confirmation": True, "external_execution": True}, "one thing only"),
        (
            {
                "requires_user_input": True,
                "user_input_fields": ["left"],
                "requires_confirmation": True,
            },
            "requires_confirmation, requires_user_input",
        ),
        ({"requires_user_input": True}, "needs user_input_fields"),
        ({"user_input_fields": ["left"]}, "needs requires_user_input"),
        ({"requires_user_input": True, "user_input_fields": ["lft"]}, "lft.*left, right"),
        ({"max_retries": 1}, "idempotent=True or read_only=True"),
        ({"max_retries": -1}, "negative"),
        ({"timeout": 0}, "above 0"),
        ({"timeout": -1.0}, "above 0"),
        ({"timeout": float("nan")}, "above 0"),
        ({"timeout": float("inf")}, "finite"),
        ({"name": "no spaces"}, "no spaces"),
        ({"name": ""}, "64 letters"),
        ({"name": "x" * 65}, "64 letters"),
        ({"name": "grüße"}, "grüße"),
        ({"name": "newline\n"}, "64 letters"),
    ],
)
def test_options_that_make_no_sense_are_refused_at_decoration(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tool(**options)(add)


@pytest.mark.parametrize(
    "options",
    [
        {"requires_confirmation": "yes"},
        {"external_execution": 1},
        {"timeout": "5"},
        {"timeout": True},
        {"max_retries": 1.0, "idempotent": True},
        {"max_retries": True, "idempotent": True},
        {"name": 5},
        {"description": b"bytes"},
        {"requires_user_input": True, "user_input_fields": "left"},
        {"requires_user_input": True, "user_input_fields": [1]},
    ],
)
def test_options_of_the_wrong_type_are_refused(options: dict[str, Any]) -> None:
    (option, *_) = [name for name in options if name not in ("idempotent", "requires_user_input")]
    with pytest.raises(TypeError, match=option):
        tool(**options)(add)


echo: Callable[[str], str] = lambda text: text  # noqa: E731 - a function named <lambda> is the point


def takes_positional(value: int, /) -> int:
    return value


def takes_any_positional(*values: int) -> int:
    return sum(values)


def takes_any_keyword(**values: int) -> int:
    return sum(values.values())


@pytest.mark.parametrize("function", [takes_positional, takes_any_positional, takes_any_keyword])
def test_parameters_without_a_name_are_refused_at_decoration(function: Any) -> None:
    with pytest.raises(TypeError, match="list the parameters one by one"):
        tool(function)


def test_what_is_no_function_is_refused_with_advice() -> None:
    with pytest.raises(TypeError, match="no function"):
        tool("name")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    with pytest.raises(TypeError, match="not classes"):
        tool(dict)
    with pytest.raises(TypeError, match="wrap it in a function"):
        tool(max)
    with pytest.raises(ValueError, match="lambda"):
        tool(echo)


def test_a_lambda_with_a_name_is_a_tool() -> None:
    assert define_tool(tool(name="echo")(echo)).name == "echo"


def test_a_wrapper_above_a_tool_keeps_its_options_and_is_what_runs() -> None:
    @tool(requires_confirmation=True)
    def delete(path: str) -> str:
        return path

    define_tool(delete)

    @functools.wraps(delete)
    def logged(*args: Any, **kwargs: Any) -> str:
        return "logged " + delete(*args, **kwargs)

    definition = define_tool(logged)
    assert definition.pause == "confirmation"
    assert definition.function is logged
    assert definition.function(path="a") == "logged a"
    assert list(definition.parameters["properties"]) == ["path"]


def test_a_partial_of_a_tool_keeps_its_confirmation() -> None:
    @tool(requires_confirmation=True)
    def delete(path: str, force: bool) -> str:
        return f"{path} {force}"

    definition = define_tool(functools.partial(delete, force=True))
    assert definition.pause == "confirmation"
    assert definition.name == "delete"
    assert definition.parameters["required"] == ["path"]


def test_decorating_loads_neither_pydantic_nor_a_docstring_parser() -> None:
    code = """
import sys
from haltpoint.tools import tool, ToolKit, UserControlFlowTools
@tool(requires_confirmation=True)
def f(x: int) -> int:
    "Doc."
    return x
print(sorted({"pydantic", "docstring_parser"} & set(sys.modules)))
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "[]"


def _itself() -> list[Any]:
    default: list[Any] = [1]
    default.append({"of": [default]})
    return default


def _nested(levels: int) -> list[Any]:
    default: list[Any] = []
    for _ in range(levels):
        default = [default]
    return default


def _dict_of_itself() -> dict[str, Any]:
    default: dict[str, Any] = {}
    default["of"] = (default,)
    return default


@pytest.mark.parametrize(
    ("default", "problem"),
    [
        (_itself(), "contains itself"),
        (_dict_of_itself(), "contains itself"),
        ((1, _itself()), "contains itself"),
        (_nested(200), "is nested deeper than 100 levels"),
        (_nested(5000), "is nested deeper than 100 levels"),
    ],
    ids=["list", "dict", "tuple", "deep", "deeper"],
)
def test_a_default_that_can_not_be_shown_is_refused(default: Any, problem: str) -> None:
    def buy(what: str, options: Any = default) -> str:
        """Buy."""
        return what

    with pytest.raises(ValueError, match=f"the default of parameter 'options' of .*buy {problem}"):
        tool(buy)


def test_a_default_may_hold_one_list_twice() -> None:
    shared = [[1], [1]]
    both = [shared, shared, {"of": shared}]

    @tool
    def buy(options: Any = both) -> str:
        """Buy."""
        return str(options)

    assert buy() == str(both)
