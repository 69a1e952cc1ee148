"""What `haltpoint worker` and `haltpoint continue` say to whoever types them."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from haltpoint import Agent, ScriptedModel, SqliteDatabase
from support.command import COMMAND, CommandLine
from support.running import asynchronous

from .receiver import SECRET
from .workers import Yard

_HERE = Path(__file__).parent


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("crew", "name the agent as module:attribute, such as agents:clerk, not 'crew'"),
        ("crow:AGENTS", "there is no module 'crow' here or among the installed ones"),
        ("crew:NOBODY", "there is no 'NOBODY' in crew"),
        ("crew:NO_AGENT", "crew:NO_AGENT must be an Agent, a workflow or a list of them, got str"),
    ],
)
def test_what_names_no_agent_is_refused(yard: Yard, target: str, message: str) -> None:
    environment = {**os.environ, **yard.environment}
    found = subprocess.run(
        [COMMAND, "worker", target], cwd=_HERE, env=environment, capture_output=True, text=True, check=False, timeout=30
    )
    assert (found.returncode, message in found.stderr) == (2, True), found.stderr
    assert not yard.db_file.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--webhook", "http://127.0.0.1:1", "--webhook-event", "foo"], "there are no events of kind 'foo'"),
        (["--webhook-event", "run_paused"], "and none is given"),
        (["--grace", "nan"], "grace must be 0 or more seconds"),
    ],
)
def test_options_that_can_mean_nothing_are_wrong_usage(yard: Yard, options: list[str], message: str) -> None:
    environment = {**os.environ, **yard.environment, "HALTPOINT_WEBHOOK_SECRET": SECRET}
    found = subprocess.run(
        [COMMAND, "worker", "crew:AGENTS", *options],
        cwd=_HERE,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (found.returncode, message in found.stderr) == (2, True), found.stderr


@pytest.mark.parametrize(
    ("source", "line", "error"),
    [
        ("def prepare():\n    raise KeyError('API_KEY')\n\nprepare()\n", "line 4, in <module>", "KeyError: 'API_KEY'"),
        ("clerk = Agent(\n", "broken.py", "SyntaxError: '(' was never closed"),
        ("import is_nowhere\n", "line 1, in <module>", "ModuleNotFoundError: No module named 'is_nowhere'"),
    ],
)
def test_a_module_that_fails_is_told_of_from_its_own_line_on(
    yard: Yard, tmp_path: Path, source: str, line: str, error: str
) -> None:
    (tmp_path / "broken.py").write_text(source)
    environment = {**os.environ, **yard.environment}
    found = subprocess.run(
        [COMMAND, "worker", "broken:clerk"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    said = found.stderr.splitlines()
    kind = error.partition(":")[0]
    assert said[0] == f"haltpoint: the module 'broken' can't be imported: it raised {kind}"
    assert (found.returncode, line in found.stderr, said[-1]) == (1, True, error)
    assert not [other for other in said if "importlib" in other or "click" in other or "loading.py" in other]


def test_a_failed_run_waits_for_a_worker_once_somebody_lets_it_go_on(yard: Yard) -> None:
    (run_id,) = yard.submit("Greet.")
    yard.ask(lambda database: database.cancel(run_id, by="ann"))
    assert yard.status(run_id) == "CANCELLED"
    command = CommandLine(yard.db_file)
    printed = command("continue", run_id[:20], "--by", "bea", "--json")
    assert printed.record["run"]["status"] == "QUEUED"
    journal = yard.ask(lambda database: database.journal(run_id))
    assert (journal[-1]["kind"], journal[-1]["entry"]) == ("run_queued", {"by": "bea"})
    with yard.worker() as worker:
        worker.until("completed", run_id)
    assert command("continue", run_id).code == 5


def test_a_run_that_waits_for_people_can_not_be_let_go_on(yard: Yard) -> None:
    (run_id,) = yard.submit("pay")
    with yard.worker() as worker:
        worker.until("paused", run_id)
    printed = CommandLine(yard.db_file)("continue", run_id)
    assert (printed.code, "there is nothing to go on with" in printed.err) == (5, True)


@asynchronous
async def test_two_that_wait_for_one_run_get_the_same_answer(tmp_path: Path) -> None:
    with SqliteDatabase(tmp_path / "runs.db") as database:
        agent = Agent(ScriptedModel(["finished"]), name="clerk", db=database)
        run_id = await agent.submit_async("Greet.")
        both = [agent.wait_and_continue_async(run_id) for _ in range(2)]
        assert await asyncio.wait_for(asyncio.gather(*both), 20) == ["finished", "finished"]
