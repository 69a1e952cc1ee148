"""Tools and scripted models that several processes share, as code that each of them imports."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

from haltpoint import ScriptedModel, UserControlFlowTools, current_tool_call, tool
from haltpoint.models.scripted import ScriptedReply
from support.programs import tell
from support.replies import wants, wants_all

__all__ = ["TOOLS", "model"]


def _started(what: str, **facts: Any) -> None:
    call = current_tool_call()
    tell({"started": what, "run_id": call.run_id, "key": call.idempotency_key, "attempt": call.attempt, **facts})


def _wait_for_a_line() -> None:
    sys.stdin.readline()


@tool
def note_down(text: str) -> str:
    """Note something down, at once."""
    _started("note_down")
    return f"noted {text}"


@tool
def saw(board: str) -> str:
    """Saw a board until a line comes in."""
    _started("saw")
    _wait_for_a_line()
    return f"sawn {board}"


@tool(idempotent=True)
def glue(part: str) -> str:
    """Glue a part until a line comes in; may be repeated."""
    _started("glue")
    _wait_for_a_line()
    return f"glued {part}"


@tool(read_only=True)
def measure(board: str) -> str:
    """Measure a board until a line comes in; changes nothing."""
    _started("measure")
    _wait_for_a_line()
    return f"measured {board}"


@tool
async def dry(part: str) -> str:
    """Let a part dry for ever."""
    _started("dry")
    await asyncio.Event().wait()
    return f"dried {part}"


@tool
async def stir(pot: str) -> str:
    """Stir until the run is cancelled."""
    _started("stir")
    while not current_tool_call().cancelled:  # noqa: ASYNC110 - what tools do
        await asyncio.sleep(0.001)
    return f"stirred {pot}"


@tool(requires_confirmation=True)
def paint(color: str) -> str:
    """Paint; a person must agree."""
    _started("paint", color=color)
    return f"painted {color}"


@tool(requires_confirmation=True)
def varnish(coats: int) -> str:
    """Varnish until a line comes in; a person must agree."""
    _started("varnish")
    _wait_for_a_line()
    return f"{coats} coats"


@tool(external_execution=True)
def deliver(address: str) -> str:
    """Deliver; a carrier does it."""
    raise AssertionError


@tool(requires_user_input=True, user_input_fields=["name", "copies"])
def engrave(font: str, name: str, copies: int) -> str:
    """Engrave a name that a person says."""
    _started("engrave")
    return f"{name} in {font}, {copies + 0} times"


TOOLS = [note_down, saw, glue, measure, dry, stir, paint, varnish, deliver, engrave, UserControlFlowTools()]

_NAME = {"field_name": "name", "field_type": "str", "field_description": "whose it is"}
_SCRIPTS: dict[str, Sequence[ScriptedReply]] = {
    "answer": ["finished"],
    "note": [wants("note_down", text="a"), "finished"],
    "saw": [wants("note_down", text="first"), wants("saw", board="oak"), "finished"],
    "glue": [wants("glue", part="leg"), "finished"],
    "measure": [wants("measure", board="oak"), "finished"],
    "dry": [wants("dry", part="leg"), "finished"],
    "stir": [wants("stir", pot="glue"), "finished"],
    "paint": [wants("paint", color="red"), "finished"],
    "varnish": [wants("varnish", coats=2), "finished"],
    "deliver": [wants("deliver", address="Main St"), "finished"],
    "engrave": [wants("engrave", font="serif"), "finished"],
    "ask": [wants("get_user_input", fields=[_NAME]), "finished"],
    "all kinds": [
        wants_all(
            ("note_down", {"text": "plain"}),
            ("paint", {"color": "red"}),
            ("deliver", {"address": "Main St"}),
            ("engrave", {"font": "serif"}),
        ),
        "finished",
    ],
    "two colors": [wants("paint", color="red"), wants("paint", color="blue"), "finished"],
}


def model(script: str) -> ScriptedModel:
    """A model that follows the script of this name."""
    return ScriptedModel(_SCRIPTS[script])
