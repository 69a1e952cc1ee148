"""What the documents say of the code is so: links, lists of names, tests that are named."""

from __future__ import annotations

import re

import pytest

from support.documents import BLOCKS, PROSE, ROOT, read

LANGUAGES = {"python", "sh", "text"}
LINKS = sorted(
    {(document, link) for document, text in PROSE.items() for link in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text)}
)


@pytest.mark.parametrize(("document", "link"), LINKS)
def test_a_relative_link_leads_to_a_file(document: str, link: str) -> None:
    assert (ROOT / document).parent.joinpath(link).is_file()


def test_every_code_block_says_what_it_is_so_that_it_can_be_run() -> None:
    assert {block.language for block in BLOCKS} == LANGUAGES
    indented = [document for document, text in PROSE.items() if re.search(r"\n\n {4}\S", text)]
    assert indented == []


def test_readme_is_short() -> None:
    assert len(read("README.md").splitlines()) <= 130


def test_the_table_of_errors_names_every_error() -> None:
    from haltpoint.exceptions import ALL_ERRORS

    described = read("docs/reference/errors.md")
    missing = [error.__name__ for error in ALL_ERRORS[1:] if f"| `{error.__name__}` |" not in described]
    assert missing == []


def test_the_list_of_providers_is_complete() -> None:
    from haltpoint.models import ProviderModel

    models = read("docs/guides/models.md")
    assert [name for name in ProviderModel.providers() if f"`{name}`" not in models] == []


def test_the_list_of_settings_is_complete() -> None:
    from haltpoint.models.settings import SETTINGS

    models = read("docs/guides/models.md")
    assert [name for name in SETTINGS if f"`{name}`" not in models] == []


@pytest.mark.parametrize("page", ["docs/concepts/durability.md", "docs/concepts/fault-points.md"])
def test_the_list_of_entries_is_complete(page: str) -> None:
    from haltpoint.run.events import EVENT_KINDS

    text = read(page)
    assert [kind for kind in EVENT_KINDS if f"`{kind}`" not in text] == []


def test_every_file_that_the_documents_name_exists() -> None:
    named = {
        (document, name)
        for document, text in PROSE.items()
        for name in re.findall(r"`((?:tests|docs|benchmarks|examples|python/haltpoint)/[\w./-]+)`", text)
    }
    assert len(named) > 20
    assert [(document, name) for document, name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_test_that_the_evidence_names_exists() -> None:
    rows = [line for line in read("docs/concepts/evidence.md").splitlines() if line.startswith("| ")][2:]
    assert len(rows) > 20
    for row in rows:
        shown_by = re.findall(r"`([\w/]+(?:\.py|\.rs|/sim))`", row.split(" | ")[-1])
        assert shown_by, row
        for name in shown_by:
            path = ROOT / name if name.startswith("tests/") else ROOT / "tests" / "python" / name
            assert path.exists(), name


def test_the_table_of_the_parts_of_make_test_is_complete() -> None:
    makefile = read("Makefile")
    [steps] = re.findall(r"^TEST_STEPS := (.+)$", makefile, re.MULTILINE)
    text = read("CONTRIBUTING.md")
    part = text[text.index("## The parts of `make test`") : text.index("These are not part of")]
    documented = re.findall(r"^\| `make ([\w-]+)` \|", part, re.MULTILINE)
    assert sorted(documented) == sorted(steps.split())


def test_the_hooks_of_git_use_the_tools_of_the_checks() -> None:
    hooks = re.findall(r"^ +entry: (.+)$", read(".pre-commit-config.yaml"), re.MULTILINE)
    assert [" ".join(hook.split()[:2]) for hook in hooks] == [
        ".venv/bin/ruff check",
        ".venv/bin/ruff format",
        "cargo fmt",
    ]
    assert "repo: local" in read(".pre-commit-config.yaml")
    assert "http" not in read(".pre-commit-config.yaml")
