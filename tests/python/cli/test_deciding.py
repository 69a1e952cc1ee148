"""Commands that decide: what they take, what they print, and with which code they end."""

from __future__ import annotations

import getpass
import json
from pathlib import Path

import pytest

from haltpoint import Agent, ScriptedModel, tool
from support.command import DELIVER, ENGRAVE, PAINT, CommandLine, StartRun
from support.databases import opened
from support.replies import wants, wants_all
from support.workshop import TOOLS

TWO_OPEN = wants_all(("paint", {"color": "red"}), ("deliver", {"address": "Main St"}))


def _open_ids(cli: CommandLine) -> list[str]:
    return [record["id"] for record in cli("inbox", "--json").records]


def test_a_decision_says_what_happens_next(cli: CommandLine, start: StartRun) -> None:
    run_id = start(TWO_OPEN)
    delivery, painting = _open_ids(cli)
    first = cli("approve", painting)
    assert "approved by" in first.out and "waits for one more decision" in first.out
    last = cli("result", delivery, "delivered", "--json").record
    assert f'agent.continue_run_async(run_id="{run_id}")' in last["next"]
    assert last["run"]["open_requirements"] == []
    assert last["requirement"]["decision"] == {"type": "result", "content": "delivered"}


def test_who_decides_is_the_login_name_or_whoever_is_named(cli: CommandLine, start: StartRun) -> None:
    start(TWO_OPEN)
    delivery, painting = _open_ids(cli)
    assert cli("approve", painting, "--json").record["requirement"]["decided_by"] == getpass.getuser()
    assert cli("result", delivery, "x", "--by", "ann", "--json").record["requirement"]["decided_by"] == "ann"


@pytest.mark.parametrize("length", [4, 8, 36])
def test_the_beginning_of_a_requirements_id_is_enough(cli: CommandLine, start: StartRun, length: int) -> None:
    start(PAINT)
    (requirement_id,) = _open_ids(cli)
    decided = cli("approve", requirement_id[:length].upper(), "--json").record
    assert decided["requirement"]["id"] == requirement_id


@pytest.mark.parametrize("note", ["", "  "])
def test_a_blank_note_is_none(cli: CommandLine, start: StartRun, note: str) -> None:
    start(PAINT)
    (requirement_id,) = _open_ids(cli)
    decided = cli("reject", requirement_id, "--note", note, "--json").record
    assert decided["requirement"]["decision"] == {"type": "reject", "note": None}


def test_the_same_decision_again_is_done_and_another_one_is_a_conflict(cli: CommandLine, start: StartRun) -> None:
    start(PAINT)
    (requirement_id,) = _open_ids(cli)
    assert cli("approve", requirement_id, "--by", "ann").code == 0
    again = cli("approve", requirement_id, "--by", "bob")
    assert (again.code, "approved by ann" in again.out) == (0, True)
    conflict = cli("reject", requirement_id, "--by", "bob", "--json")
    assert conflict.code == 4
    assert conflict.error["error"] == "RequirementConflictError"
    assert "by ann" in conflict.error["message"]


def test_a_run_with_several_open_requirements_names_them(cli: CommandLine, start: StartRun) -> None:
    run_id = start(TWO_OPEN)
    refused = cli("approve", run_id)
    assert refused.code == 2
    for requirement_id in _open_ids(cli):
        assert requirement_id in refused.err


def test_a_beginning_that_fits_several_runs_names_them(cli: CommandLine, start: StartRun) -> None:
    run_ids = [start(PAINT), start(PAINT)]
    refused = cli("show", run_ids[0][:4])
    assert refused.code == 2
    for run_id in run_ids:
        assert run_id in refused.err


def test_an_unknown_id_is_not_found(cli: CommandLine, start: StartRun) -> None:
    start(PAINT)
    for command in (["approve", "zzzz"], ["show", "zzzz"], ["cancel", "zzzz"], ["audit", "zzzz"]):
        assert cli(*command).code == 3


def test_an_empty_id_decides_on_nothing(cli: CommandLine, start: StartRun) -> None:
    start(PAINT)
    assert cli("approve", "").code == 2
    assert len(_open_ids(cli)) == 1


