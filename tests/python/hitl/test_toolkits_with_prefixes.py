"""Two instances of one toolkit in one run: told apart by their prefix, in every process."""

from __future__ import annotations

from pathlib import Path

from haltpoint import SqliteDatabase
from support.programs import run_program

PROGRAM = '''
import sys
from haltpoint import Agent, ModelReply, ScriptedModel, SqliteDatabase, ToolCall, ToolKit, tool
from support.programs import tell

class Mail(ToolKit):
    def __init__(self, account):
        self.account = account

    @tool(requires_confirmation=True)
    def send(self, to: str) -> str:
        """Send a mail."""
        return f"{self.account} -> {to}"

step, file = sys.argv[1:3]
calls = [ToolCall("work_send", {"to": "ann"}), ToolCall("home_send", {"to": "bob"})]
replies = [ModelReply(tool_calls=calls), "sent"]
mails = [Mail("office").with_prefix("work"), Mail("flat").with_prefix("home")]
agent = Agent(ScriptedModel(replies), db=SqliteDatabase(file), tools=mails)
if step == "start":
    output = agent.do("Send both.", return_output=True)
else:
    output = agent.continue_run(run_id=sys.argv[3], return_output=True)
tell({"run_id": output.run_id, "status": output.status.value, "results": [item.result for item in output.tools]})
'''


def test_a_run_finds_the_tools_of_both_again_in_another_process(tmp_path: Path) -> None:
    program, db_file = tmp_path / "mails.py", tmp_path / "runs.db"
    program.write_text(PROGRAM)
    first = run_program(program, "start", str(db_file), cwd=tmp_path)
    assert first.last["status"] == "PAUSED"
    with SqliteDatabase(db_file) as database:
        for requirement in database.requirements():
            requirement.confirm(by="ann")
            requirement.commit()
    second = run_program(program, "continue", str(db_file), first.last["run_id"], cwd=tmp_path)
    assert second.last["status"] == "COMPLETED"
    assert second.last["results"] == ["office -> ann", "flat -> bob"]
