"""Running scripts that were written for Upsonic, unmodified."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

from haltpoint._concurrency.fork_guard import no_fork

__all__ = ["install_as_upsonic"]

_FOREIGN = "upsonic"
_MODULES = (
    "haltpoint",
    "haltpoint.agent",
    "haltpoint.db",
    "haltpoint.db.database",
    "haltpoint.exceptions",
    "haltpoint.models",
    "haltpoint.run",
    "haltpoint.run.agent",
    "haltpoint.run.agent.output",
    "haltpoint.run.base",
    "haltpoint.run.cancel",
    "haltpoint.run.requirements",
    "haltpoint.run.tools",
    "haltpoint.run.tools.tools",
    "haltpoint.task",
    "haltpoint.tools",
    "haltpoint.tools.user_input",
)


def install_as_upsonic() -> None:
    """Make `import upsonic` and the documented paths below it resolve to haltpoint in this process.

    Calling it twice is no error.

    Raises:
        RuntimeError: the real package is imported already; call this first.
    """
    present = sys.modules.get(_FOREIGN)
    ours = sys.modules["haltpoint"]
    if present is not None and present is not ours:
        raise RuntimeError(
            "upsonic is imported already in this process; "
            "call haltpoint.install_as_upsonic() before anything imports it"
        )
    for name in _MODULES:
        with no_fork:
            module: ModuleType = importlib.import_module(name)
        sys.modules[name.replace("haltpoint", _FOREIGN, 1)] = module
