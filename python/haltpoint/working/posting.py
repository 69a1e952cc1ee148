"""Sending a request to a receiver, without following it anywhere else."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

__all__ = ["checked_url", "post", "shown_url"]

_TIMEOUT = 10.0


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A signed message is for its receiver alone: a redirection is a failure."""

    def redirect_request(self, *arguments: Any, **options: Any) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirects)


def checked_url(url: str) -> str:
    """Return a URL that messages can be sent to.

    Raises:
        ValueError: it is none of http or https. The message does not show it: it may hold a password.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("the webhook's URL is malformed") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("a webhook's URL begins with https:// or http:// and a host")
    return url


def shown_url(url: str) -> str:
    """Return what of a URL may be shown: neither names and passwords nor what stands in its path."""
    parts = urlsplit(url)
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.scheme}://{parts.hostname}{port}"


def post(url: str, headers: Mapping[str, str], body: bytes) -> str | None:
    """Send a message and wait for the answer, at most 10 seconds for each part of it.

    Returns:
        Why it was not accepted; None when it was, with a status between 200 and 299.
    """
    request = urllib.request.Request(url, data=body, headers=dict(headers), method="POST")  # noqa: S310 - was checked
    try:
        with _opener.open(request, timeout=_TIMEOUT):
            return None
    except urllib.error.HTTPError as error:
        with error:
            return f"the receiver answered with status {error.code}"
    except urllib.error.URLError as error:
        return f"the receiver can't be reached: {error.reason}"
    except (OSError, http.client.HTTPException) as error:
        return f"the receiver can't be reached: {type(error).__name__}"
