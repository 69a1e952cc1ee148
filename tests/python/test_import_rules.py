"""Which rooms of the package may import which: only those below their own, and never in a circle.

Imports in functions count, too. Those for annotations alone do not.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import haltpoint

_PACKAGE = Path(haltpoint.__file__).parent

# From the ground up; what stands in one line are neighbours, which may import each other.
_STOREYS = [
    {
        "copying",
        "exception_text",
        "exceptions",
        "generics",
        "given_events",
        "given_numbers",
        "given_text",
        "invisible",
        "json_value",
        "logs",
    }
    | {"sensitive", "timestamps", "warning_categories", "_engine"},
    {"_concurrency"},
    {"models", "tools"},
    {"resolution", "run", "task"},
    {"db"},
    {"runtime"},
    {"agent"},
    {"workflows"},
    {"journal", "presentation"},
    {"cli", "inbox", "worker"},
]
_HEIGHT = {room: height for height, storey in enumerate(_STOREYS) for room in storey}
_FACES = {"cli", "inbox", "worker"}

# The public function stands where the reference has it, and looks among the open databases.
_UPWARDS = {("haltpoint.run.cancel", "haltpoint.db.database")}
# The two commands that start another face.
_STARTING = {("haltpoint.cli.commands.serve", "inbox"), ("haltpoint.cli.commands.worker", "worker")}


def _name_of(file: Path) -> str:
    parts = file.relative_to(_PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


_FILES = {_name_of(file): file for file in _PACKAGE.rglob("*.py")}
_MODULES = {*_FILES, "haltpoint._engine"}


def _room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def _statements(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        yield node
    children = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        children = iter(node.orelse)
    for child in children:
        yield from _statements(child)


def _imported(module: str) -> set[str]:
    file = _FILES[module]
    package = module.split(".") if file.name == "__init__.py" else module.split(".")[:-1]
    found: set[str] = set()
    for statement in _statements(ast.parse(file.read_text())):
        if isinstance(statement, ast.Import):
            found.update(alias.name for alias in statement.names)
            continue
        above = package[: len(package) - statement.level + 1] if statement.level else []
        base = ".".join([*above, *filter(None, [statement.module])])
        found.update(name if (name := f"{base}.{alias.name}") in _MODULES else base for alias in statement.names)
    return (found & _MODULES) - {module}


_IMPORTS = {module: _imported(module) for module in _FILES}


def test_each_room_has_its_place() -> None:
    # The package itself, and what pretends to be another one, only hand out what stands elsewhere.
    rooms = {_room(module) for module in _MODULES} - {"", "compatibility"}
    assert rooms == set(_HEIGHT)


def test_nothing_is_imported_from_above() -> None:
    upwards = {
        (module, other)
        for module, others in _IMPORTS.items()
        for other in others
        if _room(module) in _HEIGHT and _HEIGHT.get(_room(other), 0) > _HEIGHT[_room(module)]
    }
    assert upwards == _UPWARDS


def test_no_face_imports_another() -> None:
    across = {
        (module, _room(other))
        for module, others in _IMPORTS.items()
        for other in others
        if {_room(module), _room(other)} <= _FACES and _room(module) != _room(other)
    }
    assert across == _STARTING


def test_there_is_no_circle() -> None:
    try:
        TopologicalSorter(_IMPORTS).prepare()
    except CycleError as error:
        raise AssertionError(" imports ".join(reversed(error.args[1]))) from None
