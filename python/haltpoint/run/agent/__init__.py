"""What an agent's run gives back."""

from __future__ import annotations

from haltpoint.run.agent.output import AgentRunOutput, RunUsage, StepResult

__all__ = ["AgentRunOutput", "RunUsage", "StepResult"]
