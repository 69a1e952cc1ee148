"""Finding a worker's agents: by the name that stands on the command line, never by one from data."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from types import TracebackType
from typing import Any, cast

from haltpoint.agent import Agent
from haltpoint.workflows.definition import Workflow

__all__ = ["ModuleFailedError", "NoAgentsError", "load_agents"]


class NoAgentsError(ValueError):
    """What was named is no agent and no list of agents, or can't be imported."""


class ModuleFailedError(Exception):
    """The module raised an error of its own while it was imported.

    Attributes:
        traceback: that error, from the module's own line on.
    """

    def __init__(self, name: str, error: Exception) -> None:
        super().__init__(f"the module {name!r} can't be imported: it raised {type(error).__name__}")
        trace = error.__traceback__
        while trace is not None and _imports(trace):
            trace = trace.tb_next
        self.traceback = "".join(traceback.format_exception(type(error), error, trace)).rstrip("\n")


def _imports(trace: TracebackType) -> bool:
    file: str = trace.tb_frame.f_code.co_filename
    return file in (__file__, importlib.__file__) or file.startswith("<frozen importlib")


def load_agents(target: str) -> list[Agent[Any]]:
    """Import `module:attribute` and return the agents of what it names: an agent, a workflow, or a list of them.

    Modules are looked for in the current directory first.

    Raises:
        NoAgentsError: the target is malformed, or names something else.
        ModuleFailedError: the module raised an error.
    """
    module_name, separator, path = target.partition(":")
    if not (module_name and separator and path):
        raise NoAgentsError(f"name the agent as module:attribute, such as agents:clerk, not {target!r}")
    found: object = _attribute(_module(module_name), path, target)
    kind = type(found).__name__
    listed = cast("Sequence[object]", found if isinstance(found, (list, tuple)) else [found])
    named: list[object] = [item.agent if isinstance(item, Workflow) else item for item in listed]
    agents: list[Agent[Any]] = [agent for agent in named if isinstance(agent, Agent)]
    if agents and len(agents) == len(listed):
        return agents
    raise NoAgentsError(f"{target} must be an Agent, a workflow or a list of them, got {kind}")


def _module(name: str) -> Any:
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # One that the module itself imports is an error of its own, with a traceback that tells where.
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise ModuleFailedError(name, error) from error
        raise NoAgentsError(f"there is no module {name!r} here or among the installed ones") from error
    except Exception as error:
        raise ModuleFailedError(name, error) from error


def _attribute(module: Any, path: str, target: str) -> Any:
    found = module
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError as error:
            raise NoAgentsError(f"{target}: there is no {name!r} in {module.__name__}") from error
    return found
