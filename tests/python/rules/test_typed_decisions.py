"""A decision is yes, no or nothing, and about the call that was shown: anything else is refused, and nothing runs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from haltpoint import (
    Agent,
    InvalidResolutionError,
    RequirementConflictError,
    RunRequirement,
    ScriptedModel,
    SqliteDatabase,
    ToolCall,
    UnresolvedRequirementsError,
    UserControlFlowTools,
    tool,
)
from haltpoint.models import ModelReply
from support.replies import results_in

ran: list[Any] = []


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    ran.clear()


@tool(requires_confirmation=True)
def delete(name: str) -> str:
    ran.append(("delete", name))
    return "deleted"


@tool(requires_confirmation=True)
def show(name: str) -> str:
    ran.append(("show", name))
    return "shown"


@tool(requires_confirmation=True, approvals=2)
def pay(euros: int) -> str:
    ran.append(("pay", euros))
    return "paid"


@tool(external_execution=True)
def query(text: str) -> str:
    raise NotImplementedError


@tool(requires_user_input=True, user_input_fields=["to"])
def send(subject: str, to: str) -> str:
    ran.append(("send", subject, to))
    return "sent"


TOOLS = [delete, show, pay, query, send, UserControlFlowTools()]


def agent(db: SqliteDatabase, *calls: ToolCall, tools: list[Any] = TOOLS) -> Agent:
    last: Callable[[Any], str] = lambda request: "; ".join(map(str, results_in(request)))  # noqa: E731
    return Agent(ScriptedModel([ModelReply(tool_calls=list(calls)), last]), db=db, tools=tools)


def asked(db: SqliteDatabase, *calls: ToolCall) -> list[RunRequirement]:
    return agent(db, *calls).do("Work.", return_output=True).requirements


def as_data(requirement: RunRequirement) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(json.dumps(requirement.to_dict()))
    return data


def go_on(db: SqliteDatabase, run_id: str | None, *requirements: Any) -> Any:
    assert run_id is not None
    return agent(db).continue_run(run_id=run_id, requirements=requirements or None)


NO_WORDS = ["false", "no", "true", "yes", "rejected", 0, 1, 1.0, "", [], {}, b"no"]
DELETE = ToolCall("delete", {"name": "customers"})
PAY = ToolCall("pay", {"euros": 5})


@pytest.mark.parametrize("word", NO_WORDS, ids=repr)
@pytest.mark.parametrize("call", [DELETE, PAY], ids=["one approval", "two approvals"])
def test_nothing_but_true_false_and_none_is_a_word_on_a_call(db: SqliteDatabase, call: ToolCall, word: Any) -> None:
    (requirement,) = asked(db, call)
    requirement.draft_by = "ann"
    requirement.tool_execution.confirmed = word
    with pytest.raises(InvalidResolutionError, match="must be True, False or None"):
        go_on(db, requirement.run_id)
    with pytest.raises(InvalidResolutionError):
        requirement.commit()
    requirement.tool_execution.confirmed = None
    requirement.confirmation = word
    with pytest.raises(InvalidResolutionError):
        go_on(db, requirement.run_id)
    assert ran == []
    assert requirement.run_id is not None
    assert db.run(requirement.run_id).is_paused


@pytest.mark.parametrize("place", ["top", "within"])
@pytest.mark.parametrize("word", [word for word in NO_WORDS if not isinstance(word, bytes)], ids=repr)
def test_so_it_is_in_data(db: SqliteDatabase, word: Any, place: str) -> None:
    (requirement,) = asked(db, DELETE)
    data = as_data(requirement)
    if place == "top":
        data["confirmation"] = word
    else:
        data["tool_execution"]["confirmed"] = word
    with pytest.raises(InvalidResolutionError):
        go_on(db, requirement.run_id, data)
    assert ran == []


@pytest.mark.parametrize("word", ["false", "no", 1, 0], ids=repr)
def test_answered_is_a_word_too(db: SqliteDatabase, word: Any) -> None:
    (requirement,) = asked(db, ToolCall("send", {"subject": "Hello"}))
    data = as_data(requirement)
    data["tool_execution"]["answered"] = word
    for field in data["tool_execution"]["user_input_schema"]:
        field["value"] = field["value"] or "ann"
    data["user_input_schema"] = deepcopy(data["tool_execution"]["user_input_schema"])
    with pytest.raises(InvalidResolutionError, match="answered"):
        go_on(db, requirement.run_id, data)
    assert ran == []


def decided(data: dict[str, Any]) -> dict[str, Any]:
    requirement = RunRequirement.from_dict(data)
    match requirement.kind:
        case "confirmation":
            requirement.confirm(by="ann")
        case "external_tool":
            requirement.set_external_execution_result("rows")
        case _:
            requirement.answer({"to": "ann"})
    return as_data(requirement)


CALLS = {
    "confirmation": DELETE,
    "external": ToolCall("query", {"text": "of bob"}),
    "input": ToolCall("send", {"subject": "YOU ARE FIRED"}),
}


def another_tool(data: dict[str, Any]) -> None:
    data["tool_execution"]["tool_name"] = "show"


def another_call(data: dict[str, Any]) -> None:
    data["tool_execution"]["tool_call_id"] = "call_99"


def other_arguments(data: dict[str, Any]) -> None:
    (name,) = data["tool_execution"]["tool_args"]
    data["tool_execution"]["tool_args"][name] = "harmless"
    for field in data["tool_execution"]["user_input_schema"] or ():
        if field["name"] == name:
            field["value"] = "harmless"


def no_arguments(data: dict[str, Any]) -> None:
    del data["tool_execution"]["tool_args"]


def another_run(data: dict[str, Any]) -> None:
    data["run_id"] = "01936f00-0000-7000-8000-000000000001"


def an_unknown_id(data: dict[str, Any]) -> None:
    data["id"] = "ffffffff-0000-8000-8000-000000000000"


@pytest.mark.parametrize(
    "forge", [another_tool, another_call, other_arguments, no_arguments, another_run, an_unknown_id]
)
@pytest.mark.parametrize("kind", CALLS)
def test_a_decision_names_its_run_its_tool_and_its_arguments(
    db: SqliteDatabase, kind: str, forge: Callable[[dict[str, Any]], None]
) -> None:
    (requirement,) = asked(db, CALLS[kind])
    data = as_data(requirement)
    forge(data)
    data["user_input_schema"] = deepcopy(data["tool_execution"]["user_input_schema"])
    with pytest.raises(InvalidResolutionError) as caught:
        go_on(db, requirement.run_id, decided(data))
    assert caught.value.run_id == requirement.run_id
    assert ran == []
    assert requirement.run_id is not None
    assert db.run(requirement.run_id).is_paused


@pytest.mark.parametrize("kind", CALLS)
def test_the_decision_of_another_run_is_not_taken(db: SqliteDatabase, kind: str) -> None:
    # A model that numbers its calls gives both calls the same id.
    call = ToolCall(CALLS[kind].name, CALLS[kind].args, "call_0")
    (first,), (second,) = asked(db, call), asked(db, call)
    with pytest.raises(InvalidResolutionError, match=str(first.run_id)):
        go_on(db, second.run_id, decided(as_data(first)))
    assert ran == []


def test_swapped_ids_are_noticed(db: SqliteDatabase) -> None:
    first, second = map(as_data, asked(db, ToolCall("delete", {"name": "tmp"}), DELETE))
    first["id"], second["id"] = second["id"], first["id"]
    with pytest.raises(InvalidResolutionError):
        go_on(db, first["run_id"], decided(first))
    assert ran == []


@pytest.mark.parametrize("commit", [True, False])
def test_arguments_edited_on_a_live_object_are_refused(db: SqliteDatabase, commit: bool) -> None:
    (requirement,) = asked(db, DELETE)
    requirement.tool_execution.tool_args["name"] = "tmp"
    requirement.confirm(by="ann")
    with pytest.raises(InvalidResolutionError, match="confirm\\(tool_args="):
        requirement.commit() if commit else go_on(db, requirement.run_id)
    assert ran == []
    # Nothing is lost: the requirement can be decided as it was asked.
    (again,) = db.requirements()
    again.confirm()
    again.commit()
    requirement.drop_draft()
    go_on(db, requirement.run_id)
    assert ran == [("delete", "customers")]


def test_true_is_not_one(db: SqliteDatabase) -> None:
    (requirement,) = asked(db, ToolCall("pay", {"euros": 1}))
    requirement.tool_execution.tool_args["euros"] = True
    requirement.confirm(by="ann")
    with pytest.raises(InvalidResolutionError):
        requirement.commit()


# Digests


def test_a_digest_names_what_confirming_would_run(db: SqliteDatabase) -> None:
    first, second = asked(db, DELETE, DELETE)
    digests = {first.digest, second.digest, asked(db, DELETE)[0].digest}
    assert len(digests) == 3
    assert all(digest is not None and len(digest) == 64 for digest in digests)
    assert first.run_id is not None
    assert {item.digest for item in db.run(first.run_id).requirements} == {first.digest, second.digest}
    assert as_data(first)["digest"] == first.digest


@pytest.mark.parametrize("kind", CALLS)
def test_a_decision_on_another_digest_is_refused(db: SqliteDatabase, kind: str) -> None:
    (requirement,) = asked(db, CALLS[kind])
    data = {**requirement.to_dict(), "expected_digest": "0" * 64}
    execution = data["tool_execution"]
    match kind:
        case "confirmation":
            execution["confirmed"] = True
        case "external":
            execution["result"] = "rows"
        case _:
            requirement.answer({"to": "ann"})
            data = {**requirement.to_dict(), "expected_digest": "0" * 64}
    with pytest.raises(InvalidResolutionError, match="not what was shown") as caught:
        go_on(db, requirement.run_id, data)
    assert caught.value.field_name == "expected_digest"
    assert len(db.requirements()) == 1
    assert ran == []


def test_the_right_digest_is_taken_twice(db: SqliteDatabase) -> None:
    (requirement,) = asked(db, DELETE)
    for _ in range(2):
        (seen,) = db.requirements(open_only=False)
        seen.confirm(by="ann", expected_digest=requirement.digest)
        seen.commit()
    go_on(db, requirement.run_id)
    assert ran == [("delete", "customers")]


def test_what_another_approver_changed_has_another_digest(db: SqliteDatabase) -> None:
    (requirement,) = asked(db, PAY)
    seen_by_bob = requirement.digest
    requirement.confirm(tool_args={"euros": 500}, by="ann")
    requirement.commit()
    (open_still,) = db.requirements()
    assert open_still.digest != seen_by_bob
    open_still.confirm(tool_args={"euros": 500}, by="bob", expected_digest=seen_by_bob)
    with pytest.raises(InvalidResolutionError, match="not what was shown"):
        open_still.commit()
    open_still.confirm(by="bob")
    with pytest.raises(RequirementConflictError):
        open_still.commit()
    open_still.confirm(tool_args={"euros": 500}, by="bob", expected_digest=open_still.digest)
    open_still.commit()
    go_on(db, requirement.run_id)
    assert ran == [("pay", 500)]


def test_another_decision_on_a_completed_run_is_a_conflict(db: SqliteDatabase) -> None:
    (requirement,) = asked(db, DELETE)
    data = as_data(requirement)
    requirement.confirm()
    go_on(db, requirement.run_id)
    assert go_on(db, requirement.run_id, requirement) == "deleted"
    late = RunRequirement.from_dict(data)
    late.reject("no")
    with pytest.raises(RequirementConflictError):
        go_on(db, requirement.run_id, late)
    assert ran == [("delete", "customers")]


# Handlers


def test_an_edit_within_a_handler_is_refused_and_nothing_runs(db: SqliteDatabase) -> None:
    def before(requirement: RunRequirement) -> None:
        requirement.tool_execution.tool_args["name"] = "tmp"
        requirement.confirm(by="ann")

    def after(requirement: RunRequirement) -> None:
        requirement.confirm(by="ann")
        requirement.tool_execution.tool_name = "show"

    for handler in (before, after):
        with pytest.raises(InvalidResolutionError):
            agent(db, DELETE).do("Work.", hitl_handler=handler)
    assert ran == []


@pytest.mark.parametrize("kind", ["external", "input"])
def test_so_it_is_for_results_and_answers(db: SqliteDatabase, kind: str) -> None:
    def cheat(requirement: RunRequirement) -> None:
        (name,) = requirement.tool_execution.tool_args
        requirement.tool_execution.tool_args[name] = "harmless"
        if requirement.kind == "external_tool":
            requirement.set_external_execution_result("rows")
        else:
            requirement.answer({"to": "ann"})

    with pytest.raises(InvalidResolutionError):
        agent(db, CALLS[kind]).do("Work.", hitl_handler=cheat)
    assert ran == []


@pytest.mark.parametrize("said", [{"tool_args": {"name": 5}}, {"expected_digest": "0" * 64}], ids=["edit", "digest"])
def test_a_refused_decision_of_a_handler_blocks_no_run(db: SqliteDatabase, said: dict[str, Any]) -> None:
    (requirement,) = asked(db, DELETE)
    run_id = str(requirement.run_id)
    with pytest.raises(InvalidResolutionError):
        agent(db).continue_run(run_id=run_id, hitl_handler=lambda item: item.confirm(**said))
    assert agent(db).continue_run(run_id=run_id, hitl_handler=lambda item: item.confirm()) == "deleted"
    assert ran == [("delete", "customers")]


def test_what_a_handler_that_raises_says_elsewhere_counts_no_more(db: SqliteDatabase) -> None:
    def failing(requirement: RunRequirement) -> None:
        db.requirements()[0].confirm(by="late")
        raise LookupError

    with pytest.raises(LookupError):
        agent(db, DELETE).do("Work.", hitl_handler=failing)
    with pytest.raises(UnresolvedRequirementsError):
        go_on(db, db.runs()[0].run_id)
    assert ran == []


def test_a_handler_that_says_two_things_decides_nothing(db: SqliteDatabase) -> None:
    def torn(requirement: RunRequirement) -> None:
        db.requirements()[0].reject("no", by="bob")
        requirement.confirm(by="ann")

    with pytest.raises(InvalidResolutionError, match="different"):
        agent(db, DELETE).do("Work.", hitl_handler=torn)
    assert ran == []


# What data may say


ODD_DECISIONS: list[dict[str, Any]] = [
    {"type": "nope"},
    {"type": "confirm", "remember": "run"},
    {"type": "confirm", "result": "x"},
    {"type": "result", "content": 5},
    {"type": "input", "values": []},
    {"type": ["confirm"]},
]


@pytest.mark.parametrize("decision", ODD_DECISIONS, ids=str)
def test_data_that_holds_no_decision_is_refused(db: SqliteDatabase, decision: dict[str, Any]) -> None:
    (requirement,) = asked(db, DELETE)
    with pytest.raises(InvalidResolutionError):
        go_on(db, requirement.run_id, {**as_data(requirement), "decision": decision})
    assert ran == []


ODD_DRAFTS = [{"tool_arg": {"name": "tmp"}}, {"shown_args": {"name": "tmp"}}, {"type": "reject"}, {"": 1}, [1]]


@pytest.mark.parametrize("draft", ODD_DRAFTS, ids=str)
def test_a_draft_that_says_what_no_draft_says_is_refused(db: SqliteDatabase, draft: Any) -> None:
    (requirement,) = asked(db, DELETE)
    data = {**as_data(requirement), "confirmation": True, "confirmation_draft": draft}
    with pytest.raises(InvalidResolutionError):
        go_on(db, requirement.run_id, data)
    assert ran == []


def test_what_the_tool_makes_of_values_is_never_taken_from_data(db: SqliteDatabase) -> None:
    (requirement,) = asked(db, DELETE)
    decision = {"type": "confirm", "tool_args": {"name": "tmp"}, "shown_args": {"name": "harmless"}}
    with pytest.raises(InvalidResolutionError):
        go_on(db, requirement.run_id, {**as_data(requirement), "decision": decision})
    assert ran == []
    assert db.requirements()[0].decision is None


def test_data_says_which_digest_was_seen(db: SqliteDatabase) -> None:
    (requirement,) = asked(db, DELETE)
    data = {**as_data(requirement), "confirmation": True}
    for digest in ("0" * 64, True, 5):
        with pytest.raises(InvalidResolutionError):
            go_on(db, requirement.run_id, {**data, "digest": digest})
    with pytest.raises(InvalidResolutionError, match="one of confirmation"):
        go_on(db, requirement.run_id, {**data, "kind": "zzz"})
    assert ran == []
    go_on(db, requirement.run_id, data)
    assert ran == [("delete", "customers")]


def test_two_fields_of_one_name_are_refused(db: SqliteDatabase) -> None:
    (requirement,) = asked(db, CALLS["input"])
    data = decided(as_data(requirement))
    for form in (data["user_input_schema"], data["tool_execution"]["user_input_schema"]):
        form.append({**form[0], "value": "HELLO"})
    with pytest.raises(InvalidResolutionError):
        go_on(db, requirement.run_id, data)
    assert ran == []


def test_answered_false_is_a_no(db: SqliteDatabase) -> None:
    (requirement,) = asked(db, CALLS["input"])
    for field in requirement.user_input_schema or ():
        field["value"] = field["value"] or "ann"
    requirement.tool_execution.answered = False
    with pytest.raises(UnresolvedRequirementsError):
        go_on(db, requirement.run_id)
    requirement.tool_execution.answered = None
    go_on(db, requirement.run_id)
    assert ran == [("send", "YOU ARE FIRED", "ann")]


def test_remembering_arguments_is_yes_or_no(db: SqliteDatabase) -> None:
    (requirement,) = asked(db, DELETE)
    with pytest.raises(InvalidResolutionError, match="remember_args"):
        requirement.confirm(remember="run", remember_args="false")  # type: ignore[arg-type]


# Drafts on any object


def test_a_word_that_is_assigned_to_an_object_of_a_list_counts(db: SqliteDatabase) -> None:
    (requirement,) = asked(db, DELETE)
    run_id = requirement.run_id
    del requirement
    db.requirements()[0].confirmation = False
    assert "rejected" in go_on(db, run_id)
    assert ran == []


def test_so_does_a_no_beside_a_yes(db: SqliteDatabase) -> None:
    (requirement,) = asked(db, DELETE)
    requirement.confirm(by="ann")
    db.requirements()[0].confirmation = False
    with pytest.raises(InvalidResolutionError, match="different"):
        go_on(db, requirement.run_id)
    assert ran == []


def test_a_dropped_draft_that_is_overruled_is_said_once(db: SqliteDatabase) -> None:
    (requirement,) = asked(db, DELETE)
    run_id = str(requirement.run_id)
    del requirement
    db.requirements()[0].confirm(by="ann")
    (other,) = db.requirements()
    other.reject("no", by="bob")
    other.commit()
    with pytest.raises(RequirementConflictError):
        go_on(db, run_id)
    assert "no" in go_on(db, run_id)
    assert ran == []


def test_a_draft_on_an_object_of_the_database_counts(db: SqliteDatabase) -> None:
    (requirement,) = asked(db, DELETE)
    run_id = requirement.run_id
    assert run_id is not None
    del requirement
    db.run(run_id).active_requirements[0].confirm(by="ann")
    go_on(db, run_id)
    assert ran == [("delete", "customers")]


def test_so_does_one_on_an_object_of_a_list(db: SqliteDatabase) -> None:
    asked(db, DELETE)
    listed = db.requirements()
    listed[0].tool_execution.confirmed = False
    listed[0].confirmation_note = "too many"
    assert "too many" in go_on(db, listed[0].run_id)
    assert ran == []


def test_drafts_on_each_of_several_objects_count(db: SqliteDatabase) -> None:
    run_id = asked(db, DELETE, ToolCall("show", {"name": "a"}))[0].run_id
    for requirement in db.requirements():
        requirement.confirm()
    go_on(db, run_id)
    assert {name for name, _ in ran} == {"delete", "show"}


def test_two_objects_that_say_different_things_decide_nothing(db: SqliteDatabase) -> None:
    (requirement,) = asked(db, DELETE)
    requirement.confirm()
    (other,) = db.requirements()
    other.reject("no")
    with pytest.raises(InvalidResolutionError, match="different"):
        go_on(db, requirement.run_id)
    assert ran == []
    assert "no" in go_on(db, requirement.run_id, other)


def test_two_objects_that_say_the_same_decide_once(db: SqliteDatabase) -> None:
    (requirement,) = asked(db, DELETE)
    (other,) = db.requirements()
    for each in (requirement, other):
        each.confirm(by="ann")
    go_on(db, requirement.run_id)
    assert ran == [("delete", "customers")]


# Tools that are gone


def local(name: str) -> Any:
    def function(name: str) -> str:
        return "found"

    return tool(name=name)(function)


def test_a_tool_that_no_call_needs_may_be_gone(db: SqliteDatabase) -> None:
    output = agent(db, DELETE, tools=[delete, local("look_up")]).do("Work.", return_output=True)
    db.requirements()[0].confirm()
    assert agent(db, tools=[delete]).continue_run(run_id=output.run_id) == "deleted"


@pytest.mark.parametrize("end", ["reject", "result", "finished"])
def test_a_call_that_does_not_run_any_more_needs_no_tool(db: SqliteDatabase, end: str) -> None:
    @tool(requires_confirmation=True, name="gone")
    def gone(name: str) -> str:
        return "ran"

    @tool(external_execution=True, name="elsewhere")
    def elsewhere(name: str) -> str:
        raise NotImplementedError

    calls = [ToolCall("gone", {"name": "a"}), ToolCall("elsewhere", {"name": "b"}), DELETE]
    output = agent(db, *calls, tools=[delete, gone, elsewhere]).do("Work.", return_output=True)
    first, second, third = output.requirements
    second.set_external_execution_result("from elsewhere")
    if end == "finished":
        first.confirm()
        agent(db, tools=[delete, gone, elsewhere]).continue_run(run_id=output.run_id, return_output=True)
    else:
        first.reject("no")
    third.confirm()
    del gone, elsewhere
    from_data = [as_data(item) for item in (first, second, third)]
    answer = Agent(agent(db).model, db=db, tools=[delete]).continue_run(run_id=output.run_id, requirements=from_data)
    assert "deleted" in str(answer)


def test_only_the_call_that_is_to_run_needs_its_tool(db_file: Any) -> None:
    # Declared in a function of its own, so that no process but this one has it, and not for long.
    def started() -> str:
        @tool(requires_confirmation=True, name="gone")
        def gone(name: str) -> str:
            return "ran"

        with SqliteDatabase(db_file) as db:
            calls = [ToolCall("gone", {"name": "a"}), DELETE]
            return agent(db, *calls, tools=[delete, gone]).do("Work.", return_output=True).run_id

    run_id = started()
    with SqliteDatabase(db_file) as db:
        gone_call, delete_call = sorted(db.requirements(), key=lambda item: item.tool_execution.tool_name != "gone")
        delete_call.confirm()
        delete_call.commit()
        other = Agent(agent(db).model, db=db, tools=[delete])
        assert ran == []
        assert other.continue_run(run_id=run_id, return_output=True).is_paused
        assert ran == [("delete", "customers")]
        with pytest.raises(UnresolvedRequirementsError):
            other.continue_run(run_id=run_id)
        assert gone_call.kind == "confirmation"


def test_an_approved_call_whose_tool_is_gone_says_so_and_waits(db: SqliteDatabase) -> None:
    (requirement,) = asked(db, DELETE)
    requirement.confirm()
    requirement.commit()
    program = """
