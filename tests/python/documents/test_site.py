"""What the documentation site adds to mkdocs; `make docs` builds the site itself."""

from __future__ import annotations

import importlib.util
import logging
import re
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from support.documents import ROOT, read


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("site_hooks", ROOT / "docs" / "site_hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def page(path: str) -> Any:
    return SimpleNamespace(file=SimpleNamespace(src_uri=path))


@pytest.mark.parametrize(
    ("of", "link", "becomes"),
    [
        ("README.md", "docs/guides/tools.md#failures", "guides/tools.md#failures"),
        ("guides/tools.md", "../concepts/durability.md", "../concepts/durability.md"),
        ("guides/tools.md", "../../CONTRIBUTING.md", "../CONTRIBUTING.md"),
        ("benchmarks/results/report.md", "../README.md", "../README.md"),
        ("README.md", "src/lib.rs", "src/lib.rs"),  # not in the site: --strict refuses it
        ("README.md", "https://example.org/docs/a.md", "https://example.org/docs/a.md"),
    ],
)
def test_links_of_the_repository_become_links_of_the_site(hooks: ModuleType, of: str, link: str, becomes: str) -> None:
    assert hooks.on_page_markdown(f"See [this]({link}).", page=page(of)) == f"See [this]({becomes})."


def test_code_blocks_stay_as_they_are(hooks: ModuleType) -> None:
    text = "```text\n[a](docs/b.md)\n```\n"
    assert hooks.on_page_markdown(text, page=page("README.md")) == text


@pytest.mark.parametrize(
    ("html", "is_refused"),
    [
        ('<script src="https://cdn.example.org/a.js"></script>', True),
        ("<link rel=stylesheet href=//fonts.example.org/a.css>", True),
        ('<img alt="" src="http://example.org/a.png">', True),
        ('<script src="assets/a.js"></script><a href="https://example.org">there</a>', False),
    ],
)
def test_a_page_that_loads_something_from_elsewhere_is_refused(
    hooks: ModuleType, caplog: pytest.LogCaptureFixture, html: str, is_refused: bool
) -> None:
    with caplog.at_level(logging.WARNING):
        assert hooks.on_post_page(html, page=page("README.md")) == html
    assert bool(caplog.records) is is_refused


def test_the_site_is_strict_and_needs_no_network() -> None:
    settings = read("mkdocs.yml")
    assert "  font: false\n" in settings
    for kind in ("omitted_files", "absolute_links", "unrecognized_links", "anchors"):
        assert f"  {kind}: warn\n" in settings
    # With --quiet, mkdocs counts no warnings, and --strict finds nothing.
    assert re.search(r"^docs:.*\n\t.*mkdocs build --strict$", read("Makefile"), re.MULTILINE)
