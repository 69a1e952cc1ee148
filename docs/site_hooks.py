"""What `make docs` does beyond mkdocs: pages from outside of docs/, and a check that no page needs the network.

Links in the documents are written as the repository has them, so that they work in an editor and on a code host. Here
they become links of the site. A link to a file that the site does not have stays as it is, and `--strict` refuses it.
"""

from __future__ import annotations

import logging
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.structure.files import File, Files

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]

# Files outside of docs/ that the site shows, or lets readers download, under their paths in the repository.
INCLUDED = (
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "LICENSE",
    "tests/mutants.md",
    "benchmarks/README.md",
    "benchmarks/adapters/common.py",
    "benchmarks/results/report.md",
    "benchmarks/results/s1-again.md",
    "benchmarks/results/step-over-length.svg",
    "benchmarks/results/time-over-concurrency.svg",
    "examples/README.md",
)

_FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#|/)([^)#\s]+)")
# What a browser loads by itself, in contrast to links that a reader may follow.
_LOADED = re.compile(r"<(?:script|img|iframe|source|link)\b[^>]*?\b(?:src|href)=[\"']?(?:https?:)?//[^>]*>")

log = logging.getLogger("mkdocs.hooks.haltpoint")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files that stand outside of docs/."""
    for path in INCLUDED:
        files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Turn the repository's links into the site's; examples stay as they are."""
    parts = _FENCE.split(markdown)
    return "".join(part if part.startswith("```") else _rewritten(part, page.file.src_uri) for part in parts)


def on_post_page(output: str, page: Page, **_: Any) -> str:
    """Refuse a page that makes the reader's browser load something from elsewhere."""
    for found in _LOADED.findall(output):
        log.warning("%s loads something from the network: %s", page.file.src_uri, found)
    return output


def _rewritten(text: str, site_path: str) -> str:
    repository_path = site_path if site_path in INCLUDED else f"docs/{site_path}"

    def link(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(repository_path), match[1]))
        if target.startswith("docs/"):
            target = target.removeprefix("docs/")
        elif target not in INCLUDED:
            return match[1]
        return posixpath.relpath(target, posixpath.dirname(site_path) or ".")

    return _LINK.sub(link, text)
