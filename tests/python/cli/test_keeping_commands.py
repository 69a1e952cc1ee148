"""`haltpoint check`, `audit` and `backup`: what was written is what stands there, and a copy of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.command import PAINT, CommandLine, StartRun
from support.databases import on_files
from support.trouble import elsewhere

KEY = {"HALTPOINT_AUDIT_KEY": "0123456789abcdef"}
REWRITE = "UPDATE entries SET payload = replace(payload, 'red', 'tan') WHERE kind = 'model_replied'"


def test_a_sound_database_passes_the_check(cli: CommandLine, start: StartRun) -> None:
    start(PAINT)
    assert cli("check", "--json").record == {"ok": True, "problems": []}


@on_files
def test_a_changed_row_is_named_by_check_and_audit(cli: CommandLine, start: StartRun) -> None:
    run_id = start(PAINT)
    elsewhere(cli.db_file, REWRITE)
    checked = cli("check")
    assert checked.code == 1
    assert run_id in checked.out and "entry 2" in checked.out
    audited = cli("audit", run_id)
    assert audited.code == 1
    assert "entry 2" in audited.out


@on_files
def test_a_run_that_cannot_be_read_does_not_hide_the_others(cli: CommandLine, start: StartRun) -> None:
    damaged = start(PAINT)
    elsewhere(cli.db_file, REWRITE)
    sound = start(PAINT, task="Build a table.")
    by_id = {record["run_id"]: record for record in cli("runs", "--json").records}
    assert by_id[sound]["task"] == "Build a table." and by_id[sound]["problem"] is None
    assert by_id[damaged]["task"] is None and "entry 2" in by_id[damaged]["problem"]


def test_the_audit_tells_who_decided_what_on_which_arguments(cli: CommandLine, start: StartRun) -> None:
    run_id = start(PAINT)
    requirement_id = cli("inbox").rows[0][0]
    assert cli("reject", run_id, "--by", "ann", "--note", "not red").code == 0
    (row, chain) = cli("audit", run_id).rows
    assert row[1:] == [
        "ann",
        "rejected",
        "paint",
        '{"color": "red"}',
        "",
        '{"type": "reject", "note": "not red"}',
        requirement_id,
        "",
        "",
    ]
    assert chain[:2] == ["chain", "sound"]
    document = cli("audit", run_id, "--json").record
    assert document["verification"]["ok"] and document["records"][0]["by"] == "ann"


def test_a_head_kept_elsewhere_shows_that_the_end_was_cut_off(cli: CommandLine, start: StartRun) -> None:
    run_id = start(PAINT)
    assert cli("approve", run_id).code == 0
    head = cli("audit", run_id, "--json").record["verification"]["head"]
    assert cli("audit", run_id, "--head", head).code == 0
    assert cli("audit", run_id, "--head", "0" * 64).code == 1
    assert cli("audit", run_id, "--head", "abc").code == 2


def test_a_keyed_record_needs_its_key(cli: CommandLine, start: StartRun, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as context:
        for name, value in KEY.items():
            context.setenv(name, value)
        run_id = start(PAINT)
    assert cli("audit", run_id).code == 1
    refused = cli("approve", run_id, "--json")
    assert refused.code == 1 and refused.error["error"] == "AuditKeyError"
    assert cli("approve", run_id, env=KEY).code == 0
    assert cli("audit", run_id, env=KEY).code == 0


@on_files
def test_a_backup_is_a_database_of_its_own(cli: CommandLine, start: StartRun, tmp_path: Path) -> None:
    run_id = start(PAINT)
    copy = tmp_path / "copy.db"
    assert cli("backup", str(copy), "--json").record == {"backup": str(copy), "bytes": copy.stat().st_size}
    assert cli("approve", run_id).code == 0
    assert [row[3] for row in CommandLine(copy)("inbox").rows] == [run_id]
    assert cli("backup", str(copy)).code == 1
