"""The Python blocks of all documents: each is run as the script that it is, and prints what the document says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.documents import BLOCKS, Block

# It is given an export, which tests/python/audit/test_verifying.py makes.
NEEDS_AN_ARGUMENT = ("docs/reference/journal-format.md", "An export")
EXAMPLES = [
    block for block in BLOCKS if block.language == "python" and (block.document, block.heading) != NEEDS_AN_ARGUMENT
]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_an_example_prints_what_the_document_says(example: Block, tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(example.text, encoding="utf-8")
    command = [sys.executable, "-W", "error", str(script)]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (finished.stdout, finished.stderr, finished.returncode) == (example.printed, "", 0)


def test_each_of_the_six_features_has_an_example() -> None:
    headings = [example.heading for example in EXAMPLES]
    for feature in (
        "Cancelling a run",
        "Durable execution",
        "External tool execution",
        "User confirmation",
        "User input",
        "Dynamic user input",
    ):
        assert feature in headings


def test_the_first_example_is_about_twenty_lines_long() -> None:
    lines = [line for line in EXAMPLES[0].text.splitlines() if line.strip()]
    assert EXAMPLES[0].document == "README.md"
    assert len(lines) <= 20


def test_the_one_that_is_run_elsewhere_is_there() -> None:
    assert NEEDS_AN_ARGUMENT in [(block.document, block.heading) for block in BLOCKS]
