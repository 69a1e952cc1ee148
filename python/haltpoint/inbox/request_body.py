"""Reading what a request brings: within bounds, and of the kind that it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect

from haltpoint.inbox.error_pages import RefusedError
from haltpoint.tools.json_form import NotJsonError, parse_said

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["read_form", "read_json"]

# In bytes: results of tools may be long, and nothing else is.
_LARGEST = 4 * 1024 * 1024
_MOST_FIELDS = 1000


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form.

    Raises:
        RefusedError: it is not a form, it is too large, or holds a field twice.
    """
    _check_type(request, "application/x-www-form-urlencoded")
    body = await _body(request)
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise RefusedError(400, "bad_request", f"the form can't be read: {error}") from error
    names = [name for name, _ in fields]
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        raise RefusedError(400, "bad_request", f"the form holds the field {twice!r} twice, so that it says two things")
    # Browsers write each line end of a form as two characters.
    return {name: value.replace("\r\n", "\n") for name, value in fields}


async def read_json(request: Request) -> Any:
    """Return the value of a JSON body.

    Raises:
        RefusedError: it is not JSON, it is too large, or an object in it holds a name twice.
    """
    _check_type(request, "application/json")
    body = await _body(request)
    try:
        return parse_said(body.decode())
    except NotJsonError as error:
        raise RefusedError(400, "bad_request", f"the body {error}") from error
    except UnicodeDecodeError as error:
        raise RefusedError(400, "bad_request", f"the body is not UTF-8: {error}") from error


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
