"""Durable functions: async functions whose steps are kept, so that any process goes on where another one ended."""

from haltpoint.workflows.asking import ask, confirm, external
from haltpoint.workflows.definition import Workflow, workflow
from haltpoint.workflows.recorded import now, patched, random, uuid4
from haltpoint.workflows.steps import step
from haltpoint.workflows.waiting import event, sleep, sleep_until

__all__ = [
    "Workflow",
    "ask",
    "confirm",
    "event",
    "external",
    "now",
    "patched",
    "random",
    "sleep",
    "sleep_until",
    "step",
    "uuid4",
    "workflow",
]
