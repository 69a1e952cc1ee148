"""Without the tool's code: what its schema is enough to tell that the call would not run with is refused when given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import Base64Bytes, Base64Str, Base64UrlBytes, BaseModel, ByteSize

from haltpoint import Agent, ModelRequest, ScriptedModel, SqliteDatabase, tool
from haltpoint.tools.user_values import check_form_values
from support.command import CommandLine
from support.replies import results_in, wants

RAN: list[Any] = []


class Parcel(BaseModel):
    weight: float
    size: ByteSize = ByteSize(0)
    label: Base64Str = ""


@pytest.fixture(autouse=True)
def _nothing_ran() -> None:
    RAN.clear()


def last_result(request: ModelRequest) -> str:
    return str(results_in(request)[-1])


class Answering:
    """One call of one tool, for which a person gives the value in a process without the tool's code."""

    def __init__(self, db_file: Path, annotation: Any) -> None:
        def give(value: Any) -> str:
            """Give."""
            RAN.append(value)
            return "given"

        give.__annotations__["value"] = annotation
        self._file = db_file
        self._tool = tool(requires_user_input=True, user_input_fields=["value"])(give)
        with SqliteDatabase(db_file) as db:
            self.run_id = self._agent(db).do("Give.", return_output=True).run_id

    def _agent(self, db: SqliteDatabase) -> Agent:
        return Agent(ScriptedModel([wants("give"), last_result]), db=db, tools=[self._tool])

    def answer(self, text: str) -> str:
        """Answer, and return what is wrong with that."""
        with SqliteDatabase(self._file) as db:
            requirement_id = db.requirements()[0].id
        printed = CommandLine(self._file)("answer", requirement_id, f"value={text}", "--by", "ann")
        return "" if printed.code == 0 else printed.err

    def run(self) -> str:
        with SqliteDatabase(self._file) as db:
            return str(self._agent(db).continue_run(run_id=self.run_id))


REFUSED: list[tuple[Any, str, str]] = [
    (float, "9223372036854775808", "a float holds with all its digits"),
    (float, "9007199254740993", "a float holds with all its digits"),
    (list[float], "[1, 9007199254740993]", "a float holds with all its digits"),
    (dict[str, float], '{"a": 9007199254740993}', "a float holds with all its digits"),
    (Parcel, '{"weight": 9007199254740993}', "value.weight: must be a number that a float holds"),
    (Base64Bytes, "AAE", "must be text in base64"),
    (Base64Str, "A", "must be text in base64"),
    (Base64UrlBytes, "A", "must be text in base64"),
    (Parcel, '{"weight": 1, "label": "A"}', "value.label: must be text in base64"),
    (ByteSize, "0x10", "must be a whole number of bytes"),
    (ByteSize, "5 parsecs", "must be a whole number of bytes"),
    (Parcel, '{"weight": 1, "size": "0x10"}', "value.size"),
]


@pytest.mark.parametrize(("annotation", "text", "problem"), REFUSED)
def test_what_could_never_run_is_refused(db_file: Path, annotation: Any, text: str, problem: str) -> None:
    call = Answering(db_file, annotation)
    assert problem in call.answer(text)
    assert RAN == []


TAKEN: list[tuple[Any, str, Any]] = [
    (float, "1000000000000000", 1e15),
    (float, "4503599627370497", 4503599627370497.0),
    (int, "9223372036854775807", 2**63 - 1),
    (int | float, "9007199254740993", 9007199254740993),
    (Base64Bytes, "AAEC", b"\0\1\2"),
    (Base64UrlBytes, "_-8=", b"\xff\xef"),
    (ByteSize, "1.5 KiB", 1536),
    (Parcel, '{"weight": 2, "size": "1kb"}', Parcel(weight=2, size=ByteSize(1000))),
]


@pytest.mark.parametrize(("annotation", "text", "got"), TAKEN)
def test_what_the_tool_takes_is_taken(db_file: Path, annotation: Any, text: str, got: Any) -> None:
    call = Answering(db_file, annotation)
    assert call.answer(text) == ""
    assert call.run() == "given"
    assert got == RAN[0]


def test_a_model_that_asks_for_a_number_gets_every_digit() -> None:
    form = [{"name": "n", "field_type": "float", "json_schema": {"type": "number"}}]
    asked = check_form_values("get_user_input", form, {"n": 2**63}, ["n"], is_dynamic=True)
    assert asked == {"n": 2**63}
