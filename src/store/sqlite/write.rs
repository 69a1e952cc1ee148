//! What is written to the database. Each operation checks first and writes then: a refused one leaves no trace, except that a lease
//! which seemed to last too long is cut down, and that one of a holder whom nobody can see is watched.

use rusqlite::{Connection, OptionalExtension, Statement, params};

use super::entry_id::{entry_id, ids_of};
use super::fault::Fault;
use super::read::{Tail, is_cancelled_after, tail};
use super::{Surroundings, due, lease, outbox, outline, requirements, signals};
use crate::journal::{AuditKey, Chain, Content, Entry, FORMAT, Link, Salt, Seal, Sealing};
use crate::store::late_cancel;
use crate::store::rules::{self, RunState, Verdict};
use crate::store::salts::Salts;
use crate::store::signals::may_take;
use crate::store::{Append, Author, Committed, NewRun, Operation, RunStatus, StoreError};
use crate::{Text, Timestamp};

/// Carries the operations of one transaction out, one after the other.
pub(super) struct Batch<'a> {
    connection: &'a Connection,
    surroundings: Surroundings<'a>,
    /// The run that the operation before has appended to, as it left it: a tool's outcome and the reply to it are two operations. Nobody
    /// else writes before the transaction ends.
    left: Option<(&'a Text, Found)>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(connection: &'a Connection, surroundings: Surroundings<'a>) -> Self {
        Self {
            connection,
            surroundings,
            left: None,
        }
    }

    pub(super) fn carry_out(&mut self, operation: &'a Operation) -> Result<Committed, Fault> {
        let left = self.left.take();
        let (connection, surroundings) = (self.connection, self.surroundings);
        match operation {
            Operation::Create(new) => create(connection, new, surroundings),
            Operation::Append(append) => self.append(append, left),
            Operation::Signal(signal) => signals::take_in(connection, signal, surroundings).map(Committed::Signalled),
            Operation::Acquire {
                run_id,
                holder,
                now,
                expires,
                known,
            } => {
                let applicant = lease::Applicant {
                    holder,
                    now: *now,
                    expires: *expires,
                    known: *known,
                };
                lease::acquire(connection, run_id, applicant, surroundings)
            }
            Operation::Release { run_id, epoch } => lease::release(connection, run_id, *epoch),
            Operation::ClaimDue(claim) => Ok(Committed::DueClaimed(due::claim(connection, claim, surroundings)?)),
            Operation::ClaimOutbox(claim) => Ok(Committed::OutboxClaimed(outbox::claim(
                connection,
                claim,
                surroundings.liveness,
            )?)),
            Operation::AdvanceOutbox { claim, place } => {
                let is_ours = outbox::advance(connection, claim, *place, surroundings.liveness)?;
                Ok(Committed::OutboxAdvanced(is_ours))
            }
        }
    }

    fn append(&mut self, append: &'a Append, left: Option<(&Text, Found)>) -> Result<Committed, Fault> {
        let found = match left {
            Some((run_id, found)) if *run_id == append.run_id => found,
            _ => find(self.connection, append, self.surroundings.key)?,
        };
        let (committed, found) = self::append(self.connection, append, found, self.surroundings)?;
        if may_take(append)
            && let (Some(found), Committed::Appended { seq }) = (&found, &committed)
            && signals::deliver_kept(self.connection, found.run, append, self.surroundings)?
        {
            return Ok(Committed::Delivered { seq: *seq });
        }
        self.left = found.map(|found| (&append.run_id, found));
        Ok(committed)
    }
}

fn create(connection: &Connection, new: &NewRun, surroundings: Surroundings<'_>) -> Result<Committed, Fault> {
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
    let key = surroundings.key;
    let rows = encode(new.entries.iter())?;
    let holder = match new.is_queued() {
        true => None,
        false => Some(lease::enlist(
            connection,
            &new.holder,
            new.at,
            new.expires,
            surroundings.liveness,
        )?),
    };
    let run = insert_run(connection, new, holder, key)?;
    let journal = Journal {
        connection,
        run,
        chain: rules::chain_to_begin(key),
        at: new.at,
        outsider: false,
        salts: surroundings.salts,
    };
    let beginning = Tail::genesis(&new.run_id, &journal.chain);
    Ok(Committed::Appended {
        seq: journal.extend(beginning, rows)?.seq,
    })
}

