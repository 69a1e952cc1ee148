"""The package as it is installed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import haltpoint

REPOSITORY = Path(__file__).parents[2]
DISTRIBUTION = metadata.distribution("haltpoint")
FILES = [Path(str(file)) for file in DISTRIBUTION.files or ()]
PAGES = {".css", ".html", ".js", ".svg"}
FIRST_USE = "from haltpoint import Agent, SqliteDatabase, Task, cancel_run, tool"


def fresh_process(*statements: str) -> Any:
    """The JSON that a new interpreter prints, which sees nothing of this directory or the environment's settings."""
    program = "; ".join(["import json, sys", *statements])
    printed = subprocess.run([sys.executable, "-I", "-c", program], check=True, capture_output=True, text=True)
    return json.loads(printed.stdout)


def loaded_by(statement: str) -> set[str]:
    return set(fresh_process(statement, "print(json.dumps(list(sys.modules)))"))


def test_the_tests_see_the_installed_package_and_not_its_sources() -> None:
    package = Path(haltpoint.__file__).parent
    assert package == Path(str(DISTRIBUTION.locate_file("haltpoint")))
    assert not package.is_relative_to(REPOSITORY / "python")


def test_the_wheel_brings_its_types() -> None:
    assert Path("haltpoint/py.typed") in FILES
    assert Path("haltpoint/_engine.pyi") in FILES


def test_the_native_module_loads_in_every_python_from_3_10_on() -> None:
    assert [file.name for file in FILES if file.suffix == ".so"] == ["_engine.abi3.so"]
    assert DISTRIBUTION.metadata["Requires-Python"] == ">=3.10"
    wheel = DISTRIBUTION.read_text("WHEEL")
    assert wheel is not None
    assert re.search(r"^Tag: cp310-abi3-", wheel, re.MULTILINE)


def test_the_wheel_holds_the_package_and_nothing_else() -> None:
    packed = [file for file in FILES if file.parts[-2:] != ("bin", "haltpoint")]
    assert {file.parts[0] for file in packed} == {"haltpoint", f"haltpoint-{DISTRIBUTION.version}.dist-info"}
    code = {".py", ".pyc", ".pyi", ".so", ".typed"}
    of_inbox = {file.suffix for file in FILES if file.parts[:2] == ("haltpoint", "inbox")}
    assert of_inbox - {".pyc"} == {".py", *PAGES}
    assert {file.suffix for file in FILES if file.parts[0] == "haltpoint"} <= {*code, *PAGES}


def test_the_wheel_brings_its_licence() -> None:
    assert DISTRIBUTION.metadata["License-Expression"] == "Apache-2.0"
    assert "LICENSE" in {file.name for file in FILES}


@pytest.mark.parametrize("name", haltpoint.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(haltpoint, name) is not None
    assert name in dir(haltpoint)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'agnet'"):
        haltpoint.agnet  # noqa: B018


def test_importing_the_package_loads_next_to_nothing() -> None:
    ours = {name for name in loaded_by("import haltpoint") if name.split(".")[0] == "haltpoint"}
    assert ours == {
        "haltpoint",
        "haltpoint._concurrency",
        "haltpoint._concurrency.fork_guard",
        "haltpoint.exceptions",
        "haltpoint.warning_categories",
    }
    assert loaded_by("import haltpoint").isdisjoint({"asyncio", "inspect", "pydantic", "pydantic_core", "sqlite3"})


def test_pydantic_is_not_loaded_before_the_first_tool_is_made() -> None:
    assert loaded_by(FIRST_USE).isdisjoint({"pydantic", "docstring_parser"})


def test_the_command_lines_packages_are_not_loaded_without_the_command() -> None:
    assert loaded_by(f"{FIRST_USE}; import haltpoint.cli").isdisjoint({"click", "rich"})


def test_the_inbox_pages_packages_are_not_loaded_without_the_page() -> None:
    loaded = loaded_by(f"{FIRST_USE}; import haltpoint.inbox; import haltpoint.cli")
    assert loaded.isdisjoint({"jinja2", "starlette", "uvicorn"})


def test_no_second_sqlite_is_loaded_beside_the_engines() -> None:
    assert "sqlite3" not in loaded_by(f"{FIRST_USE}; SqliteDatabase.__init__")


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_importing_starts_no_thread_so_that_a_process_may_fork_afterwards() -> None:
    assert fresh_process(FIRST_USE, "import os", "print(len(os.listdir('/proc/self/task')))") == 1
