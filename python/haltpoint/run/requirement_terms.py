"""How long a requirement waits, for how many people, and what is remembered of it, as data."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from haltpoint.run.changed_arguments import approved_arguments, decision_as_given, same_arguments, shown_decision
from haltpoint.timestamps import format_time, parse_time

if TYPE_CHECKING:
    from datetime import datetime

    from haltpoint.run.requirement_state import RequirementState

__all__ = ["restore_terms", "terms_data"]


def terms_data(requirement: RequirementState) -> dict[str, Any]:
    """Return a requirement's terms as JSON data."""
    return {
        "expires_at": _written(requirement.expires_at),
        "expired_at": _written(requirement.expired_at),
        "approvals_needed": requirement.approvals_needed,
        "approvals": [
            {**deepcopy(approval), "decision": shown_decision(approval.get("decision"))}
            for approval in requirement.approvals
        ],
        "always_ask": requirement.always_ask,
        "fixed_arguments": requirement.fixed_arguments,
        "remembered_from": deepcopy(requirement.remembered_from),
        "revoked": deepcopy(requirement.revoked),
        "event": deepcopy(requirement.event),
    }


def _written(time: datetime | None) -> str | None:
    return None if time is None else format_time(time)


def restore_terms(requirement: RequirementState, data: Mapping[str, Any]) -> None:
    """Read what `terms_data` returns, or the engine, which tells only what is special."""
    expires_at, expired_at = data.get("expires_at"), data.get("expired_at")
    requirement.expires_at = None if expires_at is None else parse_time(expires_at)
    requirement.expired_at = None if expired_at is None else parse_time(expired_at)
    requirement.approvals_needed = data.get("approvals_needed") or 1
    said = requirement.tool_execution.original_tool_args
    approvals: list[dict[str, Any]] = deepcopy(list(data.get("approvals") or ()))
    requirement.first_approval = approvals[0] if approvals else None
    requirement.approvals = [
        {**item, "decision": decision_as_given(item["decision"], said)} if item.get("decision") else item
        for item in approvals
    ]
    requirement.always_ask = bool(data.get("always_ask"))
    requirement.fixed_arguments = bool(data.get("fixed_arguments"))
    requirement.remembered_from = deepcopy(data.get("remembered_from"))
    requirement.revoked = deepcopy(data.get("revoked"))
    event = data.get("event")
    requirement.event = None if event is None else {"name": event.get("name"), "key": event.get("key")}
    if data.get("decision") is None:
        _show_approved(requirement)


def _show_approved(requirement: RequirementState) -> None:
    """Show what confirming would run where others approved a call with other arguments already."""
    approved, execution = approved_arguments(requirement), requirement.tool_execution
    if approved is not None:
        execution.defaulted = [
            name
            for name in execution.defaulted
            if same_arguments(_one(name, approved), _one(name, execution.tool_args))
        ]
        if requirement.asked_args is None:
            requirement.asked_args = execution.tool_args
        execution.tool_args = deepcopy(approved)
        execution.changed_by_person = True


def _one(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: arguments[name]} if name in arguments else {}
