"""Bytes are answered as they are shown: as text, or as `base64:` and their base64."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from pydantic import BaseModel

from haltpoint import Agent, InvalidResolutionError, RunRequirement, ScriptedModel, SqliteDatabase, tool
from support.command import CommandLine
from support.editing import anywhere
from support.inbox import Inbox
from support.programs import run_program
from support.replies import results_in, wants


class Raw(BaseModel):
    data: bytes = b"\xff"
    more: list[bytes] = []
    text: str = ""


def take(value: bytes, other: bytes = b"") -> str:
    """Take bytes."""
    return repr(value) if other == b"" else repr((value, other))


def take_raw(value: Raw) -> str:
    """Take a model that holds some."""
    return repr(value)


def take_either(value: bytes | int | None) -> str:
    """Take bytes or a number."""
    return repr(value)


def take_any(value: bytes | str) -> str:
    """Take bytes or text."""
    return repr(value)


def take_default(value: bytes = b"base64:x\0") -> str:
    """Take bytes that need not be given."""
    return repr(value)


_WITHOUT_CODE = """
    import json, sys
    from haltpoint import InvalidResolutionError, SqliteDatabase
    from support.programs import tell

    with SqliteDatabase(sys.argv[1]) as db:
        requirement = db.requirements()[0]
        try:
            requirement.answer(json.loads(sys.argv[2]))
            requirement.commit()
            tell(requirement.id)
        except InvalidResolutionError as error:
            tell([error.field_name, str(error)])
