"""Stand-ins for commands in the documents' shell blocks that take long, never end, or need a network.

Run as a program, with the name of the command first. What is not run is checked as far as it is about haltpoint: make
has the target, cargo the test, pip the extra. Commands that serve run until they print something, and are then stopped
as an operator would stop them.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
SERVES = {"worker", "serve"}


def make(arguments: list[str]) -> int:
    """Hold make's arguments against the Makefile."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    [steps] = re.findall(r"^TEST_STEPS := (.+)$", makefile, re.MULTILINE)
    targets = {*re.findall(r"^([a-z-]+):", makefile, re.MULTILINE), *steps.split()}
    variables = set(re.findall(r"^([A-Z_]+) ?\??:?=", makefile, re.MULTILINE))
    named = [argument for argument in arguments if "=" not in argument]
    given = [argument.partition("=")[0] for argument in arguments if "=" in argument]
    return 0 if named and targets.issuperset(named) and variables.issuperset(given) else 1


def cargo(arguments: list[str]) -> int:
    """Hold the name of a test against Cargo.toml."""
    manifest = (ROOT / "Cargo.toml").read_text(encoding="utf-8")
    tests = re.findall(r'^\[\[test\]\]\nname = "(\w+)"', manifest, re.MULTILINE)
    return 0 if arguments[:2] == ["test", "--test"] and arguments[2] in tests else 1


def pip(arguments: list[str]) -> int:
    """Hold the extras against pyproject.toml."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    [table] = re.findall(r"^\[project\.optional-dependencies\]\n(.*?)^\[", project, re.MULTILINE | re.DOTALL)
    extras = set(re.findall(r"^(\w+) = ", table, re.MULTILINE))
    asked = {extra for found in re.findall(r"\[([\w,]+)\]", " ".join(arguments)) for extra in found.split(",")}
    return 0 if arguments[0] == "install" and asked <= extras else 1


def docker(arguments: list[str]) -> int:
    """Hold the mount and the command within the container against what the database file needs."""
    start = arguments.index("haltpoint")
    _, _, inside = arguments[arguments.index("-v") + 1].partition(":")
    database = Path(arguments[arguments.index("--db") + 1])
    is_parsed = subprocess.run(
        [real("haltpoint"), arguments[start + 1], "--help"], check=False, stdout=subprocess.DEVNULL
    ).returncode
    return 0 if database.parent == Path(inside) and is_parsed == 0 else 1


def haltpoint(arguments: list[str]) -> int:
    """Run the command itself; the inbox page at a free port."""
    if arguments[0] in SERVES:
        port = ["--port", "0"] if arguments[0] == "serve" else []
        return served([real("haltpoint"), *arguments, *port], until="")
    return subprocess.run([real("haltpoint"), *arguments], check=False).returncode


def uvicorn(arguments: list[str]) -> int:
    """Serve at a free port."""
    arguments[arguments.index("--port") + 1] = "0"
    return served([sys.executable, "-m", "uvicorn", *arguments], until="running on")


def served(command: list[str], until: str) -> int:
    """Run something until it has said that, then stop it with SIGTERM, by which uvicorn says that it ended."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if until in line:
            break
    process.send_signal(signal.SIGTERM)
    said += process.stdout.read()
    code = process.wait()
    if code not in (0, -signal.SIGTERM):
        sys.stderr.write(said)
        return 1
    return 0


def pre_commit(arguments: list[str]) -> int:
    """Take what CONTRIBUTING.md says."""
    return 0 if arguments == ["install"] else 1


def real(name: str) -> str:
    """The installed command."""
    return str(Path(sys.executable).parent / name)


STAND_INS = {
    "cargo": cargo,
    "docker": docker,
    "haltpoint": haltpoint,
    "make": make,
    "pip": pip,
    "pre-commit": pre_commit,
    "uvicorn": uvicorn,
}


if __name__ == "__main__":
    os.environ["PYTHONWARNINGS"] = "error"
    sys.exit(STAND_INS[sys.argv[1]](sys.argv[2:]))
