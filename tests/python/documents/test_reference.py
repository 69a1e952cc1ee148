"""Every public name is documented, once, in the reference."""

from __future__ import annotations

import importlib
import re
from types import ModuleType
from typing import Any

import pytest

from support.documents import ROOT

PACKAGES = (
    "haltpoint",
    "haltpoint.db",
    "haltpoint.exceptions",
    "haltpoint.inbox",
    "haltpoint.models",
    "haltpoint.run.agent",
    "haltpoint.run.tools",
    "haltpoint.tools",
    "haltpoint.worker",
    "haltpoint.workflows",
)
_DIRECTIVE = re.compile(r"^::: (\S+)$", re.MULTILINE)


def value_of(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        package, _, attribute = name.rpartition(".")
        return getattr(importlib.import_module(package), attribute)


PUBLIC = {
    f"{package}.{name}": getattr(importlib.import_module(package), name)
    for package in PACKAGES
    for name in importlib.import_module(package).__all__
}
DOCUMENTED = [
    (page.name, name, value_of(name))
    for page in sorted((ROOT / "docs" / "reference").glob("*.md"))
    for name in _DIRECTIVE.findall(page.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_is_documented_once(name: str) -> None:
    pages = [page for page, _, value in DOCUMENTED if value is PUBLIC[name]]
    assert len(pages) == 1, f"{name}: write one `::: {name}` in docs/reference, found {pages}"


@pytest.mark.parametrize("name", [name for _, name, _ in DOCUMENTED])
def test_what_is_documented_is_public(name: str) -> None:
    assert name in PUBLIC


def test_a_module_in_the_reference_leaves_its_members_to_their_own_entries() -> None:
    modules = [(page, name) for page, name, value in DOCUMENTED if isinstance(value, ModuleType)]
    assert modules
    for page, name in modules:
        text = (ROOT / "docs" / "reference" / page).read_text(encoding="utf-8")
        assert f"::: {name}\n    options:\n      members: false\n" in text


def test_every_package_with_a_public_name_is_among_them() -> None:
    import haltpoint

    homes = {
        getattr(haltpoint, name).__module__
        for name in haltpoint.__all__
        if not isinstance(value_of(f"haltpoint.{name}"), ModuleType)
    }
    assert {home.split(".")[1] for home in homes} - {"agent", "compatibility", "task"} == {
        "db",
        "exceptions",
        "models",
        "run",
        "tools",
        "workflows",
    }
