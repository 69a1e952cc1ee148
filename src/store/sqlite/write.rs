//! What is written to the database. Each operation checks first and writes then: a refused one leaves no trace.

use rusqlite::{Connection, OptionalExtension, params};

use super::entry_id::entry_id;
use super::fault::Fault;
use super::read::{Tail, tail};
use super::{lease, requirements};
use crate::Timestamp;
use crate::journal::{Entry, chain_hash};
use crate::store::holder::Liveness;
use crate::store::rules::{self, RunState, Verdict};
use crate::store::{Append, Author, Committed, NewRun, Operation, RunStatus, StoreError};

/// Carries one operation out inside the batch's transaction.
pub(super) fn carry_out(
    connection: &Connection,
    operation: &Operation,
    liveness: &dyn Liveness,
) -> Result<Committed, Fault> {
    match operation {
        Operation::Create(new) => create(connection, new),
        Operation::Append(append) => self::append(connection, append),
        Operation::Acquire {
            run_id,
            holder,
            now,
            expires,
        } => lease::acquire(connection, run_id, holder, *now, *expires, liveness),
        Operation::Release { run_id, epoch } => lease::release(connection, run_id, *epoch),
    }
}

fn create(connection: &Connection, new: &NewRun) -> Result<Committed, Fault> {
    let exists = connection
        .prepare_cached("SELECT 1 FROM runs WHERE run_id = ?1")?
        .exists([&new.run_id])?;
    if exists {
        return Err(StoreError::RunExists {
            run_id: new.run_id.clone(),
        }
        .into());
    }
    rules::judge_first(new)?;
    let rows = encode(new.entries.iter())?;
    let holder = lease::enlist(connection, &new.holder, new.at, new.expires)?;
    let run = insert_run(connection, new, holder)?;
    let journal = Journal {
        connection,
        run,
        at: new.at,
        outsider: false,
    };
    Ok(Committed::Appended {
        seq: journal.extend(Tail::genesis(&new.run_id), rows)?,
    })
}

fn insert_run(connection: &Connection, new: &NewRun, holder: i64) -> rusqlite::Result<i64> {
    let NewRun {
        run_id,
        agent_name,
        session_id,
        user_id,
        at,
        ..
    } = new;
    let status = RunStatus::Running.as_str();
    connection
        .prepare_cached(
            "INSERT INTO runs (run_id, agent_name, session_id, user_id, status, created_at, updated_at, epoch, holder, \
             held_since) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, 1, ?7, ?6) RETURNING run",
        )?
        .query_row(
            params![run_id, agent_name, session_id, user_id, status, at.0, holder],
            |row| row.get(0),
        )
}

fn append(connection: &Connection, append: &Append) -> Result<Committed, Fault> {
    let run_id = &append.run_id;
    let (run, state, tail) = state(connection, run_id)?;
    rules::check_author(append, state)?;
    let verdict = rules::judge(append, state.status, |id| {
        requirements::find(connection, run, run_id, id)
    })?;
    let Verdict::Write(entries) = verdict else {
        return Ok(Committed::AlreadyDecided);
    };
    let rows = encode(entries.into_iter())?;
    entry_id(run, tail.seq + rows.len() as u64)?;
    let journal = Journal {
        connection,
        run,
        at: append.at,
        outsider: append.author == Author::Outsider,
    };
    let seq = journal.extend(tail, rows)?;
    if let Some(status) = rules::status_after(append) {
        journal.set_status(status, append.finish.is_some())?;
    }
    Ok(Committed::Appended { seq })
}

fn state(connection: &Connection, run_id: &str) -> Result<(i64, RunState, Tail), Fault> {
    let found = connection
        .prepare_cached("SELECT run, status, epoch, holder IS NOT NULL FROM runs WHERE run_id = ?1")?
        .query_row([run_id], |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, i64>(2)?,
                row.get::<_, bool>(3)?,
            ))
        })
        .optional()?;
    let (run, status, epoch, held) = found.ok_or_else(|| StoreError::RunNotFound { run_id: run_id.into() })?;
    let tail = tail(connection, run, run_id)?;
    let status = super::rows::status(run_id, &status)?;
    let state = RunState {
        status,
        epoch: epoch.cast_unsigned(),
        held,
        driver_entries: tail.driver_entries,
    };
    Ok((run, state, tail))
}

/// An entry with its payload as it is stored.
struct EncodedEntry<'a> {
    entry: &'a Entry,
    payload: String,
}

fn encode<'a>(entries: impl Iterator<Item = &'a Entry>) -> Result<Vec<EncodedEntry<'a>>, StoreError> {
    entries
        .map(|entry| {
            Ok(EncodedEntry {
                entry,
                payload: rules::encode(entry)?,
            })
        })
        .collect()
}

/// Where and how entries are appended.
struct Journal<'a> {
    connection: &'a Connection,
    run: i64,
    at: Timestamp,
    outsider: bool,
}

impl Journal<'_> {
    /// Appends the rows, and returns the place of the last.
    fn extend(&self, mut tail: Tail, rows: Vec<EncodedEntry<'_>>) -> Result<u64, Fault> {
        for row in rows {
            tail.seq += 1;
            tail.driver_entries += u64::from(!self.outsider);
            tail.hash = chain_hash(
                &tail.hash,
                tail.seq,
                self.at,
                self.outsider,
                row.entry.kind(),
                &row.payload,
            );
            let (id, entry) = (entry_id(self.run, tail.seq)?, row.entry);
            self.insert(id, &tail, row)?;
            requirements::note(self.connection, self.run, id, entry)?;
        }
        Ok(tail.seq)
    }

    fn insert(&self, id: i64, tail: &Tail, row: EncodedEntry<'_>) -> rusqlite::Result<()> {
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO entries (id, driver_entries, outsider, at, kind, payload, hash) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        insert.raw_bind_parameter(1, id)?;
        insert.raw_bind_parameter(2, tail.driver_entries.cast_signed())?;
        insert.raw_bind_parameter(3, self.outsider)?;
        insert.raw_bind_parameter(4, self.at.0)?;
        insert.raw_bind_parameter(5, row.entry.kind())?;
        insert.raw_bind_parameter(6, &row.payload)?;
        insert.raw_bind_parameter(7, tail.hash)?;
        // SQLite has a copy by now and is about to make another: a result of megabytes need not stand in memory once more.
        drop(row);
        insert.raw_execute()?;
        if self.outsider {
            self.connection
                .prepare_cached("INSERT INTO outsiders (entry) VALUES (?1)")?
                .execute([id])?;
        }
        Ok(())
    }

    fn set_status(&self, status: RunStatus, release: bool) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached(
                "UPDATE runs SET status = ?2, updated_at = ?3, holder = iif(?4, NULL, holder), \
                 held_since = iif(?4, NULL, held_since) WHERE run = ?1",
            )?
            .execute(params![self.run, status.as_str(), self.at.0, release])
            .map(drop)
    }
}
