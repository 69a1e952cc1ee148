"""A tool call says what it waits for, and survives as data."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haltpoint.exceptions import ToolResultError
from haltpoint.run.tools.tools import ToolExecution
from run_views import execution_view, field_view

texts = st.text(max_size=6)
values = st.none() | st.booleans() | st.integers() | texts | st.lists(texts, max_size=2)
flags = st.none() | st.booleans()
executions = st.builds(
    ToolExecution,
    tool_call_id=texts,
    tool_name=texts,
    tool_args=st.dictionaries(texts, values, max_size=3),
    result=st.none() | texts,
    tool_call_error=flags,
    requires_confirmation=flags,
    confirmed=flags,
    confirmation_note=st.none() | texts,
    requires_user_input=flags,
    user_input_schema=st.none() | st.lists(st.builds(field_view, texts, st.just("str"), values), max_size=3),
    answered=flags,
    external_execution_required=flags,
    created_at=st.integers(0),
    stop_after_tool_call=st.booleans(),
)


@given(executions)
def test_a_tool_call_is_the_same_after_a_trip_through_json(execution: ToolExecution) -> None:
    assert ToolExecution.from_dict(json.loads(json.dumps(execution.to_dict()))) == execution


def test_the_data_of_a_tool_call_has_the_keys_of_the_run_view() -> None:
    view = execution_view()
    # The engine leaves out what goes without saying.
    unsaid = {"defaulted": [], "changed_by_person": False, "sensitive": []}
    whole = {**view, "original_tool_args": view["tool_args"], **unsaid}
    for data in (view, {**view, "metrics": None}, whole):
        assert ToolExecution.from_dict(data).to_dict() == whole


def test_data_and_tool_call_share_nothing_that_can_be_changed() -> None:
    view = execution_view(user_input_schema=[field_view("to")])
    execution = ToolExecution.from_dict(view)
    data = execution.to_dict()
    assert execution.user_input_schema is not None
    execution.user_input_schema[0]["value"] = "me"
    execution.tool_args["amount"] = 6
    for other in (view, data):
        assert other["user_input_schema"][0]["value"] is None
        assert other["tool_args"] == {"amount": 5}


@pytest.mark.parametrize(
    ("flags_set", "paused"),
    [
        ({}, False),
        ({"requires_confirmation": True}, True),
        ({"requires_confirmation": True, "confirmed": True}, False),
        ({"requires_confirmation": True, "confirmed": False}, False),
        ({"requires_user_input": True}, True),
        ({"requires_user_input": True, "answered": True}, False),
        ({"external_execution_required": True}, True),
        ({"external_execution_required": True, "result": ""}, False),
    ],
)
def test_a_tool_call_is_paused_until_what_it_needs_is_there(flags_set: dict[str, Any], paused: bool) -> None:
    assert ToolExecution.from_dict(execution_view(**flags_set)).is_paused is paused


def test_a_result_is_text_or_is_rendered_as_json() -> None:
    execution = ToolExecution("call-1", "fetch")
    assert execution.result_text() is None
    execution.result = "as it is"
    assert execution.result_text() == "as it is"
    execution.result = {"rows": [1, 2]}
    assert json.loads(execution.to_dict()["result"]) == {"rows": [1, 2]}
    execution.result = b"bytes"
    with pytest.raises(ToolResultError):
        execution.to_dict()


def test_tool_calls_do_not_share_their_default_arguments() -> None:
    first, second = ToolExecution("a", "f"), ToolExecution("b", "f")
    first.tool_args["x"] = 1
    assert second.tool_args == {}
