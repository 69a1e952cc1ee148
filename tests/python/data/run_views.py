"""Runs as the engine tells of them, for tests of what Python makes of that."""

from __future__ import annotations

from typing import Any

from haltpoint.run.requirements import RunRequirement

CREATED_AT = "2026-11-22T14:09:52.306565+00:00"
DECIDED_AT = "2026-11-22T15:00:00+00:00"


def execution_view(tool_call_id: str = "call-1", tool_name: str = "charge", **changes: Any) -> dict[str, Any]:
    return {
        "tool_call_id": tool_call_id,
        "tool_name": tool_name,
        "tool_args": {"amount": 5},
        "result": None,
        "tool_call_error": None,
        "requires_confirmation": None,
        "confirmed": None,
        "confirmation_note": None,
        "requires_user_input": None,
        "user_input_schema": None,
        "answered": None,
        "external_execution_required": None,
        "created_at": 1795356592,
        "stop_after_tool_call": False,
        **changes,
    }


def requirement_view(kind: str, execution: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "id": f"requirement-of-{execution['tool_call_id']}",
        "run_id": "run-1",
        "kind": kind,
        "created_at": CREATED_AT,
        "decided_by": None,
        "decided_at": None,
        "confirmation": execution["confirmed"],
        "confirmation_note": execution["confirmation_note"],
        "user_input_schema": execution["user_input_schema"],
        "tool_execution": execution,
        "decision": None,
        "details": None,
        **changes,
    }


def field_view(name: str, field_type: str = "str", value: Any = None) -> dict[str, Any]:
    return {"name": name, "field_type": field_type, "description": None, "value": value}


def confirmation_view(**changes: Any) -> dict[str, Any]:
    return requirement_view("confirmation", execution_view(requires_confirmation=True), **changes)


def external_view(**changes: Any) -> dict[str, Any]:
    execution = execution_view("call-2", "fetch", external_execution_required=True)
    return requirement_view("external_tool", execution, **changes)


def recovery_view(**changes: Any) -> dict[str, Any]:
    details = {"started_at": CREATED_AT, "process": "host:1", "attempt": 1, "idempotency_key": "k"}
    return requirement_view("recovery", execution_view("call-3"), details=details, **changes)


def input_view(*fields: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A static user input: the model gave `subject`, the person is asked for `to` and `copies`."""
    shown = list(fields) or [
        field_view("subject", value="Hi"),
        field_view("to"),
        field_view("copies", "int"),
    ]
    execution = execution_view(
        "call-4",
        "send_email",
        tool_args={"subject": "Hi", "to": "guess@example.org"},
        requires_user_input=True,
        user_input_schema=shown,
    )
    return requirement_view("user_input", execution, **changes)


def dynamic_input_view(*names: str) -> dict[str, Any]:
    asked = [{"field_name": name, "field_type": "str", "field_description": None} for name in names]
    execution = execution_view(
        "call-5",
        "get_user_input",
        tool_args={"fields": asked},
        requires_user_input=True,
        user_input_schema=[field_view(name) for name in names],
    )
    return requirement_view("user_input", execution)


def decided(view: dict[str, Any], decision: dict[str, Any]) -> dict[str, Any]:
    return {**view, "decision": decision, "decided_by": "alice", "decided_at": DECIDED_AT}


def run_view(**changes: Any) -> dict[str, Any]:
    return {
        "run_id": "run-1",
        "agent_id": "agent-1",
        "agent_name": "clerk",
        "session_id": "session-1",
        "user_id": None,
        "task": {"description": "Charge the card", "context": None, "response_format": None},
        "status": "RUNNING",
        "output": None,
        "pause_reason": None,
        "error_details": None,
        "model_name": "scripted",
        "metadata": {"team": "billing"},
        "created_at": 1795356592306565,
        "updated_at": 1795356593999999,
        "requirements": [],
        "tools": [],
        "step_results": [],
        "messages": [],
        "first_new_message": 0,
        "usage": {
            "requests": 1,
            "input_tokens": 10,
            "output_tokens": 5,
            "total_tokens": 15,
            "tool_calls": 1,
            "duration": 0.25,
        },
        **changes,
    }


def paused_view() -> dict[str, Any]:
    """A run that waits for three things at once, and has one call done."""
    requirements = [confirmation_view(), external_view(), input_view()]
    waiting = [item["tool_execution"] for item in requirements]
    done = execution_view("call-0", "look_up", result="found", tool_call_error=False)
    calls = [{"id": item["tool_call_id"], "name": item["tool_name"], "args": item["tool_args"]} for item in waiting]
    return run_view(
        status="PAUSED",
        pause_reason="confirmation",
        requirements=requirements,
        tools=[done, *waiting],
        step_results=[step_view(1, "COMPLETED"), step_view(2, "PAUSED")],
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Earlier"},
            {"role": "user", "content": "Charge the card"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": calls,
                "provider_data": {"signature": "s"},
            },
        ],
        first_new_message=2,
    )


def step_view(number: int, status: str) -> dict[str, Any]:
    return {
        "name": f"model_request_{number}",
        "step_number": number,
        "status": status,
        "message": "asked the model",
        "execution_time": 0.125,
    }


def load_requirement(view: dict[str, Any]) -> RunRequirement:
    return RunRequirement.from_dict(view)


def fill(requirement: RunRequirement, **values: Any) -> None:
    for field in requirement.user_input_schema or ():
        if field["name"] in values:
            field["value"] = values[field["name"]]
