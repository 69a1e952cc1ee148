"""What a worker tells of its work."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Progress"]


@dataclass(frozen=True)
class Progress:
    """Something that a worker did, or could not do.

    Attributes:
        kind: "started", "took", "paused", "completed", "cancelled", "failed", "set_aside", "left_alone", "gave_back",
            "put_off", "not_delivered", "pruned", "not_pruned", "waiting", "stopping" or "stopped".
        run_id: the run that it is about.
        agent_name: the run's agent.
        message: more, in words.
    """

    kind: str
    run_id: str | None = None
    agent_name: str | None = None
    message: str | None = None
