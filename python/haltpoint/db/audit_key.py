"""The key of the hash chains of a database's runs, as users give it."""

from __future__ import annotations

import os

__all__ = ["AUDIT_KEY_VARIABLE", "resolve_audit_key"]

AUDIT_KEY_VARIABLE = "HALTPOINT_AUDIT_KEY"


def resolve_audit_key(audit_key: bytes | str | None) -> bytes | None:
    """Return the key's bytes, which are taken as they are; text as UTF-8.

    Args:
        audit_key: the key, or None for that of the environment, if there is one.

    Raises:
        TypeError: the key is neither bytes nor text. The message does not show it.
    """
    if audit_key is None:
        from_environment = os.environ.get(AUDIT_KEY_VARIABLE)
        return None if from_environment is None else from_environment.encode("utf-8", "surrogateescape")
    if isinstance(audit_key, str):
        # An encoding error would carry the key along.
        return audit_key.encode("utf-8", "surrogatepass")
    if isinstance(audit_key, bytes):  # pyright: ignore[reportUnnecessaryIsInstance] - users need not check their types
        return audit_key
    raise TypeError(f"audit_key must be bytes or str, got {type(audit_key).__name__}")
