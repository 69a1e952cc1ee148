"""What the running program says about the parameters of what is public: each has its name."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import haltpoint
import haltpoint.db
import haltpoint.inbox
import haltpoint.models
import haltpoint.tools
import haltpoint.worker
from haltpoint import Agent, InMemoryDatabase, tool
from haltpoint.tools.options import ToolOptions

# What they pass on are the arguments of a workflow's own function, and fields by their names.
PASSING_ON = {"Workflow.start", "Workflow.start_sync", "Workflow.submit", "Workflow.submit_async", "ask"}
CATCH_ALL = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
MODULES = (haltpoint, haltpoint.db, haltpoint.inbox, haltpoint.models, haltpoint.tools, haltpoint.worker)
PACKAGE = Path(haltpoint.__file__).parent


def public_functions() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for module in MODULES:
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isfunction(value):
                found[name] = value
            # Python itself says what a protocol's __init__ takes, and nobody calls it.
            elif inspect.isclass(value) and value is not haltpoint.Model:
                found.update({f"{name}.{member}": function for member, function in methods(value)})
    return found


def methods(kind: type[Any]) -> Iterator[tuple[str, Any]]:
    for member, function in inspect.getmembers(kind, lambda item: inspect.isfunction(item) or inspect.ismethod(item)):
        is_public = member == "__init__" or not member.startswith("_")
        if is_public and function.__module__.startswith("haltpoint"):
            yield member, function


FUNCTIONS = public_functions()


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - PASSING_ON))
def test_a_public_function_names_all_that_it_takes(name: str) -> None:
    parameters = inspect.signature(FUNCTIONS[name]).parameters.values()
    assert [str(parameter) for parameter in parameters if parameter.kind in CATCH_ALL] == []


def test_the_functions_that_matter_most_are_among_them() -> None:
    asked = {"tool", "Agent.__init__", "Agent.do", "Agent.wait_and_continue", "Worker.__init__", "SqliteDatabase.runs"}
    assert asked <= FUNCTIONS.keys()
    assert len(FUNCTIONS) > 100


def parameters_of(function: Any) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("do", "do_async"),
        ("print_do", "do"),
        ("print_do_async", "do_async"),
        ("continue_run", "continue_run_async"),
        ("wait_and_continue", "wait_and_continue_async"),
        ("submit", "submit_async"),
    ],
)
def test_all_forms_of_a_call_take_the_same(name: str, other: str) -> None:
    assert parameters_of(getattr(Agent, name)) == parameters_of(getattr(Agent, other))


@pytest.mark.parametrize("name", ["run", "runs", "requirements", "remembered", "revoke", "journal", "expire_due"])
def test_so_do_the_forms_of_a_database(name: str) -> None:
    plain = getattr(InMemoryDatabase, name)
    assert parameters_of(plain) == parameters_of(getattr(InMemoryDatabase, f"{name}_async"))


def test_tool_shows_its_options() -> None:
    shown = [item.name for item in parameters_of(tool) if item.kind is inspect.Parameter.KEYWORD_ONLY]
    assert shown == [
        name for name in ToolOptions.__dataclass_fields__ if name not in ("dynamic_user_input", "fixed_arguments")
    ]


def overloaded() -> dict[str, list[Any]]:
    """Each method of the package that has overloads: they, and what follows upon them."""
    found: dict[str, list[Any]] = {}
    for path in PACKAGE.rglob("*.py"):
        for kind in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(kind, ast.ClassDef):
                found.update({f"{kind.name}.{name}": nodes for name, nodes in functions_of(kind).items() if nodes[1:]})
    return found


def functions_of(kind: ast.ClassDef) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for node in kind.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not is_property(node):
            found.setdefault(node.name, []).append(node)
    return found


def is_property(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(isinstance(item, ast.Attribute) and item.attr == "setter" for item in node.decorator_list) or any(
        isinstance(item, ast.Name) and item.id == "property" for item in node.decorator_list
    )


def names_of(node: Any) -> set[str]:
    return {item.arg for item in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}


OVERLOADED = overloaded()


@pytest.mark.parametrize("name", OVERLOADED)
def test_overloads_take_what_their_function_takes(name: str) -> None:
    *overloads, function = OVERLOADED[name]
    assert [names_of(item) for item in overloads] == [names_of(function)] * len(overloads)


def test_the_calls_of_an_agent_are_overloaded() -> None:
    calls = {"do", "do_async", "continue_run", "continue_run_async", "wait_and_continue", "wait_and_continue_async"}
    assert calls <= {name.rpartition(".")[2] for name in OVERLOADED}
