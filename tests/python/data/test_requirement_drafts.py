"""Requirements are resolved by methods or by assignment, as drafts until they are committed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from haltpoint.exceptions import (
    InvalidResolutionError,
    ToolResultError,
)
from haltpoint.run.requirements import RunRequirement
from haltpoint.run.tools.tools import ToolExecution
from run_views import (
    confirmation_view,
    dynamic_input_view,
    execution_view,
    external_view,
    field_view,
    fill,
    input_view,
    recovery_view,
)
from run_views import (
    load_requirement as load,
)

# What is asked


def test_a_requirement_tells_what_is_asked_and_since_when() -> None:
    requirement = load(confirmation_view())
    assert (requirement.id, requirement.run_id) == ("requirement-of-call-1", "run-1")
    assert requirement.kind == "confirmation"
    assert requirement.created_at == datetime(2026, 11, 22, 14, 9, 52, 306565, timezone.utc)
    assert (requirement.decided_by, requirement.decided_at, requirement.decision) == (
        None,
        None,
        None,
    )
    assert requirement.tool_execution.tool_args == {"amount": 5}
    assert load(recovery_view()).details == recovery_view()["details"]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-22T14:09:52Z", datetime(2026, 11, 22, 14, 9, 52, tzinfo=timezone.utc)),
        ("2026-11-22T14:09:52.5Z", datetime(2026, 11, 22, 14, 9, 52, 500000, timezone.utc)),
        (
            "2026-11-22T14:09:52.123456789+00:00",
            datetime(2026, 11, 22, 14, 9, 52, 123456, timezone.utc),
        ),
        ("2026-11-22T16:09:52+02:00", datetime(2026, 11, 22, 14, 9, 52, tzinfo=timezone.utc)),
        ("2026-11-22T14:09:52", datetime(2026, 11, 22, 14, 9, 52, tzinfo=timezone.utc)),
    ],
)
def test_times_are_read_in_all_usual_forms_and_are_utc(text: str, moment: datetime) -> None:
    read = load(confirmation_view(created_at=text)).created_at
    assert read == moment
    assert read.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("view", "needs"),
    [
        (confirmation_view(), "needs_confirmation"),
        (input_view(), "needs_user_input"),
        (external_view(), "needs_external_execution"),
        (recovery_view(), "needs_recovery"),
    ],
)
def test_a_requirement_needs_what_its_kind_says_and_nothing_else(view: dict[str, Any], needs: str) -> None:
    requirement = load(view)
    names = ["needs_confirmation", "needs_user_input", "needs_external_execution", "needs_recovery"]
    assert [name for name in names if getattr(requirement, name)] == [needs]
    assert not requirement.is_resolved
    assert requirement.draft_decision() is None


def test_the_kind_follows_from_the_tool_call_when_it_is_not_named() -> None:
    def kind(**flags: Any) -> str:
        return RunRequirement(ToolExecution.from_dict(execution_view(**flags))).kind

    assert kind(requires_confirmation=True) == "confirmation"
    assert kind(requires_user_input=True) == "user_input"
    assert kind(external_execution_required=True) == "external_tool"
    with pytest.raises(ValueError, match=r"charge.*kind"):
        kind()


def test_a_new_requirement_gets_an_id_and_the_time() -> None:
    before = datetime.now(timezone.utc)
    execution = ToolExecution("call-1", "charge", requires_confirmation=True)
    one, two = RunRequirement(execution), RunRequirement(execution)
    assert one.id != two.id
    assert before <= one.created_at <= datetime.now(timezone.utc)


def test_each_object_is_one_of_its_own_since_it_has_its_own_draft() -> None:
    one, two = load(confirmation_view()), load(confirmation_view())
    assert one.id == two.id
    assert one != two
    assert len({one, two, one}) == 2


# Confirmation


def confirm_by_method(requirement: RunRequirement) -> None:
    requirement.confirm()


def confirm_by_requirement(requirement: RunRequirement) -> None:
    requirement.confirmation = True


def confirm_by_tool_call(requirement: RunRequirement) -> None:
    requirement.tool_execution.confirmed = True


@pytest.mark.parametrize("confirm", [confirm_by_method, confirm_by_requirement, confirm_by_tool_call])
def test_a_call_is_confirmed_by_method_or_by_assignment(
    confirm: Callable[[RunRequirement], None],
) -> None:
    requirement = load(confirmation_view())
    confirm(requirement)
    assert requirement.is_resolved
    assert not requirement.needs_confirmation
    assert requirement.confirmation is requirement.tool_execution.confirmed is True
    assert requirement.draft_decision() == {"type": "confirm"}


def test_a_rejection_carries_its_note() -> None:
    requirement = load(confirmation_view())
    requirement.reject("too much")
    assert requirement.confirmation is requirement.tool_execution.confirmed is False
    assert requirement.confirmation_note == requirement.tool_execution.confirmation_note == "too much"
    assert requirement.draft_decision() == {"type": "reject", "note": "too much"}
    requirement.confirmation_note = "far too much"
    assert requirement.draft_decision() == {"type": "reject", "note": "far too much"}


def test_of_confirm_and_reject_the_last_word_counts() -> None:
    requirement = load(confirmation_view())
    requirement.confirm()
    requirement.reject("no")
    requirement.confirm()
    assert requirement.confirmation_note is None
    assert requirement.draft_decision() == {"type": "confirm"}
    requirement.reject()
    assert requirement.draft_decision() == {"type": "reject", "note": None}
    requirement.tool_execution.confirmed = True
    assert requirement.draft_decision() == {"type": "confirm"}
    requirement.confirmation = None
    assert requirement.draft_decision() is None
    assert requirement.needs_confirmation


# External results


def test_an_external_result_is_text_as_it_is() -> None:
    requirement = load(external_view())
    requirement.set_external_execution_result("42 rows")
    assert requirement.has_result
    assert requirement.is_resolved
    assert requirement.draft_decision() == {"type": "result", "content": "42 rows"}


def test_an_external_result_may_be_assigned() -> None:
    requirement = load(external_view())
    requirement.tool_execution.result = "first"
    requirement.tool_execution.result = "last"
    assert requirement.draft_decision() == {"type": "result", "content": "last"}
    requirement.tool_execution.result = None
    assert requirement.needs_external_execution
    assert requirement.draft_decision() is None


def test_the_empty_text_is_a_result() -> None:
    requirement = load(external_view())
    requirement.tool_execution.result = ""
    assert requirement.has_result
    assert not requirement.needs_external_execution
    assert requirement.draft_decision() == {"type": "result", "content": ""}


@pytest.mark.parametrize(("value", "text"), [(5, "5"), (None, "null"), ([], "[]"), (True, "true")])
def test_other_results_are_rendered_as_json(value: Any, text: str) -> None:
    requirement = load(external_view())
    requirement.set_external_execution_result(value)
    assert requirement.draft_decision() == {"type": "result", "content": text}


def test_an_assigned_value_is_rendered_when_it_is_asked_for() -> None:
    requirement = load(external_view())
    requirement.tool_execution.result = {"rows": 3}
    decision = requirement.draft_decision()
    assert decision is not None
    assert decision["content"].replace(" ", "") == '{"rows":3}'


def test_a_result_without_a_text_form_is_refused_and_leaves_the_requirement_open() -> None:
    requirement = load(external_view())
    with pytest.raises(ToolResultError):
        requirement.set_external_execution_result(b"bytes")
    assert requirement.needs_external_execution
    requirement.tool_execution.result = b"bytes"
    with pytest.raises(ToolResultError):
        requirement.draft_decision()


def test_an_external_requirement_stays_one_after_its_result_came() -> None:
    requirement = load(external_view())
    requirement.tool_execution.result = "done"
    assert requirement.is_external_tool_execution
    assert not load(confirmation_view()).is_external_tool_execution


def test_a_result_on_a_confirmation_resolves_nothing() -> None:
    requirement = load(confirmation_view())
    requirement.tool_execution.result = "done"
    assert requirement.needs_confirmation
    assert requirement.draft_decision() is None


# User input


def test_the_fields_are_one_list_on_requirement_and_tool_call() -> None:
    requirement = load(input_view())
    assert requirement.user_input_schema is requirement.tool_execution.user_input_schema
    replacement = [field_view("to", value="me")]
    requirement.user_input_schema = replacement
    assert requirement.tool_execution.user_input_schema is replacement


def test_answered_input_holds_what_the_person_gave_in_the_declared_types() -> None:
    requirement = load(input_view())
    fill(requirement, to="bob@example.org", copies="3")
    requirement.tool_execution.answered = True
    assert not requirement.needs_user_input
    assert requirement.draft_decision() == {
        "type": "input",
        "values": {"to": "bob@example.org", "copies": 3},
    }


def test_a_value_of_the_model_that_a_person_changed_is_part_of_the_answer() -> None:
    requirement = load(input_view())
    fill(requirement, subject="Better", to="bob", copies=1)
    decision = requirement.draft_decision()
    assert decision is not None
    assert decision["values"] == {"subject": "Better", "to": "bob", "copies": 1}


def test_input_counts_as_given_once_every_field_has_a_value() -> None:
    requirement = load(input_view())
    fill(requirement, to="bob")
    assert requirement.needs_user_input
    assert requirement.draft_decision() is None
    fill(requirement, copies=0)
    assert requirement.is_resolved
    assert requirement.draft_decision() == {"type": "input", "values": {"to": "bob", "copies": 0}}


def test_input_counts_as_given_once_every_field_that_needs_a_value_has_one() -> None:
    needed, other = {**field_view("to"), "required": True}, {**field_view("copies", "int"), "required": False}
    requirement = load(input_view(needed, other))
    fill(requirement, copies=2)
    assert not requirement.is_resolved
    fill(requirement, copies=None, to="bob")
    assert requirement.is_resolved


def test_fields_that_came_filled_are_no_answer_until_somebody_says_so() -> None:
    requirement = load(input_view(field_view("subject", value="Hi")))
    assert requirement.needs_user_input
    assert requirement.draft_decision() is None
    requirement.tool_execution.answered = True
    assert requirement.draft_decision() == {"type": "input", "values": {}}


def test_a_form_without_fields_waits_for_its_answer() -> None:
    requirement = load(dynamic_input_view())
    assert requirement.needs_user_input
    requirement.tool_execution.answered = True
    assert requirement.draft_decision() == {"type": "input", "values": {}}


def test_answered_without_a_value_is_an_error_and_never_the_guess_of_the_model() -> None:
    requirement = load(input_view())
    fill(requirement, copies=1)
    requirement.tool_execution.answered = True
    assert requirement.is_resolved
    with pytest.raises(InvalidResolutionError, match=r"to: Field required \(text\)") as caught:
        requirement.draft_decision()
    assert caught.value.field_name == "to"
    assert caught.value.requirement_id == requirement.id
    assert caught.value.run_id == "run-1"


def test_a_value_of_the_wrong_type_is_an_error_that_names_the_field() -> None:
    requirement = load(input_view())
    fill(requirement, to="bob", copies="many")
    with pytest.raises(InvalidResolutionError, match="copies") as caught:
        requirement.draft_decision()
    assert caught.value.requirement_id == requirement.id


def test_fields_that_the_model_asked_for_may_stay_empty() -> None:
    requirement = load(dynamic_input_view("name", "age"))
    fill(requirement, name="Bob")
    assert requirement.draft_decision() is None
    requirement.tool_execution.answered = True
    assert requirement.draft_decision() == {
        "type": "input",
        "values": {"name": "Bob", "age": None},
    }


def test_an_empty_text_is_a_value() -> None:
    requirement = load(dynamic_input_view("name"))
    fill(requirement, name="")
    assert requirement.draft_decision() == {"type": "input", "values": {"name": ""}}


# Recovery


def test_a_recovery_is_retried_supplied_or_skipped_and_the_last_word_counts() -> None:
    requirement = load(recovery_view())
    requirement.retry()
    assert requirement.is_resolved
    assert requirement.draft_decision() == {"type": "retry"}
    requirement.supply({"paid": True})
    decision = requirement.draft_decision()
    assert decision is not None
    assert decision["type"] == "supply"
    assert decision["content"].replace(" ", "") == '{"paid":true}'
    requirement.skip("unclear")
    assert requirement.draft_decision() == {"type": "skip", "note": "unclear"}
    requirement.tool_execution.result = "paid"
    assert requirement.draft_decision() == {"type": "supply", "content": "paid"}
    requirement.retry()
    assert requirement.draft_decision() == {"type": "retry"}
    assert not requirement.has_result


# Methods of another kind


METHODS: dict[str, Callable[[RunRequirement], None]] = {
    "confirm()": lambda requirement: requirement.confirm(),
    "reject()": lambda requirement: requirement.reject("no"),
    "set_external_execution_result()": lambda r: r.set_external_execution_result("x"),
    "retry()": lambda requirement: requirement.retry(),
    "supply()": lambda requirement: requirement.supply("x"),
    "skip()": lambda requirement: requirement.skip(),
}
FITTING: dict[str, tuple[dict[str, Any], set[str], str]] = {
    "confirmation": (confirmation_view(), {"confirm()", "reject()"}, "confirm"),
    "user_input": (input_view(), set(), "answered = True"),
    "external_tool": (external_view(), {"set_external_execution_result()"}, "result"),
    "recovery": (recovery_view(), {"retry()", "supply()", "skip()"}, "retry"),
}


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind, (_, fits, _) in FITTING.items() for name in METHODS if name not in fits],
)
def test_a_method_of_another_kind_is_refused_with_advice(kind: str, name: str) -> None:
    view, _, advice = FITTING[kind]
    requirement = load(view)
    with pytest.raises(ValueError) as caught:
        METHODS[name](requirement)
    assert isinstance(caught.value, InvalidResolutionError)
    assert str(caught.value).startswith(name)
    assert requirement.tool_execution.tool_name in str(caught.value)
    assert advice in str(caught.value)
    assert advice in requirement.how_to_resolve
    assert not requirement.is_resolved


# What is said beside the decision

SAYING: list[tuple[dict[str, Any], Callable[..., None]]] = [
    (confirmation_view(), RunRequirement.confirm),
    (confirmation_view(), RunRequirement.reject),
    (input_view(), lambda one, **options: one.answer({}, **options)),
    (external_view(), lambda one, **options: one.set_external_execution_result("x", **options)),
    (recovery_view(), RunRequirement.retry),
    (recovery_view(), lambda one, **options: one.supply("x", **options)),
    (recovery_view(), RunRequirement.skip),
]


@pytest.mark.parametrize(("view", "say"), SAYING)
@pytest.mark.parametrize("by", [3, "", " \t", "\ud800", b"ann"])
def test_who_decides_has_a_name_that_can_be_kept(view: dict[str, Any], say: Callable[..., None], by: Any) -> None:
    requirement = load(view)
    with pytest.raises(InvalidResolutionError, match=r"^by of the decision on") as caught:
        say(requirement, by=by)
    assert caught.value.field_name == "by"
    assert caught.value.requirement_id == requirement.id
    assert not requirement.is_resolved
    with pytest.raises(InvalidResolutionError):
        load({**view, "draft_by": by})


def test_blanks_around_a_name_are_no_part_of_it() -> None:
    requirement = load(confirmation_view())
    requirement.confirm(by=" Ann B. ")
    assert requirement.draft_by == "Ann B."


@pytest.mark.parametrize(
    ("view", "say"), [(confirmation_view(), RunRequirement.reject), (recovery_view(), RunRequirement.skip)]
)
def test_a_note_is_text(view: dict[str, Any], say: Callable[..., None]) -> None:
    requirement = load(view)
    with pytest.raises(InvalidResolutionError, match=r"note of the decision on .* must be a str or None, not int"):
        say(requirement, 5)
    assert not requirement.is_resolved


def test_what_became_of_a_requirement_shows_in_its_representation() -> None:
    requirement = load(confirmation_view())
    assert repr(requirement).endswith("open)")
    requirement.confirm()
    assert repr(requirement).endswith("draft)")
    expired = load({**confirmation_view(), "expired_at": "2026-11-22T14:09:52Z"})
    assert repr(expired).endswith("expired)")
