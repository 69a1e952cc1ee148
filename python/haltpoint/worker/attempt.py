"""One run in a worker's hands, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from haltpoint._concurrency.user_code import read_texts
from haltpoint.exception_text import message_of
from haltpoint.exceptions import (
    AuditKeyError,
    HaltpointError,
    LeaseLostError,
    RunBusyError,
    RunMovedError,
    ToolChangedError,
    ToolNotAvailableError,
    UnresolvedRequirementsError,
    WorkflowChangedError,
)
from haltpoint.logs import log_failure, logger
from haltpoint.resolution.commit import this_process
from haltpoint.run.base import RunStatus
from haltpoint.runtime.failures import RUN_FAILURES
from haltpoint.worker.progress import Progress

if TYPE_CHECKING:
    from haltpoint.agent import Agent
    from haltpoint.run.agent.output import AgentRunOutput
    from haltpoint.runtime.call import Work
    from haltpoint.worker.deferred import Deferred

__all__ = ["Attempt"]

_log = logger("worker")

# What another process has, or this one after an update, and this one lacks.
_LACKING = (ToolNotAvailableError, ToolChangedError, WorkflowChangedError, AuditKeyError)
_OTHERS_WERE_FASTER = (RunBusyError, LeaseLostError, RunMovedError, UnresolvedRequirementsError)

# How long a run is left alone that something is missing for, in seconds.
_LEFT_ALONE = 60.0

_KINDS = {
    RunStatus.completed: "completed",
    RunStatus.paused: "paused",
    RunStatus.cancelled: "cancelled",
    RunStatus.queued: "gave_back",
    RunStatus.running: "gave_back",
}


@dataclass(frozen=True)
class Attempt:
    """Drives one run as far as it gets; whatever happens is reported, and nothing is raised.

    Attributes:
        agent: whose run it is.
        run_id: the run.
        work: what the worker adds.
        deferred: where the run is put off that can't be driven now.
        report: told what becomes of it.
        is_driven: whether the run was driven here; what others made of it is theirs to report.
    """

    agent: Agent[Any]
    run_id: str
    work: Work
    deferred: Deferred
    report: Callable[[Progress], None]
    is_driven: Callable[[], bool]

    async def make(self) -> None:
        """Make the attempt."""
        try:
            output = await self.agent.take_up_async(self.run_id, self.work)
            is_ours = self.is_driven() or await self._is_ended_here(output)
        except _OTHERS_WERE_FASTER:
            self.deferred.put_off(self.run_id, 1.0)
        except _LACKING as error:
            self._leave_alone(error)
        except RUN_FAILURES as error:
            self._tell("failed", message_of(error))
        except Exception as error:  # noqa: BLE001 - reported: one run's trouble is not the others'
            self.deferred.put_off(self.run_id)
            texts = await read_texts(error)
            log_failure(_log, f"run {self.run_id} can't be driven now", error, texts)
            self._tell("put_off", texts.summary)
        except KeyboardInterrupt as error:
            # Raised by code of the run, which stopped with it: a worker is stopped by signals.
            log_failure(_log, f"run {self.run_id} was stopped", error)
            self._tell("cancelled", "KeyboardInterrupt was raised in the run")
        else:
            self.deferred.forget(self.run_id)
            if is_ours:
                self._stopped(output)

    async def _is_ended_here(self, output: AgentRunOutput) -> bool:
        """Whether this process took the run over only to write how it ends."""
        if not (output.is_error or output.is_cancelled):
            return False
        journal = await self.agent.db.journal_async(self.run_id)
        drivers = [item["entry"]["holder"] for item in journal if item["kind"] == "run_continued"]
        return drivers[-1:] == [this_process()]

    def _stopped(self, output: AgentRunOutput) -> None:
        # A run that fails while it is driven raises: this one failed because it was not to be driven any more.
        kind = "set_aside" if output.is_error else _KINDS[output.status]
        self._tell(kind, output.error_details or output.pause_reason)

    def _leave_alone(self, error: HaltpointError) -> None:
        if not self.deferred.is_known(self.run_id):
            self._tell("left_alone", message_of(error))
        self.deferred.put_off(self.run_id, _LEFT_ALONE)

    def _tell(self, kind: str, message: str | None = None) -> None:
        self.report(Progress(kind, self.run_id, self.agent.name, message))
