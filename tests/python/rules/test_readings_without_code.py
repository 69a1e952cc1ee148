"""What a person gives is read alike where the tool's code is at hand and where its schema alone is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import AliasChoices, BaseModel, ByteSize, ConfigDict, Field

from haltpoint import InvalidResolutionError, RunRequirement, tool
from haltpoint.tools import define_tool
from support.editing import Editing, anywhere


def asking(annotation: Any) -> Any:
    def give(value: Any) -> str:
        """Give."""
        return str(value)

    give.__annotations__["value"] = annotation
    return define_tool(tool(requires_user_input=True, user_input_fields=["value"])(give))


def by_schema(definition: Any, value: Any) -> Any:
    """What is kept of an answer by a process that has no more than the form."""
    form = json.loads(json.dumps(definition.user_input_schema({})))
    requirement = RunRequirement.from_dict(
        {
            "kind": "user_input",
            "tool_execution": {
                "tool_call_id": "call_1",
                "tool_name": "unknown",
                "tool_args": {},
                "requires_user_input": True,
                "user_input_schema": form,
            },
        }
    )
    requirement.answer({"value": value})
    decision = requirement.draft_decision()
    assert decision is not None
    return decision["values"]["value"]


@pytest.mark.parametrize(
    ("annotation", "value", "kept"),
    [
        (int, "8.0", 8),
        (int, "8e0", 8),
        (int, 8.0, 8),
        (int | None, "8.0", 8),
        (list[int], [1.0], [1]),
        (list[int], "[1.0, 2]", [1, 2]),
        (dict[str, int], '{"a": 1.0}', {"a": 1}),
        (list[list[int]], "[[1.0]]", [[1]]),
        (list[float], "[1.0]", [1.0]),
        (float, "8.0", 8.0),
        (str, "8.0", "8.0"),
        (int | str, "8.0", "8.0"),
        (Any, "8.0", "8.0"),
    ],
)
def test_whole_numbers_may_be_written_with_a_point(annotation: Any, value: Any, kept: Any) -> None:
    definition = asking(annotation)
    for found in (definition.check_user_input({}, {"value": value})["value"], by_schema(definition, value)):
        assert json.dumps(found) == json.dumps(kept)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [(int, "8.5"), (list[int], "[1.5]"), (bool, "1.0"), (Annotated[int, Field(le=5)], "8.0"), (list[bool], "[1.0]")],
)
def test_others_are_refused_alike(annotation: Any, value: Any) -> None:
    definition = asking(annotation)
    for take in (lambda: definition.check_user_input({}, {"value": value}), lambda: by_schema(definition, value)):
        with pytest.raises(InvalidResolutionError, match="value"):
            take()


class ByName(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    x: int = Field(1, alias="xx")
    y: int = 2


class Choice(BaseModel):
    x: int = Field(1, validation_alias=AliasChoices("xx", "why"))


class Outer(BaseModel):
    inner: list[ByName] = []
    first: ByName | None = None


def taking(annotation: Any) -> Any:
    def take(value: Any) -> str:
        """Take."""
        return repr(value)

    take.__annotations__["value"] = annotation
    return take


@pytest.mark.parametrize(
    ("annotation", "said", "wanted", "shown"),
    [
        (ByName, {"xx": 1}, {"x": 5, "y": 2}, {"xx": 5, "y": 2}),
        (ByName, {"x": 1}, {"x": 5, "y": 2}, {"xx": 5, "y": 2}),
        (ByName, {"x": 1}, {"xx": 5, "y": 2}, {"xx": 5, "y": 2}),
        (ByName, {"x": 7}, {"x": 7, "y": 3}, {"xx": 7, "y": 3}),
        (Choice, {"xx": 1}, {"why": 5}, {"xx": 5}),
        (Outer, {"inner": [{"x": 1}]}, {"inner": [{"x": 7}], "first": {"x": 3}}, None),
        (dict[str, ByName], {"a": {"x": 1}}, {"a": {"x": 5, "y": 2}}, {"a": {"xx": 5, "y": 2}}),
    ],
)
@anywhere
def test_a_member_may_be_named_as_its_type_takes_it(
    db_file: Path, annotation: Any, said: Any, wanted: Any, shown: Any, has_code: bool
) -> None:
    call = Editing(db_file, taking(annotation), value=said)
    call.change(has_code=has_code, value=wanted)
    shown = shown or {"inner": [{"xx": 7, "y": 2}], "first": {"xx": 3, "y": 2}}
    assert call.shown["value"] == shown
    assert call.run() == repr(
        {"a": ByName(xx=5)} if annotation == dict[str, ByName] else annotation.model_validate(shown)
    )


@pytest.mark.parametrize("wanted", [{"x": 5, "xx": 1, "y": 2}, {"z": 5, "y": 2}])
@anywhere
def test_two_names_of_one_member_and_unknown_ones_are_refused(db_file: Path, wanted: Any, has_code: bool) -> None:
    call = Editing(db_file, taking(ByName), value={"x": 1})
    with pytest.raises(InvalidResolutionError, match=r"value\.[xz]: "):
        call.change(has_code=has_code, value=wanted)


@pytest.mark.parametrize("value", [{"x": 5}, {"xx": 5}, '{"x": 5}'])
def test_so_may_one_of_an_answer(value: Any) -> None:
    assert by_schema(asking(ByName), value) == {"xx": 5}


class Disk(BaseModel):
    size: ByteSize


@pytest.mark.parametrize("size", ["10:00", "2024-01-01", "1.5", 1.5, 1e300, "5 of 100", "1 bit", "0x10", "1GB or so"])
@pytest.mark.parametrize(
    ("annotation", "around"),
    [(ByteSize, lambda size: size), (list[ByteSize], lambda size: [size]), (Disk, lambda size: {"size": size})],
)
def test_a_size_is_not_read_from_the_beginning_of_a_text_nor_rounded(annotation: Any, around: Any, size: Any) -> None:
    with pytest.raises(InvalidResolutionError, match="must be"):
        by_schema(asking(annotation), around(size))


@pytest.mark.parametrize(("size", "kept"), [("1 KB", "1 KB"), ("1.5GB", "1.5GB"), (10, 10), ("8 bit", "8 bit")])
def test_a_whole_number_of_bytes_is_a_size(size: Any, kept: Any) -> None:
    assert by_schema(asking(ByteSize), size) == kept
