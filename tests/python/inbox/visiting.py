"""Somebody whom the inbox lets in, with a run's page open, who sends its forms without scripts."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import urlencode

from haltpoint.db.database import Database
from haltpoint.inbox import create_app
from support.asgi import Told, asked

__all__ = ["Visitor", "words"]

_SECRET = "a secret of 16 characters or more"
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


class Visitor:
    """Opens a run's page, and sends the forms that stood on it then."""

    def __init__(self, db: Database, run_id: str, by: str) -> None:
        self._app: Any = create_app(db, authenticate=lambda request: by, secret=_SECRET)
        self._run = f"/runs/{run_id}"
        self._cookie = ""
        self.page = self.open()

    def open(self, query: str = "") -> Told:
        """Open the page anew."""
        self.page = asked(self._app, "GET", f"{self._run}{query}", {"Cookie": self._cookie})
        given = self.page.header("set-cookie")
        self._cookie = self._cookie if given is None else given.partition(";")[0]
        return self.page

    @property
    def words(self) -> str:
        """What stands on the page, without its HTML."""
        return words(self.page)

    def edit(self) -> Told:
        """Follow the link of the only question to the page on which its arguments are changed."""
        (query,) = re.findall(r'href="[^"?]*([?]edit=[^"#]+)', self.page.text)
        return self.open(query)

    @property
    def buttons(self) -> list[str]:
        """What the buttons of the questions do."""
        return re.findall(r'<button [^>]*name="action" value="([^"]+)"', self.page.text)

    def send(self, action: str, /, *, without: str = "", page: Told | None = None, **fields: str) -> Told:
        """Press the button of a form, with these fields filled in; others stay as they stand there, or empty.

        Args:
            action: the button.
            without: a hidden field that is not sent.
            page: the page on which the form stands, in the place of the one that is open.
            fields: what is filled in.
        """
        forms = re.findall(r"<form .*?</form>", (page or self.page).text, re.DOTALL)
        (form,) = [form for form in forms if f'value="{action}"' in form]
        (path,) = re.findall(r'^<form [^>]*action="([^"]+)"', form)
        hidden = {name: html.unescape(value) for name, value in _HIDDEN.findall(form) if name != without}
        body = urlencode({**hidden, "action": action, **fields}).encode()
        headers = {"Cookie": self._cookie, "Content-Type": "application/x-www-form-urlencoded"}
        return asked(self._app, "POST", path, headers, body)


def words(page: Told) -> str:
    """Return what stands on a page, without its HTML."""
    return html.unescape(re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", page.text)))
