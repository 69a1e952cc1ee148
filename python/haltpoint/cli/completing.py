"""What the shell offers where an id is expected."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from haltpoint.db.damage import pass_over
from haltpoint.exceptions import HaltpointError
from haltpoint.presentation.escaping import visible

if TYPE_CHECKING:
    from collections.abc import Callable

    from haltpoint.cli.database import DatabaseName
    from haltpoint.resolution.parse import RequirementKind

__all__ = ["complete_approval", "complete_requirements", "complete_run"]


def complete_run(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the runs whose id begins so."""
    return _looked_up(ctx, lambda db_file: _runs(db_file, incomplete))


def complete_requirements(
    kind: RequirementKind | None = None,
) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Return what offers the open requirements of a kind, or of all, whose id begins so."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return _looked_up(ctx, lambda db_file: _requirements(db_file, kind, incomplete))

    return complete


def complete_approval(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the remembered approvals whose requirement's id begins so."""
    return _looked_up(ctx, lambda db_file: _approvals(db_file, incomplete))


def _looked_up(ctx: click.Context, look: Callable[[DatabaseName], list[CompletionItem]]) -> list[CompletionItem]:
    db_file: DatabaseName = ctx.params.get("db_file") or Path("haltpoint.db")
    try:
        return look(db_file)
    except (HaltpointError, click.ClickException):
        # While somebody types there is no place for an error; the command itself tells it.
        return []


def _runs(db_file: DatabaseName, incomplete: str) -> list[CompletionItem]:
    from haltpoint.cli.database import opened

    with opened(db_file) as database:
        found = database.runs(id_prefix=incomplete, on_damaged=pass_over)
        return [CompletionItem(run.run_id, help=visible(f"{run.status} {run.agent_name or ''}")) for run in found]


def _requirements(db_file: DatabaseName, kind: RequirementKind | None, incomplete: str) -> list[CompletionItem]:
    from haltpoint.cli.database import opened
    from haltpoint.presentation.calls import call_text

    with opened(db_file) as database:
        found = database.requirements(kind=kind, id_prefix=incomplete, on_damaged=pass_over)
        return [CompletionItem(item.id, help=call_text(item.masked().tool_execution, most=60)) for item in found]


def _approvals(db_file: DatabaseName, incomplete: str) -> list[CompletionItem]:
    from haltpoint.cli.database import opened

    with opened(db_file) as database:
        found = database.remembered(id_prefix=incomplete, on_damaged=pass_over)
        return [CompletionItem(item.requirement_id, help=visible(f"{item.tool_name}, {item.scope}")) for item in found]
