"""Values of lazy types are checked before anybody is asked, and the tool can iterate over them."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, Optional

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, RootModel, TypeAdapter
from typing_extensions import TypedDict

from haltpoint import Agent, ModelReply, ScriptedModel, ToolCall, tool
from haltpoint.exceptions import ToolArgumentsError
from haltpoint.tools import ToolDefinition, define_tool
from haltpoint.tools.plain_form import plain_form

Once = Generator[int, None, None]


class Batch(BaseModel):
    model_config = ConfigDict(frozen=True)
    ids: Iterable[int] = Field(alias="theIds")
    once: Once | None = None


@dataclass
class Job:
    ids: Iterable[int]
    once: Once | None = None


class Pair(NamedTuple):
    name: str
    ids: Iterable[int]


class Row(TypedDict):
    ids: Iterable[int]


class Root(RootModel[Iterable[int]]):
    pass


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Iterable[int]]


def takes(hint: Any) -> ToolDefinition:
    def delete(value: Any) -> None: ...

    delete.__annotations__ = {"value": hint, "return": None}
    return define_tool(delete)


def bound(hint: Any, text: str) -> Any:
    definition = takes(hint)
    return definition.bind(definition.parse_arguments(f'{{"value": {text}}}'))["value"]


@pytest.mark.parametrize(
    ("hint", "before", "after", "place", "items"),
    [
        (Iterable[int], "", "", "value.1", lambda value: value),
        (Once, "", "", "value.1", lambda value: value),
        (Optional[Iterable[int]], "", "", "value.1", lambda value: value),  # noqa: UP045 - written in both ways
        (Once | None, "", "", "value.1", lambda value: value),
        (Annotated[Iterable[int], Field(description="ids")], "", "", "value.1", lambda value: value),
        (list[Iterable[int]], "[[], ", "]", "value.1.1", lambda value: value[1]),
        (dict[str, Iterable[int]], '{"a": ', "}", "value.a.1", lambda value: value["a"]),
        (tuple[int, Iterable[int]], "[1, ", "]", "value.1.1", lambda value: value[1]),
        (Iterable[Iterable[int]], "[", "]", "value.0.1", lambda value: value[0]),
        (set[Iterable[int]], "[", "]", "value.0.1", lambda value: next(iter(value))),
        (Batch, '{"theIds": ', "}", "value.theIds.1", lambda value: value.ids),
        (Batch, '{"theIds": [], "once": ', "}", "value.once.1", lambda value: value.once),
        (list[Batch | None], '[null, {"theIds": ', "}]", "value.1.theIds.1", lambda value: value[1].ids),
        (Job, '{"ids": ', "}", "value.ids.1", lambda value: value.ids),
        (Job, '{"ids": [], "once": ', "}", "value.once.1", lambda value: value.once),
        (Pair, '["a", ', "]", "value.1.1", lambda value: value.ids),
        (Row, '{"ids": ', "}", "value.ids.1", lambda value: value["ids"]),
        (Root, "", "", "value.1", lambda value: value.root),
        (Open, '{"a": ', "}", "value.a.1", lambda value: value.a),
    ],
)
def test_an_item_that_does_not_fit_is_found_wherever_it_stands(
    hint: Any, before: str, after: str, place: str, items: Any
) -> None:
    with pytest.raises(ToolArgumentsError, match=f'- {place}: Input should be a valid integer.*, got "all"'):
        bound(hint, f'{before}[1, "all"]{after}')
    found = items(bound(hint, f'{before}[1, "2"]{after}'))
    assert plain_form(found) == ([1, 2], True)
    assert list(found) == [1, 2]


def test_an_iterable_can_be_read_again_and_a_generator_once() -> None:
    again, once = bound(Iterable[int], "[1, 2]"), bound(Once, "[1, 2, 3]")
    assert [*again, *again] == [1, 2, 1, 2]
    assert next(once) == 1
    # The idiom that takes items in pairs.
    assert list(zip(once, once, strict=True)) == [(2, 3)]
    assert list(once) == []


def test_strictness_and_validators_hold_for_items() -> None:
    @tool(strict=True)
    def delete(
        ids: Iterable[int], days: Iterable[Annotated[int, AfterValidator(lambda day: 7 // day)]] = ()
    ) -> None: ...

    definition = define_tool(delete)
    with pytest.raises(ToolArgumentsError, match=r"ids\.0"):
        definition.parse_arguments({"ids": ["1"]})
    with pytest.raises(ToolArgumentsError, match=r"days: .*ZeroDivisionError"):
        definition.parse_arguments({"ids": [], "days": [7, 0]})
    assert definition.bind({"ids": [1], "days": [7]}) == {"ids": [1], "days": [1]}


def test_types_without_lazy_parts_pay_nothing() -> None:
    assert type(takes(dict[str, set[int]]).inputs[0].adapter) is TypeAdapter


@pytest.mark.parametrize("hint", [Iterable[int], Once, Optional[Iterable[int]], Batch])  # noqa: UP045
def test_the_model_hears_of_it_before_a_person_is_asked(hint: Any) -> None:
    deleted = list[int]()

    def delete(value: Any) -> str:
        deleted.extend(value.ids if hint is Batch else value)
        return "done"

    delete.__annotations__ = {"value": hint, "return": str}
    wrong, right = [1, "all"], [1, 2]
    calls = [{"value": {"theIds": ids} if hint is Batch else ids} for ids in (wrong, right)]
    model = ScriptedModel([*(ModelReply(tool_calls=[ToolCall("delete", args)]) for args in calls), "Done."])
    agent = Agent(model, tools=[tool(requires_confirmation=True)(delete)])
    paused = agent.do("x", return_output=True)
    assert "valid integer" in str(model.requests[1].messages[-1].content)
    (shown,) = [item.tool_execution.tool_args["value"] for item in paused.requirements]
    assert shown == ({"theIds": [1, 2], "once": None} if hint is Batch else [1, 2])
    paused.active_requirements[0].confirm()
    assert agent.continue_run(run_id=paused.run_id) == "Done."
    assert deleted == right
