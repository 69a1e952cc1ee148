"""An approved call runs by the tool of the file that asked, however that file was started or imported."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from haltpoint import SqliteDatabase
from support.programs import run_program

_TOOL = """
    from haltpoint import Agent, ScriptedModel, SqliteDatabase, ToolChangedError, tool
    from support.programs import tell
    from support.replies import results_in, wants

    @tool(requires_confirmation=True)
    def refund(charge: str) -> str:
        '''Refund.'''
        return f"{__name__} refunded {charge}"

    def pause(file):
        with SqliteDatabase(file) as db:
            agent = Agent(ScriptedModel([wants("refund", charge="c1")]), db=db, tools=[refund])
            output = agent.do("Refund.", return_output=True)
            output.requirements[0].confirm(by="ann")
            output.requirements[0].commit()
            tell(output.run_id)

    def resume(file, run_id):
        model = ScriptedModel(["", lambda request: results_in(request)[-1]])
        with SqliteDatabase(file) as db:
            try:
                tell(str(Agent(model, db=db, tools=[refund]).continue_run(run_id=run_id, requirements=[])))
            except ToolChangedError as error:
                tell(str(error))

    if __name__ == "__main__":
        import sys
        resume(*sys.argv[1:]) if len(sys.argv) > 2 else pause(*sys.argv[1:])
"""

_STARTING = """
    import sys
    sys.path.insert(0, {root!r})
    from {module} import pause, resume
    resume(*sys.argv[1:]) if len(sys.argv) > 2 else pause(*sys.argv[1:])
"""


class Folder:
    """A project, with `agents.py` in `pkg`."""

    def __init__(self, root: Path, *, is_package: bool = True) -> None:
        self.root = root
        self.file = root / "pkg" / "agents.py"
        self.add("pkg/agents.py")
        if is_package:
            (root / "pkg" / "__init__.py").touch()

    def add(self, path: str) -> None:
        (self.root / path).parent.mkdir(exist_ok=True)
        (self.root / path).write_text(dedent(_TOOL))

    def call(self, way: str, *arguments: str) -> str:
        """Run `agents.py` as a script, or a program that imports the module of a name from a folder."""
        if way.endswith(".py"):
            program = self.root / way
        else:
            folder, _, module = way.rpartition(":")
            program = self.root / "start.py"
            program.write_text(dedent(_STARTING).format(root=str(self.root / folder), module=module))
        return str(run_program(program, str(self.root / "runs.db"), *arguments, cwd=self.root).last)


_WAYS = ["pkg/agents.py", ":pkg.agents", "pkg:agents"]


@pytest.mark.parametrize("is_package", [True, False])
@pytest.mark.parametrize("before", _WAYS)
@pytest.mark.parametrize("now", _WAYS)
def test_the_same_file_is_the_same_tool(tmp_path: Path, before: str, now: str, is_package: bool) -> None:
    folder = Folder(tmp_path, is_package=is_package)
    assert folder.call(now, folder.call(before)).endswith("refunded c1")


@pytest.mark.parametrize("is_package", [True, False])
@pytest.mark.parametrize(
    ("before", "now"), [(":agents", ":pkg.agents"), ("agents.py", ":pkg.agents"), (":pkg.agents", ":agents")]
)
def test_another_file_is_another_tool(tmp_path: Path, before: str, now: str, is_package: bool) -> None:
    folder = Folder(tmp_path, is_package=is_package)
    folder.add("agents.py")
    assert "waits with a call of 'refund' of module" in folder.call(now, folder.call(before))


def test_a_file_of_the_same_name_in_another_package_is_another_tool(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.add("legacy/agents.py")
    assert "of module 'pkg.agents', and" in folder.call(":legacy.agents", folder.call("pkg/agents.py"))


@pytest.mark.parametrize("way", _WAYS)
def test_the_record_holds_a_name_and_no_path(tmp_path: Path, way: str) -> None:
    folder = Folder(tmp_path)
    run_id = folder.call(way)
    with SqliteDatabase(tmp_path / "runs.db") as db:
        journal = db.journal(run_id)
    assert str(tmp_path) not in str(journal)
    assert journal[0]["entry"]["tools"][0]["module"] == "pkg.agents"
