"""The page of what was decided."""

from __future__ import annotations

import re

from haltpoint import Agent, InMemoryDatabase, ScriptedModel, Task
from haltpoint.inbox import create_app
from support.asgi import asked
from support.replies import wants
from support.workshop import TOOLS


def test_what_was_decided_last_stands_first_whenever_it_was_asked() -> None:
    colors = ("red", "green", "blue")
    with InMemoryDatabase() as db:
        for color in colors:
            agent = Agent(ScriptedModel([wants("paint", color=color), "finished"]), db=db, tools=TOOLS)
            agent.do(Task("Paint."), return_output=True)
        waiting = {item.tool_execution.tool_args["color"]: item for item in db.requirements()}
        for color in ("green", "blue", "red"):
            waiting[color].confirm(by="ann")
            waiting[color].commit()
        page = asked(create_app(db, authenticate=lambda request: "ann"), "GET", "/history").text
        assert re.findall(r"paint\(color=&#34;(\w+)&#34;\)", page) == ["red", "blue", "green"]
