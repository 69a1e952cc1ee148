"""Tool calls of a run."""

from __future__ import annotations

from haltpoint.run.tools.tools import ToolExecution

__all__ = ["ToolExecution"]
