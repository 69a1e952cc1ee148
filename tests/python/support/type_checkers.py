"""mypy and pyright, both strict, on files as a user has them beside the installed package."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

__all__ = ["Found", "run_checkers"]

# What each checker says of each file: messages by line.
Found = dict[str, dict[str, dict[int, list[str]]]]

_MYPY_LINE = re.compile(r"^(?P<file>.+?):(?P<line>\d+): error: (?P<message>.*)$", re.MULTILINE)
_PYRIGHT_OPTIONS = {
    "typeCheckingMode": "strict",
    "pythonVersion": "3.10",
    "reportMissingModuleSource": "none",
}


def run_checkers(directory: Path) -> Found:
    """Run each checker once over all files of a directory; it must hold nothing else."""
    names = sorted(path.name for path in directory.glob("*.py"))
    found: Found = {"mypy": {}, "pyright": {}}
    with ThreadPoolExecutor() as pool:
        running = {"mypy": pool.submit(_mypy, directory, names), "pyright": pool.submit(_pyright, directory)}
    for checker, problems in ((checker, future.result()) for checker, future in running.items()):
        for name in names:
            found[checker][name] = {}
        for name, line, message in problems:
            found[checker][name].setdefault(line, []).append(message)
    return found


def _mypy(directory: Path, names: list[str]) -> list[tuple[str, int, str]]:
    options = [
        "--strict",
        "--python-version",
        "3.10",
        "--config-file",
        "",
        "--cache-dir",
        str(directory / ".mypy_cache"),
    ]
    printed = _printed(directory, "mypy", *options, *names)
    return [(match["file"], int(match["line"]), match["message"]) for match in _MYPY_LINE.finditer(printed)]


def _pyright(directory: Path) -> list[tuple[str, int, str]]:
    (directory / "pyrightconfig.json").write_text(json.dumps(_PYRIGHT_OPTIONS))
    printed = _printed(directory, "pyright", "--project", ".", "--pythonpath", sys.executable, "--outputjson")
    problems: list[dict[str, Any]] = json.loads(printed)["generalDiagnostics"]
    return [
        (Path(problem["file"]).name, problem["range"]["start"]["line"] + 1, problem["message"]) for problem in problems
    ]


def _printed(directory: Path, checker: str, *arguments: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-m", checker, *arguments], cwd=directory, capture_output=True, text=True, check=False
    )
    # 1 stands for "there are errors"; above that, the checker itself failed.
    assert finished.returncode in (0, 1), finished.stdout + finished.stderr
    return finished.stdout
