"""What a browser that signed in carries along, and the tokens of its forms: signed, and kept nowhere."""

from __future__ import annotations

import hmac
import secrets
import time
from hashlib import sha256

__all__ = ["Sessions"]

_LASTS = 7 * 24 * 3600


class Sessions:
    """Makes and examines sessions. All processes with the same secret take each other's for good.

    Args:
        secret: what only this server knows. It can't be told from what a browser is given.
    """

    # For how long a session is good, in seconds.
    lasts = _LASTS

    def __init__(self, secret: str) -> None:
        self._key = hmac.new(secret.encode(), b"haltpoint inbox sessions", sha256).digest()
        # Browsers keep cookies by host and not by port: servers side by side must not take each other's away.
        self.cookie_name = f"haltpoint_{self._mac('cookie name')[:8]}"

    def new(self) -> str:
        """Return a new session, as the value of a cookie."""
        content = f"{secrets.token_urlsafe(16)}.{int(time.time()) + _LASTS}"
        return f"{content}.{self._mac('session', content)}"

    def is_valid(self, session: str) -> bool:
        """Whether the session was made here, and is not too old."""
        content, _, mac = session.rpartition(".")
        if not hmac.compare_digest(mac.encode(), self._mac("session", content).encode()):
            return False
        return int(content.rpartition(".")[2]) > time.time()

    def form_token(self, session: str) -> str:
        """Return what forms of this session carry, which no other site can know."""
        return self._mac("form", session)

    def is_form_token(self, session: str, token: str) -> bool:
        """Whether the token belongs to the session. Takes as long whatever the answer is."""
        return hmac.compare_digest(token.encode("utf-8", "replace"), self.form_token(session).encode())

    def _mac(self, purpose: str, content: str = "") -> str:
        message = f"{purpose}:{content}".encode("utf-8", "replace")
        return hmac.new(self._key, message, sha256).hexdigest()
