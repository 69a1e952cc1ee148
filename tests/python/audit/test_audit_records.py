"""Who decided what, on which arguments, and when."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from haltpoint import (
    Agent,
    AuditRecord,
    InMemoryDatabase,
    ModelReply,
    RunNotFoundError,
    RunRequirement,
    ScriptedModel,
    SqliteDatabase,
    ToolCall,
    cancel_run,
    current_tool_call,
    tool,
)
from haltpoint.tools.user_input import UserControlFlowTools

from .evidence import AnyDatabase, finished_run


@tool(requires_confirmation=True)
def pay(euros: float, to: str) -> str:
    """Pay."""
    return f"{euros} to {to}"


@tool(requires_user_input=True, user_input_fields=["city"])
def book(nights: int, city: str) -> str:
    """Book a room."""
    return f"{nights} nights in {city}"


@tool(external_execution=True)
def measure(what: str) -> str:
    """Measure something elsewhere."""
    return what


@tool
async def send(to: str) -> str:
    """Send a letter, and be stopped in the middle of it."""
    cancel_run(current_tool_call().run_id, interrupt=True)
    await asyncio.sleep(60)
    return "sent"


@pytest.fixture(params=["sqlite", "memory"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> AnyDatabase:
    return InMemoryDatabase() if request.param == "memory" else SqliteDatabase(tmp_path / "runs.db")


def _start(database: AnyDatabase, *calls: ToolCall) -> tuple[Agent, str]:
    tools: list[Any] = [pay, book, measure, send, UserControlFlowTools()]
    agent = Agent(ScriptedModel([ModelReply(tool_calls=list(calls)), "done"]), db=database, tools=tools)
    return agent, agent.do("Work", return_output=True).run_id


def _open(database: AnyDatabase, run_id: str) -> list[RunRequirement]:
    return list(reversed(database.requirements(run_id=run_id)))


def _decided(database: AnyDatabase, *calls: ToolCall, decide: Any) -> AuditRecord:
    _, run_id = _start(database, *calls)
    (requirement,) = _open(database, run_id)
    decide(requirement)
    requirement.commit()
    (record,) = database.audit(run_id)
    return record


def test_a_confirmation_tells_who_when_and_what_they_saw(database: AnyDatabase) -> None:
    before = datetime.now(timezone.utc)
    arguments = {"euros": 0.1, "to": "Zoë 🙂"}
    record = _decided(database, ToolCall("pay", arguments), decide=lambda one: one.confirm(by="ann"))
    (run,) = database.runs()
    (requirement,) = run.requirements
    assert (record.action, record.by, record.kind) == ("confirmed", "ann", "confirmation")
    assert (record.tool_name, record.tool_args, record.changed_args) == ("pay", arguments, None)
    assert record.decision == {"type": "confirm"}
    assert record.requirement_id == requirement.id
    assert record.tool_call_id == requirement.tool_execution.tool_call_id
    assert record.asked_at is not None
    assert before <= record.asked_at <= record.at <= datetime.now(timezone.utc)
    entry = database.journal(run.run_id)[record.seq - 1]
    assert (entry["kind"], entry["hash"]) == ("requirement_decided", record.hash)


def test_a_rejection_keeps_its_note(database: AnyDatabase) -> None:
    call = ToolCall("pay", {"euros": 1, "to": "me"})
    record = _decided(database, call, decide=lambda one: one.reject("not to yourself", by="ann"))
    assert (record.action, record.decision) == ("rejected", {"type": "reject", "note": "not to yourself"})


def test_changed_arguments_stand_beside_those_that_were_shown(database: AnyDatabase) -> None:
    call, changed = ToolCall("pay", {"euros": 49.5, "to": "a"}), {"euros": 4.95, "to": "a"}
    record = _decided(database, call, decide=lambda one: one.confirm(tool_args=changed, by="ann"))
    assert (record.action, record.tool_args, record.changed_args) == ("confirmed", call.args, changed)
    assert record.decision == {"type": "confirm", "tool_args": changed}


@tool(requires_confirmation=True, approvals=2)
def pay_much(euros: float) -> str:
    """Pay a lot."""
    return f"{euros}"


def test_each_of_several_approvals_stands_with_the_arguments_that_it_approved(database: AnyDatabase) -> None:
    model = ScriptedModel([ModelReply(tool_calls=[ToolCall("pay_much", {"euros": 9000})]), "done"])
    run_id = Agent(model, db=database, tools=[pay_much]).do("Work", return_output=True).run_id
    for by in ("ann", "bob"):
        (requirement,) = _open(database, run_id)
        requirement.confirm(tool_args={"euros": 900}, by=by)
        requirement.commit()
    records = database.audit(run_id)
    assert [(one.by, one.tool_args, one.changed_args) for one in records] == [
        ("ann", {"euros": 9000}, {"euros": 900}),
        ("bob", {"euros": 9000}, {"euros": 900}),
    ]


def test_answers_show_what_they_made_of_the_arguments(database: AnyDatabase) -> None:
    call = ToolCall("book", {"nights": 2})
    record = _decided(database, call, decide=lambda one: one.answer({"city": "Lisbon"}, by="ben"))
    assert (record.action, record.by, record.kind) == ("answered", "ben", "user_input")
    assert record.tool_args == {"nights": 2}
    assert record.changed_args == {"nights": 2, "city": "Lisbon"}
    assert record.decision is not None
    assert record.decision["values"]["city"] == "Lisbon"


def test_the_result_of_a_call_that_was_run_elsewhere_is_kept(database: AnyDatabase) -> None:
    call = ToolCall("measure", {"what": "height"})
    record = _decided(database, call, decide=lambda one: one.set_external_execution_result("2 m", by="lab"))
    assert (record.action, record.by, record.kind) == ("result_given", "lab", "external_tool")
    assert record.decision == {"type": "result", "content": "2 m"}


@pytest.mark.parametrize(
    ("decide", "action", "decision"),
    [
        (lambda one: one.retry(by="ann"), "retried", {"type": "retry"}),
        (lambda one: one.supply("sent", by="ann"), "supplied", {"type": "supply", "content": "sent"}),
        (lambda one: one.skip("never mind", by="ann"), "skipped", {"type": "skip", "note": "never mind"}),
    ],
)
def test_recovery_decisions_and_cancel_requests_are_told(
    database: AnyDatabase, decide: Any, action: str, decision: dict[str, Any]
) -> None:
    agent, run_id = _start(database, ToolCall("send", {"to": "Zoë"}))
    agent.continue_run(run_id=run_id, return_output=True)
    (requirement,) = _open(database, run_id)
    decide(requirement)
    requirement.commit()
    cancelled, decided = database.audit(run_id)
    assert (cancelled.action, cancelled.interrupt, cancelled.requirement_id) == ("cancel_requested", True, None)
    assert (decided.action, decided.by, decided.kind) == (action, "ann", "recovery")
    assert (decided.tool_args, decided.decision) == ({"to": "Zoë"}, decision)


def test_records_stand_in_the_order_in_which_they_were_written(database: AnyDatabase) -> None:
    agent, run_id = _start(database, ToolCall("pay", {"euros": 1, "to": "a"}), ToolCall("pay", {"euros": 2, "to": "b"}))
    first, second = _open(database, run_id)
    second.reject(by="ann")
    second.commit()
    first.confirm(by="ben")
    first.commit()
    agent.continue_run(run_id=run_id)
    records = database.audit(run_id)
    assert [(one.by, one.tool_args) for one in records] == [
        ("ann", {"euros": 2, "to": "b"}),
        ("ben", {"euros": 1, "to": "a"}),
    ]
    assert [one.seq for one in records] == sorted(one.seq for one in records)


def test_a_run_about_which_nobody_decided_anything_has_no_records(database: AnyDatabase) -> None:
    agent = Agent(ScriptedModel(["done"]), db=database)
    assert database.audit(agent.do("Work", return_output=True).run_id) == []


def test_a_record_is_json_data(database: AnyDatabase) -> None:
    run_id = finished_run(database)
    (record,) = asyncio.run(database.audit_async(run_id))
    data = json.loads(json.dumps(record.to_dict()))
    assert data["at"] == record.at.isoformat()
    assert data["tool_args"] == {"table": "logs"}
    assert set(data) == set(AuditRecord.__dataclass_fields__)


def test_the_audit_of_an_unknown_run_says_so(database: AnyDatabase) -> None:
    with pytest.raises(RunNotFoundError):
        database.audit("no-such-run")
