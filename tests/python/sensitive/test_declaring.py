"""`@tool(sensitive=[...])` names parameters of the tool."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from haltpoint import tool
from haltpoint.tools import define_tool


def pay(card: str, euros: int) -> str:
    """Pay."""
    return card


def test_the_parameters_are_those_of_the_tool() -> None:
    assert define_tool(tool(sensitive=["card"])(pay)).sensitive == ("card",)
    with pytest.raises(ValueError, match="sensitive of pay names pin, and the parameters are: card, euros"):
        tool(sensitive=["card", "pin"])(pay)


@pytest.mark.parametrize("given", ["card", {"card"}, 7])
def test_it_is_a_list_of_names(given: Any) -> None:
    with pytest.raises(TypeError, match="sensitive must be a list of parameter names"):
        tool(sensitive=given)


def test_a_parameter_that_a_partial_fills_in_is_no_argument() -> None:
    filled = functools.partial(pay, card="4711")
    with pytest.raises(ValueError, match=r"sensitive .* names card.*functools.partial gives card already"):
        tool(sensitive=["card"])(filled)


def test_a_partial_of_a_tool_keeps_what_it_leaves_open() -> None:
    marked = tool(sensitive=["card", "euros"])(pay)
    assert define_tool(functools.partial(marked, card="4711")).sensitive == ("euros",)
    assert define_tool(tool(name="pay_more")(functools.partial(marked, card="4711"))).sensitive == ("euros",)


def test_it_is_no_part_of_what_the_model_is_told() -> None:
    plain, marked = define_tool(pay), define_tool(tool(sensitive=["card"])(functools.partial(pay)))
    assert (plain.parameters, plain.digest) == (marked.parameters, marked.digest)
