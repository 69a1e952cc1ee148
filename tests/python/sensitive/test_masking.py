"""Sensitive values are masked wherever nobody decides on them."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pexpect
import pytest
from pydantic import AfterValidator

from haltpoint import (
    Agent,
    InvalidResolutionError,
    ModelReply,
    RequirementConflictError,
    RunEvent,
    RunRequirement,
    ScriptedModel,
    SqliteDatabase,
    ToolCall,
    ToolChangedError,
    tool,
)
from haltpoint.inbox import create_app
from haltpoint.journal.spans import spans_of
from haltpoint.journal.timeline import told
from support.asgi import asked
from support.command import CommandLine
from support.replies import wants

from .stories import CARD, EDITED, SAID, Story, agent_on, seen, tell

MASK = "[sensitive]"


@pytest.fixture
def cli(story: Story, db: SqliteDatabase, db_file: Path) -> CommandLine:
    """The command, which knows nothing of the tools, on a file that nobody else has open."""
    db.close()
    return CommandLine(db_file)


def test_who_decides_in_code_sees_the_values(db: SqliteDatabase, story: Story) -> None:
    (requirement,) = db.requirements(run_id=story.waiting)
    assert requirement.tool_execution.tool_args["card"] == CARD
    assert requirement.tool_execution.sensitive == ["card", "pin"]
    again = RunRequirement.from_dict(json.loads(json.dumps(requirement.to_dict())))
    assert again.tool_execution.tool_args == requirement.tool_execution.tool_args


def test_a_masked_requirement_shows_nothing_and_can_not_be_decided(db: SqliteDatabase, story: Story) -> None:
    for requirement in db.requirements(open_only=False):
        masked = requirement.masked()
        assert seen(json.dumps(masked.to_dict())) == seen(repr(vars(masked))) == seen(repr(requirement)) == []
        assert (masked.id, masked.digest) == (requirement.id, None)
    (waiting,) = db.requirements(run_id=story.waiting)
    shown = {"card": MASK, "euros": 6, "pin": MASK}
    assert waiting.masked().tool_execution.tool_args == shown
    data = {**waiting.masked().to_dict(), "confirmation": True}
    with pytest.raises(InvalidResolutionError, match="masked, as in a list"):
        agent_on(db).continue_run(run_id=story.waiting, requirements=[data])
    waiting.confirm(tool_args={**shown, "euros": 3})
    with pytest.raises(InvalidResolutionError, match="lists show in the place of its value") as caught:
        waiting.commit()
    assert caught.value.field_name == "card"


def test_objects_are_written_into_logs(db: SqliteDatabase, story: Story) -> None:
    requirements, records = db.requirements(open_only=False), db.audit(story.done)
    objects = [item.tool_execution for item in requirements] + records + db.remembered()
    assert len(records) == 4
    assert len(db.remembered()) == 1
    assert seen(repr(objects)) == []
    assert seen(json.dumps([record.to_dict() for record in records])) == []
    assert seen(json.dumps([item.to_dict() for item in db.remembered()])) == []
    # In code they have the values.
    assert records[0].changed_args is not None
    assert records[0].changed_args["card"]["number"] == EDITED


def test_timelines_and_spans_are_masked(db: SqliteDatabase, story: Story) -> None:
    for run_id in (story.done, story.waiting):
        journal = db.journal(run_id)
        assert seen(told(journal)) == seen(spans_of(journal)) == []
    titles = [event.title for event in told(db.journal(story.waiting))]
    assert f'the model asks for charge(card="{MASK}", euros=6)' in titles


def test_texts_about_very_many_values_are_masked_whole(db: SqliteDatabase) -> None:
    @tool(sensitive=["numbers"])
    def dial(numbers: list[int]) -> str:
        """Dial numbers."""
        return f"dialled {numbers[-1]}"

    agent = Agent(ScriptedModel([wants("dial", numbers=[*range(100_000)]), "done"]), db=db, tools=[dial])
    journal = db.journal(agent.do("Dial.", return_output=True).run_id)
    began = time.monotonic()
    events = told(journal)
    assert [event.detail for event in events if event.kind == "tool_finished"] == [MASK]
    assert time.monotonic() - began < 5


def test_events_hold_no_values(db: SqliteDatabase) -> None:
    events: list[RunEvent] = []
    agent = agent_on(db, wants("charge", card=CARD, euros=6), on_event=events.append)
    agent.do("Charge it.", return_output=True)
    assert [event.tool_name for event in events if event.kind == "requirement_opened"] == ["charge"]
    assert seen(json.dumps([event.to_dict() for event in events])) == []


COMMANDS: dict[str, list[str]] = {
    "inbox": ["inbox"],
    "inbox --json": ["inbox", "--json"],
    "runs": ["runs", "--json"],
    "remembered": ["remembered"],
    "remembered --json": ["remembered", "--json"],
    "audit": ["audit", "{done}"],
    "audit --json": ["audit", "{done}", "--json"],
    "show": ["show", "{done}", "--full"],
    "show --json": ["show", "{done}", "--json"],
    "show --watch": ["show", "{done}", "--json", "--watch"],
    "export": ["export", "{done}", "-"],
    "check": ["check"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_mask_what_they_list(cli: CommandLine, story: Story, command: str) -> None:
    printed = cli(*(part.format(done=story.done) for part in COMMANDS[command]))
    assert printed.code == 0, printed.err
    assert seen(printed.out + printed.err) == []


@pytest.mark.parametrize("command", ["inbox", "remembered"])
def test_tables_mask_what_they_list(cli: CommandLine, command: str) -> None:
    assert seen(cli.shown(command, columns=400)) == []


def test_show_has_the_values_while_somebody_has_to_decide(cli: CommandLine, story: Story) -> None:
    record = cli("show", story.waiting, "--json").record
    (requirement,) = record["requirements"]
    assert requirement["tool_execution"]["tool_args"]["card"] == CARD
    assert requirement["digest"] is not None
    assert seen(json.dumps(record["timeline"])) == []
    assert SAID in cli("show", story.waiting).out
    # What was decided is history.
    approved = cli("approve", story.waiting, "--json")
    assert approved.code == 0
    assert seen(approved.out) == []
    assert seen(cli("show", story.waiting, "--json").out) == []


def test_who_is_asked_at_a_terminal_sees_the_values_until_they_decided(cli: CommandLine) -> None:
    terminal = cli.at_terminal("inbox", "-i", columns=400)
    terminal.expect("The call")
    assert seen(terminal.before) == []
    terminal.expect(r"\[a\]pprove.*uit\s+> ")
    assert SAID in terminal.before
    terminal.sendline("a")
    terminal.expect("approved by")
    assert seen(terminal.before) == []
    terminal.expect(pexpect.EOF)
    terminal.close()


def test_an_error_about_what_changed_shows_nothing(cli: CommandLine, story: Story) -> None:
    refused = cli("approve", story.waiting, "--expected-digest", "0" * 64)
    assert refused.code == 4
    assert MASK in refused.err
    assert seen(refused.err) == []


_LISTING = """
import sys
from haltpoint import SqliteDatabase
with SqliteDatabase(sys.argv[1]) as db:
    assert not [name for name in sys.modules if "stories" in name]
    print([item.masked().to_dict() for item in db.requirements(open_only=False)], db.audit(sys.argv[2]))
    print(db.export(sys.argv[2]))
