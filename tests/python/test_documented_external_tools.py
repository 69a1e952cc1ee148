"""The documented ways to run a tool outside of its run."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.documented import asks, play
from support.provider_server import Answer, ProviderServer, provider_server

__all__ = ["provider_server"]

ORDER = ("order_part", {"number": "K-7", "supplier": "Aalto"})
LOOK_UP = ("look_up_stock", {"number": "K-7"})
BOOK = ("book_truck", {"day": "Friday"})
TRUCK = "{'truck': 7, 'day': 'Friday', 'extras': None}"


@pytest.mark.parametrize(
    "example",
    [
        "same_agent_by_run_id",
        "same_agent_by_task",
        "new_agent_by_run_id",
        "new_agent_by_task",
        "new_database_by_run_id",
        "new_database_by_task",
    ],
)
def test_an_external_result_reaches_the_model(provider_server: ProviderServer, tmp_path: Path, example: str) -> None:
    (completed,) = play("external_tools", example, provider_server, tmp_path, asks(ORDER), "Ordered.").told
    assert (completed["status"], completed["output"]) == ("COMPLETED", "Ordered.")
    assert completed["tools"] == [[*ORDER, "K-7 ordered from Aalto"]]
    (result,) = provider_server.last["messages"][-1]["content"]
    assert "K-7 ordered from Aalto" in str(result["content"])


@pytest.mark.parametrize("example", ["loop_by_run_id", "loop_by_task", "executor_for_the_rest"])
@pytest.mark.parametrize(
    "script",
    [(asks(ORDER), asks(LOOK_UP), asks(BOOK)), (asks(ORDER), asks(LOOK_UP, BOOK)), (asks(ORDER, LOOK_UP, BOOK),)],
    ids=["in turn", "one then two", "together"],
)
def test_several_external_tools_are_run(
    provider_server: ProviderServer, tmp_path: Path, example: str, script: tuple[Answer, ...]
) -> None:
    (completed,) = play("external_tools", example, provider_server, tmp_path, *script, "Done.").told
    assert (completed["status"], completed["output"], completed["open"]) == ("COMPLETED", "Done.", 0)
    assert [result for _, _, result in completed["tools"]] == ["K-7 ordered from Aalto", "3 of K-7", TRUCK]
