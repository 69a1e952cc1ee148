"""The names of the modules that tools stand in: the same however a file was started, and on every machine."""

from __future__ import annotations

import inspect
import os.path
import sys
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from haltpoint._concurrency.async_functions import AnyFunction, implementation

__all__ = ["NAMELESS", "canonical_module", "is_in_module"]

NAMELESS = "__main__"
"""The module of what no file holds: what was typed at a prompt or into a notebook."""

_STARTED = (NAMELESS, "__mp_main__")


class _Place(NamedTuple):
    # As the function has it, or as `python -m` was given it.
    module: str
    # None for what no file holds, and where it is not known to be the module's.
    file: str | None


def canonical_module(function: AnyFunction) -> str:
    """Return the name of the module that holds `function`, the same however that module was started.

    A file started as a script goes by the name under which it is imported: with the packages that it is in, which are
    the folders with an `__init__.py`. So does one that was imported from within its package.
    """
    place = _place_of(function)
    named = None if place.file is None else _name_by_packages(place.file)
    if place.module in _STARTED:
        return named or NAMELESS
    return named if named is not None and named.endswith(f".{place.module}") else place.module


def is_in_module(function: AnyFunction, recorded: str) -> bool:
    """Whether a function stands in the module that a journal names, as far as names and files tell.

    The same file has several names where folders without an `__init__.py` are imported from: `agents` and
    `pkg.agents`. It is taken for the same unless this process would find another file under the recorded name. What no
    file holds is known by nothing, and counts as the same.
    """
    own = canonical_module(function)
    if recorded == own or NAMELESS in (recorded, own):
        return True
    file = _place_of(function).file
    if file is None or not (own.endswith(f".{recorded}") or recorded.endswith(f".{own}")):
        return False
    return (own.endswith(f".{recorded}") or _ends_with(file, recorded)) and not _is_another(recorded, file)


def _place_of(function: AnyFunction) -> _Place:
    source = inspect.unwrap(implementation(function))
    module = str(getattr(source, "__module__", None) or type(function).__module__)
    namespace: Mapping[str, Any] = getattr(source, "__globals__", None) or getattr(
        sys.modules.get(module), "__dict__", {}
    )
    # A function may say that it is of another module than the one that it was made in.
    is_own = namespace.get("__name__") == module
    file = namespace.get("__file__") if is_own else None
    specification = namespace.get("__spec__") if is_own and module in _STARTED else None
    started_as = module if specification is None else str(specification.name)
    return _Place(started_as, os.path.realpath(file) if isinstance(file, str) else None)


def _name_by_packages(file: str) -> str:
    folder, base = os.path.split(file)
    stem = os.path.splitext(base)[0]
    names = [] if stem == "__init__" else [stem]
    while os.path.exists(os.path.join(folder, "__init__.py")):
        folder, name = os.path.split(folder)
        names.insert(0, name)
    return ".".join(names)


def _ends_with(file: str, module: str) -> bool:
    """Whether a file stands where one of this name would."""
    return any(os.path.normpath(file).endswith(f"{os.sep}{path}") for path in _paths(module))


def _is_another(module: str, file: str) -> bool:
    """Whether this process has, or would import, another file under a name. Nothing is imported for it."""
    loaded = getattr(sys.modules.get(module), "__file__", None)
    found = [loaded] if isinstance(loaded, str) else []
    found.extend(os.path.join(entry, path) for entry in sys.path for path in _paths(module))
    return any(os.path.isfile(path) and os.path.realpath(path) != file for path in found)


def _paths(module: str) -> Iterator[str]:
    """Yield the files that may hold a module, from the folder on that it is imported from."""
    names = module.split(".")
    # The name comes out of a journal, which anybody may have changed.
    if all(map(str.isidentifier, names)):
        yield f"{os.path.join(*names)}.py"
        yield os.path.join(*names, "__init__.py")