"""


def test_a_process_without_the_code_masks_as_well(cli: CommandLine, story: Story) -> None:
    command = [sys.executable, "-c", _LISTING, str(cli.db_file), story.done]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert MASK in printed
    assert seen(printed) == []


def test_nobody_who_lacks_the_feature_reads_the_run(db: SqliteDatabase, story: Story) -> None:
    rows = [json.loads(line) for line in db.export(story.waiting).splitlines()[1:]]
    assert [row.get("requires") for row in rows][:2] == [["sensitive"], ["sensitive"]]
    plain = Agent(ScriptedModel(["done"]), db=db).do("Nothing.", return_output=True).run_id
    assert "requires" not in db.export(plain)


CALLS_THAT_DO_NOT_FIT: dict[str, Any] = {
    "an unknown name": {"pim": "4711-4711", "door": "front"},
    "another type": {"pin": "4711-4711", "door": "front"},
    "no object": '"4711-4711"',
    "no JSON": '{"pin": 4711-4711',
}


@pytest.mark.parametrize("case", CALLS_THAT_DO_NOT_FIT)
def test_a_call_that_does_not_fit_the_tool_shows_none_of_its_values(db: SqliteDatabase, case: str) -> None:
    reply = ModelReply(tool_calls=[ToolCall("unlock", CALLS_THAT_DO_NOT_FIT[case])])
    agent = Agent(ScriptedModel([reply, "done"]), db=db, tools=[unlock])
    run_id = agent.do("Work.", return_output=True).run_id
    found = told(db.journal(run_id))
    assert "unlock can't be run" in [event.title for event in found]
    assert "4711" not in str(found) + db.export(run_id)


def test_a_call_of_a_tool_with_a_misspelt_name_shows_none_of_its_values(db: SqliteDatabase) -> None:
    reply = ModelReply("With 4711-4711.", tool_calls=[ToolCall("Unlock", {"pin": "4711-4711", "door": "front"})])
    agent = Agent(ScriptedModel([reply, "done"]), db=db, tools=[unlock])
    run_id = agent.do("Work.", return_output=True).run_id
    assert "4711-4711" not in str(told(db.journal(run_id))) + str(spans_of(db.journal(run_id))) + db.export(run_id)


def test_a_call_of_an_unknown_tool_is_shown_where_no_tool_has_sensitive_parameters(db: SqliteDatabase) -> None:
    agent = Agent(ScriptedModel([wants("unlock", pin="4711"), "done"]), db=db)
    run_id = agent.do("Work.", return_output=True).run_id
    assert "4711" in str(told(db.journal(run_id)))


# Errors and logs


@tool(requires_confirmation=True, sensitive=["pin"])
def unlock(pin: int, door: str) -> str:
    """Unlock a door."""
    return door


@tool(requires_user_input=True, user_input_fields=["pin"], sensitive=["pin"])
def ask_pin(pin: int) -> str:
    """Ask for a pin."""
    return "thanks"


WRONG = "no-pin-12345"


def _paused(db: SqliteDatabase, function: Any, name: str, **arguments: Any) -> RunRequirement:
    agent = Agent(ScriptedModel([wants(name, **arguments), "done"]), db=db, tools=[function])
    return agent.do("Work.", return_output=True).active_requirements[0]


def _edit(requirement: RunRequirement) -> None:
    requirement.confirm(tool_args={"pin": WRONG, "door": "front"})
    requirement.commit()


def _answer(requirement: RunRequirement) -> None:
    requirement.answer({"pin": WRONG})


REFUSALS: dict[str, tuple[Any, str, dict[str, Any], Callable[[RunRequirement], None]]] = {
    "an edit": (unlock, "unlock", {"pin": 1, "door": "front"}, _edit),
    "an answer": (ask_pin, "ask_pin", {}, _answer),
}


@pytest.mark.parametrize("case", REFUSALS)
@pytest.mark.parametrize("has_code", [True, False])
def test_what_is_refused_is_not_shown(
    db: SqliteDatabase, case: str, has_code: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    function, name, arguments, decide = REFUSALS[case]
    requirement = _paused(db, function, name, **arguments)
    if not has_code:

        def unknown(*given: object) -> None:
            """Nothing is known here."""

        for module in ("haltpoint.tools.registry", "haltpoint.resolution.changed_arguments"):
            monkeypatch.setattr(f"{module}.registered_tool", unknown)
        for module in ("haltpoint.run.active_runs", "haltpoint.resolution.changed_arguments"):
            monkeypatch.setattr(f"{module}.known_run", unknown)
        requirement = db.requirement(requirement.id)
    with pytest.raises(InvalidResolutionError, match="pin") as caught:
        decide(requirement)
    assert WRONG not in str(caught.value)


def test_what_others_approved_is_not_shown_in_an_error(db: SqliteDatabase) -> None:
    @tool(requires_confirmation=True, approvals=2, sensitive=["pin"])
    def open_safe(pin: str) -> str:
        """Open the safe."""
        return "open"

    requirement = _paused(db, open_safe, "open_safe", pin="first-pin-1")
    requirement.confirm(tool_args={"pin": "second-pin-2"}, by="ann")
    requirement.commit()
    other = db.requirement(requirement.id)
    other.confirm(tool_args={"pin": "third-pin-3"}, by="ben")
    with pytest.raises(RequirementConflictError) as caught:
        other.commit()
    assert "-pin-" not in str(caught.value)
    assert "-pin-" not in json.dumps(db.requirement(requirement.id).masked().to_dict())


@pytest.mark.parametrize("form", ["text", "json", "api"])
def test_what_one_of_several_approved_is_not_printed(db: SqliteDatabase, db_file: Path, form: str) -> None:
    @tool(requires_confirmation=True, approvals=2, sensitive=["pin"])
    def open_safe(pin: str) -> str:
        """Open the safe."""
        return "open"

    requirement = _paused(db, open_safe, "open_safe", pin="first-pin-1")
    if form == "api":
        app: Any = create_app(db, authenticate=lambda request: "ann")
        body = json.dumps({"type": "confirm", "tool_args": {"pin": "second-pin-2"}}).encode()
        path = f"/api/requirements/{requirement.id}/decision"
        answer = asked(app, "POST", path, {"content-type": "application/json"}, body)
        assert answer.status == 200
        printed = answer.text
    else:
        db.close()
        options = ["--json"] if form == "json" else []
        changed = CommandLine(db_file)(
            "approve", requirement.id, "--by", "ann", "--args", '{"pin": "second-pin-2"}', *options
        )
        assert changed.code == 0
        printed = changed.out + changed.err
    assert "ann" in printed and "-pin-" not in printed


_SHIFT = {"by": 0}


@tool(requires_confirmation=True, sensitive=["pin"])
def enter(pin: Annotated[int, AfterValidator(lambda pin: pin + _SHIFT["by"])]) -> str:
    """Enter."""
    return str(pin)


def test_a_tool_that_changed_does_not_show_what_it_would_get(
    db: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    requirement = _paused(db, enter, "enter", pin=112233)
    requirement.confirm()
    requirement.commit()
    monkeypatch.setitem(_SHIFT, "by", 1)
    agent = Agent(ScriptedModel(["", "done"]), db=db, tools=[enter])
    with pytest.raises(ToolChangedError, match=r"pin was shown as \[sensitive\] and would be \[sensitive\]"):
        agent.continue_run(run_id=requirement.run_id or "")


def test_what_a_tool_raises_is_logged_without_the_values(db: SqliteDatabase, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="haltpoint"):
        tell(db)
    assert "the bank refuses [sensitive]" in caplog.text
    assert seen(caplog.text) == []
    # Handlers that send exceptions elsewhere, with the values of variables, get none.
    assert not any(record.exc_info for record in caplog.records)


def test_a_trace_on_the_console_shows_no_values(db: SqliteDatabase, capsys: pytest.CaptureFixture[str]) -> None:
    agent = agent_on(db, wants("look_up", token=445566), wants("charge", card=CARD, euros=500), "done")
    agent.debug = True
    agent.do("Work.", return_output=True, hitl_handler=lambda item: item.confirm())
    shown = capsys.readouterr().err
    assert "running look_up" in shown
    assert seen(shown) == []
    assert "445566" not in shown
