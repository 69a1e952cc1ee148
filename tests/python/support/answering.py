"""A process that has imported a tool and answers a question of a run that it knows only from the database.

Its arguments: the database file and the values as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from haltpoint import InvalidResolutionError
from support.databases import opened
from support.programs import tell
from support.travel import book

__all__ = ["ANSWERING"]

ANSWERING = Path(__file__)


def main(db_file: str, values: str) -> None:
    """Answer, and say what is refused."""
    assert callable(book)
    with opened(Path(db_file)) as database:
        (requirement,) = database.requirements()
        try:
            requirement.answer(json.loads(values))
        except InvalidResolutionError as error:
            tell({"refused": str(error), "field_name": error.field_name, "is_open": requirement.needs_user_input})
        else:
            tell({"decision": requirement.commit().decision})


if __name__ == "__main__":
    main(*sys.argv[1:])
