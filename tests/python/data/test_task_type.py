"""A task keeps what it is asked with, and shows the state of its run."""

# What the driver feeds in has underscored names; these tests stand in for the driver.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from haltpoint.run.agent.output import AgentRunOutput
from haltpoint.run.base import RunStatus
from haltpoint.task import Task
from run_views import execution_view, paused_view, run_view


class Invoice(BaseModel):
    number: int
    due: date


@dataclass
class Address:
    street: str


class Size(Enum):
    small = "S"


def tool() -> None:
    """Stand in for a tool."""


def task_after(view: dict[str, Any], **arguments: Any) -> Task:
    task = Task("Do it", **arguments)
    task._attach(view["run_id"], None)
    task._update(AgentRunOutput.from_view(view, task=task))
    return task


def test_a_task_keeps_its_arguments_and_copies_its_tools() -> None:
    tools = [tool]
    task = Task("Do it", tools=tools, response_format=Invoice, context="Be quick")
    tools.append(tool)
    assert task.description == "Do it"
    assert task.tools == [tool]
    assert task.response_format is Invoice
    assert task.context == "Be quick"
    assert Task("Do it").tools == []
    assert Task("Do it").response_format is str


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"attachments": []}, "attachments"),
        ({"tools": "tool"}, "tools=.*str"),
        ({"tools": tool}, "tools=.*function"),
        ({"response_format": dict}, "response_format=.*dict"),
        ({"response_format": Invoice(number=1, due=date(2026, 1, 1))}, "response_format=.*Invoice"),
        ({"response_format": "str"}, "response_format=.*'str'"),
        ({"context": object()}, "object has no JSON form"),
        ({"context": Invoice}, "no JSON form"),
        ({"context": {"x": b"bytes"}}, "bytes has no JSON form"),
    ],
)
def test_a_wrong_argument_is_refused_by_name(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        Task("Do it", **arguments)


def test_a_description_is_text() -> None:
    number: Any = 5
    with pytest.raises(TypeError, match=r"description=.*int"):
        Task(number)


@pytest.mark.parametrize(
    ("context", "text"),
    [
        (None, None),
        ("plain", "plain"),
        ("", ""),
        (["one", "two"], "one\n\ntwo"),
        (["one", {"x": 1}], 'one\n\n{"x": 1}'),
        ({"ü": [1, None]}, '{"ü": [1, null]}'),
        (Invoice(number=7, due=date(2026, 1, 2)), '{"number": 7, "due": "2026-01-02"}'),
        ({"to": Address("High")}, '{"to": {"street": "High"}}'),
        ({"id": UUID(int=1)}, '{"id": "00000000-0000-0000-0000-000000000001"}'),
        ({"sizes": {Size.small}}, '{"sizes": ["S"]}'),
        (0, "0"),
    ],
)
def test_context_is_rendered_as_text(context: Any, text: str | None) -> None:
    assert Task("Do it", context=context).context_text() == text


def test_context_without_a_json_form_is_refused() -> None:
    cyclic: list[Any] = []
    cyclic.append({"self": cyclic})
    for context in ({"x": float("nan")}, cyclic):
        with pytest.raises(ValueError):
            Task("Do it", context=context)


def test_a_new_task_has_no_run() -> None:
    task = Task("Do it")
    assert (task.run_id, task.status, task.response, task.tool_calls) == (None, None, None, [])
    assert not (task.is_paused or task.is_problematic or task.is_completed)
    assert repr(task) == "Task('Do it')"


def test_a_task_under_way_is_running_and_forgets_its_last_run() -> None:
    task = task_after(run_view(status="COMPLETED", output="done"))
    task._attach("run-2", "database")
    assert (task.run_id, task.status, task.response) == ("run-2", RunStatus.running, None)
    assert not (task.is_paused or task.is_problematic or task.is_completed)


@pytest.mark.parametrize(
    ("status", "paused", "problematic", "completed"),
    [
        ("PAUSED", True, True, False),
        ("CANCELLED", False, True, False),
        ("ERROR", False, True, False),
        ("COMPLETED", False, False, True),
    ],
)
def test_a_task_shows_how_its_run_stopped(status: str, paused: bool, problematic: bool, completed: bool) -> None:
    task = task_after(run_view(status=status))
    assert task.status == status
    assert (task.is_paused, task.is_problematic, task.is_completed) == (
        paused,
        problematic,
        completed,
    )
    assert repr(task) == f"Task('Do it', run_id='run-1', status={status})"


def test_the_response_is_the_output_in_the_format_asked_for() -> None:
    answer = {"number": 7, "due": "2026-01-02"}
    view = run_view(status="COMPLETED", output=answer)
    assert task_after(view).response == answer
    assert task_after(view, response_format=Invoice).response == Invoice.model_validate(answer)


def test_tool_calls_are_those_with_a_result() -> None:
    assert task_after(paused_view()).tool_calls == [
        {"tool_name": "look_up", "params": {"amount": 5}, "tool_result": "found"}
    ]
    empty = run_view(tools=[execution_view(result="")])
    assert [call["tool_result"] for call in task_after(empty).tool_calls] == [""]


@pytest.mark.parametrize("name", ["run_id", "status", "is_paused", "response", "tool_calls"])
def test_the_state_of_a_task_is_read_only(name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(Task("Do it"), name, None)


def test_a_task_read_from_data_has_the_same_words_and_schema() -> None:
    data = Task("Do it", response_format=Invoice, context=["a", "b"]).to_dict()
    again = Task.from_dict(json.loads(json.dumps(data)))
    assert again.to_dict() == data
    assert again.context_text() == "a\n\nb"
    assert data["response_format"]["name"] == "Invoice"
    assert data["response_format"]["schema"]["required"] == ["number", "due"]


def test_a_class_is_never_looked_up_by_its_name_in_data() -> None:
    data = Task("Do it", response_format=Invoice).to_dict()
    assert Task.from_dict(data).response_format is str


@given(st.text(max_size=100), st.none() | st.text(max_size=20) | st.lists(st.text(max_size=5)))
def test_any_task_of_text_survives_as_data(description: str, context: Any) -> None:
    data = Task(description, context=context).to_dict()
    assert Task.from_dict(data).to_dict() == data


def test_a_long_description_is_cut_in_the_repr() -> None:
    assert len(repr(Task("x" * 1000))) < 80