"""


class Answering:
    """One call of one tool, whose `value` a person gives."""

    def __init__(self, db_file: Path, function: Callable[..., Any], **said: Any) -> None:
        self.file = db_file
        self._tool = tool(requires_user_input=True, user_input_fields=["value"])(function)
        self._said = said
        self._decided: list[RunRequirement] = []
        with SqliteDatabase(db_file) as db:
            self.run_id = self._agent(db).do("Work.", return_output=True).run_id

    def _agent(self, db: SqliteDatabase) -> Agent:
        name = self._tool.__name__
        script = [wants(name, **self._said), lambda request: str(results_in(request)[-1])]
        return Agent(ScriptedModel(script), db=db, tools=[self._tool])

    def answer(self, *, has_code: bool, **values: Any) -> None:
        if has_code:
            with SqliteDatabase(self.file) as db:
                (requirement,) = db.requirements()
                requirement.answer(values)
                requirement.commit()
            return
        program = self.file.with_name("answer.py")
        program.write_text(dedent(_WITHOUT_CODE))
        told = run_program(program, str(self.file), json.dumps(values), cwd=self.file.parent).last
        if isinstance(told, list):
            raise InvalidResolutionError(told[1], field_name=told[0])

    def decided(self) -> RunRequirement:
        """What the database shows of the requirement."""
        with SqliteDatabase(self.file) as db:
            return db.requirements(open_only=False)[0]

    def run(self) -> str:
        with SqliteDatabase(self.file) as db:
            return str(self._agent(db).continue_run(run_id=self.run_id, requirements=self._decided))


WAYS = [
    ("base64:AAAA", "base64:AAAA", b"\0\0\0"),
    ("base64:YWJj", "abc", b"abc"),
    ("abc", "abc", b"abc"),
    # Bytes whose text looks like the notation itself are read once.
    ("base64:YmFzZTY0OkFBQUE=", "base64:YmFzZTY0OkFBQUE=", b"base64:AAAA"),
]


@pytest.mark.parametrize(("given", "shown", "got"), WAYS)
@anywhere
def test_the_notation_that_is_shown_is_taken(db_file: Path, has_code: bool, given: str, shown: str, got: bytes) -> None:
    call = Answering(db_file, take)
    call.answer(has_code=has_code, value=given)
    requirement = call.decided()
    assert requirement.tool_execution.tool_args["value"] == shown
    assert next(field["value"] for field in requirement.user_input_schema or ()) == shown
    # The same once more is the same decision.
    requirement.answer({"value": given})
    assert call.run() == repr(got)


@pytest.mark.parametrize(("given", "shown", "got"), WAYS)
def test_so_it_is_by_assignment_and_as_data(db_file: Path, given: str, shown: str, got: bytes) -> None:
    call = Answering(db_file, take)
    with SqliteDatabase(db_file) as db:
        (requirement,) = db.requirements()
        for field in requirement.user_input_schema or ():
            field["value"] = given if field["name"] == "value" else field["value"]
        requirement.tool_execution.answered = True
        data = json.loads(json.dumps(requirement.to_dict()))
        output = call._agent(db).continue_run(run_id=call.run_id, requirements=[data], return_output=True)
    assert output.output == repr(got)
    assert call.decided().tool_execution.tool_args["value"] == shown


@pytest.mark.parametrize(("given", "shown", "got"), WAYS)
def test_so_it_is_on_the_command_line(db_file: Path, given: str, shown: str, got: bytes) -> None:
    call = Answering(db_file, take)
    printed = CommandLine(db_file)("answer", call.run_id, f"value={given}", "--by", "ann")
    assert (printed.code, printed.err) == (0, "")
    assert json.dumps(shown) in printed.out
    assert call.run() == repr(got)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("base64:AAA", "value: must be text, or base64: and the base64 of bytes; after base64: stands no base64"),
        ("base64:not base64", "after base64: stands no base64"),
        ("base64:/w==", "value: the tool takes bytes as text in UTF-8 alone"),
    ],
)
@anywhere
def test_what_stands_for_no_bytes_is_refused(db_file: Path, has_code: bool, given: str, problem: str) -> None:
    call = Answering(db_file, take)
    with pytest.raises(InvalidResolutionError) as caught:
        call.answer(has_code=has_code, value=given)
    assert problem in str(caught.value)
    assert caught.value.field_name == "value"


@anywhere
def test_bytes_within_a_value(db_file: Path, has_code: bool) -> None:
    call = Answering(db_file, take_raw)
    value: Any = {"data": "base64:AA==", "more": ["base64:AQ==", "base64:YmFzZTY0Ong="], "text": "base64:z"}
    call.answer(has_code=has_code, value=value)
    assert call.decided().tool_execution.tool_args["value"] == value
    assert call.run() == repr(Raw(data=b"\0", more=[b"\1", b"base64:x"], text="base64:z"))


@anywhere
def test_bytes_within_json_text(db_file: Path, has_code: bool) -> None:
    call = Answering(db_file, take_raw)
    call.answer(has_code=has_code, value='{"data": "base64:AA=="}')
    assert call.run() == repr(Raw(data=b"\0"))


@anywhere
def test_a_refusal_names_the_place_within_a_value(db_file: Path, has_code: bool) -> None:
    call = Answering(db_file, take_raw)
    with pytest.raises(InvalidResolutionError, match=r"value\.more\.1: must be text, or base64:") as caught:
        call.answer(has_code=has_code, value={"more": ["a", "base64:?"]})
    assert caught.value.field_name == "value.more.1"


@anywhere
def test_bytes_among_other_types(db_file: Path, has_code: bool) -> None:
    call = Answering(db_file, take_either)
    call.answer(has_code=has_code, value="base64:AQ==")
    assert call.run() == repr(b"\1")


@anywhere
def test_where_it_may_be_text_nobody_guesses(db_file: Path, has_code: bool) -> None:
    call = Answering(db_file, take_any)
    with pytest.raises(InvalidResolutionError, match=r"value: .* may be text or bytes here"):
        call.answer(has_code=has_code, value="base64:AQ==")


@anywhere
def test_a_field_that_the_model_filled_is_given_back_as_it_was_shown(db_file: Path, has_code: bool) -> None:
    call = Answering(db_file, take, other="base64:x\0")
    (other,) = [field for field in call.decided().user_input_schema or () if field["name"] == "other"]
    assert other["value"] == "base64:YmFzZTY0OngA"
    call.answer(has_code=has_code, value="a", other=other["value"])
    assert call.run() == repr((b"a", b"base64:x\0"))


@anywhere
def test_a_default_is_shown_in_the_notation_and_taken_as_it_is(db_file: Path, has_code: bool) -> None:
    call = Answering(db_file, take_default)
    (field,) = call.decided().user_input_schema or ()
    assert field["default"] == "base64:YmFzZTY0OngA"
    call.answer(has_code=has_code)
    assert call.run() == repr(b"base64:x\0")


def test_so_it_is_by_the_api(db_file: Path) -> None:
    given, shown, got = WAYS[-1]
    call = Answering(db_file, take)
    with Inbox(CommandLine(db_file)) as inbox:
        (item,) = inbox.get("/api/requirements").json["items"]
        refused = inbox.decide(item["id"], {"type": "answer", "values": {"value": "base64:?"}})
        told = inbox.decide(item["id"], {"type": "answer", "values": {"value": given}}).json
    assert refused.status == 422
    assert "value: must be text, or base64: and the base64 of bytes" in refused.json["message"]
    assert told["tool_execution"]["tool_args"]["value"] == shown
    assert call.run() == repr(got)
