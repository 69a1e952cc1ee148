"""Changes the code that decides, one place at a time, and tells which changes no test notices.

Usage: python tests/mutants.py DIRECTORY [--tests WORDS] [--sample NUMBER --seed SEED] FILE...

Rust files are changed by cargo-mutants in a copy of the repository, Python files by cosmic-ray in the installed package
of the environment DIRECTORY/python: the sources stay as they are. WORDS are passed to cargo test or to pytest in the
place of the tests below. Of the Rust files, NUMBER changes are tried instead of all; a seed draws the same ones again
as long as the files stay as they are. DIRECTORY keeps what came of it. tests/mutants.md lists the survivors that are
accepted.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
PACKAGE = Path("python/haltpoint")

RUST_TESTS = "--lib --test engine --test store --test codec"
# By the first folder within the package; the quickest come first, since the first failure ends a mutant.
PYTHON_TESTS = {
    "run": "tests/python/rules tests/python/data",
    "runtime": "tests/python/rules tests/python/hitl",
    "tools": "tests/python/tools tests/python/rules",
}
# In seconds, for one mutant; of Rust, for its tests, unless those of the unchanged code took a fifth of it.
LONGEST = 900
LONGEST_RUST = 120

# Annotations are no code, and a comparison that becomes a wholly other one is noticed by any test.
UNTOLD_OPERATORS = [
    "core/ReplaceBinaryOperator_(?!Add_Sub$|Sub_Add$)",
    "core/ReplaceComparisonOperator_(?!Is_IsNot$|IsNot_Is$|Eq_NotEq$|NotEq_Eq$|Lt_LtE$|LtE_Lt$|Gt_GtE$|GtE_Gt$)",
]


def main() -> None:
    """Mutate the files that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--tests", default="")
    parser.add_argument("--sample", type=int, metavar="NUMBER")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("files", nargs="+", type=Path)
    given = parser.parse_args()
    unknown = [str(file) for file in given.files if file.suffix not in (".rs", ".py") or not file.is_file()]
    if unknown:
        sys.exit(f"tests/mutants.py: not a Rust or a Python file of this repository: {', '.join(unknown)}")
    directory: Path = given.directory.resolve()
    rust = [file for file in given.files if file.suffix == ".rs"]
    if rust:
        mutate_rust(directory, rust, given.tests or RUST_TESTS, given.sample, given.seed)
    for file in given.files:
        if file.suffix == ".py":
            mutate_python(directory, file, given.tests)


def mutate_rust(directory: Path, files: list[Path], tests: str, sample: int | None, seed: int) -> None:
    """Let cargo-mutants change the files, and tell what survived."""
    tool = directory / "cargo" / "bin" / "cargo-mutants"
    chosen = [word for file in files for word in ("--file", str(file))]
    command: list[str | Path] = [tool, "mutants", "--package", "haltpoint-engine", *chosen]
    if sample:
        command += drawn(command, sample, seed)
    # The profile is quick to build. What a run that is stopped has tried by then is a sample as well.
    command += ["--output", directory, "--profile", "mutants", "--shuffle", "--minimum-test-timeout", str(LONGEST_RUST)]
    result = run(*command, "--", "--locked", *tests.split())
    # 2 and 3: mutants survived, or took too long; what is higher is no outcome.
    if result not in (0, 2, 3):
        sys.exit(f"tests/mutants.py: cargo-mutants ended with {result}")


def drawn(command: list[str | Path], sample: int, seed: int) -> list[str]:
    """The words that let cargo-mutants try only some of its changes, chosen at random."""
    listed = subprocess.run([*command, "--list", "--json"], cwd=REPOSITORY, check=True, capture_output=True)
    names = sorted(mutant["name"] for mutant in json.loads(listed.stdout))
    some = random.Random(seed).sample(names, min(sample, len(names)))
    print(f"{len(some)} of {len(names)} changes, drawn with the seed {seed}", flush=True)
    return [f"--re=^{re.escape(name)}$" for name in some]


def mutate_python(directory: Path, file: Path, tests: str) -> None:
    """Let cosmic-ray change a file of the installed package, and tell what survived."""
    within = file.resolve().relative_to(REPOSITORY / PACKAGE)
    tests = tests or PYTHON_TESTS.get(within.parts[0], "tests/python")
    (packages,) = (directory / "python").glob("lib/python3.*/site-packages")
    installed = packages / "haltpoint" / within
    name = str(within).replace("/", ".")
    config, session = directory / f"{name}.toml", directory / f"{name}.sqlite"
    config.write_text(_configuration(directory, installed, tests))
    # A run that was stopped may have left a change behind.
    shutil.copyfile(file, installed)
    try:
        steps: list[tuple[str, list[str | Path]]] = [
            ("cosmic-ray", ["baseline", config]),
            ("cosmic-ray", ["init", config, session, "--force"]),
            ("cr-filter-operators", [session, config]),
            ("cosmic-ray", ["exec", config, session]),
            ("cr-report", [session, "--surviving-only", "--show-diff"]),
        ]
        for tool, arguments in steps:
            if run(directory / "python" / "bin" / tool, *arguments) != 0:
                sys.exit(f"tests/mutants.py: {tool} {arguments[0]} failed for {file}")
    finally:
        shutil.copyfile(file, installed)


def _configuration(directory: Path, installed: Path, tests: str) -> str:
    pytest = f"{directory}/python/bin/python -m pytest -x -q -p no:cacheprovider {tests}"
    return f"""[cosmic-ray]
module-path = {json.dumps(str(installed))}
timeout = {LONGEST}.0
excluded-modules = []
test-command = {json.dumps(pytest)}
[cosmic-ray.distributor]
name = "local"
[cosmic-ray.filters.operators-filter]
exclude-operators = {json.dumps(UNTOLD_OPERATORS)}
"""


def run(*command: str | Path) -> int:
    """Run a command in the repository, and return how it ended."""
    # Python would take a changed file for the one that it compiled before, within the same second.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=REPOSITORY, env=environment, check=False).returncode


if __name__ == "__main__":
    main()
