"""What somebody does who can write the file and has no key: run as a program of its own, with Python's own SQLite.

tamper.py flip FILE DIRECTORY     for each row and each column of the journal, a copy with one bit changed in it
tamper.py sql FILE STATEMENT...   carries statements out
tamper.py forge FILE STATEMENT... carries statements out, then computes all hashes anew, without a key
tamper.py approve FILE ID         writes an approval of a requirement, as if Eve had given it
tamper.py approve_plainly FILE ID does so and computes all hashes anew, in one transaction
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import struct
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

COLUMNS = (
    *("id", "driver_entries", "outsider", "at", "kind", "payload", "hash"),
    *("salt", "commitment", "requires", "action", "actor", "requirement_id"),
)


@contextmanager
def writing(path: Path) -> Generator[sqlite3.Connection]:
    """A transaction in which nobody else writes."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield connection
    connection.execute("COMMIT")
    connection.close()


def change(path: Path, *statements: tuple[str, Sequence[Any]]) -> None:
    with writing(path) as connection:
        for statement, values in statements:
            connection.execute(statement, values)


def read(path: Path, query: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(path)
    rows = connection.execute(query).fetchall()
    connection.close()
    return rows


def flipped(column: str, value: Any) -> tuple[str, Any]:
    """The SQL for a value with one bit of one byte changed, and its parameter."""
    if column == "id":
        return "?", value ^ (1 << 8)
    if value is None:
        return "?", "[]" if column == "requires" else "x"
    if isinstance(value, int):
        return "?", value ^ (1 << 2)
    data = bytearray(value if isinstance(value, bytes) else value.encode())
    data[len(data) // 2] ^= 1
    return ("?" if isinstance(value, bytes) else "CAST(? AS TEXT)"), bytes(data)


def flip(path: Path, directory: Path) -> None:
    for row in read(path, f"SELECT {', '.join(COLUMNS)} FROM entries ORDER BY id"):
        for column, value in zip(COLUMNS, row, strict=True):
            copy = directory / f"{row[0] & 0xFFFFFFFF}-{column}.db"
            shutil.copy(path, copy)
            place, changed = flipped(column, value)
            change(copy, (f"UPDATE entries SET {column} = {place} WHERE id = ?", [changed, row[0]]))


def approve(connection: sqlite3.Connection, requirement_id: str) -> None:
    payload = json.dumps({"requirement_id": requirement_id, "decision": {"type": "confirm"}, "by": "eve"})
    found = connection.execute("SELECT run FROM requirements WHERE requirement_id = ?", [requirement_id])
    last = f"SELECT max(id) FROM entries WHERE id >> 32 = {found.fetchone()[0]}"
    connection.execute(
        "INSERT INTO entries (id, driver_entries, outsider, at, kind, hash, action, actor, requirement_id, salt, "
        "commitment, payload) "
        "SELECT id + 1, driver_entries, 1, at, 'requirement_decided', zeroblob(32), 'confirm', 'eve', ?, ?, ?, ? "
        f"FROM entries WHERE id = ({last})",
        [requirement_id, bytes(16), hashlib.sha256(bytes(16) + payload.encode()).digest(), payload],
    )
    connection.execute(f"INSERT INTO outsiders (entry) {last}")
    connection.execute(f"UPDATE requirements SET decided = ({last}) WHERE requirement_id = ?", [requirement_id])


def _sized(text: str | None) -> bytes:
    if text is None:
        return b"\xff" * 8
    return struct.pack("<Q", len(text.encode())) + text.encode()


def forge(connection: sqlite3.Connection) -> None:
    """Compute all hashes anew, and the commitments that they cover."""
    for run, run_id in connection.execute("SELECT run, run_id FROM runs").fetchall():
        last = hashlib.sha256(b"haltpoint journal 2\0" + run_id.encode()).digest()
        query = (
            "SELECT id, at, outsider, kind, payload, salt, requires, action, actor, requirement_id FROM entries "
            f"WHERE id >> 32 = {run} ORDER BY id"
        )
        for number, at, outsider, kind, payload, salt, *texts in connection.execute(query).fetchall():
            commitment = hashlib.sha256(salt + payload.encode()).digest()
            numbers = struct.pack("<Qq?", number & 0xFFFFFFFF, at, outsider)
            last = hashlib.sha256(last + numbers + _sized(kind) + commitment + b"".join(map(_sized, texts))).digest()
            connection.execute("UPDATE entries SET hash = ?, commitment = ? WHERE id = ?", [last, commitment, number])


if __name__ == "__main__":
    action, target, *rest = sys.argv[1:]
    if action == "flip":
        flip(Path(target), Path(rest[0]))
    else:
        with writing(Path(target)) as file:
            if action in {"approve", "approve_plainly"}:
                approve(file, *rest)
            else:
                for line in rest:
                    file.execute(line)
            if action in {"forge", "approve_plainly"}:
                forge(file)
