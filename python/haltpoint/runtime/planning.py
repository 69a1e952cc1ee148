"""What a driver does for models that plan steps while others are open; nothing, for all others."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from haltpoint.models.planning import DrivenModel, PlanningModel
from haltpoint.run.base import RunStatus

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from haltpoint._engine import Session
    from haltpoint.models.base import Model
    from haltpoint.runtime.driver import RunDriver
    from haltpoint.tools.definition import ToolDefinition

__all__ = ["dropped_at_end", "model_of_run", "planning", "replayed"]


def model_of_run(model: Model, tools: Mapping[str, ToolDefinition]) -> Model:
    """Return the model to drive a run with."""
    if isinstance(model, PlanningModel):
        return cast("Model", model.for_run(cast("dict[str, ToolDefinition]", tools)))
    return model


def _is_planning(model: Any) -> bool:
    return hasattr(model, "replay")


async def replayed(model: Model, session: Session) -> None:
    """Let a model get to where the run's journal ends; the session is closed where it does not."""
    if not _is_planning(model):
        return
    try:
        await cast("DrivenModel", model).replay(session)
    except BaseException:
        session.close()
        raise


@asynccontextmanager
async def dropped_at_end(model: Model) -> AsyncGenerator[None]:
    """Let a model clean up that was replayed, whether or not its run is driven then."""
    try:
        yield
    finally:
        if _is_planning(model):
            await cast("DrivenModel", model).end(cancelled=False)


@asynccontextmanager
async def planning(model: Model, session: Session, driver: RunDriver) -> AsyncGenerator[None]:
    """Let a model plan while the run is driven."""
    if not _is_planning(model):
        yield
        return
    driven = cast("DrivenModel", model)
    session.plan_ahead()
    driver.tells_messages = False
    driven.begin(session, driver.ask_model)
    try:
        yield
    finally:
        await driven.end(cancelled=session.status == RunStatus.cancelled)
