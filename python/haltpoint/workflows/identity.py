"""Ids of steps: the same in each process that runs the body, and for no other step of the run."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from haltpoint.tools.json_form import json_text

__all__ = ["argument_digest", "step_id"]

# Of an id, that people still recognize the step.
_LONGEST_NAME = 40


def argument_digest(arguments: Mapping[str, Any]) -> str:
    """Return a digest of a step's arguments, in whichever order they were named."""
    ordered = {name: arguments[name] for name in sorted(arguments)}
    return sha256(json_text(ordered).encode()).hexdigest()


def step_id(path: str, name: str, digest: str, count: int) -> str:
    """Return the id of a step.

    Args:
        path: the tasks that led to it.
        name: its name.
        digest: that of its arguments.
        count: how many calls with all of these came before it.
    """
    identity = sha256("\n".join((path, name, digest, str(count))).encode()).hexdigest()
    return f"{name[:_LONGEST_NAME]}-{identity[:16]}"
