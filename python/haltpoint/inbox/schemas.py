"""What the JSON API takes and gives, as JSON schemas: they are published, and requests are held to them."""

from __future__ import annotations

from typing import Any, get_args

from haltpoint.db.pruning import OVER
from haltpoint.resolution.parse import RequirementKind
from haltpoint.run.base import RunStatus
from haltpoint.run.remember_scope import RememberScope

__all__ = ["CANCEL", "DECISIONS", "ERASE", "PRUNE", "REVOKING", "SCHEMAS", "SIGNAL"]

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
_TIME: Schema = {"type": "string", "format": "date-time"}
_TIME_OR_NULL: Schema = {"type": ["string", "null"], "format": "date-time"}
_OBJECT: Schema = {"type": "object"}
_OBJECT_OR_NULL: Schema = {"type": ["object", "null"]}
_KINDS = list(get_args(RequirementKind))
_STATUSES = [status.value for status in RunStatus]


def _object(description: str, properties: dict[str, Schema], **more: Any) -> Schema:
    """An object of which all fields are always there."""
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": list(properties),
        **more,
    }


_EXPECTED_DIGEST: Schema = {
    "type": "string",
    "description": "The digest of the requirement as whoever decides was shown it. The decision is refused with status "
    "409 where the requirement has another one by now. Leave it out only where nobody looked at the requirement.",
}


def _decision(type_: str, description: str, properties: dict[str, Schema], required: tuple[str, ...] = ()) -> Schema:
    return {
        "type": "object",
        "description": description,
        "properties": {"type": {"type": "string", "const": type_}, **properties, "expected_digest": _EXPECTED_DIGEST},
        "required": ["type", *required],
        "additionalProperties": False,
    }


_NOTE: Schema = {"type": ["string", "null"], "description": "Why; the model is told."}
_RESULT: Schema = {"description": "What the call returned: text as it is, anything else as JSON."}

DECISIONS: dict[str, Schema] = {
    "confirm": _decision(
        "confirm",
        "Lets the call run.",
        {
            "tool_args": {
                "type": "object",
                "description": "All arguments to run with, in the place of those shown; a parameter that has its "
                "default may be left out. Values that are left as they were shown stay as they are.",
            },
            "remember": {
                "type": "string",
                "enum": [*get_args(RememberScope)],
                "description": "Lets later calls of the tool run without asking: those of the run, or of all runs of "
                "its session. Not with tool_args.",
            },
            "remember_args": {
                "type": "boolean",
                "description": "With remember: only calls with the same arguments.",
            },
        },
    ),
    "reject": _decision("reject", "Keeps the call from running.", {"note": _NOTE}),
    "answer": _decision(
        "answer",
        "Fills in the fields of a user_input requirement. Fields without a value take their defaults.",
        {"values": {"type": "object", "description": "The values by the fields' names."}},
        ("values",),
    ),
    "result": _decision("result", "Gives the result of an external call.", {"result": _RESULT}, ("result",)),
    "retry": _decision("retry", "Runs a call in doubt once more.", {}),
    "supply": _decision("supply", "Gives the result of a call in doubt.", {"result": _RESULT}, ("result",)),
    "skip": _decision("skip", "Goes on without a call in doubt.", {"note": _NOTE}),
}

CANCEL: Schema = {
    "type": "object",
    "description": "Stops a run.",
    "properties": {
        "interrupt": {
            "type": "boolean",
            "default": False,
            "description": "Also stop async tools in their middle: their outcome is then unknown.",
        }
    },
    "additionalProperties": False,
}

_EVENT_NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 512}

SIGNAL: Schema = {
    "type": "object",
    "description": "Says that something has happened that runs may wait for. Who says so is whoever is signed in.",
    "properties": {
        "name": {**_EVENT_NAME, "description": "What has happened, at most 512 bytes."},
        "key": {
            **_EVENT_NAME,
            "type": ["string", "null"],
            "description": "To which of several things, such as the number of an order, at most 512 bytes.",
        },
        "payload": {"description": "What is to be said of it: any JSON, at most 1 MiB; null where it is left out."},
        "id": {
            **_EVENT_NAME,
            "type": ["string", "null"],
            "description": "The signal's id: the same one again is the same signal, for 30 days.",
        },
    },
    "required": ["name"],
    "additionalProperties": False,
}

ERASE: Schema = {
    "type": "object",
    "description": "Erases what a run said: who decided what and when stays. Nobody can bring it back.",
    "properties": {
        "reason": {"type": ["string", "null"], "maxLength": 10_000, "description": "Why, which the journal keeps."},
        "force": {
            "type": "boolean",
            "default": False,
            "description": "Cancel a run that can be continued, and erase it.",
        },
    },
    "additionalProperties": False,
}

