"""How long a requirement waits, for how many people, and what is remembered of it, as data."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from haltpoint.run.timestamps import format_time, parse_time

if TYPE_CHECKING:
    from haltpoint.run.requirement_state import RequirementState

__all__ = ["restore_terms", "terms_data"]


def terms_data(requirement: RequirementState) -> dict[str, Any]:
    """Return a requirement's terms as the engine tells them: only what is special."""
    data: dict[str, Any] = {}
    if requirement.expires_at is not None:
        data["expires_at"] = format_time(requirement.expires_at)
    if requirement.expired_at is not None:
        data["expired_at"] = format_time(requirement.expired_at)
    if requirement.approvals_needed > 1:
        data["approvals_needed"] = requirement.approvals_needed
    if requirement.approvals:
        data["approvals"] = deepcopy(requirement.approvals)
    if requirement.always_ask:
        data["always_ask"] = True
    if requirement.remembered_from is not None:
        data["remembered_from"] = dict(requirement.remembered_from)
    if requirement.revoked is not None:
        data["revoked"] = dict(requirement.revoked)
    return data


def restore_terms(requirement: RequirementState, data: Mapping[str, Any]) -> None:
    """Read what `terms_data` returns."""
    expires_at, expired_at = data.get("expires_at"), data.get("expired_at")
    requirement.expires_at = None if expires_at is None else parse_time(expires_at)
    requirement.expired_at = None if expired_at is None else parse_time(expired_at)
    requirement.approvals_needed = data.get("approvals_needed") or 1
    requirement.approvals = deepcopy(list(data.get("approvals") or ()))
    requirement.always_ask = bool(data.get("always_ask"))
    requirement.remembered_from = deepcopy(data.get("remembered_from"))
    requirement.revoked = deepcopy(data.get("revoked"))
