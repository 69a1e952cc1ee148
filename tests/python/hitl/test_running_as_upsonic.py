"""Scripts written for the package of another name."""

from __future__ import annotations

from pathlib import Path

from support.programs import run_program

USES_EVERY_PATH = """
import asyncio
import haltpoint
from support.programs import tell
haltpoint.install_as_upsonic()
haltpoint.install_as_upsonic()
from upsonic import Agent, Task
from upsonic.db.database import InMemoryDatabase, SqliteDatabase
from upsonic.models import ModelReply, ScriptedModel, ToolCall
from upsonic.run.agent.output import AgentRunOutput
from upsonic.run.base import RunStatus
from upsonic.run.cancel import cancel_run
from upsonic.run.requirements import RunRequirement
from upsonic.run.tools.tools import ToolExecution
from upsonic.tools import ToolKit, tool
from upsonic.tools.user_input import UserControlFlowTools, UserInputField
import upsonic

@tool(requires_confirmation=True)
def open_door(number: int) -> str:
    '''Open a door.'''
    return f"door {number} is open"

async def main():
    agent = Agent(ScriptedModel([ModelReply(tool_calls=[ToolCall("open_door", {"number": 3})]), "in"]))
    output = await agent.do_async(Task("Open.", tools=[open_door]), return_output=True)
    assert isinstance(output, AgentRunOutput) and output.status == RunStatus.paused
    assert isinstance(output.requirements[0], RunRequirement)
    assert isinstance(output.tools[0], ToolExecution)
    assert not cancel_run("nothing")
    output.requirements[0].confirm()
    return await agent.continue_run_async(run_id=output.run_id)

assert upsonic is haltpoint and upsonic.Agent is haltpoint.Agent
tell(asyncio.run(main()))
"""

IMPORTED_BEFORE = """
import upsonic
import haltpoint
from support.programs import tell
try:
    haltpoint.install_as_upsonic()
except RuntimeError as error:
    tell(str(error))
tell(upsonic.is_the_other_one)
"""


def test_the_documented_paths_resolve_under_the_other_name(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(USES_EVERY_PATH)
    assert run_program(script, cwd=tmp_path).last == "in"


def test_installing_is_refused_once_the_other_package_is_imported(tmp_path: Path) -> None:
    (tmp_path / "upsonic.py").write_text("is_the_other_one = True\n")
    script = tmp_path / "script.py"
    script.write_text(IMPORTED_BEFORE)
    finished = run_program(script, cwd=tmp_path)
    assert finished.last is True
    assert "imported already" in finished.told[0]
