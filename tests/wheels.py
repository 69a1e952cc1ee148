"""Installs the wheel into a fresh environment of every Python it supports, and runs the smoke tests there.

Usage: python tests/wheels.py DIRECTORY_OF_THE_WHEEL DIRECTORY_FOR_ENVIRONMENTS [ARGUMENTS_OF_PYTEST...]

With arguments, pytest gets these in the place of the smoke tests, on the oldest and the newest Python alone.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

OLDEST = (3, 10)
REPOSITORY = Path(__file__).parents[1]
SMOKE_TESTS = ["tests/python/test_smoke.py", "tests/python/test_package.py"]
# A build without the interpreter's lock has another binary interface than the wheel.
PROBE = """
import json, platform, sys, sysconfig
fits = platform.python_implementation() == "CPython" and not sysconfig.get_config_var("Py_GIL_DISABLED")
print(json.dumps([fits, *sys.version_info[:3]]))
"""


def main(wheels: Path, environments: Path, arguments: list[str]) -> None:
    """Try the wheel on each interpreter, and stop at the first that fails."""
    (wheel,) = wheels.glob("haltpoint-*.whl")
    interpreters = supported_interpreters()
    if arguments:
        interpreters = {version: interpreters[version] for version in [*interpreters][:: len(interpreters) - 1 or 1]}
    for version, interpreter in interpreters.items():
        print(f"--> {wheel.name} on Python {version} ({interpreter})", flush=True)
        try_wheel(wheel, interpreter, environments / version, arguments)
    print(f"wheel works on Python {', '.join(interpreters)}", flush=True)


def supported_interpreters() -> dict[str, Path]:
    """Return the newest interpreter of each supported minor version, by that version."""
    newest: dict[tuple[int, int], tuple[int, Path]] = {}
    for interpreter in candidates():
        fits, major, minor, micro = probe(interpreter)
        known = newest.get((major, minor), (-1, interpreter))
        if fits and (major, minor) >= OLDEST and micro > known[0]:
            newest[major, minor] = (micro, interpreter)
    return {f"{major}.{minor}": newest[major, minor][1] for major, minor in sorted(newest)}


def candidates() -> Iterator[Path]:
    """Yield the interpreters of pyenv where there are some, else those on the PATH, and this one."""
    yield Path(sys.executable)
    managed = list(pyenv_root().glob("versions/*/bin/python3")) if shutil.which("pyenv") else []
    yield from managed
    if not managed:
        found = [shutil.which(f"python3.{minor}") for minor in range(OLDEST[1], 30)]
        yield from (Path(path) for path in found if path is not None)


def pyenv_root() -> Path:
    """Return where pyenv keeps its versions."""
    root = subprocess.run(["pyenv", "root"], check=True, capture_output=True, text=True)
    return Path(root.stdout.strip())


def probe(interpreter: Path) -> tuple[bool, int, int, int]:
    """Return whether the wheel can load there at all, and the version."""
    result = subprocess.run([interpreter, "-c", PROBE], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        return (False, 0, 0, 0)
    fits, major, minor, micro = json.loads(result.stdout)
    return (fits, major, minor, micro)


def try_wheel(wheel: Path, interpreter: Path, environment: Path, arguments: list[str]) -> None:
    """Install the wheel as a user would, with pip, and run tests against it; whole ones need what all tests need."""
    run(interpreter, "-m", "venv", "--clear", environment)
    python = environment / "bin" / "python"
    pip: list[str | Path] = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    needed = ["--requirement", "requirements-dev.txt"] if arguments else ["pytest", "pytest-timeout"]
    run(*pip, "install", "--constraint", "requirements-dev.txt", f"{wheel}[cli]", *needed)
    run(python, "-m", "pytest", "--quiet", "-p", "no:cacheprovider", *(arguments or SMOKE_TESTS))


def run(*command: str | Path) -> None:
    """Run a command in the repository; a failure ends this program as it ended the command."""
    result = subprocess.run(command, cwd=REPOSITORY, check=False)
    if result.returncode != 0:
        sys.exit(f"tests/wheels.py: failed: {' '.join(map(str, command))}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
