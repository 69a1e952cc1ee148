"""A decision is final once it is committed, whoever made it, and awaiting a requirement waits for that."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

from haltpoint.exceptions import RequirementConflictError
from haltpoint.run.requirements import RunRequirement
from run_views import (
    DECIDED_AT,
    confirmation_view,
    decided,
    dynamic_input_view,
    external_view,
    fill,
    input_view,
    recovery_view,
)
from run_views import (
    load_requirement as load,
)

METHODS: dict[str, Callable[[RunRequirement], None]] = {
    "confirm()": lambda requirement: requirement.confirm(),
    "reject()": lambda requirement: requirement.reject("no"),
    "set_external_execution_result()": lambda r: r.set_external_execution_result("x"),
    "retry()": lambda requirement: requirement.retry(),
    "supply()": lambda requirement: requirement.supply("x"),
    "skip()": lambda requirement: requirement.skip(),
}


def pickled(value: object) -> Any:
    return pickle.loads(pickle.dumps(value))


# After the commit


def committed(view: dict[str, Any], decision: dict[str, Any]) -> RunRequirement:
    requirement = load(view)
    requirement.take_committed(decision, "alice", DECIDED_AT)
    return requirement


def test_a_commit_shows_who_decided_what_and_when() -> None:
    decision = {"type": "reject", "note": "no"}
    for requirement in (
        committed(confirmation_view(), decision),
        load(decided(confirmation_view(), decision)),
    ):
        assert requirement.is_resolved
        assert requirement.decision == decision
        assert requirement.decided_by == "alice"
        assert requirement.decided_at == datetime(2026, 11, 22, 15, tzinfo=timezone.utc)
        assert (requirement.confirmation, requirement.confirmation_note) == (False, "no")
        assert requirement.draft_decision() == decision


DECISIONS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (confirmation_view(), {"type": "confirm"}),
    (confirmation_view(), {"type": "reject", "note": None}),
    (input_view(), {"type": "input", "values": {"to": "bob", "copies": 2}}),
    (dynamic_input_view("name"), {"type": "input", "values": {"name": None}}),
    (external_view(), {"type": "result", "content": ""}),
    (recovery_view(), {"type": "retry"}),
    (recovery_view(), {"type": "supply", "content": "paid"}),
    (recovery_view(), {"type": "skip", "note": "unclear"}),
]


@pytest.mark.parametrize(("view", "decision"), DECISIONS)
def test_a_committed_decision_replaces_any_draft(view: dict[str, Any], decision: dict[str, Any]) -> None:
    requirement = load(view)
    if requirement.kind == "confirmation":
        requirement.reject("draft")
    if requirement.kind in ("external_tool", "recovery"):
        requirement.tool_execution.result = "draft"
    fill(requirement, to="draft", copies=99, name="draft")
    requirement.take_committed(decision, None, datetime.now(timezone.utc))
    assert requirement.is_resolved
    assert requirement.draft_decision() == decision


@pytest.mark.parametrize(("view", "decision"), DECISIONS)
def test_a_requirement_that_is_loaded_with_its_decision_shows_it(
    view: dict[str, Any], decision: dict[str, Any]
) -> None:
    requirement = load(decided(view, decision))
    assert requirement.is_resolved
    assert requirement.draft_decision() == decision
    values: dict[str, Any] = decision.get("values", {})
    shown = {field["name"]: field["value"] for field in requirement.user_input_schema or ()}
    assert {name: shown[name] for name in values} == values


def test_the_same_word_again_changes_nothing() -> None:
    requirement = committed(confirmation_view(), {"type": "reject", "note": "no"})
    requirement.reject("no")
    assert requirement.draft_decision() == {"type": "reject", "note": "no"}
    external = committed(external_view(), {"type": "result", "content": "5"})
    external.set_external_execution_result(5)
    recovery = committed(recovery_view(), {"type": "retry"})
    recovery.retry()
    assert recovery.draft_decision() == {"type": "retry"}


@pytest.mark.parametrize(
    ("view", "decision", "method"),
    [
        (confirmation_view(), {"type": "confirm"}, "reject()"),
        (confirmation_view(), {"type": "reject", "note": "other"}, "reject()"),
        (confirmation_view(), {"type": "reject", "note": "no"}, "confirm()"),
        (external_view(), {"type": "result", "content": "y"}, "set_external_execution_result()"),
        (recovery_view(), {"type": "retry"}, "supply()"),
        (recovery_view(), {"type": "supply", "content": "x"}, "skip()"),
        (recovery_view(), {"type": "skip", "note": None}, "retry()"),
    ],
)
def test_another_word_after_the_commit_is_a_conflict_that_tells_who_decided(
    view: dict[str, Any], decision: dict[str, Any], method: str
) -> None:
    requirement = committed(view, decision)
    with pytest.raises(RequirementConflictError, match="by alice at 2026-11-22T15:00") as caught:
        METHODS[method](requirement)
    assert caught.value.requirement_id == requirement.id
    assert caught.value.run_id == "run-1"
    assert caught.value.decided_by == "alice"
    assert caught.value.decided_at == requirement.decided_at
    assert caught.value.decision == decision
    assert requirement.draft_decision() == decision


def assign_rejection(requirement: RunRequirement) -> None:
    requirement.tool_execution.confirmed = False


def assign_result(requirement: RunRequirement) -> None:
    requirement.tool_execution.result = "other"


def assign_value(requirement: RunRequirement) -> None:
    fill(requirement, to="eve")


def assign_value_that_does_not_fit(requirement: RunRequirement) -> None:
    fill(requirement, copies="many")


@pytest.mark.parametrize(
    ("view", "decision", "assign"),
    [
        (confirmation_view(), {"type": "confirm"}, assign_rejection),
        (external_view(), {"type": "result", "content": "x"}, assign_result),
        (recovery_view(), {"type": "supply", "content": "x"}, assign_result),
        (input_view(), {"type": "input", "values": {"to": "bob", "copies": 2}}, assign_value),
        (input_view(), {"type": "input", "values": {"to": "bob", "copies": 2}}, assign_value_that_does_not_fit),
    ],
)
def test_an_assignment_after_the_commit_is_a_conflict(
    view: dict[str, Any], decision: dict[str, Any], assign: Callable[[RunRequirement], None]
) -> None:
    requirement = committed(view, decision)
    assign(requirement)
    with pytest.raises(RequirementConflictError):
        requirement.draft_decision()
    assert requirement.is_resolved


def test_the_outcome_of_a_confirmed_or_retried_call_is_no_conflict() -> None:
    for view, decision in (
        (confirmation_view(), {"type": "confirm"}),
        (recovery_view(), {"type": "retry"}),
    ):
        requirement = committed(view, decision)
        requirement.tool_execution.result = "what the tool returned"
        assert requirement.draft_decision() == decision


def test_the_same_value_in_another_form_is_no_conflict() -> None:
    requirement = committed(input_view(), {"type": "input", "values": {"to": "bob", "copies": 2}})
    fill(requirement, copies="2")
    assert requirement.draft_decision() == requirement.decision


def test_a_decision_that_was_handed_out_can_not_change_the_one_that_stands() -> None:
    requirement = committed(input_view(), {"type": "input", "values": {"to": "bob", "copies": 2}})
    handed_out = requirement.draft_decision()
    assert handed_out is not None
    handed_out["values"]["to"] = "eve"
    assert requirement.draft_decision() == {"type": "input", "values": {"to": "bob", "copies": 2}}


# Awaiting


def test_awaiting_asks_the_run_and_returns_the_requirement() -> None:
    async def waiter(requirement: RunRequirement) -> RunRequirement:
        await asyncio.sleep(0)
        requirement.take_committed({"type": "confirm"}, "bob", DECIDED_AT)
        return requirement

    async def main() -> None:
        requirement = RunRequirement.from_dict(confirmation_view(), waiter=waiter)
        assert await requirement is requirement
        assert requirement.decided_by == "bob"

    asyncio.run(main())


def test_many_requirements_can_be_awaited_together() -> None:
    async def waiter(requirement: RunRequirement) -> RunRequirement:
        return requirement

    async def wait(requirement: RunRequirement) -> RunRequirement:
        return await requirement

    async def main() -> None:
        both = [RunRequirement.from_dict(view, waiter=waiter) for view in (confirmation_view(), external_view())]
        assert await asyncio.gather(*map(wait, both)) == both

    asyncio.run(main())


def test_awaiting_a_requirement_that_was_only_data_says_what_to_do() -> None:
    async def main() -> None:
        await load(confirmation_view())

    with pytest.raises(RuntimeError, match=r"continue_run_async\(.*requirements="):
        asyncio.run(main())


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickled])
def test_a_copy_keeps_the_draft_and_leaves_the_run_behind(duplicate: Any) -> None:
    async def waiter(requirement: RunRequirement) -> RunRequirement:
        raise AssertionError("a copy must not reach the run")

    requirement = RunRequirement.from_dict(confirmation_view(), waiter=waiter)
    requirement.reject("no")
    twin: RunRequirement = duplicate(requirement)
    assert twin.to_dict() == requirement.to_dict()
    with pytest.raises(RuntimeError, match="loaded as data"):
        twin.__await__()


def test_the_repr_tells_kind_tool_id_and_state() -> None:
    requirement = load(confirmation_view())
    assert repr(requirement) == "RunRequirement(confirmation for 'charge', id='requirement-of-call-1', open)"
    requirement.confirm()
    assert repr(requirement).endswith("draft)")
    requirement.take_committed({"type": "confirm"}, None, None)
    assert repr(requirement).endswith("committed)")
