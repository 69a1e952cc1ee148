"""What a model is told about a tool, and how the tool is recognised again."""

from __future__ import annotations

import enum
import functools
import gc
import json
import os
import subprocess
import sys
import weakref
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Optional

import docstring_parser
import pytest
from pydantic import BaseModel, Field

from haltpoint.tools import ToolDefinition, define_tool, tool
from haltpoint.tools.documentation import read_documentation

if TYPE_CHECKING:
    from decimal import Decimal


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Point:
    x: int
    y: int = 0


class Address(BaseModel):
    """Where somebody lives."""

    title: str
    street: str = Field(title="Street name", description="Street and number.")
    tags: set[str] = {"b", "a", "c"}
    neighbours: list[Address] = []


def everything(
    address: Address,
    point: Point,
    colour: Colour = Colour.RED,
    when: date | None = None,
    speed: Literal["slow", "fast"] = "slow",
    limit: Annotated[int, Field(ge=1, description="At most this many.")] = 5,
    title: str = "none",
    started: datetime = datetime(2020, 1, 1),  # a default without a JSON form
    anything: Any = None,
) -> None:
    """Do everything.

    And explain it at length.

    Args:
        address: Where to.
        limit: Not this text.
        anything: Whatever.

    Returns:
        Nothing of interest.
    """


def properties(function: Any) -> dict[str, Any]:
    fields: dict[str, Any] = define_tool(function).parameters["properties"]
    return fields


def test_the_description_is_what_the_docstring_says_before_its_sections() -> None:
    assert define_tool(everything).description == "Do everything.\n\nAnd explain it at length."


@pytest.mark.parametrize(
    "docstring",
    [
        "Count the stock.",
        "Count the stock: all of it. ",
        ":param shelf: Which one.",
        "@param shelf: Which one.",
        ":return: How many there are.",
        "Returns:",
        "Args: shelf: Which one.",
        "Count :param shelf: Which one.",
    ],
)
def test_a_docstring_of_one_line_says_what_the_parser_reads_in_it(docstring: str) -> None:
    def count(shelf: int = 0) -> int:
        return shelf

    count.__doc__ = docstring
    parsed = docstring_parser.parse(docstring)
    documentation = read_documentation(count)
    assert documentation.description == (parsed.short_description or "")
    assert documentation.parameters == {parameter.arg_name: parameter.description for parameter in parsed.params}


def test_a_function_without_docstring_has_an_empty_description() -> None:
    def bare(x: int) -> None: ...

    assert define_tool(bare).description == ""


def test_the_schema_is_a_closed_object_with_the_required_parameters() -> None:
    parameters = define_tool(everything).parameters
    assert parameters["type"] == "object"
    assert parameters["additionalProperties"] is False
    assert parameters["required"] == ["address", "point"]
    assert list(parameters["properties"])[:2] == ["address", "point"]


def test_types_defaults_and_descriptions_are_in_the_schema() -> None:
    fields = properties(everything)
    assert fields["address"] == {"$ref": "#/$defs/Address", "description": "Where to."}
    assert fields["colour"] == {"$ref": "#/$defs/Colour", "default": "red"}
    assert fields["speed"] == {"type": "string", "enum": ["slow", "fast"], "default": "slow"}
    assert fields["limit"]["description"] == "At most this many."
    assert fields["anything"] == {"description": "Whatever.", "default": None}
    assert "default" not in fields["started"]


def test_titles_are_left_out_but_a_parameter_may_be_named_title() -> None:
    parameters = define_tool(everything).parameters
    assert parameters["properties"]["title"] == {"type": "string", "default": "none"}
    address = parameters["$defs"]["Address"]
    assert address["properties"]["title"] == {"type": "string"}
    assert address["properties"]["street"] == {
        "type": "string",
        "description": "Street and number.",
    }
    assert "title" not in address


def test_a_parameter_that_defaults_to_none_takes_null() -> None:
    def search(text: str, limit: int = None) -> str:  # type: ignore[assignment]  # noqa: RUF013  # pyright: ignore
        return f"{text} {limit}"

    assert properties(search)["limit"]["anyOf"] == [{"type": "integer"}, {"type": "null"}]
    assert define_tool(search).bind({"text": "a", "limit": None}) == {"text": "a", "limit": None}


