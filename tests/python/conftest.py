"""What every test gets."""

from __future__ import annotations

import os
import signal

import pytest

from support import databases

# A shell starts what runs in the background with Ctrl-C ignored, and programs pass that on to those that they start:
# those of these tests, too, which then could not be interrupted.
signal.signal(signal.SIGINT, signal.default_int_handler)

_SETTINGS = ("_API_KEY", "_BASE_URL", "HALTPOINT_AUDIT_KEY")


_SERVER = pytest.StashKey[databases.Server]()


def pytest_configure(config: pytest.Config) -> None:
    """Start a server for those tests that run on one, where they are to."""
    config.addinivalue_line("markers", "on_files: looks into the file itself")
    config.addinivalue_line("markers", "on_a_server: is about a server only")
    if os.environ.get(databases.VARIABLE) == "start" and not hasattr(config, "workerinput"):
        if databases.server_programs() is None:
            pytest.exit("skipped: there is no PostgreSQL on this machine", returncode=0)
        server = config.stash[_SERVER] = databases.Server()
        os.environ[databases.VARIABLE] = server.start()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what is about the other kind of database."""
    if databases.is_server() and item.get_closest_marker("on_files") is not None:
        pytest.skip("it looks into the file itself")
    if not databases.is_server() and item.get_closest_marker("on_a_server") is not None:
        pytest.skip("it is about a server: `make test-server` runs it")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server."""
    server = config.stash.get(_SERVER, None)
    if server is not None:
        server.stop()


@pytest.fixture(autouse=True)
def no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the keys and addresses of this machine's user away: no test reaches a real provider by chance."""
    for name in list(os.environ):
        if name.endswith(_SETTINGS):
            monkeypatch.delenv(name)
