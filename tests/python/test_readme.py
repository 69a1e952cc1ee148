"""The README's examples: each is run as the script that it is, and prints what the README says."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Example:
    heading: str
    code: str
    printed: str


def examples() -> list[Example]:
    fences = list(FENCE.finditer(README))
    found = []
    for fence, following in zip(fences, [*fences[1:], None], strict=True):
        if fence["language"] != "python":
            continue
        heading = HEADING.findall(FENCE.sub("", README[: fence.start()]))[-1]
        printed = following["text"] if following is not None and following["language"] == "text" else ""
        found.append(Example(heading, fence["text"], printed))
    return found


EXAMPLES = examples()


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.heading for example in EXAMPLES])
def test_an_example_prints_what_the_readme_says(example: Example, tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(example.code, encoding="utf-8")
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
    lines = [line for line in EXAMPLES[0].code.splitlines() if line.strip()]
    assert len(lines) <= 20


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!https?:|#)([^)#]+)", README))))
def test_a_relative_link_leads_to_a_file(link: str) -> None:
    assert (ROOT / link).is_file()


def test_the_table_of_errors_names_every_error() -> None:
    from haltpoint.exceptions import ALL_ERRORS

    missing = [error.__name__ for error in ALL_ERRORS if f"`{error.__name__}`" not in README]
    assert missing == []


def test_the_list_of_providers_is_complete() -> None:
    from haltpoint.models import ProviderModel

    models = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    assert [name for name in ProviderModel.providers() if f"`{name}`" not in models] == []


def test_the_list_of_settings_is_complete() -> None:
    from haltpoint.models.settings import SETTINGS

    models = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    assert [name for name in SETTINGS if f"`{name}`" not in models] == []


def test_every_test_that_the_readme_names_exists() -> None:
    named = re.findall(r"`((?:tests/)?[\w/]+(?:/test_\w+\.py|/sim))`", README)
    assert len(named) > 10
    for name in named:
        path = ROOT / name if name.startswith("tests/") else ROOT / "tests" / "python" / name
        assert path.exists(), name
