"""Finding decorated functions again by name and module."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Any

import pytest

from haltpoint.tools import ToolKit, registered_tool, tool


@tool(name="found-again")
def lasting(number: int) -> int:
    return number


def test_a_decorated_function_is_found_by_its_name_for_the_model() -> None:
    definition = registered_tool("found-again", __name__)
    assert definition is not None
    assert definition.function is lasting
    assert registered_tool("lasting", __name__) is None
    assert registered_tool("found-again", "elsewhere") is None


def make(answer: str) -> Any:
    @tool(name="made")
    def made() -> str:
        return answer

    return made


def found_answer() -> str | None:
    definition = registered_tool("made", __name__)
    return None if definition is None else definition.function()


def test_the_last_live_function_of_a_name_is_found() -> None:
    first, second = make("first"), make("second")
    assert found_answer() == "second"
    assert second() == "second"
    del second
    gc.collect()
    assert found_answer() == "first"
    assert first() == "first"
    del first
    gc.collect()
    assert found_answer() is None


def test_methods_are_not_found_without_their_object() -> None:
    class Kit(ToolKit):
        @tool
        def method_of_kit(self) -> str:
            return ""

    assert registered_tool("method_of_kit", __name__) is None
    assert Kit().method_of_kit() == ""


def test_get_user_input_is_found() -> None:
    import haltpoint.tools.user_input as module

    definition = registered_tool("get_user_input", module.__name__)
    assert definition is not None
    assert definition.dynamic_user_input


def test_looking_up_imports_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "never_imported_tools.py").write_text("raise SystemExit('imported')")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert registered_tool("work", "never_imported_tools") is None
    assert "never_imported_tools" not in sys.modules
