"""The output of a run: light until looked into, and the same objects from then on."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from haltpoint.exceptions import InvalidOutputError
from haltpoint.models import Message, ToolCall
from haltpoint.run.agent.output import AgentRunOutput, RunUsage, StepResult
from haltpoint.run.base import RunStatus
from haltpoint.run.requirements import RunRequirement
from haltpoint.task import Task
from run_views import (
    confirmation_view,
    decided,
    execution_view,
    paused_view,
    recovery_view,
    run_view,
    step_view,
)


class Answer(BaseModel):
    total: int


def load(view: dict[str, Any], task: Task | None = None) -> AgentRunOutput:
    return AgentRunOutput.from_view(view, task=task)


# Status


def test_a_status_is_the_text_it_stands_for_on_every_python() -> None:
    assert {status.name: status.value for status in RunStatus} == {
        "queued": "QUEUED",
        "running": "RUNNING",
        "completed": "COMPLETED",
        "paused": "PAUSED",
        "cancelled": "CANCELLED",
        "error": "ERROR",
        "moved": "MOVED",
    }
    assert RunStatus("PAUSED") is RunStatus.paused
    assert "PAUSED" in [RunStatus.paused]
    assert f"{RunStatus.paused} {RunStatus.error!s}" == "PAUSED ERROR"
    assert json.dumps(RunStatus.paused) == '"PAUSED"'


@pytest.mark.parametrize(
    ("status", "flag"),
    [
        ("PAUSED", "is_paused"),
        ("CANCELLED", "is_cancelled"),
        ("COMPLETED", "is_complete"),
        ("ERROR", "is_error"),
        ("RUNNING", None),
    ],
)
def test_the_status_has_one_flag_and_problematic_ones_can_be_continued(status: str, flag: str | None) -> None:
    output = load(run_view(status=status))
    flags = ["is_paused", "is_cancelled", "is_complete", "is_error"]
    assert [name for name in flags if getattr(output, name)] == ([flag] if flag else [])
    assert output.status is RunStatus(status)
    assert output.is_problematic is (status in ("PAUSED", "CANCELLED", "ERROR"))


def test_an_unknown_status_is_refused() -> None:
    with pytest.raises(ValueError, match="SLEEPING"):
        _ = load(run_view(status="SLEEPING")).status


# What it tells


def test_the_output_tells_who_ran_what() -> None:
    output = load(run_view(user_id="user-1", error_details="boom", pause_reason="confirmation"))
    assert (output.run_id, output.agent_id, output.agent_name) == ("run-1", "agent-1", "clerk")
    assert (output.session_id, output.user_id, output.model_name) == (
        "session-1",
        "user-1",
        "scripted",
    )
    assert (output.pause_reason, output.error_details) == ("confirmation", "boom")
    assert output.metadata == {"team": "billing"}
    assert (output.created_at, output.updated_at) == (1795356592, 1795356593)
    assert output.usage == RunUsage(1, 10, 5, 15, 1, 0.25)


def test_the_steps_are_listed() -> None:
    output = load(run_view(step_results=[step_view(1, "COMPLETED"), step_view(2, "CANCELLED")]))
    first, second = output.step_results
    assert first == StepResult("model_request_1", 1, RunStatus.completed, "asked the model", 0.125)
    assert (second.step_number, second.status) == (2, RunStatus.cancelled)


def test_the_task_is_the_one_that_was_given() -> None:
    task = Task("Charge the card")
    assert load(run_view(), task).task is task


def test_without_the_task_one_of_the_same_words_shows_the_state_of_the_run() -> None:
    view = run_view(status="COMPLETED", output="done")
    view["task"]["context"] = "Be brief"
    task = load(view).task
    assert (task.description, task.context) == ("Charge the card", "Be brief")
    assert (task.run_id, task.is_completed, task.response) == ("run-1", True, "done")


def test_messages_of_earlier_runs_are_no_new_messages() -> None:
    output = load(paused_view())
    assert [message.role for message in output.all_messages()] == [
        "system",
        "user",
        "user",
        "assistant",
    ]
    assert output.messages == output.all_messages()
    assert [message.content for message in output.new_messages()] == ["Charge the card", None]
    last = output.new_messages()[-1]
    assert last.provider_data == {"signature": "s"}
    assert last.tool_calls[0] == ToolCall("charge", {"amount": 5}, "call-1")


def test_the_list_of_all_messages_is_the_callers_own() -> None:
    output = load(paused_view())
    output.all_messages().append(Message("user", "More"))
    assert len(output.messages) == 4


# The output itself


def test_text_is_the_output_as_it_is() -> None:
    assert load(run_view(output="14")).output == "14"
    assert load(run_view()).output is None


def test_a_structured_output_is_an_instance_of_the_tasks_class() -> None:
    task = Task("Sum up", response_format=Answer)
    output = load(run_view(output={"total": 14}), task)
    assert output.output == Answer(total=14)
    assert output.output is output.output
    assert output.to_dict()["output"] == {"total": 14}
    assert load(run_view(output={"total": 14})).output == {"total": 14}


def test_an_instance_that_is_at_hand_is_the_output_and_is_json_in_data() -> None:
    answer = Answer(total=14)
    task = Task("Sum up", response_format=Answer)
    output = AgentRunOutput.from_view_text(json.dumps(run_view()), {"output": answer}, task=task)
    assert output.output is answer
    assert output.to_dict()["output"] == {"total": 14}
    assert json.loads(output.to_json())["output"] == {"total": 14}


def test_a_stored_output_that_fits_the_class_no_longer_is_an_error() -> None:
    output = load(run_view(output={"sum": 14}), Task("Sum up", response_format=Answer))
    with pytest.raises(InvalidOutputError, match=r"run-1.*Answer") as caught:
        _ = output.output
    assert caught.value.run_id == "run-1"


# What it waits for


def test_a_paused_run_lists_what_it_waits_for() -> None:
    output = load(paused_view())
    assert [item.kind for item in output.active_requirements] == [
        "confirmation",
        "external_tool",
        "user_input",
    ]
    assert [item.tool_name for item in output.tools_requiring_confirmation] == ["charge"]
    assert [item.tool_name for item in output.tools_awaiting_external_execution] == ["fetch"]
    assert [item.tool_name for item in output.tools_requiring_user_input] == ["send_email"]


def test_what_is_resolved_is_not_active_any_more_but_stays_a_requirement() -> None:
    output = load(paused_view())
    for requirement in output.active_requirements:
        if requirement.needs_confirmation:
            requirement.confirm()
        if requirement.is_external_tool_execution:
            requirement.tool_execution.result = "3 rows"
    assert [item.kind for item in output.active_requirements] == ["user_input"]
    assert len(output.requirements) == 3
    assert output.tools_requiring_confirmation == output.tools_awaiting_external_execution == []


def test_a_requirement_shares_its_tool_call_with_the_list_of_tools() -> None:
    output = load(paused_view())
    assert [tool.tool_name for tool in output.tools] == ["look_up", "charge", "fetch", "send_email"]
    for requirement, tool in zip(output.requirements, output.tools[1:], strict=True):
        assert requirement.tool_execution is tool
    assert output.tools_requiring_confirmation[0] is output.tools[1]


def test_a_call_that_is_asked_about_twice_is_that_of_the_open_requirement() -> None:
    first = decided(confirmation_view(), {"type": "confirm"})
    execution = execution_view("call-1", requires_confirmation=True, confirmed=True)
    second = recovery_view(tool_execution=execution, confirmation=None)
    output = load(run_view(status="PAUSED", requirements=[first, second], tools=[execution]))
    assert output.tools[0] is output.requirements[1].tool_execution
    assert [item.kind for item in output.active_requirements] == ["recovery"]


def test_a_decided_requirement_does_not_hide_what_became_of_its_call() -> None:
    requirement = decided(confirmation_view(), {"type": "confirm"})
    done = execution_view(requires_confirmation=True, confirmed=True, result="charged")
    output = load(run_view(status="COMPLETED", requirements=[requirement], tools=[done]))
    assert output.tools[0].result == "charged"
    assert output.active_requirements == []


@pytest.mark.parametrize("name", ["requirements", "tools", "messages", "step_results", "task", "usage"])
def test_objects_within_stay_the_same(name: str) -> None:
    output = load(paused_view())
    assert getattr(output, name) is getattr(output, name)


def test_requirements_are_awaited_through_the_run() -> None:
    asked: list[RunRequirement] = []

    async def waiter(requirement: RunRequirement) -> RunRequirement:
        asked.append(requirement)
        return requirement

    output = AgentRunOutput.from_view(paused_view(), waiter=waiter)
    steps = output.requirements[0].__await__()
    with pytest.raises(StopIteration):
        next(steps)
    assert asked == [output.requirements[0]]


# Laziness


def test_what_is_known_is_told_without_fetching_the_rest() -> None:
    def fetch() -> str:
        raise AssertionError("fetched")

    known = {"run_id": "run-1", "status": "COMPLETED", "output": "done"}
    output = AgentRunOutput.from_view_text(fetch, known, task=Task("Do it"))
    assert (output.run_id, output.is_complete, output.output) == ("run-1", True, "done")
    assert output.task.description == "Do it"
    assert "COMPLETED" in repr(output)
    with pytest.raises(AssertionError, match="fetched"):
        _ = output.messages


def test_the_rest_is_fetched_once() -> None:
    fetches: list[int] = []

    def fetch() -> str:
        fetches.append(1)
        return json.dumps(paused_view())

    output = AgentRunOutput.from_view_text(fetch, {"run_id": "run-1", "status": "PAUSED"})
    assert fetches == []
    assert output.to_dict() == load(paused_view()).to_dict()
    assert len(output.messages) == 4
    assert fetches == [1]


def test_requirements_are_fetched_without_the_rest_and_stay_the_same_objects() -> None:
    view = paused_view()
    fetches: list[str] = []

    def fetch(what: str, value: Any) -> str:
        fetches.append(what)
        return json.dumps(value)

    output = AgentRunOutput.from_view_text(
        lambda: fetch("all", view),
        {"run_id": "run-1", "status": "PAUSED"},
        requirements=lambda: fetch("requirements", view["requirements"]),
    )
    requirements = output.requirements
    assert output.tools_requiring_confirmation
    assert fetches == ["requirements"]
    assert output.to_dict() == load(view).to_dict()
    assert output.requirements is requirements
    assert fetches == ["requirements", "all"]


# Data


@pytest.mark.parametrize(
    "view",
    [
        paused_view(),
        run_view(status="COMPLETED", output={"total": 14}),
        run_view(status="ERROR", error_details="boom", metadata=None),
    ],
)
def test_an_output_survives_as_data(view: dict[str, Any]) -> None:
    output = load(view)
    data = output.to_dict()
    twin = AgentRunOutput.from_dict(json.loads(output.to_json()))
    assert twin.to_dict() == data
    assert json.loads(output.to_json()) == data
    assert twin.status is output.status
    assert twin.created_at == output.created_at
    assert twin.new_messages() == output.new_messages()


def test_the_data_has_every_key_of_the_view() -> None:
    assert load(paused_view()).to_dict().keys() == paused_view().keys()


def test_drafts_are_part_of_the_data() -> None:
    output = load(paused_view())
    output.requirements[0].reject("no")
    twin = AgentRunOutput.from_dict(output.to_dict())
    assert twin.requirements[0].draft_decision() == {"type": "reject", "note": "no"}
    assert twin.tools[1] is twin.requirements[0].tool_execution


def test_the_data_is_the_callers_own() -> None:
    output = load(run_view())
    data = output.to_dict()
    twin = AgentRunOutput.from_dict(data)
    data["metadata"]["team"] = "changed"
    assert output.metadata == twin.metadata == {"team": "billing"}


statuses = st.sampled_from(list(RunStatus))
counts = st.integers(0, 2**40)
floats = st.floats(0, 1e6)


@given(st.builds(StepResult, st.text(), counts, statuses, st.none() | st.text(), floats))
def test_a_step_survives_as_data(step: StepResult) -> None:
    assert StepResult.from_dict(json.loads(json.dumps(step.to_dict()))) == step


@given(st.builds(RunUsage, counts, counts, counts, counts, counts, floats))
def test_usage_survives_as_data(usage: RunUsage) -> None:
    assert RunUsage.from_dict(json.loads(json.dumps(usage.to_dict()))) == usage


def test_usage_of_nothing_is_nothing() -> None:
    assert RunUsage.from_dict({}) == RunUsage()


def test_the_repr_is_short_however_long_the_run() -> None:
    output = load(run_view(output="x" * 10_000))
    assert repr(output) == "AgentRunOutput(run_id='run-1', status=RUNNING)"
    assert "pause_reason='confirmation'" in repr(load(paused_view()))


# Weight


def test_the_data_types_load_nothing_heavy() -> None:
    program = (
        "import sys, haltpoint.run.agent.output, haltpoint.models\n"
        "heavy = {'pydantic', 'docstring_parser', 'typing_extensions', 'asyncio'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
