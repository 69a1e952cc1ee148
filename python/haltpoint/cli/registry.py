"""The commands, and the modules in which they are found.

To add a command, write a module with a `command` in it, made with the decorator of `haltpoint.cli.command`,
and enter it here. A module is loaded when its command runs or help is asked for: what is slow to import, or comes with
an extra of its own, is imported within the command's function.
"""

from __future__ import annotations

__all__ = ["SECTIONS", "module_of", "names"]

_HERE = "haltpoint.cli.commands"

SECTIONS: dict[str, dict[str, str]] = {
    "Look": {
        "inbox": f"{_HERE}.inbox",
        "runs": f"{_HERE}.runs",
        "show": f"{_HERE}.show",
        "audit": f"{_HERE}.audit",
        "remembered": f"{_HERE}.remembered",
    },
    "Decide": {
        "approve": f"{_HERE}.approve",
        "reject": f"{_HERE}.reject",
        "answer": f"{_HERE}.answer",
        "result": f"{_HERE}.result",
        "recover": f"{_HERE}.recover",
        "revoke": f"{_HERE}.revoke",
        "signal": f"{_HERE}.signal",
        "cancel": f"{_HERE}.cancel",
        "continue": f"{_HERE}.continue_",
    },
    "Run": {
        "worker": f"{_HERE}.worker",
        "serve": f"{_HERE}.serve",
    },
    "Keep": {
        "check": f"{_HERE}.check",
        "backup": f"{_HERE}.backup",
        "move": f"{_HERE}.move",
        "copy": f"{_HERE}.copy",
        "export": f"{_HERE}.export",
        "erase": f"{_HERE}.erase",
        "prune": f"{_HERE}.prune",
        "compact": f"{_HERE}.compact",
        "migrate": f"{_HERE}.migrate",
        "completion": f"{_HERE}.completion",
    },
}


def names() -> list[str]:
    """Return the names of all commands, in the order of the help."""
    return [name for section in SECTIONS.values() for name in section]


def module_of(name: str) -> str | None:
    """Return the module of a command, or None where there is no such command."""
    return next((section[name] for section in SECTIONS.values() if name in section), None)