def test_where_nothing_is_open_or_under_way_there_is_nothing_to_do(cli: CommandLine, start: StartRun) -> None:
    run_id = start()
    assert cli("approve", run_id).code == 5
    assert cli("cancel", run_id).code == 5


@pytest.mark.parametrize(
    ("reply", "command", "advice"),
    [
        (ENGRAVE, ["approve"], "haltpoint answer"),
        (PAINT, ["answer", "name=Ann"], "haltpoint approve or reject"),
        (PAINT, ["recover", "retry"], "haltpoint approve or reject"),
        (DELIVER, ["reject"], "haltpoint result"),
    ],
)
def test_a_command_for_another_kind_names_the_right_one(
    cli: CommandLine, start: StartRun, reply: object, command: list[str], advice: str
) -> None:
    name, *values = command
    refused = cli(name, start(reply), *values)
    assert refused.code == 2
    assert advice in refused.err
    assert len(_open_ids(cli)) == 1


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        (["name=Ann", "copies=two"], "copies: must be a whole number"),
        (["name=Ann"], "copies: Field required (a whole number)"),
        (["size=3"], "no field 'size'"),
        (["name"], "no FIELD=VALUE"),
        ([], "no values"),
        (["--values", "[1]"], "must be a JSON object"),
        (["--values", "{"], "not valid JSON"),
    ],
)
def test_values_that_do_not_fit_are_refused(
    cli: CommandLine, start: StartRun, values: list[str], complaint: str
) -> None:
    run_id = start(ENGRAVE)
    refused = cli("answer", run_id, *values)
    assert (refused.code, complaint in refused.err) == (2, True), refused.err
    assert len(_open_ids(cli)) == 1


@pytest.mark.parametrize("arguments", [["retry", "text"], ["supply"], ["retry", "--note", "x"], ["repeat"]])
def test_recover_takes_what_belongs_together(cli: CommandLine, start: StartRun, arguments: list[str]) -> None:
    assert cli("recover", start(PAINT), *arguments).code == 2


def test_long_results_and_values_come_through_standard_input(cli: CommandLine, start: StartRun) -> None:
    delivery, engraving = start(DELIVER), start(ENGRAVE)
    given = cli("result", delivery, "-", "--json", stdin="two\nlines\n").record
    assert given["requirement"]["decision"]["content"] == "two\nlines"
    answered = cli("answer", engraving, "--values", "-", "--json", stdin=json.dumps({"name": "Ann", "copies": 2}))
    assert answered.record["requirement"]["decision"]["values"] == {"name": "Ann", "copies": 2}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [('{"color": 5}', "color"), ('{"colour": "red"}', "colour"), ("{}", "color"), ("red", "not valid JSON")],
)
def test_changed_arguments_that_do_not_fit_the_tool_are_refused(
    cli: CommandLine, start: StartRun, arguments: str, complaint: str
) -> None:
    refused = cli("approve", start(PAINT), "--args", arguments)
    assert (refused.code, complaint in refused.err) == (2, True), refused.err
    assert len(_open_ids(cli)) == 1


def test_changed_arguments_are_shown_beside_the_original_ones(cli: CommandLine, start: StartRun) -> None:
    run_id = start(PAINT)
    decided = cli("approve", run_id, "--args", "-", stdin='{"color": "blue"}')
    assert "approved with changed arguments" in decided.out
    (requirement,) = cli("show", run_id, "--json").record["requirements"]
    execution = requirement["tool_execution"]
    assert (execution["tool_args"], execution["original_tool_args"]) == ({"color": "blue"}, {"color": "red"})
    assert '{"color": "red"}\t{"color": "blue"}' in cli("audit", run_id).out


def test_a_cancelled_run_says_how_it_goes_on(cli: CommandLine, start: StartRun) -> None:
    run_id = start(PAINT)
    assert "is cancelled" in cli("cancel", run_id).out
    assert cli("inbox").out == ""
    with opened(cli.db_file) as database:
        assert database.run(run_id).is_cancelled


