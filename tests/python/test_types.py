"""What mypy and pyright, both strict, tell users: on the documents' examples, and on calls right and wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.documents import BLOCKS, ROOT
from support.type_checkers import Found, run_checkers

TYPING = ROOT / "tests" / "typing"
REFUSED = "# refused"

pytestmark = pytest.mark.timeout(600)


def examples() -> dict[str, str]:
    """The Python examples of all documents as files, whose lines have the numbers that they have there."""
    found: dict[str, str] = {}
    for block in BLOCKS:
        if block.language == "python":
            name = re.sub(r"\W", "_", block.document.removesuffix(".md").lower())
            found[f"{name}_{block.line}.py"] = "\n" * block.line + block.text
    return found


EXAMPLES = examples()
ACCEPTED = sorted((TYPING / "accepted").glob("*.py"))
WRONG = sorted((TYPING / "refused").glob("*.py"))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    directory = tmp_path_factory.mktemp("typed")
    for path in (*ACCEPTED, *WRONG):
        (directory / path.name).write_bytes(path.read_bytes())
    for name, code in EXAMPLES.items():
        (directory / name).write_text(code, encoding="utf-8")
    return run_checkers(directory)


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_of_the_documents_is_typed(found: Found, checker: str, name: str) -> None:
    assert found[checker][name] == {}


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
@pytest.mark.parametrize("path", ACCEPTED, ids=lambda path: path.stem)
def test_what_is_documented_has_the_type_that_it_should_have(found: Found, checker: str, path: Path) -> None:
    assert found[checker][path.name] == {}


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_wrong_calls_are_refused_and_no_others(found: Found, checker: str, path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    wrong = {number for number, line in enumerate(lines, 1) if line.endswith(REFUSED)}
    assert len(wrong) > 50
    assert set(found[checker][path.name]) == wrong


def test_the_documents_have_examples() -> None:
    assert len(EXAMPLES) > 10
