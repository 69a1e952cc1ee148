"""The inbox page: what runs wait for, seen and decided in a browser, with a JSON API beside it.

Needs the extra `haltpoint[inbox]`.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from haltpoint.inbox.access import Authenticate
    from haltpoint.inbox.app import InboxApp, create_app

__all__ = ["Authenticate", "InboxApp", "create_app"]

_PACKAGES = ("jinja2", "starlette")
_MODULES = {"Authenticate": "access", "InboxApp": "app", "create_app": "app"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    missing = [package for package in _PACKAGES if find_spec(package) is None]
    if missing:
        raise ImportError(
            f"the inbox page lacks {' and '.join(missing)}: install haltpoint with its extra, "
            "pip install 'haltpoint[inbox]', or in a clone: pip install '.[inbox]'"
        )
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
