"""Forms that somebody began to fill in by assigning values: what they still lack, for messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from haltpoint._concurrency.fork_guard import no_fork
from haltpoint.resolution.parse import still_needed
from haltpoint.run.drafts import live_requirements

if TYPE_CHECKING:
    from haltpoint.run.requirements import RunRequirement

__all__ = ["lacking_words"]


def lacking_words(run_id: str, passed: Iterable[RunRequirement] = ()) -> dict[str, str]:
    """Return what the forms of a run lack that are filled in in part, such as "city: Field required (text)".

    Args:
        run_id: the run.
        passed: requirements that are decided on, such as those that were read from data.

    Returns:
        The words by the ids of the requirements.
    """
    found = {item.id: _words(item) for item in (*live_requirements(run_id), *passed) if _is_begun(item)}
    return {requirement_id: words for requirement_id, words in found.items() if words}


def _is_begun(requirement: RunRequirement) -> bool:
    return requirement.kind == "user_input" and not requirement.is_resolved and bool(requirement.given_values)


def _words(requirement: RunRequirement) -> str:
    with no_fork:
        from haltpoint.tools.field_words import schema_of
        from haltpoint.tools.value_problems import missing_words
    needed = still_needed(requirement.tool_execution, requirement.open_fields)
    fields = [field for field in requirement.user_input_schema or () if field["name"] in needed]
    return "; ".join(f"{field['name']}: {missing_words(schema_of(field))}" for field in fields)