def test_missing_annotations_take_anything() -> None:
    def loose(value):  # type: ignore[no-untyped-def]  # pyright: ignore
        return value  # pyright: ignore

    definition = define_tool(loose)  # pyright: ignore
    assert definition.parameters["properties"] == {"value": {}}
    assert definition.bind({"value": [1, {"a": None}]}) == {"value": [1, {"a": None}]}


def google(first: str, second: str = "") -> None:
    """Summary.

    Args:
        first: One thing.
        second (str): Another.
    """


def numpy(first: str, second: str = "") -> None:
    """Summary.

    Parameters
    ----------
    first : str
        One thing.
    second : str
        Another.
    """


def sphinx(first: str, second: str = "") -> None:
    """Summary.

    :param first: One thing.
    :param str second: Another.
    """


@pytest.mark.parametrize("function", [google, numpy, sphinx])
def test_the_three_docstring_styles_describe_parameters(function: Any) -> None:
    definition = define_tool(function)
    assert definition.description == "Summary."
    assert definition.parameters["properties"]["first"]["description"] == "One thing."
    assert definition.parameters["properties"]["second"]["description"] == "Another."


def test_numpy_style_may_describe_parameters_together() -> None:
    def scale(x: int, y: int) -> None:
        """Scale.

        Parameters
        ----------
        x, y : int
            The factors.
        """

    assert {field["description"] for field in properties(scale).values()} == {"The factors."}


def test_fields_for_the_user_are_offered_to_the_model_but_not_required() -> None:
    @tool(requires_user_input=True, user_input_fields=["to_address"])
    def send(subject: str, to_address: str) -> None: ...

    parameters = define_tool(send).parameters
    assert list(parameters["properties"]) == ["subject", "to_address"]
    assert parameters["required"] == ["subject"]


def test_local_types_of_an_enclosing_function_are_found_when_the_tool_uses_them() -> None:
    class Local(BaseModel):
        number: int

    def use(item: Local) -> str:
        return Local.model_dump_json(item)

    assert define_tool(use).bind({"item": {"number": 1}})["item"] == Local(number=1)


def test_a_type_that_cannot_be_found_is_explained() -> None:
    class Unused(BaseModel):
        number: int

    def use(item: Unused) -> None: ...

    def pay(amount: Decimal) -> None: ...

    for function, name in ((use, "Unused"), (pay, "Decimal")):
        with pytest.raises(TypeError, match=f"{name}.*at module level"):
            define_tool(function)


def test_a_type_that_no_json_describes_is_refused_by_name() -> None:
    def use(handle: weakref.ref[Any]) -> None: ...

    with pytest.raises(TypeError, match="'handle' of tool 'use'"):
        define_tool(use)


def test_a_pydantic_field_as_a_default_is_refused_with_advice() -> None:
    def use(limit: int = Field(default=1)) -> None: ...

    with pytest.raises(TypeError, match=r"Annotated\[\.\.\., Field"):
        define_tool(use)


class Limits(BaseModel):
    most: Annotated[int, Field(default=5)]


@pytest.mark.parametrize(
    "hint",
    [
        Annotated[int, Field(default=5)],
        Annotated[int, Field(ge=1), Field(default=5)],
        Annotated[Limits, Field(default_factory=Limits)],
        Annotated[int | None, Field(default=None)],
        Annotated[int, Field(default=5)] | None,
    ],
)
def test_a_default_within_an_annotation_is_refused_with_what_to_write(hint: Any) -> None:
    def use(most: Any) -> None: ...

    use.__annotations__["most"] = hint
    with pytest.raises(TypeError, match=r"'most' of tool 'use' has a pydantic Field with a default.* most: Annotated"):
        define_tool(use)


@pytest.mark.parametrize("hint", [Annotated[int, Field(ge=1)], Annotated[int, Field()], Limits, list[Limits]])
def test_a_field_that_brings_no_default_and_those_of_models_are_fine(hint: Any) -> None:
    def use(most: Any) -> None: ...

    use.__annotations__["most"] = hint
    assert define_tool(use).parameters["required"] == ["most"]


def test_the_default_of_the_function_counts() -> None:
    def use(most: Annotated[int, Field(default=5)] = 7) -> None: ...

    assert define_tool(use).parameters["properties"]["most"]["default"] == 7


