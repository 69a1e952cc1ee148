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
        ValueError: the client would refuse it. The message does not show it: it may hold a password.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("the webhook's URL is malformed: check its host and its port") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("a webhook's URL must begin with https:// or http:// and a host")
    if not all("!" <= character <= "~" for character in url):
        raise ValueError(
            "a webhook's URL must be of ASCII characters without spaces: percent-encode its path and query, and write "
            "its host in Punycode"
        )
    if "@" in parts.netloc:
        raise ValueError("a webhook's URL must not hold a user name or password: messages are signed instead")
    if port == 0 or not _is_host(host):
        raise ValueError("the webhook's URL is malformed: check its host and its port")
    return url


def _is_host(name: str) -> bool:
    """Whether the system's resolver takes a name, whether or not it finds it."""
    try:
        return bool(name.encode("idna"))
    except UnicodeError:
        return False


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
    except (OSError, http.client.HTTPException, ValueError) as error:
        # Also what only the connection or a proxy's address brings to light.
        return f"the receiver can't be reached: {type(error).__name__}"
