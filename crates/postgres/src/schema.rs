//! The tables, as the list of steps that lead to them.

use std::time::Duration;

use haltpoint_engine::store::StoreError;
use haltpoint_engine::store::rules::unusable;

use crate::connection::{Connection, get, qualified};
use crate::fault::{Failure, Fault};

/// The schema that this release reads and writes.
pub(crate) const VERSION: usize = MIGRATIONS.len();

/// Step `i` leads from schema `i` to schema `i + 1`. Steps that were released are never changed, only followed.
pub(crate) const MIGRATIONS: &[&str] = &[FIRST, SECOND, THIRD];

/// How long a process waits for another one that makes the tables.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the lock around migrations is called: the beginning of the letters `haltpoint`.
const LOCK: i64 = 0x6861_6c74_706f_696e;

// A run's row has the end of its journal: an append compares it, and writes behind it, in one statement. Entries are only ever inserted;
// the few tables whose rows change leave room for the change in the page. Who refers to what is kept by those statements: a check by the
// server would lock a row of `runs` for each entry.
const FIRST: &str = "
CREATE TABLE @holders (
    holder bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token text COLLATE \"C\" NOT NULL UNIQUE,
    host text NOT NULL,
    pid bigint NOT NULL,
    started bigint NOT NULL,
    expires bigint NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 500);

