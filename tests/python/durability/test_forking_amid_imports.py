"""A process forks while one of its threads imports what haltpoint needs: the child works, or is told why not."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import haltpoint
from durability.first_uses import USES
from support.programs import run_program

pytestmark = pytest.mark.timeout(60)

_IMPORTING = Path(__file__).with_name("importing.py")


@pytest.mark.parametrize(
    "file",
    [
        "haltpoint/agent.py",
        "haltpoint/runtime/lifecycle.py",
        "haltpoint/tools/schema.py",
        "asyncio/__init__.py",
        "docstring_parser/__init__.py",
        "pydantic/__init__.py",
        "pydantic/main.py",
        "pydantic/plugin/_loader.py",
        "pydantic_core/__init__.py",
    ],
)
def test_a_fork_waits_for_an_import_and_the_child_works(tmp_path: Path, file: str) -> None:
    finished = run_program(_IMPORTING, "fork_amid", file, cwd=tmp_path)
    assert finished.last == {"child": "finished", "parent": "finished"}
    assert finished.errors == ""


def test_threads_that_fork_at_the_same_time_all_wait_for_an_import(tmp_path: Path) -> None:
    finished = run_program(_IMPORTING, "fork_often_amid", "pydantic/main.py", cwd=tmp_path)
    assert finished.last == {"children": ["finished"] * 4, "parent": "finished"}
    assert finished.errors == ""


def test_a_fork_within_an_import_does_not_wait_for_itself(tmp_path: Path) -> None:
    finished = run_program(_IMPORTING, "fork_in", "haltpoint/runtime/lifecycle.py", cwd=tmp_path)
    assert finished.last == {"child": "finished", "parent": "finished", "ended well": True}
    assert finished.errors == ""


def test_a_fork_that_an_import_waits_for_goes_on_and_its_child_is_told(tmp_path: Path) -> None:
    finished = run_program(_IMPORTING, "fork_against", "pydantic/main.py", cwd=tmp_path)
    assert finished.last == {"child": "ForkedProcessError", "parent": "finished"}
    assert finished.errors == ""


def test_a_fork_amid_somebody_elses_import_is_not_held_up_and_its_child_is_told(tmp_path: Path) -> None:
    finished = run_program(_IMPORTING, "fork_beside", "pydantic", cwd=tmp_path)
    assert finished.last == {"child": "ForkedProcessError", "parent": "pydantic", "later": "finished"}
    assert finished.errors == ""


@pytest.mark.parametrize("use", USES)
def test_whatever_is_imported_late_no_fork_comes_in_its_middle(tmp_path: Path, use: str) -> None:
    told = run_program(_IMPORTING, "find_unguarded", use, cwd=tmp_path).last
    assert told["unguarded"] == []
    assert told["imported"] > 0


def test_each_import_in_a_function_is_guarded() -> None:
    package = Path(haltpoint.__file__).parent
    # The guard itself has to do without, and commands have their processes to themselves.
    unconcerned = {"fork_guard.py", "cli", "inbox", "worker"}
    files = [file for file in package.rglob("*.py") if unconcerned.isdisjoint(file.relative_to(package).parts)]
    found = {file.name: lines for file in files if (lines := list(_unguarded(ast.parse(file.read_text()))))}
    assert found == {}


def _unguarded(node: ast.AST, *, in_function: bool = False) -> Iterator[int]:
    """The lines of imports in functions that do not stand in a block of `with no_fork`."""
    if isinstance(node, ast.With) and ast.unparse(node.items[0].context_expr) == "no_fork":
        return
    if in_function and _is_import(node):
        yield node.lineno
    inside = in_function or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    for child in ast.iter_child_nodes(node):
        yield from _unguarded(child, in_function=inside)


def _is_import(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) in {"importlib.import_module", "__import__"}
    return isinstance(node, (ast.Import, ast.ImportFrom))
