"""What code raises may have a text of any length: the beginning is kept, with how much follows."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from haltpoint import Agent, NotificationWarning, ScriptedModel, SqliteDatabase, Unknown, cancel_run, current_tool_call
from haltpoint import tool as haltpoint_tool
from haltpoint.exception_text import LONGEST_TEXT, exception_text, message_of, traceback_text
from haltpoint.presentation.escaping import isolated, visible, visible_json
from support.replies import wants

LONG = "many\nlines\n" * 8_000_000
CUT = f"… ({len(LONG) - LONGEST_TEXT:,} more characters)"


@haltpoint_tool
def fail() -> str:
    """Fail."""
    raise ValueError(LONG)


def raise_it(_: object) -> None:
    raise ValueError(LONG)


def test_a_tool_raises_a_long_text(db: SqliteDatabase) -> None:
    script = [wants("fail"), lambda request: request.messages[-1].content or ""]
    begun = time.monotonic()
    output = Agent(ScriptedModel(script), db=db, tools=[fail]).do("Work.", return_output=True)
    # It took 40 seconds.
    assert time.monotonic() - begun < 15
    told = str(output.output)
    assert told.endswith(CUT)
    assert len(told) < LONGEST_TEXT + 100
    assert sum(len(str(entry)) for entry in db.journal(output.run_id)) < 5 * LONGEST_TEXT


@pytest.mark.parametrize("place", ["on_event", "on_pause"])
def test_a_listener_raises_a_long_text(db: SqliteDatabase, caplog: pytest.LogCaptureFixture, place: str) -> None:
    @haltpoint_tool(requires_confirmation=True)
    def act() -> str:
        """Act."""
        return ""

    listeners: dict[str, Callable[[Any], None]] = {place: raise_it}
    agent = Agent(ScriptedModel([wants("act")]), db=db, tools=[act], **listeners)  # type: ignore[arg-type]
    begun = time.monotonic()
    with pytest.warns(NotificationWarning, match=r"more characters\)") as caught:
        assert agent.do("Work.", return_output=True).is_paused
    assert time.monotonic() - begun < 15
    assert all(len(str(warning.message)) < 2 * LONGEST_TEXT for warning in caught)
    assert all(len(record.exc_text or "") + len(record.getMessage()) < 4 * LONGEST_TEXT for record in caplog.records)


def test_a_reconciler_gives_a_long_reason(db: SqliteDatabase) -> None:
    @haltpoint_tool(reconcile=lambda call: Unknown(LONG))
    def act() -> str:
        """Stop in the middle."""
        cancel_run(current_tool_call().run_id, interrupt=True)
        raise KeyboardInterrupt

    agent = Agent(ScriptedModel([wants("act"), "done"]), db=db, tools=[act])
    with pytest.raises(KeyboardInterrupt):
        agent.do("Act.", return_output=True)
    run_id = db.runs()[0].run_id
    agent.continue_run(run_id=run_id, return_output=True)
    assert sum(len(str(entry)) for entry in db.journal(run_id)) < 5 * LONGEST_TEXT


def test_causes_notes_and_members_count_together() -> None:
    error: Any = ValueError("x" * LONGEST_TEXT)
    error.__notes__ = ["y" * (LONGEST_TEXT + 1)] * 9
    for text in (exception_text(error), traceback_text(error)):
        assert len(text) < 4 * LONGEST_TEXT + 100
        assert text.endswith("more characters)")
    assert "y… (1 more characters)" in exception_text(error)
    assert message_of(error) == "x" * LONGEST_TEXT


class Text(str):
    """Text that resists being cut."""

    __slots__ = ()

    def __len__(self) -> int:
        return 3

    def __getitem__(self, key: Any) -> str:
        raise ValueError


class Textual(Exception):
    def __str__(self) -> str:
        return Text("z" * (LONGEST_TEXT + 5))


def test_text_of_a_class_of_ones_own_is_cut() -> None:
    assert message_of(Textual()).endswith("z… (5 more characters)")


@pytest.mark.parametrize("text", ["a\x1bb\u200b" * 1_000_000, "\x1b" * 8_000_000, "\u05d0 b " * 500_000])
def test_long_texts_are_escaped_at_once(text: str) -> None:
    begun = time.monotonic()
    assert "\x1b" not in visible(text)
    assert "\x1b" not in visible_json(text)
    isolated(text)
    assert time.monotonic() - begun < 15
