"""The API does what its OpenAPI description says, whatever it is asked."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from haltpoint.inbox.openapi import description
from support.command import CommandLine
from support.databases import opened
from support.inbox import Inbox

# Each request here has the token: what becomes of one without has tests of its own.
SCHEMA = schemathesis.openapi.from_dict({**description(""), "security": []})
SETTINGS = settings(
    max_examples=60,
    deadline=None,
    database=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def known() -> dict[str, list[str]]:
    """Ids of what there is, by the names of the parameters."""
    return {}


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory, known: dict[str, list[str]]) -> Iterator[Inbox]:
    """An inbox in which something of each kind waits."""
    db_file: Path = tmp_path_factory.mktemp("described") / "runs.db"
    known["run_id"] = _started(db_file)
    with Inbox(CommandLine(db_file)) as served:
        listed = served.get("/api/requirements?limit=200").json["items"]
        known["requirement_id"] = [item["id"] for item in listed]
        yield served


def _started(db_file: Path) -> list[str]:
    from haltpoint import Agent, Task
    from support.workshop import TOOLS, model

    with opened(db_file) as database:
        agents = [Agent(model("all kinds"), db=database, tools=TOOLS) for _ in range(20)]
        return [agent.do(Task("Build a chair."), return_output=True).run_id for agent in agents]


def test_the_description_is_served_to_those_who_are_let_in(inbox: Inbox) -> None:
    assert inbox.get("/api/openapi.json").json == description("")
    assert inbox.ask("GET", "/api/openapi.json").status == 401


@SETTINGS
@SCHEMA.parametrize()
def test_each_answer_is_one_that_the_description_knows(case: Any, inbox: Inbox, known: dict[str, list[str]]) -> None:
    _point_at_what_there_is(case, known)
    with requests.Session() as session:
        # Whether a decision fits depends on the tool, of which the description knows nothing.
        case.call_and_validate(
            base_url=inbox.address,
            session=session,
            headers=inbox.bearer,
            excluded_checks=[positive_data_acceptance],
        )


def _point_at_what_there_is(case: Any, known: dict[str, list[str]]) -> None:
    for name, value in (case.path_parameters or {}).items():
        if not re.fullmatch("[A-Za-z0-9_-]{1,128}", str(value)):
            # It was made up in order to be refused.
            continue
        draw = random.Random(repr(case.body))
        if draw.random() < 0.7:
            case.path_parameters[name] = draw.choice(known[name])