CREATE TABLE @runs (
    run bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id text COLLATE \"C\" NOT NULL UNIQUE,
    agent_name text COLLATE \"C\",
    session_id text COLLATE \"C\",
    user_id text COLLATE \"C\",
    status text COLLATE \"C\" NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    epoch bigint NOT NULL,
    holder bigint REFERENCES @holders,
    held_since bigint,
    audit_key_id text,
    format integer NOT NULL,
    erased bigint,
    open_requirements bigint NOT NULL,
    head_seq bigint NOT NULL,
    driver_entries bigint NOT NULL,
    head_hash bytea NOT NULL,
    head_requires text
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX runs_by_session ON @runs (session_id, status) WHERE session_id IS NOT NULL;
CREATE INDEX runs_by_user ON @runs (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX runs_by_agent ON @runs (agent_name) WHERE agent_name IS NOT NULL;
CREATE INDEX runs_by_holder ON @runs (holder) WHERE holder IS NOT NULL;
CREATE INDEX runs_unfinished ON @runs (status, run) WHERE status <> 'COMPLETED';
CREATE INDEX runs_for_workers ON @runs (agent_name, run)
    WHERE status IN ('QUEUED', 'RUNNING') OR (status = 'PAUSED' AND open_requirements = 0);

CREATE TABLE @entries (
    run bigint NOT NULL,
    seq bigint NOT NULL,
    driver_entries bigint NOT NULL,
    at bigint NOT NULL,
    outsider boolean NOT NULL,
    kind text NOT NULL,
    hash bytea NOT NULL,
    requires text,
    action text,
    actor text,
    requirement_id text,
    salt bytea,
    commitment bytea,
    payload text,
    PRIMARY KEY (run, seq)
);

CREATE TABLE @outlines (
    run bigint NOT NULL,
    seq bigint NOT NULL,
    payload text NOT NULL,
    PRIMARY KEY (run, seq)
);

CREATE TABLE @heads (
    name text PRIMARY KEY,
    last bigint NOT NULL
) WITH (fillfactor = 10);
INSERT INTO @heads (name, last) VALUES ('outsiders', 0), ('outbox', 0);

CREATE TABLE @outsiders (
    place bigint PRIMARY KEY,
    run bigint NOT NULL,
    seq bigint NOT NULL
);
CREATE INDEX outsiders_by_run ON @outsiders (run);

CREATE TABLE @requirements (
    place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run bigint NOT NULL,
    requirement_id text COLLATE \"C\" NOT NULL,
    kind text NOT NULL,
    opened bigint NOT NULL,
    decided bigint,
    expires_at bigint,
    approvals_needed bigint NOT NULL,
    UNIQUE (run, requirement_id)
) WITH (fillfactor = 80);
CREATE INDEX requirements_open ON @requirements (place) WHERE decided IS NULL;
CREATE INDEX requirements_by_id ON @requirements (requirement_id);
CREATE INDEX requirements_expiring ON @requirements (expires_at) WHERE decided IS NULL AND expires_at IS NOT NULL;

CREATE TABLE @approvals (
    run bigint NOT NULL,
    requirement_id text COLLATE \"C\" NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (run, requirement_id, seq)
);

CREATE TABLE @remembered (
    run bigint NOT NULL,
    requirement_id text COLLATE \"C\" NOT NULL,
    session_id text COLLATE \"C\",
    key text COLLATE \"C\" NOT NULL,
    revoked bigint,
    PRIMARY KEY (run, requirement_id)
);
CREATE INDEX remembered_in_run ON @remembered (run, key) WHERE revoked IS NULL;
CREATE INDEX remembered_in_session ON @remembered (session_id, key) WHERE revoked IS NULL AND session_id IS NOT NULL;

CREATE TABLE @subscriptions (
    name text COLLATE \"C\" PRIMARY KEY,
    position bigint NOT NULL,
    claimed_by text NOT NULL,
    claimed_until bigint NOT NULL
);
CREATE TABLE @outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    place bigint UNIQUE,
    run bigint NOT NULL,
    seq bigint NOT NULL
);
CREATE INDEX outbox_without_place ON @outbox (id) WHERE place IS NULL;
CREATE INDEX outbox_by_run ON @outbox (run);

CREATE VIEW @journal AS
SELECT r.run_id, e.seq, e.at, e.outsider, e.kind, e.payload, e.action, e.actor, e.requirement_id, e.requires
FROM @entries e JOIN @runs r ON r.run = e.run;
";

// A paused run that waits for a time goes on with each answer, and with each time that comes. What waits for a worker may do so from a
// time on.
const SECOND: &str = "
ALTER TABLE @runs ADD COLUMN goes_on_with bigint NOT NULL DEFAULT 0;
ALTER TABLE @runs ADD COLUMN not_before bigint;
DROP INDEX @runs_for_workers;
CREATE INDEX runs_for_workers ON @runs (agent_name, run)
    WHERE not_before IS NULL AND (status IN ('QUEUED', 'RUNNING') OR (status = 'PAUSED' AND open_requirements <= goes_on_with));
CREATE INDEX runs_for_later ON @runs (agent_name, not_before) WHERE status = 'QUEUED' AND not_before IS NOT NULL;
CREATE INDEX runs_beginning ON @runs (not_before) WHERE status = 'QUEUED' AND not_before IS NOT NULL;
";

// Signals, each until a wait takes it; from then on its id and a digest. `topic` stands for the name and the key of an event. Who writes
// about a topic changes its version, so that a signal and a wait that come at the same time do not miss each other.
const THIRD: &str = "
ALTER TABLE @requirements ADD COLUMN topic bytea;
CREATE INDEX requirements_for_signals ON @requirements (topic, place) WHERE decided IS NULL AND topic IS NOT NULL;

CREATE TABLE @topics (
    topic bytea PRIMARY KEY,
    version bigint NOT NULL,
    at bigint NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX topics_by_age ON @topics (at);

CREATE TABLE @signals (
    place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text COLLATE \"C\" NOT NULL UNIQUE,
    at bigint NOT NULL,
    digest bytea,
    topic bytea,
    name text,
    key text,
    sender text,
    payload text,
    taken bigint,
    run bigint
) WITH (fillfactor = 80);
CREATE INDEX signals_kept ON @signals (topic, place) WHERE topic IS NOT NULL;
CREATE INDEX signals_by_age ON @signals (at);
CREATE INDEX signals_by_run ON @signals (run) WHERE run IS NOT NULL;
";

const MAKE_VERSION: &str = "CREATE TABLE @schema_version (version bigint NOT NULL)";

/// The statements that lead to the schema of this release: for who may not let a program make tables.
#[must_use]
pub fn migration_sql(schema: &str, from: usize) -> String {
    let schema = crate::connection::quoted(schema);
    let mut sql = String::from("BEGIN;\n");
    if from == 0 {
        sql.push_str(&format!(
            "CREATE SCHEMA IF NOT EXISTS {schema};\n{};\n",
            qualified(MAKE_VERSION, &schema)
        ));
        sql.push_str(&qualified(
            "INSERT INTO @schema_version (version) VALUES (0);\n",
            &schema,
        ));
    }
    for step in MIGRATIONS.iter().skip(from) {
        sql.push_str(&qualified(step, &schema));
    }
    sql.push_str(&qualified(
        &format!("UPDATE @schema_version SET version = {VERSION};\nCOMMIT;\n"),
        &schema,
    ));
    sql
}

/// Which schema the database has; 0: none.
pub(crate) fn version(connection: &mut Connection) -> Result<usize, Failure> {
    // Read from the catalogue itself: who waited for a lock has an old answer to a question by name.
    let name = connection.how().schema_name.clone();
    let exists = connection.ask(
        "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = $1 AND c.relname = 'schema_version')",
        &[(&name, tokio_postgres::types::Type::TEXT)],
    )?;
    let exists = exists.first().map_or(Ok(false), |row| get(row, 0))?;
    if !exists {
        return Ok(0);
    }
    let found = connection.ask("SELECT coalesce(max(version), 0) FROM @schema_version", &[])?;
    let version: i64 = found.first().map_or(Ok(0), |row| get(row, 0))?;
    Ok(usize::try_from(version).unwrap_or_default())
}

/// Brings the schema to that of this release, or says why it is another one.
pub(crate) fn prepare(connection: &mut Connection, migrate: bool) -> Result<(), StoreError> {
    let name = connection.how().name.clone();
    let found = version(connection).map_err(|failure| failure.describe("open", &name))?;
    check_encoding(connection, &name)?;
    match found {
        VERSION => Ok(()),
        later if later > VERSION => Err(newer(later, &name)),
        _ if !migrate => Err(unusable(format!(
            "the tables in the database {name} have the version {found}, and this haltpoint needs {VERSION}; run `haltpoint migrate` with \
             a role that may create them"
        ))),
        _ => make(connection).map_err(|fault| fault.describe("make the tables in", &name)),
    }
}

fn newer(found: usize, name: &str) -> StoreError {
    unusable(format!(
        "the tables in the database {name} have the version {found}, and this haltpoint knows versions up to {VERSION}; upgrade \
         haltpoint, nothing was changed"
    ))
}

fn check_encoding(connection: &mut Connection, name: &str) -> Result<(), StoreError> {
    let asked = connection.ask("SELECT current_setting('server_encoding')", &[]);
    let encoding = asked.and_then(|rows| rows.first().map_or(Ok(String::new()), |row| get(row, 0)));
    match encoding.map_err(|failure| failure.describe("open", name))?.as_str() {
        "UTF8" => Ok(()),
        other => Err(unusable(format!(
            "the database {name} has the encoding {other}; create one with the encoding UTF8"
        ))),
    }
}

/// One process at a time: the lock ends with the transaction, so that it works behind a pooler and is never left behind.
fn make(connection: &mut Connection) -> Result<(), Fault> {
    connection.transaction("BEGIN", |connection| {
        let patience = PATIENCE.as_millis();
        connection.execute(&format!(
            "SET LOCAL lock_timeout = {patience}; SET LOCAL statement_timeout = 0"
        ))?;
        let lock = lock_for(&connection.how().schema);
        connection.query_one(
            "SELECT pg_advisory_xact_lock($1)::text",
            &[(&lock, tokio_postgres::types::Type::INT8)],
        )?;
        let found = version(connection)?;
        if found > VERSION {
            let name = connection.how().name.clone();
            return Err(newer(found, &name).into());
        }
        if found == 0 {
            create_schema(connection)?;
            connection.execute(MAKE_VERSION)?;
            connection.execute("INSERT INTO @schema_version (version) VALUES (0)")?;
        }
        for step in MIGRATIONS.iter().skip(found) {
            connection.execute(step)?;
        }
        connection.execute(&format!("UPDATE @schema_version SET version = {VERSION}"))?;
        Ok(())
    })
}

/// A role may be allowed to make tables in a schema and no schemas.
fn create_schema(connection: &mut Connection) -> Result<(), Failure> {
    let (name, schema) = (connection.how().schema_name.clone(), connection.how().schema.clone());
    let asked = [(&name as _, tokio_postgres::types::Type::TEXT)];
    let exists = connection.query_one("SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)", &asked)?;
    match get(&exists, 0)? {
        true => Ok(()),
        false => connection.execute(&format!("CREATE SCHEMA IF NOT EXISTS {schema}")),
    }
}

/// Schemas of one database do not wait for each other.
fn lock_for(schema: &str) -> i64 {
    schema
        .bytes()
        .fold(LOCK, |lock, byte| lock.wrapping_mul(31).wrapping_add(i64::from(byte)))
}
