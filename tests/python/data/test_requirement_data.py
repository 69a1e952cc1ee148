"""A requirement goes through other hands as JSON, and comes back with what was said in it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haltpoint.exceptions import InvalidResolutionError
from haltpoint.run.requirements import RunRequirement
from run_views import (
    confirmation_view,
    decided,
    dynamic_input_view,
    external_view,
    field_view,
    input_view,
    recovery_view,
)

texts = st.text(max_size=6)
notes = st.none() | texts
numbers = st.integers(-(2**63), 2**63 - 1)


def through_json(requirement: RunRequirement) -> RunRequirement:
    return RunRequirement.from_dict(json.loads(json.dumps(requirement.to_dict())))


@st.composite
def drafts(draw: st.DrawFn) -> RunRequirement:
    """Return a requirement of any kind in any state that a person may leave it in."""
    kind = draw(st.sampled_from(["confirmation", "input", "dynamic", "external", "recovery"]))
    if kind == "confirmation":
        requirement = RunRequirement.from_dict(confirmation_view())
        requirement.confirmation = draw(st.none() | st.booleans())
        requirement.confirmation_note = draw(notes)
        return requirement
    if kind == "external":
        requirement = RunRequirement.from_dict(external_view())
        requirement.tool_execution.result = draw(notes | numbers | st.lists(texts))
        return requirement
    if kind == "recovery":
        return draw(recoveries())
    view = input_view() if kind == "input" else dynamic_input_view("name", "place")
    requirement = RunRequirement.from_dict(view)
    for field in requirement.user_input_schema or ():
        field["value"] = draw(numbers if field["field_type"] == "int" else notes)
    every = all(field["value"] is not None for field in requirement.user_input_schema or ())
    requirement.tool_execution.answered = draw(st.none() | st.just(every or kind == "dynamic"))
    return requirement


@st.composite
def recoveries(draw: st.DrawFn) -> RunRequirement:
    requirement = RunRequirement.from_dict(recovery_view())
    for word in draw(st.lists(st.sampled_from(["retry", "supply", "skip"]), max_size=3)):
        if word == "retry":
            requirement.retry()
        elif word == "supply":
            requirement.supply(draw(texts))
        else:
            requirement.skip(draw(notes))
    return requirement


@given(drafts())
def test_a_draft_survives_a_trip_through_json(requirement: RunRequirement) -> None:
    twin = through_json(requirement)
    assert twin.to_dict() == requirement.to_dict()
    assert twin.id == requirement.id
    assert twin.is_resolved is requirement.is_resolved
    assert twin.draft_decision() == requirement.draft_decision()


@given(drafts().filter(lambda requirement: requirement.draft_decision() is not None))
def test_a_committed_draft_survives_a_trip_through_json(requirement: RunRequirement) -> None:
    decision = requirement.draft_decision()
    assert decision is not None
    requirement.take_committed(decision, "alice", "2026-11-22T15:00:00Z")
    twin = through_json(requirement)
    assert twin.to_dict() == requirement.to_dict()
    assert twin.draft_decision() == decision
    assert (twin.decided_by, twin.decided_at) == ("alice", requirement.decided_at)


def test_the_data_has_every_key_that_the_engine_tells() -> None:
    for view in (confirmation_view(), input_view(), external_view(), recovery_view()):
        data = RunRequirement.from_dict(view).to_dict()
        execution = {key: data["tool_execution"][key] for key in view["tool_execution"]}
        assert {**{key: data[key] for key in view}, "tool_execution": execution} == view


def test_data_and_requirement_share_nothing_that_can_be_changed() -> None:
    view = input_view()
    requirement = RunRequirement.from_dict(view)
    data = requirement.to_dict()
    assert data["user_input_schema"] is not data["tool_execution"]["user_input_schema"]
    assert requirement.user_input_schema is not None
    requirement.user_input_schema[1]["value"] = "bob"
    for other in (view, data):
        assert other["tool_execution"]["user_input_schema"][1]["value"] is None
        assert other["user_input_schema"][1]["value"] is None


# A form may be filled in at the top of the data or within its tool call


@pytest.mark.parametrize("place", ["top", "inner"])
def test_a_confirmation_is_heard_in_either_place(place: str) -> None:
    data = RunRequirement.from_dict(confirmation_view()).to_dict()
    if place == "top":
        data.update(confirmation=False, confirmation_note="no")
    else:
        data["tool_execution"].update(confirmed=False, confirmation_note="no")
    requirement = RunRequirement.from_dict(data)
    assert requirement.draft_decision() == {"type": "reject", "note": "no"}


@pytest.mark.parametrize("place", ["top", "inner"])
def test_values_are_heard_in_either_place(place: str) -> None:
    data = json.loads(json.dumps(RunRequirement.from_dict(input_view()).to_dict()))
    schema = (data if place == "top" else data["tool_execution"])["user_input_schema"]
    for field, value in zip(schema, ["Better", "bob", 2], strict=True):
        field["value"] = value
    assert RunRequirement.from_dict(data).draft_decision() == {
        "type": "input",
        "values": {"subject": "Better", "to": "bob", "copies": 2},
    }


def test_fields_may_stand_at_the_top_alone() -> None:
    view = input_view()
    view["tool_execution"]["user_input_schema"] = None
    requirement = RunRequirement.from_dict(view)
    assert requirement.user_input_schema == view["user_input_schema"]


def test_two_places_that_contradict_each_other_are_refused() -> None:
    confirmation = confirmation_view(confirmation=True)
    confirmation["tool_execution"]["confirmed"] = False
    values = input_view()
    values["user_input_schema"] = [field_view("to", value="bob")]
    values["tool_execution"]["user_input_schema"] = [field_view("to", value="eve")]
    for view, name in ((confirmation, "confirmation"), (values, "to")):
        with pytest.raises(InvalidResolutionError, match=name) as caught:
            RunRequirement.from_dict(view)
        assert caught.value.field_name == name


def test_a_changed_word_in_the_data_of_a_decided_requirement_is_a_conflict() -> None:
    data = decided(confirmation_view(confirmation=False), {"type": "confirm"})
    requirement = RunRequirement.from_dict(data)
    assert requirement.is_resolved
    with pytest.raises(ValueError, match="confirmed by alice"):
        requirement.draft_decision()


def test_a_form_knows_after_the_trip_which_fields_it_asked_for() -> None:
    asked = through_json(RunRequirement.from_dict(input_view()))
    for field, value in zip(asked.user_input_schema or (), ["Hi", "bob", 1], strict=True):
        field["value"] = value
    prefilled = RunRequirement.from_dict(input_view(field_view("subject", value="Hi")))
    assert through_json(asked).is_resolved
    assert not through_json(prefilled).is_resolved


def test_a_malformed_time_is_refused() -> None:
    with pytest.raises(ValueError, match="yesterday"):
        RunRequirement.from_dict(confirmation_view(created_at="yesterday"))


def test_the_data_of_an_assigned_result_is_text() -> None:
    requirement = RunRequirement.from_dict(external_view())
    requirement.tool_execution.result = {"rows": 3}
    result: Any = requirement.to_dict()["tool_execution"]["result"]
    assert json.loads(result) == {"rows": 3}
