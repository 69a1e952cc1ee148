"""What a program reports of a run."""

from __future__ import annotations

from typing import Any

from haltpoint import AgentRunOutput

__all__ = ["report"]


def report(output: AgentRunOutput) -> dict[str, Any]:
    """Return what tests look at, as JSON data."""
    return {
        "run_id": output.run_id,
        "status": output.status.value,
        "output": output.output,
        "pause_reason": output.pause_reason,
        "error_details": output.error_details,
        "open": len(output.active_requirements),
        "tools": [[tool.tool_name, tool.tool_args, tool.result] for tool in output.tools],
        "steps": [[step.name, step.status.value] for step in output.step_results],
    }
