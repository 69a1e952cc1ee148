"""A run's journal as text that leaves the database."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from haltpoint._concurrency.fork_guard import no_fork
from haltpoint.sensitive import JournalMask

if TYPE_CHECKING:
    from haltpoint.db.database import Database

__all__ = ["export_run"]

# What an entry or an offered tool with sensitive parameters has. Within texts, the quotes are escaped.
_MARK = '"sensitive":['
# What stands before and behind an entry in its line.
_ENTRY, _HASH = '"entry":', ',"hash":'


def export_run(database: Database, run_id: str, *, with_sensitive: bool) -> str:
    """Do what `Database.export` says."""
    text = database.native.export(run_id)
    return text if with_sensitive or _MARK not in text else _masked(text)


def _masked(text: str) -> str:
    first, *lines = text.split("\n")[:-1]
    mask = JournalMask()
    masked = [_masked_line(line, mask) for line in lines]
    count = sum(line != before for line, before in zip(masked, lines, strict=True))
    about = {**json.loads(first), **({"masked": count} if count else {})}
    return "".join(f"{line}\n" for line in (_text(about), *masked))


def _masked_line(line: str, mask: JournalMask) -> str:
    # Numbers keep the digits that they were written with.
    with no_fork:
        from haltpoint.tools.json_form import dump_exact, parse_exact
    row: dict[str, Any] = json.loads(line)
    payload = line.partition(_ENTRY)[2].rpartition(_HASH)[0]
    entry = parse_exact(payload)
    masked = mask.entry(row["kind"], entry)
    if masked is entry:
        return line
    # With the salt, what is masked could be found by trying.
    del row["entry"], row["hash"]
    commitment = hashlib.sha256(bytes.fromhex(row.pop("salt")) + payload.encode()).hexdigest()
    before = _text({**row, "masked": True, "commitment": commitment})
    return f"{before[:-1]},{_ENTRY}{dump_exact(masked)}{line[line.rindex(_HASH) :]}"


def _text(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))