fn insert_run(
    connection: &Connection,
    new: &NewRun,
    holder: Option<i64>,
    key: Option<&AuditKey>,
) -> rusqlite::Result<i64> {
    let NewRun {
        run_id,
        agent_name,
        session_id,
        user_id,
        at,
        ..
    } = new;
    let status = rules::status_of(new).as_str();
    let held_since = holder.map(|_| at.0);
    let key_id = key.map(AuditKey::id);
    let not_before = rules::not_before_of(new.entries.iter()).map(|from| from.0);
    connection
        .prepare_cached(
            "INSERT INTO runs (run, run_id, agent_name, session_id, user_id, status, created_at, updated_at, epoch, holder, \
             held_since, format, audit_key_id, not_before) VALUES ((SELECT max(run) + 1 FROM (SELECT max(run) AS run FROM runs \
             UNION ALL SELECT max(run) FROM removals)), ?1, ?2, ?3, ?4, ?5, ?6, ?6, 1, ?7, ?8, ?9, ?10, ?11) RETURNING run",
        )?
        .query_row(
            params![
                run_id, agent_name, session_id, user_id, status, at.0, holder, held_since, FORMAT, key_id, not_before
            ],
            |row| row.get(0),
        )
}

/// Appends, and returns the run as it stands then, where that is known.
fn append(
    connection: &Connection,
    append: &Append,
    found: Found,
    surroundings: Surroundings<'_>,
) -> Result<(Committed, Option<Found>), Fault> {
    let (key, salts) = (surroundings.key, surroundings.salts);
    rules::check_author(append, found.state)
        .map_err(|error| error.naming(|| moved_payload(connection, found.run).ok().flatten()))?;
    let outsiders = found.tail.seq.saturating_sub(found.tail.driver_entries);
    let is_cancelled = |after| is_cancelled_after(connection, found.run, after, key);
    match late_cancel::instead_of(append, outsiders, is_cancelled)? {
        Some(instead) => {
            let (committed, found) = write(connection, &instead, found, salts)?;
            Ok((committed.into_cancelled(), found))
        }
        None => write(connection, append, found, salts),
    }
}

fn write(
    connection: &Connection,
    append: &Append,
    found: Found,
    salts: &Salts,
) -> Result<(Committed, Option<Found>), Fault> {
    let Found {
        run,
        mut state,
        tail,
        chain,
    } = found;
    let journaled = requirements::Journaled::new(connection, run, &append.run_id, &chain);
    let verdict = rules::judge(append, state.status, journaled)?;
    let Verdict::Write { entries, at } = verdict else {
        return Ok((Committed::AlreadyDecided, None));
    };
    let rows = encode(entries.into_iter())?;
    entry_id(run, tail.seq + rows.len() as u64)?;
    let journal = Journal {
        connection,
        run,
        chain,
        at,
        outsider: append.author == Author::External,
        salts,
    };
    let tail = journal.extend(tail, rows)?;
    if let Some(status) = rules::status_after(append) {
        journal.set_status(status, append)?;
        state.status = status;
        state.held &= append.finish.is_none();
    }
    state.driver_entries = tail.driver_entries;
    let committed = Committed::Appended { seq: tail.seq };
    let chain = journal.chain;
    Ok((
        committed,
        Some(Found {
            run,
            state,
            tail,
            chain,
        }),
    ))
}

/// Appends what somebody says who does not drive the run.
pub(super) fn append_outside(
    connection: &Connection,
    append: &Append,
    surroundings: Surroundings<'_>,
) -> Result<Committed, Fault> {
    let found = find(connection, append, surroundings.key)?;
    self::append(connection, append, found, surroundings).map(|(committed, _)| committed)
}

/// A run that entries are appended to.
struct Found {
    run: i64,
    state: RunState,
    tail: Tail,
    chain: Chain,
}

/// What the last entry says of where a run was moved; `None`: nothing, or it was erased.
pub(super) fn moved_payload(connection: &Connection, run: i64) -> rusqlite::Result<Option<String>> {
    let found = connection
        .prepare_cached(
            "SELECT payload FROM entries WHERE id BETWEEN ?1 AND ?2 AND kind = 'run_moved' ORDER BY id DESC LIMIT 1",
        )?
        .query_row(ids_of(run), |row| row.get::<_, Option<String>>(0))
        .optional()?;
    Ok(found.flatten())
}

fn find(connection: &Connection, append: &Append, key: Option<&AuditKey>) -> Result<Found, Fault> {
    let run_id = &append.run_id;
    let found = connection
        .prepare_cached(
            "SELECT run, status, epoch, holder IS NOT NULL, audit_key_id, format, erased IS NOT NULL FROM runs WHERE run_id = ?1",
        )?
        .query_row([run_id], |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, i64>(2)?,
                row.get::<_, bool>(3)?,
                row.get::<_, Option<Text>>(4)?,
                row.get::<_, u32>(5)?,
                row.get::<_, bool>(6)?,
            ))
        })
        .optional()?;
    let (run, status, epoch, held, key_id, format, is_erased) =
        found.ok_or_else(|| StoreError::RunNotFound { run_id: run_id.clone() })?;
    if is_erased && !append.author.is_mover() {
        return Err(StoreError::RunErased { run_id: run_id.clone() }.into());
    }
    let chain = rules::chain_to_write(run_id, format, key_id.as_ref(), key)?;
    let tail = tail(connection, run, run_id, &chain)?;
    let status = super::rows::status(run_id, &status)?;
    let state = RunState {
        status,
        epoch: epoch.cast_unsigned(),
        held,
        driver_entries: tail.driver_entries,
    };
    Ok(Found {
        run,
        state,
        tail,
        chain,
    })
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

