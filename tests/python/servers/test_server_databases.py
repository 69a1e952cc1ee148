"""A database on a server: how it is opened and named, what it refuses, and what nobody gets to see of its address."""

from __future__ import annotations

import asyncio
import pickle
import subprocess
import time
from pathlib import Path

import pytest

from haltpoint import Agent, PostgresDatabase, RunRequirement, ScriptedModel, SqliteDatabase, StoreError, Task
from haltpoint.db import Database
from haltpoint.db.server import with_schema
from support.command import PAINT, CommandLine
from support.databases import named, on_a_server, opened, server_programs
from support.workshop import TOOLS

_NOWHERE = "postgresql://ada:s3cret@127.0.0.1:1/runs?connect_timeout=1"


def test_a_server_that_is_not_there_is_told_of_without_the_password() -> None:
    with pytest.raises(StoreError, match="cannot be reached") as raised:
        PostgresDatabase(_NOWHERE)
    assert "127.0.0.1:1/runs" in str(raised.value)
    assert "s3cret" not in str(raised.value)
    assert "s3cret" not in repr(pickle.loads(pickle.dumps(raised.value)))


@pytest.mark.parametrize("dsn", ["runs.db", "", "mysql://host/runs"])
def test_what_is_no_address_is_refused(dsn: str) -> None:
    with pytest.raises(ValueError, match="postgresql://"):
        PostgresDatabase(dsn)


def test_an_address_is_no_file() -> None:
    with pytest.raises(ValueError, match="PostgresDatabase") as raised:
        SqliteDatabase(_NOWHERE)
    assert "s3cret" not in str(raised.value)