PRUNE: Schema = {
    "type": "object",
    "description": "Removes whole runs that are over. Nothing tells later that they were there.",
    "properties": {
        "older_than": {
            "type": "number",
            "minimum": 0,
            "maximum": 10_000_000_000,
            "description": "Only runs whose status last changed so long ago, in seconds.",
        },
        "statuses": {
            "type": ["array", "null"],
            "minItems": 1,
            "items": {"type": "string", "enum": OVER},
            "description": "Only runs of one of these; all three by default.",
        },
        "dry_run": {"type": "boolean", "default": False, "description": "Only count them."},
    },
    "required": ["older_than"],
    "additionalProperties": False,
}

_FIELD = _object(
    "A field that a person is asked to fill in.",
    {
        "name": _TEXT,
        "field_type": {**_TEXT, "description": "What it takes, in words for people."},
        "description": _TEXT_OR_NULL,
        "json_schema": {**_OBJECT, "description": "What it takes."},
        "required": {"type": "boolean", "description": "False: it may stay empty."},
        "value": {"description": "What stands in it; null where nothing does."},
    },
)
_FIELD["properties"]["default"] = {"description": "What an empty field stands for; only where there is a default."}

_SENSITIVE: Schema = {
    "type": "array",
    "items": _TEXT,
    "description": "The parameters whose values are masked, as [sensitive], wherever nobody decides on them.",
}

_TOOL_EXECUTION = _object(
    "The call in question, as ToolExecution.to_dict() gives it.",
    {
        "tool_call_id": _TEXT,
        "tool_name": _TEXT,
        "tool_args": {
            **_OBJECT,
            "description": "What the call runs with: the value that the tool gets for each of its parameters.",
        },
        "defaulted": {
            "type": "array",
            "items": _TEXT,
            "description": "The parameters that the model left out, and that have their defaults.",
        },
        "original_tool_args": {**_OBJECT_OR_NULL, "description": "What the model said."},
        "changed_by_person": {"type": "boolean", "description": "Whether a person gave or changed arguments."},
        "sensitive": _SENSITIVE,
        "result": _TEXT_OR_NULL,
    },
)

_REQUIREMENT = _object(
    "What a run waits for, or waited for, as RunRequirement.to_dict() gives it.",
    {
        "id": _TEXT,
        "run_id": _TEXT,
        "kind": {"type": "string", "enum": _KINDS},
        "created_at": _TIME,
        "decision": _OBJECT_OR_NULL,
        "decided_by": _TEXT_OR_NULL,
        "decided_at": _TIME_OR_NULL,
        "details": _OBJECT_OR_NULL,
        "digest": {
            "type": ["string", "null"],
            "description": "SHA-256 of the run, the requirement, the tool with its parameters, and the arguments that "
            "confirming would run now. A decision says in expected_digest which one it is about. Null where a value "
            "is masked, as in lists.",
        },
        "tool_execution": _TOOL_EXECUTION,
        "tool_module": {"type": ["string", "null"], "description": "Where the code of the tool stood."},
        "confirmation": {"type": ["boolean", "null"], "description": "Whether it was confirmed."},
        "confirmation_note": _TEXT_OR_NULL,
        "user_input_schema": {"type": ["array", "null"], "items": _FIELD, "description": "The fields to fill in."},
        "expires_at": _TIME_OR_NULL,
        "expired_at": _TIME_OR_NULL,
        "approvals_needed": {"type": "integer", "minimum": 1},
        "approvals": {
            "type": "array",
            "items": _OBJECT,
            "description": "Who has confirmed, where several must: by, at, decision, and tool_args that were approved.",
        },
        "always_ask": {"type": "boolean", "description": "Whether its approval can't be remembered."},
        "fixed_arguments": {"type": "boolean", "description": "Whether nobody can change the arguments shown."},
        "remembered_from": {
            "type": ["object", "null"],
            "description": "The earlier approval that answered it: requirement_id, run_id and by.",
        },
        "event": {
            "type": ["object", "null"],
            "properties": {"name": _TEXT, "key": _TEXT_OR_NULL},
            "description": "What a wait is for, where it is not a time alone.",
        },
        "revoked": {
            "type": ["object", "null"],
            "description": "Who ended that its approval answers later calls, and when: by and at.",
        },
    },
)

_REMEMBERED = _object(
    "An approval that lets later calls run without asking.",
    {
        "requirement_id": _TEXT,
        "run_id": _TEXT,
        "session_id": _TEXT_OR_NULL,
        "scope": {"type": "string", "enum": list(get_args(RememberScope))},
        "tool_name": _TEXT,
        "tool_args": {"type": ["object", "null"], "description": "The arguments that a call must have; null for any."},
        "by": _TEXT_OR_NULL,
        "at": _TIME,
        "sensitive": _SENSITIVE,
    },
)

REVOKING: Schema = {
    "type": "object",
    "description": "Empty: who revokes is whoever is signed in.",
    "additionalProperties": False,
}

