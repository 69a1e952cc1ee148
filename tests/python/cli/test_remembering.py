"""Approving for later calls as well, seeing what stands, and ending it."""

from __future__ import annotations

import pytest

from haltpoint import Agent, ScriptedModel
from support.command import PAINT, CommandLine, StartRun
from support.databases import opened
from support.replies import wants
from support.workshop import TOOLS


def _goes_on(cli: CommandLine, run_id: str) -> str:
    """Continue a run in the way of a worker; returns its status."""
    with opened(cli.db_file) as database:
        # What the model said before stands in the journal: it goes on with the next reply.
        model = ScriptedModel([PAINT, PAINT, "finished"])
        output = Agent(model, db=database, tools=TOOLS).continue_run(run_id=run_id, return_output=True)
        return str(output.status.value)


def _only_id(cli: CommandLine) -> str:
    (record,) = cli("inbox", "--json").records
    return str(record["id"])


def _remembered(cli: CommandLine, start: StartRun, *options: str) -> tuple[str, str]:
    run_id = start(PAINT)
    requirement_id = _only_id(cli)
    told = cli("approve", requirement_id, "--by", "ann", "--remember", "run", *options)
    assert "approved, and remembered for the run" in told.out
    return run_id, requirement_id


def test_a_remembered_approval_answers_later_calls_and_is_told_of(cli: CommandLine, start: StartRun) -> None:
    run_id, requirement_id = _remembered(cli, start, "--remember-args")
    origin = f"remembered, from requirement {requirement_id} of run {run_id}, by ann"
    assert _goes_on(cli, run_id) == "COMPLETED"
    titles = [row[2] for row in cli("show", run_id).rows if len(row) == 4]
    assert "ann confirms paint, and later calls in the run, with these arguments" in titles
    assert f"paint is confirmed: {origin}" in titles
    audited = [row for row in cli("audit", run_id).rows if row[0] != "chain"]
    assert [row[8] for row in audited] == ["", origin.removeprefix("remembered, ")]
    first, later = cli("show", run_id, "--json").record["requirements"]
    assert first["remembered_from"] is None
    assert later["remembered_from"]["requirement_id"] == requirement_id


def test_what_stands_is_listed(cli: CommandLine, start: StartRun) -> None:
    assert start(PAINT)
    assert cli("remembered").out == ""
    assert "no approval is remembered" in cli.shown("remembered")
    run_id = cli("runs", "--json").record["run_id"]
    cli("approve", run_id, "--by", "ann", "--remember", "run", "--remember-args")
    ((requirement_id, _, scope, place, by, calls),) = cli("remembered").rows
    assert (scope, place, by, calls) == ("run", run_id, "ann", 'paint(color="red")')
    record = cli("remembered", "--json", "--run", run_id[:13]).record
    assert (record["requirement_id"], record["tool_args"], record["by"]) == (requirement_id, {"color": "red"}, "ann")
    assert cli("remembered", "--session", "shop").out == ""
    shown = cli.shown("remembered")
    assert requirement_id[:8] in shown and "paint" in shown


@pytest.mark.parametrize("by_run", [True, False])
def test_after_it_is_revoked_the_next_call_waits(cli: CommandLine, start: StartRun, by_run: bool) -> None:
    run_id, requirement_id = _remembered(cli, start)
    revoked = cli("revoke", run_id if by_run else requirement_id[:8], "--by", "cid")
    assert revoked.code == 0
    assert "revoked by cid" in revoked.out
    assert cli("remembered").out == ""
    assert _goes_on(cli, run_id) == "PAUSED"
    titles = [row[2] for row in cli("show", run_id).rows if len(row) == 4]
    assert f"cid revokes that later calls of paint run without asking ({requirement_id[:8]})" in titles
    assert [row[1:3] for row in cli("audit", run_id).rows][1] == ["cid", "approval_revoked"]
    again = cli("revoke", requirement_id, "--json")
    assert (again.code, again.error["error"]) == (5, "nothing_to_do")


def test_there_must_be_something_to_revoke(cli: CommandLine, start: StartRun) -> None:
    run_id = start(PAINT)
    assert cli("revoke", run_id).code == 5
    assert cli("revoke", "zzzz").code == 3
    refused = cli("revoke", _only_id(cli))
    assert (refused.code, "has no remembered approval" in refused.err) == (2, True)


def test_a_document_tells_what_was_revoked(cli: CommandLine, start: StartRun) -> None:
    _, requirement_id = _remembered(cli, start)
    told = cli("revoke", requirement_id, "--by", "cid", "--json").record
    assert told == {"requirement_id": requirement_id, "revoked_by": "cid"}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--remember", "session"], "belongs to no session"),
        (["--remember-args"], "needs remember"),
        (["--remember", "run", "--args", '{"color": "blue"}'], "changed arguments"),
        (["--remember", "always"], "Invalid value for '--remember'"),
    ],
)
def test_what_cannot_be_remembered_is_wrong_usage(
    cli: CommandLine, start: StartRun, options: list[str], problem: str
) -> None:
    start(PAINT)
    refused = cli("approve", _only_id(cli), *options)
    assert refused.code == 2
    assert problem in refused.err
    assert _only_id(cli)


def test_revoking_completes_the_ids_of_what_stands(cli: CommandLine, start: StartRun) -> None:
    _, requirement_id = _remembered(cli, start)
    start(wants("paint", color="blue"))
    words = {"COMP_WORDS": "haltpoint revoke ", "COMP_CWORD": "2", "_HALTPOINT_COMPLETE": "bash_complete"}
    assert cli(env=words).out.split() == [f"plain,{requirement_id}"]