class Multiplier:
    """Not this one."""

    def __init__(self, factor: int) -> None:
        self.factor = factor

    async def __call__(self, number: int) -> int:
        """Multiply."""
        return self.factor * number


def test_callable_objects_and_partials_are_tools() -> None:
    multiplier = define_tool(Multiplier(3))
    assert multiplier.name == "Multiplier"
    assert multiplier.description == "Multiply."
    assert multiplier.is_async
    assert list(multiplier.parameters["properties"]) == ["number"]

    async def power(base: int, exponent: int) -> int:
        """Raise."""
        return int(base**exponent)

    square = define_tool(functools.partial(power, exponent=2))
    assert (square.name, square.description, square.is_async) == ("power", "Raise.", True)
    assert list(square.parameters["properties"]) == ["base"]


def test_the_schema_is_built_once_per_function() -> None:
    @tool
    def once(number: int) -> int:
        return number

    assert define_tool(once).parameters is define_tool(once).parameters


def test_a_tool_that_nobody_holds_is_collected() -> None:
    def make() -> weakref.ref[Any]:
        @tool
        def temporary(number: int) -> int:
            return number

        define_tool(temporary)
        return weakref.ref(temporary)

    reference = make()
    gc.collect()
    assert reference() is None


def stable(
    address: Address,
    point: Point,
    names: frozenset[str] = frozenset({"x", "y", "z"}),
    count: Optional[int] = None,  # noqa: UP045 - both spellings must give one schema
    colour: Colour = Colour.BLUE,
) -> None:
    """Stay the same.

    Args:
        names: Some names,
            on two lines.
    """


STABLE_DIGEST = "2b736b7433880be84845caddd1c7ba2901728c05b460034b9f76d8ee3ae7ce46"


def test_the_digest_is_the_same_in_every_python_version() -> None:
    assert define_tool(stable).digest == STABLE_DIGEST


def test_the_digest_depends_on_name_and_parameters_only() -> None:
    @tool(name="same", description="one")
    def first(number: int) -> None: ...

    @tool(name="same", description="two", read_only=True)
    def second(number: int) -> None: ...

    @tool(name="same")
    def third(number: float) -> None: ...

    assert define_tool(first).digest == define_tool(second).digest
    assert define_tool(first).digest != define_tool(third).digest


def test_a_definition_cannot_be_changed() -> None:
    definition = define_tool(stable)
    with pytest.raises(AttributeError):
        definition.name = "other"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    assert isinstance(definition, ToolDefinition)


APPLICATION = """
import json
from haltpoint.tools import tool, define_tool, registered_tool

@tool
def work(names: frozenset[str] = frozenset({"a", "b", "c"})) -> str:
    return ""

definition = define_tool(work)
found = registered_tool("work", definition.module)
print(json.dumps([definition.module, definition.qualname, definition.digest, found is not None]))
"""


def run_python(*arguments: str, cwd: Path, seed: str) -> Any:
    root = Path(__file__).parents[3] / "python"
    environment = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{cwd}", "PYTHONHASHSEED": seed}
    command = [sys.executable, *arguments]
    result = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=True)
    return json.loads(result.stdout)


def test_a_script_and_the_same_file_imported_agree_on_their_tools(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APPLICATION)
    as_script = run_python("app.py", cwd=tmp_path, seed="1")
    as_module = run_python("-m", "app", cwd=tmp_path, seed="2")
    imported = run_python("-c", "import app", cwd=tmp_path, seed="3")
    assert as_script == as_module == imported
    assert as_script[0] == "app"
    assert as_script[3] is True


def test_a_module_of_a_package_run_with_m_goes_by_its_full_name(tmp_path: Path) -> None:
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "app.py").write_text(APPLICATION)
    as_module = run_python("-m", "shop.app", cwd=tmp_path, seed="1")
    imported = run_python("-c", "import shop.app", cwd=tmp_path, seed="2")
    assert as_module == imported
    assert as_module[0] == "shop.app"


def test_code_without_a_file_stays_main(tmp_path: Path) -> None:
    assert run_python("-c", APPLICATION, cwd=tmp_path, seed="1")[0] == "__main__"
