"""The decorated functions that this process has imported, found again by name.

A run that is continued elsewhere knows its tools by name and module. They are looked up here, among what is already
imported: no name that comes out of a database is ever imported.
"""

from __future__ import annotations

import itertools
from operator import itemgetter
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from haltpoint._concurrency.fork_guard import no_fork

from .callables import is_unbound_method, tool_name
from .module_names import NAMELESS, canonical_module, is_in_module

if TYPE_CHECKING:
    from haltpoint._concurrency.async_functions import AnyFunction

    from .definition import ToolDefinition
    from .options import ToolOptions

__all__ = ["register_tool", "registered_tool"]

_ORDER = itertools.count()

# All live functions of a name, by order of registration, so that an earlier one is found again when a later one,
# say of a test or a reloaded module, is gone.
_FUNCTIONS: dict[tuple[str, str], WeakValueDictionary[int, AnyFunction]] = {}


def register_tool(function: AnyFunction, options: ToolOptions) -> None:
    """Remember `function` for as long as it lives elsewhere. Methods that lack their instance are left out."""
    if is_unbound_method(function):
        return
    key = (canonical_module(function), tool_name(function, options))
    _FUNCTIONS.setdefault(key, WeakValueDictionary())[next(_ORDER)] = function


def registered_tool(name: str, module: str) -> ToolDefinition | None:
    """Return the tool that was last declared under this name in this module, if it is still alive.

    Args:
        name: the model's name for the tool.
        module: the module as `ToolDefinition.module` gives it.
    """
    with no_fork:
        from .definition import define_tool
    functions = _functions(name, module)
    # A function may be collected at any moment; what `items` yields is held.
    latest = max(functions.items(), default=None, key=itemgetter(0))
    return None if latest is None else define_tool(latest[1])


def _functions(name: str, module: str) -> WeakValueDictionary[int, AnyFunction]:
    found = _FUNCTIONS.get((module, name))
    if found:
        return found
    # The same file may go by another name here.
    same: WeakValueDictionary[int, AnyFunction] = WeakValueDictionary()
    for (own, known), functions in list(_FUNCTIONS.items()):
        if known == name and NAMELESS not in (own, module):
            same.update({order: function for order, function in functions.items() if is_in_module(function, module)})
    return same
