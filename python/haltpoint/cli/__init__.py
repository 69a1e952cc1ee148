"""The command `haltpoint`: what runs do and wait for, seen and decided from a terminal."""

from __future__ import annotations

import sys
from importlib.util import find_spec

__all__ = ["main"]

_PACKAGES = ("click", "rich")
_HOW_TO_INSTALL = (
    "haltpoint: the command line lacks {names}: install haltpoint with its extra, "
    "pip install 'haltpoint[cli]', or in a clone: pip install '.[cli]'\n"
)


def main() -> int:
    """Run the command with the arguments of this process, and return its exit code."""
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        sys.stderr.write(_HOW_TO_INSTALL.format(names=" and ".join(missing)))
        return 1
    from haltpoint.cli.program import run

    return run()
