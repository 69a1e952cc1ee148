"""The description of the JSON API: OpenAPI 3.1."""

from __future__ import annotations

from importlib import metadata
from typing import Any

from haltpoint.inbox.schemas import REVOKING, SCHEMAS

__all__ = ["MOST_LISTED", "PARAMETERS", "description"]

MOST_LISTED = 200

_LIMIT = {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": 50}
_ID = {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[A-Za-z0-9_-]+$"}
_NAME = {"type": "string", "minLength": 1}

PARAMETERS: dict[str, dict[str, dict[str, Any]]] = {
    "requirements": {
        "run_id": _ID,
        "kind": SCHEMAS["Requirement"]["properties"]["kind"],
        "open_only": {"type": "boolean", "default": True},
        "preview": {
            "type": "boolean",
            "default": False,
            "description": "Cut texts of more than 4 KiB where a run's journal has entries of more than 64 KiB; such a "
            "list is quick. Look the requirement up before it is decided: what was cut has another digest.",
        },
        "limit": _LIMIT,
        "before": _ID,
    },
    "runs": {
        "status": SCHEMAS["Run"]["properties"]["status"],
        "agent_name": _NAME,
        "session_id": _NAME,
        "user_id": _NAME,
        "limit": _LIMIT,
        "before": _ID,
    },
    "remembered": {
        "run_id": _ID,
        "session_id": _NAME,
        "limit": _LIMIT,
        "before": _ID,
    },
}

_REFUSALS = {
    "400": "The request can't be read, or is for another host.",
    "401": "Nobody signed in: neither the token nor a session came along.",
    "403": "It may come from a page of another site; or this server does not erase.",
    "404": "There is no such run or requirement.",
    "409": "It is too late: decided otherwise, over, or not under way; or the requirement is of another kind.",
    "410": "What the run said was erased.",
    "413": "The body is too large.",
    "415": "The body is not application/json.",
    "422": "A value does not fit.",
    "503": "The database, or the run in it, can't be read.",
}


# What takes data away is not possible in each inbox.
_OPT_IN = "Only where the server was started so: create_app(allow_erase=True), or haltpoint serve --allow-erase."


def description(server: str) -> dict[str, Any]:
    """Return the description.

    Args:
        server: the path under which the application is mounted.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "haltpoint inbox",
            "version": metadata.version("haltpoint"),
            "description": "What runs of agents wait for, and deciding it. Lists are newest first.",
        },
        "servers": [{"url": server or "/"}],
        "security": [{"token": []}],
        "paths": {
            "/api/requirements": {"get": _list("requirements", "Requirement")},
            "/api/requirements/{requirement_id}": {"get": _look_up("requirement_id", "Requirement")},
            "/api/requirements/{requirement_id}/decision": {"post": _decide()},
            "/api/requirements/{requirement_id}/revocation": {"post": _revoke()},
            "/api/remembered": {"get": _list("remembered", "Remembered")},
            "/api/runs": {"get": _list("runs", "Run")},
            "/api/runs/{run_id}": {"get": _look_up("run_id", "WholeRun")},
            "/api/runs/{run_id}/cancel": {"post": _cancel()},
            "/api/runs/{run_id}/erase": {"post": _erase()},
            "/api/signals": {"post": _signal()},
            "/api/prune": {"post": _prune()},
            "/api/runs/{run_id}/audit": {"get": _look_up("run_id", "AuditRecord", is_list=True)},
        },
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The server's token. In a browser that signed in, its cookie does.",
                }
            },
        },
    }


def _list(what: str, schema: str) -> dict[str, Any]:
    parameters = [{"name": name, "in": "query", "schema": value} for name, value in PARAMETERS[what].items()]
    return {
        "operationId": f"list_{what}",
        "summary": f"List {what}.",
        "parameters": parameters,
        "responses": _responses(_page(schema), "400", "401", "404", "422", "503"),
    }


def _look_up(parameter: str, schema: str, *, is_list: bool = False) -> dict[str, Any]:
    return {
        "operationId": f"get_{'audit' if is_list else parameter.removesuffix('_id')}",
        "summary": "Who decided what about a run, oldest first." if is_list else "Look one up.",
        "parameters": [_in_path(parameter)],
        "responses": _responses(_items(schema) if is_list else _reference(schema), "400", "401", "404", "410", "503"),
    }


def _decide() -> dict[str, Any]:
    summary = "Decide on a requirement. It is on disk when the answer comes; saying the same twice is no error."
    return _order("decide", summary, "requirement_id", "Decision", "Requirement")


def _cancel() -> dict[str, Any]:
    summary = "Stop a run that is under way or waits. The process that drives it stops it as soon as it hears of it."
    return _order("cancel_run", summary, "run_id", "Cancel", "Run")


def _signal() -> dict[str, Any]:
    summary = "Say that something has happened: it ends the oldest wait for it, or is kept until a run waits for it."
    return _order("send_signal", summary, None, "Signal", "SignalDelivery")


def _erase() -> dict[str, Any]:
    return _order("erase_run", f"Erase what a run said. {_OPT_IN}", "run_id", "Erase", "Erased")


def _prune() -> dict[str, Any]:
    return _order("prune_runs", f"Remove whole runs that are over. {_OPT_IN}", None, "Prune", "Pruned")


def _order(operation: str, summary: str, parameter: str | None, schema: str, answer: str) -> dict[str, Any]:
    return {
        "operationId": operation,
        "summary": summary,
        "parameters": [] if parameter is None else [_in_path(parameter)],
        "requestBody": {"required": True, "content": {"application/json": {"schema": _reference(schema)}}},
        "responses": _responses(_reference(answer), *_REFUSALS),
    }


def _revoke() -> dict[str, Any]:
    return {
        "operationId": "revoke",
        "summary": "End that the requirement's approval lets later calls run without asking.",
        "parameters": [_in_path("requirement_id")],
        "requestBody": {"required": True, "content": {"application/json": {"schema": REVOKING}}},
        "responses": _responses(_reference("Revocation"), *_REFUSALS),
    }


def _in_path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": _ID}


def _items(schema: str) -> dict[str, Any]:
    return _object({"items": _array(schema)})


def _page(schema: str) -> dict[str, Any]:
    return _object(
        {
            "items": _array(schema),
            "damaged": _array("DamagedRun"),
            "total": {
                "type": "integer",
                "minimum": 0,
                "description": "How many there are on all pages. What can't be read counts, too.",
            },
            "next": {
                "type": ["string", "null"],
                "description": "The `before` of the next page; null where this is the last one.",
            },
        }
    )


def _array(schema: str) -> dict[str, Any]:
    return {"type": "array", "items": _reference(schema)}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _reference(schema: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{schema}"}


def _responses(schema: dict[str, Any], *refusals: str) -> dict[str, Any]:
    answers = {"200": {"description": "Done.", "content": {"application/json": {"schema": schema}}}}
    problem = {"application/json": {"schema": _reference("Problem")}}
    return answers | {code: {"description": _REFUSALS[code], "content": problem} for code in refusals}