_REVOCATION = _object(
    "That an approval lets no later calls run any more.",
    {
        "requirement_id": _TEXT,
        "was_standing": {"type": "boolean", "description": "False: it was revoked before."},
    },
)

_RUN = _object(
    "A run.",
    {
        "run_id": _TEXT,
        "status": {"type": "string", "enum": _STATUSES},
        "agent_name": _TEXT_OR_NULL,
        "session_id": _TEXT_OR_NULL,
        "user_id": _TEXT_OR_NULL,
        "created_at": _TIME,
        "updated_at": _TIME,
        "task": _TEXT_OR_NULL,
        "pause_reason": _TEXT_OR_NULL,
        "open_requirements": {"type": "array", "items": _TEXT, "description": "Ids."},
        "waits_for": {
            "type": "array",
            "items": {"type": "object", "properties": {"name": _TEXT, "key": _TEXT}, "required": ["name"]},
            "description": "The events that it waits for.",
        },
        "sleeps_until": {**_TIME_OR_NULL, "description": "When it goes on by itself, while it asks nobody."},
        "not_before": {**_TIME_OR_NULL, "description": "From when on workers take it, while it waits for one."},
        "problem": {"type": ["string", "null"], "description": "Why its journal can't be read."},
    },
)

_EVENT = _object(
    "One entry of a run's journal.",
    {
        "seq": {"type": "integer", "minimum": 1},
        "at": _TIME,
        "kind": _TEXT,
        "title": _TEXT,
        "detail": _TEXT_OR_NULL,
        "entry": _OBJECT,
    },
)

_WHOLE_RUN = _object(
    "A run with all that is known of it.",
    {
        "run": {
            "type": "object",
            "description": "As in the list, with model_name, output, error_details and usage.",
            "required": ["run_id", "status", "model_name", "output", "error_details", "usage"],
        },
        "requirements": {"type": "array", "items": {"$ref": "#/components/schemas/Requirement"}},
        "timeline": {"type": "array", "items": {"$ref": "#/components/schemas/Event"}},
    },
)

_AUDIT_RECORD = _object(
    "Something that somebody decided about a run.",
    {
        "seq": {"type": "integer", "minimum": 1},
        "at": _TIME,
        "action": _TEXT,
        "by": _TEXT_OR_NULL,
        "requirement_id": _TEXT_OR_NULL,
        "tool_name": _TEXT_OR_NULL,
        "tool_args": _OBJECT_OR_NULL,
        "changed_args": _OBJECT_OR_NULL,
        "decision": _OBJECT_OR_NULL,
        "remembered_from": _OBJECT_OR_NULL,
        "reason": _TEXT_OR_NULL,
        "hash": _TEXT,
        "sensitive": _SENSITIVE,
    },
)

SCHEMAS: dict[str, Schema] = {
    "Requirement": _REQUIREMENT,
    "Remembered": _REMEMBERED,
    "Revocation": _REVOCATION,
    "Run": _RUN,
    "Event": _EVENT,
    "WholeRun": _WHOLE_RUN,
    "AuditRecord": _AUDIT_RECORD,
    "DamagedRun": _object("A run that can't be read.", {"run_id": _TEXT, "problem": _TEXT}),
    "Decision": {
        "oneOf": [{"$ref": f"#/components/schemas/Decision_{name}"} for name in DECISIONS],
        "discriminator": {
            "propertyName": "type",
            "mapping": {name: f"#/components/schemas/Decision_{name}" for name in DECISIONS},
        },
    },
    **{f"Decision_{name}": schema for name, schema in DECISIONS.items()},
    "Cancel": CANCEL,
    "Signal": SIGNAL,
    "SignalDelivery": _object(
        "What became of a signal.",
        {
            "id": _TEXT,
            "delivered": {
                "type": "boolean",
                "description": "Whether a run has taken it; else it is kept until one does, at most 30 days.",
            },
            "run_id": {**_TEXT_OR_NULL, "description": "The run that has taken it, as long as it is there."},
            "repeated": {"type": "boolean", "description": "A signal of this id was sent before."},
        },
    ),
    "Erase": ERASE,
    "Erased": _object(
        "What was erased.",
        {"erased": {"type": "array", "items": _TEXT, "description": "The run's id; empty: it was erased before."}},
    ),
    "Prune": PRUNE,
    "Pruned": _object(
        "How many runs were removed, or would be.",
        {"pruned": {"type": "integer", "minimum": 0}, "dry_run": {"type": "boolean"}},
    ),
    "Problem": _object(
        "Why a request was refused.",
        {
            "error": _TEXT,
            "message": {**_TEXT, "description": "What is wrong, and what to do."},
            "field": {
                **_TEXT_OR_NULL,
                "description": "The path of the field at fault, such as address.code; null where it is about none.",
            },
        },
    ),
}