def test_a_lease_must_last(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lease_seconds must be above 0"):
        PostgresDatabase(_NOWHERE, lease_seconds=0)


def test_a_command_says_that_the_server_is_not_there(tmp_path: Path) -> None:
    printed = CommandLine(tmp_path / "runs.db")("--db", _NOWHERE, "runs")
    assert printed.code == 1
    assert "cannot be reached" in printed.err
    assert "s3cret" not in printed.err + printed.out


@pytest.mark.parametrize(
    ("dsn", "schema", "expected"),
    [
        ("postgresql://h/d", None, ("postgresql://h/d", "haltpoint")),
        ("postgresql://h/d", "a", ("postgresql://h/d", "a")),
        ("postgresql://h/d?schema=a%20b", None, ("postgresql://h/d", "a b")),
        ("postgresql://h/d?sslmode=require&schema=a&port=1", "a", ("postgresql://h/d?sslmode=require&port=1", "a")),
    ],
)
def test_an_address_may_name_the_schema(dsn: str, schema: str | None, expected: tuple[str, str]) -> None:
    assert with_schema(dsn, schema) == expected


def test_two_schemas_are_refused() -> None:
    with pytest.raises(ValueError, match="give one schema, got 'a' and 'b'"):
        PostgresDatabase("postgresql://h/d?schema=a", schema="b")


@on_a_server
def test_commands_work_on_the_schema_of_the_address(tmp_path: Path) -> None:
    name = f"{named(tmp_path / 'runs.db')}?schema=tenant_a"
    with PostgresDatabase(name) as database:
        assert database.schema == "tenant_a"
        run_id = Agent(ScriptedModel(["done"]), db=database).do("Go", return_output=True).run_id
    cli = CommandLine(tmp_path / "runs.db")
    assert [row[0] for row in cli("--db", name, "runs").rows] == [run_id]
    assert cli("--db", name, "check").code == 0
    assert cli("--db", name, "migrate", "--json").record == {"version_before": 3}
    assert "haltpoint migrate" in cli("runs").err


@on_a_server
def test_what_belongs_to_the_servers_own_tools_says_so(tmp_path: Path) -> None:
    with opened(tmp_path / "runs.db") as database:
        with pytest.raises(StoreError, match="pg_dump"):
            database.backup(tmp_path / "copy.db")
        with pytest.raises(StoreError, match="VACUUM"):
            database.compact()


@on_a_server
def test_commands_make_no_tables_and_migrate_does(tmp_path: Path) -> None:
    cli = CommandLine(tmp_path / "runs.db")
    assert "haltpoint migrate" in cli("runs").err
    sql = cli("migrate", "--sql")
    assert "CREATE TABLE" in sql.out
    assert cli("migrate", "--json").record == {"version_before": 0}
    assert cli("migrate", "--sql").out.strip() == "-- there is nothing to do"
    assert cli("runs").rows == []


def test_files_have_nothing_to_migrate(tmp_path: Path) -> None:
    printed = CommandLine(tmp_path / "runs.db")("--db", str(tmp_path / "runs.db"), "migrate")
    assert printed.code == 2
    assert "is a file" in printed.err


@on_a_server
def test_the_repr_has_no_password(tmp_path: Path) -> None:
    address = str(named(tmp_path / "runs.db")).replace("postgres@", "postgres:s3cret@")
    with PostgresDatabase(address, schema="other") as database:
        assert "s3cret" not in repr(database)
        assert "other" in repr(database)


@on_a_server
def test_schemas_of_one_database_have_nothing_in_common(tmp_path: Path) -> None:
    address = str(named(tmp_path / "runs.db"))
    with PostgresDatabase(address, schema="one") as one, PostgresDatabase(address, schema="two") as two:
        Agent(ScriptedModel(["done"]), db=one).do(Task("Do it."))
        assert (one.count_runs(), two.count_runs()) == (1, 0)


@on_a_server
def test_a_waiter_in_this_process_hears_of_a_decision_of_another(tmp_path: Path) -> None:
    with opened(tmp_path / "runs.db") as database, opened(tmp_path / "runs.db") as other:
        asyncio.run(_wait_for_a_decision(database, other))


async def _wait_for_a_decision(database: Database, other: Database) -> None:
    agent = Agent(ScriptedModel([PAINT, "done"]), db=database, tools=TOOLS)
    output = await agent.do_async(Task("Paint."), return_output=True)
    (requirement,) = output.active_requirements
    waiting = asyncio.ensure_future(_resolved(requirement))
    # It has begun to wait, and the connection that listens is made.
    await asyncio.sleep(1.5)
    (elsewhere,) = await other.requirements_async()
    elsewhere.confirm(by="ann")
    begun = time.monotonic()
    await asyncio.to_thread(elsewhere.commit)
    await asyncio.wait_for(waiting, 20)
    assert time.monotonic() - begun < 0.5


async def _resolved(requirement: RunRequirement) -> None:
    await requirement


def _psql(address: str, sql: str) -> None:
    programs = server_programs()
    assert programs is not None
    subprocess.run([programs / "psql", "--quiet", "--command", sql, address], check=True, timeout=60)


@on_a_server
def test_behind_a_pooler_a_role_without_time_outs_is_refused(tmp_path: Path) -> None:
    address = str(named(tmp_path / "runs.db"))
    role = f"ALTER ROLE postgres IN DATABASE {address.rpartition('/')[2]} SET"
    with pytest.raises(StoreError, match="no statement_timeout and no lock_timeout"):
        PostgresDatabase(address, pooled=True)
    _psql(address, f"{role} statement_timeout = '8s'")
    with pytest.raises(StoreError, match="SET lock_timeout"):
        PostgresDatabase(address, pooled=True)
    _psql(address, f"{role} lock_timeout = '5s'")
    with PostgresDatabase(address, pooled=True) as database:
        assert database.count_runs() == 0


@on_a_server
def test_a_database_says_whether_its_server_waits_for_the_disk(tmp_path: Path) -> None:
    address = str(named(tmp_path / "runs.db"))
    with PostgresDatabase(address) as database:
        assert database.durability == "full"
    _psql(address, f"ALTER DATABASE {address.rpartition('/')[2]} SET synchronous_commit = off")
    with PostgresDatabase(address) as database:
        assert database.durability == "normal"