def test_a_decision_on_a_cancelled_run_says_that_no_worker_takes_it(cli: CommandLine, start: StartRun) -> None:
    run_id = start(TWO_OPEN)
    _, painting = _open_ids(cli)
    cli("cancel", run_id)
    decided = cli("approve", painting, "--json").record
    assert (decided["requirement"]["decision"], decided["run"]["status"]) == ({"type": "confirm"}, "CANCELLED")
    assert "is cancelled, and no worker takes it by itself" in decided["next"]
    assert f"haltpoint continue {run_id[:8]}" in decided["next"]
    assert "Nothing else is open" not in decided["next"]
    assert "is cancelled, and no worker takes it by itself" in " ".join(cli.shown("show", run_id).split())


@pytest.mark.parametrize("look", [("inbox",), ("runs",), ("check",)])
def test_looking_changes_nothing(cli: CommandLine, start: StartRun, look: tuple[str, ...]) -> None:
    run_id = start(PAINT)

    def journal() -> str:
        with opened(cli.db_file) as database:
            return database.export(run_id)

    before = journal()
    assert cli(*look).code == 0
    assert cli("show", run_id).code == cli("audit", run_id).code == 0
    assert journal() == before


@tool(requires_confirmation=True, expires_after=0.000001)
def hurry(color: str) -> str:
    """Paint at once; nobody is ever quick enough."""
    return f"painted {color}"


def test_a_decision_that_comes_too_late_is_a_conflict(cli: CommandLine) -> None:
    with opened(cli.db_file) as db:
        agent = Agent(ScriptedModel([wants("hurry", color="red"), "finished"]), db=db, tools=[hurry])
        requirement_id: str = agent.do("Hurry.", return_output=True).requirements[0].id
    late = cli("approve", requirement_id, "--json")
    assert (late.code, late.error["error"]) == (4, "RequirementExpiredError")


@tool(requires_confirmation=True, expires_after=0.000001, on_expiry="cancel")
def vanish(color: str) -> str:
    """Paint, or leave it."""
    return f"painted {color}"


def test_an_expiry_is_shown_without_a_person_and_with_its_reason(cli: CommandLine) -> None:
    with opened(cli.db_file) as db:
        agent = Agent(ScriptedModel([wants("vanish", color="red"), "finished"]), db=db, tools=[vanish])
        run_id: str = agent.do("Hurry.", return_output=True).run_id
        db.expire_due()
    expired, cancelled, _ = cli("audit", run_id).rows
    assert (expired[1:3], expired[-1]) == (["nobody", "expired"], "nobody decided in time")
    assert (cancelled[1:3], cancelled[-1][:28]) == (["nobody", "cancel_requested"], "nobody answered requirement ")
    told = [event["title"] for event in cli("show", run_id, "--json").record["timeline"]]
    assert any(title.startswith("the run is to stop: nobody answered requirement") for title in told)
    assert not any("wants the run to stop" in title for title in told)


@pytest.mark.parametrize("command", ["approve", "reject", "revoke"])
def test_a_prefix_that_fits_a_run_and_its_requirement_decides_nothing(tmp_path: Path, command: str) -> None:
    # Ids of runs begin with the time; one of sixteen ids of requirements begins with the same digit.
    for number in range(1000):
        cli = CommandLine(tmp_path / f"{number}.db")
        with opened(cli.db_file) as database:
            agent = Agent(ScriptedModel([PAINT, "finished"]), db=database, tools=TOOLS, name="joiner")
            output = agent.do("Paint.", return_output=True)
            (requirement,) = database.requirements()
            if requirement.id[0] != output.run_id[0]:
                continue
            if command == "revoke":
                requirement.confirm(by="ann", remember="run")
                requirement.commit()
            before = database.journal(output.run_id)
        break
    refused = cli(command, requirement.id[0])
    assert (refused.code, "fits several" in refused.err) == (2, True)
    assert output.run_id in refused.err and requirement.id in refused.err
    with opened(cli.db_file) as database:
        assert database.journal(output.run_id) == before
