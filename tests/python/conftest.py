"""What every test gets."""

from __future__ import annotations

import os
import signal

import pytest

# A shell starts what runs in the background with Ctrl-C ignored, and programs pass that on to those that they start:
# those of these tests, too, which then could not be interrupted.
signal.signal(signal.SIGINT, signal.default_int_handler)

_SETTINGS = ("_API_KEY", "_BASE_URL", "HALTPOINT_AUDIT_KEY")


@pytest.fixture(autouse=True)
def no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the keys and addresses of this machine's user away: no test reaches a real provider by chance."""
    for name in list(os.environ):
        if name.endswith(_SETTINGS):
            monkeypatch.delenv(name)
