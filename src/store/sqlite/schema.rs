//! The tables, as the list of steps that lead to them, and what differs from them in a file.

use std::collections::BTreeMap;

use rusqlite::Connection;

/// Marks a SQLite file as a database of haltpoint: the letters `halt`.
pub(super) const APPLICATION_ID: i32 = 0x6861_6c74;

/// The schema that this release reads and writes.
pub(super) const VERSION: usize = MIGRATIONS.len();

/// Step `i` leads from schema `i` to schema `i + 1`. Steps that were released are never changed, only followed.
pub(super) const MIGRATIONS: &[&str] = &[
    FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH, SEVENTH, EIGHTH, NINTH, TENTH,
];

// An entry's id is made of its run and its place in it. So a run's journal lies together and in order, is appended to
// without touching a second index, and its last row is found in one descent.
const FIRST: &str = "
CREATE TABLE holders (
    holder INTEGER PRIMARY KEY,
    token TEXT NOT NULL UNIQUE,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    started INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT;

CREATE TABLE runs (
    run INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    agent_name TEXT,
    session_id TEXT,
    user_id TEXT,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    holder INTEGER REFERENCES holders,
    held_since INTEGER
) STRICT;
CREATE INDEX runs_by_session ON runs (session_id, status) WHERE session_id IS NOT NULL;
CREATE INDEX runs_by_user ON runs (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX runs_by_agent ON runs (agent_name) WHERE agent_name IS NOT NULL;
CREATE INDEX runs_by_holder ON runs (holder) WHERE holder IS NOT NULL;
CREATE INDEX runs_unfinished ON runs (status) WHERE status <> 'COMPLETED';

CREATE TABLE entries (
    id INTEGER PRIMARY KEY,
    driver_entries INTEGER NOT NULL,
    outsider INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    hash BLOB NOT NULL
) STRICT;

CREATE TABLE outsiders (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    entry INTEGER NOT NULL REFERENCES entries
) STRICT;

CREATE TABLE requirements (
    place INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs,
    requirement_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    opened INTEGER NOT NULL REFERENCES entries,
    decided INTEGER REFERENCES entries,
    UNIQUE (run, requirement_id)
) STRICT;
CREATE INDEX requirements_open ON requirements (place) WHERE decided IS NULL;
CREATE INDEX requirements_by_id ON requirements (requirement_id);

CREATE VIEW journal AS
SELECT runs.run_id, entries.id & 4294967295 AS seq, entries.at, entries.outsider, entries.kind, entries.payload
FROM entries JOIN runs ON runs.run = entries.id >> 32;
";

// A run whose hash chain is keyed says with which key: by a short id, from which the key cannot be found.
// `decided` names the entry that closes a requirement: a decision, the last of several approvals, or its expiry.
const SECOND: &str = "
ALTER TABLE runs ADD COLUMN audit_key_id TEXT;

ALTER TABLE requirements ADD COLUMN expires_at INTEGER;
ALTER TABLE requirements ADD COLUMN approvals_needed INTEGER NOT NULL DEFAULT 1;
CREATE INDEX requirements_expiring ON requirements (expires_at) WHERE decided IS NULL AND expires_at IS NOT NULL;

CREATE TABLE approvals (
    requirement INTEGER NOT NULL REFERENCES requirements,
    entry INTEGER NOT NULL REFERENCES entries,
    PRIMARY KEY (requirement, entry)
) STRICT, WITHOUT ROWID;
";

// Workers look for what they can go on with, however many runs wait for people: a run's row counts its open requirements,
// so that an index holds the others. What somebody subscribed to goes
// to the outbox in the transaction that writes it, in the order of the commits.
const THIRD: &str = "
ALTER TABLE runs ADD COLUMN open_requirements INTEGER NOT NULL DEFAULT 0;
UPDATE runs SET open_requirements = (SELECT count(*) FROM requirements q WHERE q.run = runs.run AND q.decided IS NULL)
WHERE status <> 'COMPLETED';
CREATE TRIGGER requirement_opens AFTER INSERT ON requirements WHEN NEW.decided IS NULL
BEGIN UPDATE runs SET open_requirements = open_requirements + 1 WHERE run = NEW.run; END;
CREATE TRIGGER requirement_closes AFTER UPDATE OF decided ON requirements
WHEN OLD.decided IS NULL AND NEW.decided IS NOT NULL
BEGIN UPDATE runs SET open_requirements = open_requirements - 1 WHERE run = NEW.run; END;
CREATE INDEX runs_for_workers ON runs (agent_name)
WHERE status IN ('QUEUED', 'RUNNING') OR (status = 'PAUSED' AND open_requirements = 0);

CREATE TABLE subscriptions (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    claimed_by TEXT NOT NULL,
    claimed_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE outbox (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    entry INTEGER NOT NULL REFERENCES entries
) STRICT;
CREATE TRIGGER entry_to_outbox AFTER INSERT ON entries WHEN EXISTS (SELECT 1 FROM subscriptions)
BEGIN INSERT INTO outbox (entry) VALUES (NEW.id); END;
";

// Approvals that answer later calls, too: in their own run, and in all runs of the session where they name one. `key` stands for the
// tool, and for the arguments where those count.
const FOURTH: &str = "
CREATE TABLE remembered (
    requirement INTEGER PRIMARY KEY REFERENCES requirements,
    run INTEGER NOT NULL REFERENCES runs,
    session_id TEXT,
    key TEXT NOT NULL,
    revoked INTEGER REFERENCES entries
) STRICT;
CREATE INDEX remembered_in_run ON remembered (run, key) WHERE revoked IS NULL;
CREATE INDEX remembered_in_session ON remembered (session_id, key) WHERE revoked IS NULL AND session_id IS NOT NULL;
";

// What lists show of entries that are too large to be read for it. No hash covers it.
const FIFTH: &str = "
CREATE TABLE outlines (
    entry INTEGER PRIMARY KEY REFERENCES entries,
    payload TEXT NOT NULL
) STRICT;
";

// The second format of journals. The payload may go: it stands last, so that what is read for each append is found without it, and
// the hash covers the commitment in its place. Who did what stands in columns of its own, which stay.
const SIXTH: &str = "
ALTER TABLE runs ADD COLUMN format INTEGER NOT NULL DEFAULT 1;

DROP VIEW journal;
DROP TRIGGER entry_to_outbox;
CREATE TABLE new_entries (
    id INTEGER PRIMARY KEY,
    driver_entries INTEGER NOT NULL,
    outsider INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    hash BLOB NOT NULL,
    requires TEXT,
    action TEXT,
    actor TEXT,
    requirement_id TEXT,
    salt BLOB,
    commitment BLOB,
    payload TEXT
) STRICT;
INSERT INTO new_entries (id, driver_entries, outsider, at, kind, hash, payload)
SELECT id, driver_entries, outsider, at, kind, hash, payload FROM entries ORDER BY id;
DROP TABLE entries;
ALTER TABLE new_entries RENAME TO entries;
CREATE TRIGGER entry_to_outbox AFTER INSERT ON entries WHEN EXISTS (SELECT 1 FROM subscriptions)
BEGIN INSERT INTO outbox (entry) VALUES (NEW.id); END;

CREATE VIEW journal AS
SELECT runs.run_id, entries.id & 4294967295 AS seq, entries.at, entries.outsider, entries.kind, entries.payload,
       entries.action, entries.actor, entries.requirement_id, entries.requires
FROM entries JOIN runs ON runs.run = entries.id >> 32;
";

// Runs whose payloads were erased; and those of which copies may still stand in the log. What is removed with a run is found by it.
const SEVENTH: &str = "
CREATE INDEX outsiders_by_entry ON outsiders (entry);

ALTER TABLE runs ADD COLUMN erased INTEGER;

CREATE TABLE unfinished_erasures (
    run INTEGER PRIMARY KEY
) STRICT;
";

// The numbers of removed runs whose entries are not all gone yet: no new run gets one of them.
const EIGHTH: &str = "
CREATE TABLE removals (
    run INTEGER PRIMARY KEY
) STRICT;
";

// A paused run that waits for a time goes on with each answer, and with each time that comes. What waits for a worker may do so from a
// time on.
const NINTH: &str = "
ALTER TABLE runs ADD COLUMN goes_on_with INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN not_before INTEGER;
DROP INDEX runs_for_workers;
CREATE INDEX runs_for_workers ON runs (agent_name)
WHERE not_before IS NULL AND (status IN ('QUEUED', 'RUNNING') OR (status = 'PAUSED' AND open_requirements <= goes_on_with));
CREATE INDEX runs_for_later ON runs (agent_name, not_before) WHERE status = 'QUEUED' AND not_before IS NOT NULL;
CREATE INDEX runs_beginning ON runs (not_before) WHERE status = 'QUEUED' AND not_before IS NOT NULL;
";

// Signals, each until a wait takes it; from then on its id and a digest. `topic` stands for the name and the key of an event.
const TENTH: &str = "
ALTER TABLE requirements ADD COLUMN topic BLOB;
CREATE INDEX requirements_for_signals ON requirements (topic, place) WHERE decided IS NULL AND topic IS NOT NULL;

CREATE TABLE signals (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    digest BLOB,
    topic BLOB,
    name TEXT,
    key TEXT,
    sender TEXT,
    payload TEXT,
    taken INTEGER,
    run INTEGER
) STRICT;
CREATE INDEX signals_kept ON signals (topic, place) WHERE topic IS NOT NULL;
CREATE INDEX signals_by_age ON signals (at);
CREATE INDEX signals_by_run ON signals (run) WHERE run IS NOT NULL;
";

/// Kind and name of what a schema consists of, with the statement that made it.
type Parts = BTreeMap<(String, String), Option<String>>;

/// How the tables, indexes, views and triggers of a file differ from those that this release makes. What somebody has added is left out,
/// except for triggers: they change what is written.
pub(super) fn differences(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let made = Connection::open_in_memory()?;
    for step in MIGRATIONS {
        made.execute_batch(step)?;
    }
    let (expected, found) = (parts(&made)?, parts(connection)?);
    let unfit = expected.iter().filter_map(|(part, statement)| match found.get(part) {
        None => Some(format!("the {} {} is missing", part.0, part.1)),
        Some(other) if other != statement => Some(format!("the {} {} was changed", part.0, part.1)),
        Some(_) => None,
    });
    let added = found
        .keys()
        .filter(|part| part.0 == "trigger" && !expected.contains_key(part));
    let added = added.map(|(_, name)| format!("the trigger {name} was added"));
    Ok(unfit.chain(added).collect())
}

fn parts(connection: &Connection) -> rusqlite::Result<Parts> {
    let mut statement = connection.prepare("SELECT type, name, sql FROM sqlite_schema")?;
    let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
    rows.collect()
}
