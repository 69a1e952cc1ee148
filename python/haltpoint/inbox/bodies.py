"""Reading what a request brings: within bounds, and of the kind that it says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect

from haltpoint.inbox.refusals import RefusedError

if TYPE_CHECKING:
    from typing import NoReturn

    from starlette.requests import Request

__all__ = ["read_form", "read_json"]

# In bytes: results of tools may be long, and nothing else is.
_LARGEST = 4 * 1024 * 1024
_MOST_FIELDS = 1000


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form; of a field that comes twice, the last.

    Raises:
        RefusedError: it is no form, or too large.
    """
    _check_type(request, "application/x-www-form-urlencoded")
    body = await _body(request)
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise RefusedError(400, "bad_request", f"the form can't be read: {error}") from error
    # Browsers write each line end of a form as two characters.
    return {name: value.replace("\r\n", "\n") for name, value in fields}


async def read_json(request: Request) -> Any:
    """Return what JSON text brings.

    Raises:
        RefusedError: it is no JSON, or too large.
    """
    _check_type(request, "application/json")
    body = await _body(request)
    try:
        value = json.loads(body.decode(), parse_constant=_refuse_constant)
        # Half of a character can be written down in JSON, and is no text.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, "bad_request", f"the body is no JSON: {error}") from error
    return value


def _check_type(request: Request, wanted: str) -> None:
    found = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if found != wanted:
        raise RefusedError(415, "unsupported_media_type", f"the body must be {wanted}")


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > _LARGEST:
                raise RefusedError(413, "too_large", f"the body is larger than {_LARGEST} bytes")
    except ClientDisconnect as error:
        raise RefusedError(408, "unfinished", "the body did not come to its end") from error
    return bytes(body)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
