"""An agent of the crew's name in a process that has none of its tools."""

from __future__ import annotations

from haltpoint import Agent, FunctionModel

CLERK = Agent(FunctionModel(lambda request: "finished"), name="clerk")
