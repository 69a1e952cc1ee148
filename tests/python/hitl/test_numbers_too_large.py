"""Numbers of seconds that no float can hold are refused as infinite ones are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from haltpoint import Agent, InMemoryDatabase, ScriptedModel, tool


def act() -> str:
    """Act."""
    return "acted"


PLACES: dict[str, Callable[[Any], object]] = {
    "do": lambda seconds: Agent(ScriptedModel(["END"]), db=InMemoryDatabase()).do("Work.", timeout=seconds),
    "wait_and_continue": lambda seconds: Agent(ScriptedModel([]), db=InMemoryDatabase()).wait_and_continue(
        "x", timeout=seconds
    ),
    "tool": lambda seconds: tool(timeout=seconds)(act),
    "expires_after": lambda seconds: tool(requires_confirmation=True, expires_after=seconds)(act),
    "prune": lambda seconds: InMemoryDatabase().prune(older_than=seconds),
}


@pytest.mark.parametrize("seconds", [10**400, -(10**400), float("inf"), float("nan")], ids=lambda value: str(value)[:8])
@pytest.mark.parametrize("place", PLACES)
def test_a_number_that_no_float_can_hold_is_refused(place: str, seconds: Any) -> None:
    with pytest.raises(ValueError, match="must be a") as caught:
        PLACES[place](seconds)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("name", ["requirement", "run", "revoke"])
@pytest.mark.parametrize("identifier", [None, 5, b"x"], ids=repr)
def test_an_id_that_is_no_text_is_said_to_be_none(name: str, identifier: Any) -> None:
    with pytest.raises(TypeError, match=r"^(requirement|run)_id must be a str, got "):
        getattr(InMemoryDatabase(), name)(identifier)
