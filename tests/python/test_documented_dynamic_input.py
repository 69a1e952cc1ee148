"""The documented ways to let the model ask the person for what it needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.documented import asks, play
from support.provider_server import Answer, ProviderServer, provider_server

__all__ = ["provider_server"]

SEND = asks(("send_parcel", {"content": "two books", "weight": 1, "street": "my street"}))
SENT = "two books (1.0 kg) is on its way to my street"


def asks_for(name: str, field_type: str = "str") -> Answer:
    field = {"field_name": name, "field_type": field_type, "field_description": f"the parcel's {name}"}
    return asks(("get_user_input", {"fields": [field]}), text="I need to know more.")


def test_the_run_pauses_with_the_fields_that_the_model_asks_for(
    provider_server: ProviderServer, tmp_path: Path
) -> None:
    (paused,) = play("dynamic_input", "only_asked", provider_server, tmp_path, asks_for("street")).told
    assert (paused["status"], paused["pause_reason"], paused["open"]) == ("PAUSED", "user_input", 1)


@pytest.mark.parametrize("example", ["loop_by_run_id", "loop_by_task", "loop_of_new_agents", "handler_for_the_rest"])
@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_the_model_may_ask_several_times(
    provider_server: ProviderServer, tmp_path: Path, example: str, rounds: int
) -> None:
    questions = [asks_for(name) for name in ("street", "weight", "content")[:rounds]]
    (completed,) = play("dynamic_input", example, provider_server, tmp_path, *questions, SEND, "Sent.").told
    assert (completed["status"], completed["output"]) == ("COMPLETED", "Sent.")
    assert completed["tools"][-1][2] == SENT
    assert len(completed["tools"]) == rounds + 1


def test_a_new_agent_sends_the_answers_to_the_model(provider_server: ProviderServer, tmp_path: Path) -> None:
    script = (asks_for("street"), SEND, "Sent.")
    (completed,) = play("dynamic_input", "new_agent_on_a_new_database", provider_server, tmp_path, *script).told
    assert completed["output"] == "Sent."
    answers = provider_server.requests[1].body["messages"][-1]["content"]
    assert "my street" in str(answers)
