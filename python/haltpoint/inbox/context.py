"""What all answers of one inbox share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment
    from starlette.requests import Request

    from haltpoint.db.database import Database
    from haltpoint.inbox.access import Access
    from haltpoint.inbox.change_feed import News
    from haltpoint.inbox.sessions import Sessions

__all__ = ["Site", "site_of"]


@dataclass(frozen=True)
class Site:
    """An inbox.

    Attributes:
        database: what it shows.
        access: who is allowed in.
        news: tells of changes.
        templates: its pages.
        allows_erasing: whether the JSON API may erase and prune runs.
    """

    database: Database
    access: Access
    news: News
    templates: Environment
    allows_erasing: bool = False

    @property
    def sessions(self) -> Sessions:
        """What browsers carry along."""
        return self.access.sessions


def site_of(request: Request) -> Site:
    """Return the inbox that a request was made to."""
    site: Site = request.scope["haltpoint.inbox"]
    return site
