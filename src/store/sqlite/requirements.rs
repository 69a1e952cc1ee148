//! The index over requirements: which are open, until when and for how many people, and which entry closed the others.
//!
//! It serves lists and look-ups. What a decision is judged by stands in the journal: no hash covers the index.

use rusqlite::{Connection, OptionalExtension, params};

use super::entry_id::ids_of;
use super::fault::Fault;
use super::remembered_approvals;
use super::rows::{SELECT_JOURNAL, next_record_of};
use crate::Timestamp;
use crate::journal::{Chain, Entry, Event, RequirementDecided, RequirementOpened, Terms};
use crate::store::damage::damaged;
use crate::store::rules::{Precedents, RequirementState, Requirements, is_final};

/// What a decision is judged by.
const JUDGED_BY: [&str; 5] = [
    "requirement_opened",
    "requirement_decided",
    "requirement_expired",
    "approval_revoked",
    "run_completed",
];

/// What the run's journal says of its requirements. It is read once, and only where a decision is to be judged.
pub(super) struct Journaled<'a> {
    connection: &'a Connection,
    run: i64,
    run_id: &'a str,
    chain: &'a Chain,
    read: Option<Standing>,
}

/// How a journal leaves its run.
#[derive(Default)]
struct Standing {
    requirements: Requirements,
    is_completed: bool,
}

impl<'a> Journaled<'a> {
    pub(super) fn new(connection: &'a Connection, run: i64, run_id: &'a str, chain: &'a Chain) -> Self {
        Self {
            connection,
            run,
            run_id,
            chain,
            read: None,
        }
    }

    fn standing(&mut self) -> Result<&Standing, Fault> {
        if self.read.is_none() {
            self.read = Some(self.read_journal()?);
        }
        Ok(self.read.get_or_insert_default())
    }

    /// All hashes are checked: an entry that was taken for another one would open again what it had closed.
    fn read_journal(&self) -> Result<Standing, Fault> {
        let mut statement = self.connection.prepare_cached(SELECT_JOURNAL)?;
        let mut rows = statement.query(ids_of(self.run))?;
        let (mut standing, mut hash) = (Standing::default(), self.chain.genesis(self.run_id));
        for place in 1.. {
            let Some(row) = rows.next()? else { break };
            let (next, at, record) = next_record_of(self.run_id, row, place, self.chain, &hash, &JUDGED_BY)?;
            hash = next;
            match record {
                Some(record) => {
                    standing.is_completed |= matches!(record.entry, Entry::RunCompleted(_));
                    standing.requirements.note(&record.entry, at);
                }
                None => standing.requirements.note_time(at),
            }
        }
        Ok(standing)
    }

    /// What is written for a requirement goes to its row, too.
    fn check_row(&self, requirement_id: &str) -> Result<(), Fault> {
        if row(self.connection, self.run, requirement_id)?.is_some() {
            return Ok(());
        }
        let problem = format!(
            "requirement {requirement_id} of run {} stands in its journal and not in the index of requirements",
            self.run_id
        );
        Err(damaged(self.run_id, &problem).into())
    }
}

impl Precedents for Journaled<'_> {
    type Error = Fault;

    fn is_known(&mut self, requirement_id: &str) -> Result<bool, Fault> {
        Ok(row(self.connection, self.run, requirement_id)?.is_some())
    }

    fn state(&mut self, requirement_id: &str) -> Result<Option<RequirementState>, Fault> {
        let found = self.standing()?.requirements.get(requirement_id).cloned();
        if found.is_some() {
            self.check_row(requirement_id)?;
        }
        Ok(found)
    }

    fn is_completed(&mut self) -> Result<bool, Fault> {
        Ok(self.standing()?.is_completed)
    }

    fn latest_since(&mut self, requirement_id: &str) -> Result<Option<Timestamp>, Fault> {
        Ok(self.standing()?.requirements.latest_since(requirement_id))
    }
}

/// A requirement's row.
struct Row {
    place: i64,
    terms: Terms,
}

fn row(connection: &Connection, run: i64, requirement_id: &str) -> rusqlite::Result<Option<Row>> {
    connection
        .prepare_cached(
            "SELECT place, expires_at, approvals_needed FROM requirements WHERE run = ?1 AND requirement_id = ?2",
        )?
        .query_row(params![run, requirement_id], |row| {
            Ok(Row {
                place: row.get(0)?,
                terms: Terms {
                    expires_at: row.get::<_, Option<i64>>(1)?.map(Timestamp),
                    approvals: row.get(2)?,
                },
            })
        })
        .optional()
}

/// Keeps the index in step with an entry that was just written as `id`.
pub(super) fn note(connection: &Connection, run: i64, id: i64, entry: &Entry) -> rusqlite::Result<()> {
    match entry {
        Entry::RequirementOpened(opened) => note_opened(connection, run, id, opened),
        Entry::RequirementDecided(decided) => note_decided(connection, run, id, decided),
        Entry::RequirementExpired(expired) => close(connection, run, id, &expired.requirement_id),
        Entry::ApprovalRevoked(revoked) => remembered_approvals::note_revoked(connection, run, id, revoked),
        _ => Ok(()),
    }
}

fn note_opened(connection: &Connection, run: i64, id: i64, opened: &RequirementOpened) -> rusqlite::Result<()> {
    let (kind, terms) = (opened.kind.as_str(), &opened.terms);
    let expires_at = terms.expires_at.map(|at| at.0);
    connection
        .prepare_cached(
            "INSERT INTO requirements (run, requirement_id, kind, opened, expires_at, approvals_needed, topic) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            run,
            opened.requirement_id,
            kind,
            id,
            expires_at,
            terms.approvals,
            opened.event.as_ref().map(Event::topic)
        ])
        .map(drop)
}

fn note_decided(connection: &Connection, run: i64, id: i64, decided: &RequirementDecided) -> rusqlite::Result<()> {
    let requirement_id = &decided.requirement_id;
    let found = row(connection, run, requirement_id)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    if !is_final(&found.terms, decided) && !is_last_approval(connection, &found, id)? {
        return Ok(());
    }
    close(connection, run, id, requirement_id)?;
    remembered_approvals::note(connection, run, found.place, decided)
}

/// Adds an approval, and says whether all that are needed are there.
fn is_last_approval(connection: &Connection, row: &Row, id: i64) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO approvals (requirement, entry) VALUES (?1, ?2)")?
        .execute(params![row.place, id])?;
    let count: u32 = connection
        .prepare_cached("SELECT count(*) FROM approvals WHERE requirement = ?1")?
        .query_row([row.place], |row| row.get(0))?;
    Ok(count >= row.terms.approvals)
}

fn close(connection: &Connection, run: i64, id: i64, requirement_id: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE requirements SET decided = ?3 WHERE run = ?1 AND requirement_id = ?2")?
        .execute(params![run, requirement_id, id])
        .map(drop)
}