import sys
from haltpoint import Agent, ScriptedModel, SqliteDatabase, ToolNotAvailableError
with SqliteDatabase(sys.argv[1]) as db:
    try:
        Agent(ScriptedModel([]), db=db).continue_run(run_id=sys.argv[2])
    except ToolNotAvailableError as error:
        print(error.tool_name, db.run(sys.argv[2]).status)
"""
    command = [sys.executable, "-c", program, db.db_file, str(requirement.run_id)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.split() == ["delete", "PAUSED"]
    go_on(db, requirement.run_id)
    assert ran == [("delete", "customers")]


@pytest.mark.parametrize("kind", [*CALLS, "changed"])
def test_a_handler_may_await_the_requirement_that_it_decides(db: SqliteDatabase, kind: str) -> None:
    (requirement,) = asked(db, CALLS.get(kind, DELETE))

    async def decide(asked_for: RunRequirement) -> None:
        match asked_for.kind:
            case "confirmation":
                asked_for.confirm(by="ann", tool_args={"name": "tmp"} if kind == "changed" else None)
            case "external_tool":
                asked_for.set_external_execution_result("rows")
            case _:
                asked_for.answer({"to": "ann"})
        await asked_for

    assert requirement.run_id is not None
    output = agent(db).continue_run(run_id=requirement.run_id, hitl_handler=decide, return_output=True)
    assert output.is_complete
    expected = {"changed": ("delete", "tmp"), "confirmation": ("delete", "customers"), "external": None}
    assert ran == [call for call in [expected.get(kind, ("send", "YOU ARE FIRED", "ann"))] if call]