pub(super) const INSERT_ENTRY: &str = "INSERT INTO entries (id, driver_entries, outsider, at, kind, hash, requires, action, actor, requirement_id, salt, \
     commitment, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";

/// Where and how entries are appended.
pub(super) struct Journal<'a> {
    connection: &'a Connection,
    run: i64,
    chain: Chain,
    at: Timestamp,
    outsider: bool,
    salts: &'a Salts,
}

impl<'a> Journal<'a> {
    /// Where somebody appends who does not drive the run.
    pub(super) fn outside(connection: &'a Connection, run: i64, chain: Chain, at: Timestamp, salts: &'a Salts) -> Self {
        Self {
            connection,
            run,
            chain,
            at,
            outsider: true,
            salts,
        }
    }

    /// Appends an entry, and returns its place.
    pub(super) fn extend_by(&self, tail: Tail, entry: &Entry) -> Result<u64, Fault> {
        Ok(self.extend(tail, encode(std::iter::once(entry))?)?.seq)
    }

    /// Appends the rows, and returns where the journal then ends.
    fn extend(&self, mut tail: Tail, rows: Vec<EncodedEntry<'_>>) -> Result<Tail, Fault> {
        let mut insert = self.connection.prepare_cached(INSERT_ENTRY)?;
        for row in rows {
            let sealing = Sealing::new(row.entry, &row.payload, self.salts.next()?);
            let seal = sealing.seal(row.entry);
            tail.seq += 1;
            tail.driver_entries += u64::from(!self.outsider);
            tail.hash = self.chain.next(&tail.hash, &self.link(&tail, row.entry, &seal));
            let (id, entry) = (entry_id(self.run, tail.seq)?, row.entry);
            let outline = crate::store::outline::of(entry.kind(), &row.payload);
            self.insert(&mut insert, id, &tail, row, &sealing.salt, &seal)?;
            outline::note(self.connection, id, outline)?;
            requirements::note(self.connection, self.run, id, entry)?;
        }
        Ok(tail)
    }

    fn link<'b>(&self, tail: &Tail, entry: &'b Entry, seal: &'b Seal<'b>) -> Link<'b> {
        Link {
            seq: tail.seq,
            at: self.at,
            outsider: self.outsider,
            kind: entry.kind(),
            content: Content::Seal(seal),
        }
    }

    fn insert(
        &self,
        insert: &mut Statement<'_>,
        id: i64,
        tail: &Tail,
        row: EncodedEntry<'_>,
        salt: &Salt,
        seal: &Seal<'_>,
    ) -> rusqlite::Result<()> {
        insert.raw_bind_parameter(1, id)?;
        insert.raw_bind_parameter(2, tail.driver_entries.cast_signed())?;
        insert.raw_bind_parameter(3, self.outsider)?;
        insert.raw_bind_parameter(4, self.at.0)?;
        insert.raw_bind_parameter(5, row.entry.kind())?;
        insert.raw_bind_parameter(6, tail.hash)?;
        insert.raw_bind_parameter(7, seal.requires)?;
        insert.raw_bind_parameter(8, seal.attribution.action)?;
        insert.raw_bind_parameter(9, seal.attribution.actor)?;
        insert.raw_bind_parameter(10, seal.attribution.requirement_id)?;
        insert.raw_bind_parameter(11, salt)?;
        insert.raw_bind_parameter(12, seal.commitment)?;
        insert.raw_bind_parameter(13, &row.payload)?;
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

    fn set_status(&self, status: RunStatus, append: &Append) -> rusqlite::Result<()> {
        let finish = append.finish.as_ref();
        let goes_on_with = finish.map(|finish| finish.goes_on_with.cast_signed());
        let not_before = rules::not_before_after(append);
        self.connection
            .prepare_cached(
                "UPDATE runs SET status = ?2, updated_at = ?3, holder = iif(?4, NULL, holder), \
                 held_since = iif(?4, NULL, held_since), goes_on_with = coalesce(?5, goes_on_with), \
                 not_before = iif(?6, ?7, not_before) WHERE run = ?1",
            )?
            .execute(params![
                self.run,
                status.as_str(),
                self.at.0,
                finish.is_some(),
                goes_on_with,
                not_before.is_some(),
                not_before.flatten().map(|from| from.0)
            ])
            .map(drop)
    }
}
