"""A call of a tool whose arguments a person changes, where the tool's code is at hand or in a process without it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from haltpoint import Agent, InvalidResolutionError, RunRequirement, ScriptedModel, SqliteDatabase, tool
from support.programs import run_program
from support.replies import results_in, wants

__all__ = ["Editing", "anywhere"]

_WITHOUT_CODE = """
    import json, sys
    from haltpoint import HaltpointError, SqliteDatabase
    from support.programs import tell

    with SqliteDatabase(sys.argv[1]) as db:
        requirement = db.requirements()[0]
        requirement.confirm(tool_args=json.loads(sys.argv[2]), by="ann")
        try:
            requirement.commit()
            tell([None, requirement.tool_execution.tool_args])
        except HaltpointError as error:
            tell([type(error).__name__, str(error)])
"""

anywhere = pytest.mark.parametrize("has_code", [True, False], ids=["with code", "without code"])
"""Runs a test twice: the person decides in the process of the tool, and in one that knows only the database."""


class Editing:
    """One call of one tool.

    Attributes:
        shown: the arguments as they were last shown.
    """

    def __init__(self, db_file: Path, function: Callable[..., Any], **said: Any) -> None:
        self._file = db_file
        self._tool = tool(requires_confirmation=True)(function)
        self._said = said
        self._decided: list[RunRequirement] | None = None
        with SqliteDatabase(db_file) as db:
            requirement = self._agent(db).do("Work.", return_output=True).active_requirements[0]
            self.run_id = requirement.run_id
            self.shown: Any = requirement.tool_execution.tool_args

    def _agent(self, db: SqliteDatabase) -> Agent:
        name = self._tool.__name__
        script = [wants(name, **self._said), lambda request: str(results_in(request)[-1])]
        return Agent(ScriptedModel(script), db=db, tools=[self._tool])

    def change(self, *, has_code: bool, **wanted: Any) -> None:
        """Approve the call with the arguments shown, these in their places.

        Raises:
            InvalidResolutionError: they are refused.
        """
        tool_args = {**self.shown, **wanted}
        if not has_code:
            self.change_elsewhere(json.dumps(tool_args))
            return
        refusal = self._change_here(tool_args)
        if refusal is not None:
            raise InvalidResolutionError(refusal)

    def _change_here(self, tool_args: dict[str, Any]) -> str | None:
        with SqliteDatabase(self._file) as db:
            requirement = db.requirements()[0]
            requirement.confirm(tool_args=tool_args, by="ann")
            try:
                requirement.commit()
            except InvalidResolutionError as error:
                return str(error)
            self.shown = requirement.tool_execution.tool_args
            self._decided = [requirement]
            return None

    def change_elsewhere(self, tool_args: str) -> None:
        """Approve the call with all these arguments, in a process without the tool's code.

        Raises:
            InvalidResolutionError: they are refused.
        """
        program = self._file.with_name("decide.py")
        program.write_text(dedent(_WITHOUT_CODE))
        error, told = run_program(program, str(self._file), tool_args, cwd=self._file.parent).last
        if error is not None:
            assert error == "InvalidResolutionError"
            raise InvalidResolutionError(told)
        self.shown = told

    def run(self, **options: Any) -> str:
        """Continue the run and return what the tool returned."""
        with SqliteDatabase(self._file) as db:
            # Objects whose drafts were refused are not meant.
            output = self._agent(db).continue_run(run_id=self.run_id, requirements=self._decided, **options)
        return str(output).rpartition("\n\n")[2]
