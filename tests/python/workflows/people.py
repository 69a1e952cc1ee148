"""What the tests of workflows share."""

from __future__ import annotations

from typing import Any

from haltpoint import AgentRunOutput

__all__ = ["decide", "names_of_open"]


async def decide(output: AgentRunOutput[Any], *names: str, agrees: bool = True, **values: Any) -> None:
    """Confirm, reject or answer what a run waits for; of the steps of these names, where any are given."""
    for requirement in output.active_requirements:
        call = requirement.tool_execution
        if names and call.tool_name not in names:
            continue
        if requirement.user_input_schema:
            for field in requirement.user_input_schema:
                field["value"] = values.get(field["name"])
            call.answered = True
        elif agrees:
            requirement.confirm(by="ann")
        else:
            requirement.reject("no", by="ann")
        await requirement


def names_of_open(output: AgentRunOutput[Any]) -> list[str]:
    """Return the names of the steps that a run waits for people with."""
    return [item.tool_execution.tool_name for item in output.active_requirements]
