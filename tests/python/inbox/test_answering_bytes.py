"""Bytes stand on the page in the notation in which they are typed there."""

from __future__ import annotations

from pathlib import Path

from visiting import Visitor

from haltpoint import Agent, ScriptedModel, tool
from support.databases import opened
from support.replies import results_in, wants


@tool(requires_user_input=True, user_input_fields=["value"])
def take(value: bytes, other: bytes) -> str:
    """Take bytes."""
    return repr((value, other))


def test_bytes_are_typed_as_they_are_shown(tmp_path: Path) -> None:
    with opened(tmp_path / "runs.db") as db:
        script = [wants("take", other="base64:x\0"), lambda request: str(results_in(request)[-1])]
        agent = Agent(ScriptedModel(script), db=db, tools=[take])
        run_id = agent.do("Take.", return_output=True).run_id
        visitor = Visitor(db, run_id, "ann")
        assert "base64:YmFzZTY0OngA" in visitor.page.text
        refused = visitor.send("answer", **{"value-0": "base64:?", "value-1": "base64:YmFzZTY0OngA"})
        assert refused.status == 422
        assert "after base64: stands no base64" in refused.text
        sent = visitor.send("answer", **{"value-0": "base64:/w", "value-1": "base64:YmFzZTY0OngA"})
        assert sent.status == 422
        sent = visitor.send("answer", **{"value-0": "base64:AAAA", "value-1": "base64:YmFzZTY0OngA"})
        assert sent.status == 303
        assert "base64:AAAA" in visitor.open().text
        assert agent.continue_run(run_id=run_id, requirements=[]) == repr((b"\0\0\0", b"base64:x\0"))
