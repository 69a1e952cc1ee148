"""Runs that can't be read, told of beside what a list shows of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from haltpoint.cli.output import json_text
from haltpoint.presentation.escaping import visible

if TYPE_CHECKING:
    from haltpoint.exceptions import StoreError

__all__ = ["DamagedRuns", "tell_on_standard_error"]


class DamagedRuns:
    """Collects what a list could not read, as the `on_damaged` of the database's lists."""

    def __init__(self) -> None:
        self._errors: list[StoreError] = []

    def __call__(self, error: StoreError) -> None:
        """Take in one."""
        self._errors.append(error)

    def taken(self) -> list[StoreError]:
        """Return what was collected since the last time."""
        errors, self._errors = self._errors, []
        return errors


def tell_on_standard_error(error: StoreError, *, as_json: bool) -> None:
    """Print what is wrong with a run: with `--json` a JSON document of `error`, `message` and `run_id`."""
    if as_json:
        told = {"error": type(error).__name__, "message": str(error), "run_id": error.run_id}
        click.echo(json_text(told), err=True)
    else:
        click.echo(f"haltpoint: {visible(str(error))}", err=True)
