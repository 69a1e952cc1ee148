"""`haltpoint inbox -i` with nested values: each is typed as JSON, checked at once, and asked for again by its path."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pexpect
from pydantic import BaseModel, Field

from haltpoint import Agent, ScriptedModel, tool
from support.command import CommandLine
from support.databases import opened
from support.replies import wants


class Address(BaseModel):
    city: str
    zip: Annotated[int, Field(ge=1000)]
    tags: list[str] = []


class Order(BaseModel):
    to: Address
    note: str | None = None


@tool(requires_user_input=True, user_input_fields=["order", "names", "maybe", "count"])
def ship(order: Order, names: list[str], kept: dict[str, int], maybe: Address | None = None, count: int = 3) -> str:
    """Ship."""
    return ""


@tool(requires_confirmation=True)
def buy(order: Order, number: int = 2) -> str:
    """Buy."""
    return ""


def _start(cli: CommandLine, name: str, **said: Any) -> str:
    with opened(cli.db_file) as db:
        agent = Agent(ScriptedModel([wants(name, **said)]), db=db, tools=[ship, buy])
        return agent.do("Work.", return_output=True).run_id


def _answer(terminal: Any, question: str, answer: str) -> str:
    terminal.expect(question)
    terminal.sendline(answer)
    return str(terminal.before)


def _decision(cli: CommandLine, run_id: str) -> Any:
    return cli("show", run_id, "--json").record["requirements"][0]["decision"]


def test_a_form_with_nested_values_is_filled_in(cli: CommandLine) -> None:
    run_id = _start(cli, "ship", kept={"a": 1})
    terminal = cli.at_terminal("inbox", "-i", "--by", "ann")
    _answer(terminal, r"\[f\]ill in.*uit\s+> ", "f")
    order = r'order \(Order, JSON such as {"to": {"city": "text", "zip": 1}}\)\s+> '
    _answer(terminal, order, "")
    _answer(terminal, rf'a value is needed, as JSON such as {{"to".*{order}', "Oslo")
    _answer(terminal, rf"order: must be a JSON object with to, note.*{order}", '{"to": {"city": "Oslo"}}')
    _answer(terminal, rf"order\.to\.zip: Field required.*{order}", '{"to": {"city": "Oslo", "zip": 5}}')
    _answer(terminal, rf"order\.to\.zip: must be greater.*{order}", '{"to": {"city": "Oslo", "zip": 5000}, "nota": 1}')
    _answer(terminal, rf"order\.nota: there is no such field.*{order}", '{"to": {"city": "Oslo", "zip": 5000}}')
    _answer(terminal, r'names \(list\[str\], JSON such as \["text"\]\)\s+> ', '["a", 5]')
    _answer(terminal, r"names\.1: must be text, got 5.*names .*\s+> ", '["a"]')
    _answer(terminal, r'kept \(dict\[str, int\], JSON such as .* \[{"a": 1}\]\s+> ', '{"a": "x"}')
    _answer(terminal, r"kept\.a: must be a whole number.*kept .*\s+> ", '{"a": 2}')
    _answer(terminal, r"maybe \(Address \| None, JSON such as .*\s+> ", "")
    _answer(terminal, r"count \(int\) \[3\]\s+> ", "")
    terminal.expect("answered by ann")
    values = {
        "order": {"to": {"city": "Oslo", "zip": 5000}},
        "names": ["a"],
        "kept": {"a": 2},
    }
    # What was left empty has the default that was shown.
    decision = _decision(cli, run_id)
    assert (decision["type"], decision["values"]) == ("input", values)
    # With the defaults that were left out.
    whole = {"to": {"city": "Oslo", "zip": 5000, "tags": []}, "note": None}
    assert decision["shown"] == {**values, "order": whole}


def test_an_edit_is_checked_before_the_person_is_asked_whether_it_is_meant(cli: CommandLine, tmp_path: Path) -> None:
    run_id = _start(cli, "buy", order={"to": {"city": "x", "zip": 2000}})
    for place, text in enumerate(('{"order": {"to": {"city": "x"}}}', '{"order": {"to": {"city": "y", "zip": 5000}}}')):
        (tmp_path / f"edit{place}").write_text(text)
    editor = tmp_path / "editor"
    # What is saved must be newer, in seconds, than what was to be edited.
    editor.write_text(f'#!/bin/sh\ncd {tmp_path}\nmv "$(ls edit? | head -1)" "$1"\ntouch -d "1 minute" "$1"\n')
    editor.chmod(0o755)
    terminal = cli.at_terminal("inbox", "-i", "--by", "ann", env={"EDITOR": str(editor), "VISUAL": str(editor)})
    _answer(terminal, r"\[e\]dit the arguments.*uit\s+> ", "e")
    refused = _answer(terminal, r"\[e\]dit the arguments.*uit\s+> ", "e")
    assert "order.to.zip: Field required" in refused and "to run:" not in refused
    shown = _answer(terminal, r"\[n\]o\s+> ", "y")
    assert '"zip": 5000, "tags": []}, "note": null}' in shown
    terminal.expect("approved with changed arguments by ann")
    terminal.expect(pexpect.EOF)
    edited = {"to": {"city": "y", "zip": 5000, "tags": []}, "note": None}
    assert _decision(cli, run_id)["tool_args"]["order"] == edited
