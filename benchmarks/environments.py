"""One virtual environment for each family of adapters, made from its pinned requirements when they have changed."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("requirements")
# haltpoint's own environment, where the limit runs, too, holds the wheel that is measured.
HALTPOINT = "haltpoint"


class InstallationError(Exception):
    """An environment could not be made; the text says why."""


def python_of(name: str, root: Path, wheel: Path) -> Path:
    """Return the interpreter of an environment, which is made or renewed first where that is needed.

    Args:
        name: "haltpoint", or the name of a file in `requirements/`.
        root: directory of all environments.
        wheel: the wheel of haltpoint.

    Raises:
        InstallationError: a package could not be installed.
    """
    directory = root / name
    wanted = [f"--requirement={REQUIREMENTS / f'{name}.txt'}"] if name != HALTPOINT else [str(wheel)]
    state = _digest(wheel if name == HALTPOINT else REQUIREMENTS / f"{name}.txt")
    stamp = directory / "installed"
    python = directory / "bin" / "python"
    if not stamp.exists() or stamp.read_text(encoding="ascii") != state:
        print(f"installing {name}", flush=True)
        _run([sys.executable, "-m", "venv", "--clear", str(directory)])
        _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted])
        stamp.write_text(state, encoding="ascii")
    return python


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise InstallationError(f"{' '.join(command)}: {done.stderr.strip()[-2000:]}")
