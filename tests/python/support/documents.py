"""The documents: README and all that the documentation site is made of, with their code blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

__all__ = ["BLOCKS", "DOCUMENTS", "PROSE", "ROOT", "Block", "read"]

ROOT = Path(__file__).parents[3]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "examples/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]

_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A code block of a document.

    Attributes:
        document: the document's path in the repository.
        line: the line of its fence.
        heading: the heading that it is below.
        language: what the fence says.
        text: what is in it.
        printed: the text block that follows it with nothing between; empty where there is none.
    """

    document: str
    line: int
    heading: str
    language: str
    text: str
    printed: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def read(path: str) -> str:
    """The text of a document, by its path in the repository."""
    return (ROOT / path).read_text(encoding="utf-8")


def _blocks(document: Path) -> list[Block]:
    text = document.read_text(encoding="utf-8")
    fences = list(_FENCE.finditer(text))
    found = []
    for fence, following in zip_longest(fences, fences[1:]):
        before = text[: fence.start()]
        is_printed = (
            following is not None
            and following["language"] == "text"
            and text[fence.end() : following.start()].isspace()
        )
        found.append(
            Block(
                document=document.relative_to(ROOT).as_posix(),
                line=before.count("\n") + 1,
                heading=_HEADING.findall(_FENCE.sub("", before))[-1],
                language=fence["language"],
                text=fence["text"],
                printed=following["text"] if following is not None and is_printed else "",
            )
        )
    return found


BLOCKS = [block for document in DOCUMENTS for block in _blocks(document)]
PROSE = {
    document.relative_to(ROOT).as_posix(): _FENCE.sub("", document.read_text(encoding="utf-8"))
    for document in DOCUMENTS
}
"""The documents without their code blocks."""
