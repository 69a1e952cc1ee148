"""The documented ways to let a person fill in fields of a tool."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.documented import asks, play
from support.provider_server import Answer, ProviderServer, provider_server

__all__ = ["provider_server"]

BOOK = ("book_room", {"hotel": "Grand"})
BOOK_GUESSED = ("book_room", {"hotel": "Grand", "guest": "somebody", "nights": 99})
DINE = ("order_dinner", {"dish": "soup"})
ROOM = "Grand: Ada, 3 nights"


@pytest.mark.parametrize("call", [BOOK, BOOK_GUESSED], ids=["left out", "guessed"])
@pytest.mark.parametrize(
    "example",
    [
        "same_agent_by_run_id",
        "same_agent_by_task",
        "handler_after_the_input",
        "new_agent_by_run_id",
        "new_agent_by_task",
        "new_agent_on_a_new_database",
    ],
)
def test_the_persons_values_are_the_tools_arguments(
    provider_server: ProviderServer, tmp_path: Path, example: str, call: tuple[str, dict[str, object]]
) -> None:
    (completed,) = play("user_input", example, provider_server, tmp_path, asks(call), "Booked.").told
    assert (completed["status"], completed["output"], completed["pause_reason"]) == ("COMPLETED", "Booked.", None)
    assert [result for _, _, result in completed["tools"]] == [ROOM]


@pytest.mark.parametrize("example", ["loop_over_several_tools", "handler_for_several_tools"])
@pytest.mark.parametrize("script", [(asks(BOOK), asks(DINE)), (asks(BOOK, DINE),)], ids=["in turn", "together"])
def test_several_forms_are_filled_in(
    provider_server: ProviderServer, tmp_path: Path, example: str, script: tuple[Answer, ...]
) -> None:
    (completed,) = play("user_input", example, provider_server, tmp_path, *script, "Enjoy.").told
    assert (completed["status"], completed["output"]) == ("COMPLETED", "Enjoy.")
    assert [result for _, _, result in completed["tools"]] == [ROOM, "soup without nuts"]
