//! What a batch makes of one run, before any of it is written.
//!
//! Operations are carried out on a draft: the run as it was read, and what is to be written behind it. The draft is then written as a whole,
//! if the run still is as it was read. So nothing is locked while hashes are computed, and what was judged is what is written.

use std::cell::Cell;
use std::collections::HashSet;

use haltpoint_engine::journal::{
    self, AuditKey, Chain, Content, Entry, Event, Hash, JournalEnd, Link, Record, RequirementDecided, Salt, Sealing,
    Terms,
};
use haltpoint_engine::requirement::RememberScope;
use haltpoint_engine::store::rules::{self, Precedents, RequirementState, Requirements, RunState, Verdict, is_final};
use haltpoint_engine::store::salts::Salts;
use haltpoint_engine::store::signals::may_take;
use haltpoint_engine::store::{Append, Author, Committed, NewRun, RunRow, RunStatus, StoreError, instead_of, outline};
use haltpoint_engine::{Text, Timestamp};
use tokio_postgres::types::Type;

use crate::connection::{Connection, get};
use crate::fault::{Failure, Fault};
use crate::read::{is_cancelled_in, part};
use crate::rows::{FoundLease, FoundRun, Head, next_record_of};
use crate::signals::{Matching, take_kept};
use crate::text::{stored, text};

/// What a decision is judged by.
const JUDGED_BY: [&str; 5] = [
    "requirement_opened",
    "requirement_decided",
    "requirement_expired",
    "approval_revoked",
    "run_completed",
];

/// A run as it was read, and what is to become of it.
pub(crate) struct Draft {
    /// What the run must still be when it is written; `None`: it must not exist.
    pub(crate) base: Option<Base>,
    pub(crate) row: RunRow,
    /// The number of the holder's row.
    pub(crate) holder: Option<i64>,
    pub(crate) held_since: Option<i64>,
    pub(crate) lease: Option<FoundLease>,
    pub(crate) head: Head,
    pub(crate) requires: Option<String>,
    pub(crate) open_requirements: i64,
    pub(crate) goes_on_with: i64,
    pub(crate) entries: Vec<NewEntry>,
    pub(crate) requirements: Vec<Change>,
    /// What it does with signals.
    pub(crate) matching: Matching,
    /// A lease that was taken over must not have been renewed meanwhile.
    pub(crate) taken_from: Option<FoundLease>,
    pub(crate) is_changed: bool,
    standing: Option<Standing>,
}

/// A run as it was read.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    pub(crate) run: i64,
    pub(crate) epoch: u64,
    pub(crate) holder: Option<i64>,
    pub(crate) head: Head,
}

/// An entry that is to be written.
pub(crate) struct NewEntry {
    /// Its place among all entries of the batch.
    pub(crate) order: i64,
    pub(crate) seq: u64,
    pub(crate) driver_entries: u64,
    pub(crate) at: Timestamp,
    pub(crate) outsider: bool,
    pub(crate) entry: Entry,
    pub(crate) payload: String,
    pub(crate) hash: Hash,
    pub(crate) sealing: Sealing,
    pub(crate) outline: Option<String>,
}

/// What becomes of a requirement's row.
#[derive(Default)]
pub(crate) struct Change {
    pub(crate) requirement_id: Text,
    /// The place of the entry that opens it among all of the batch.
    pub(crate) order: i64,
    /// It is opened: its kind, the place of the entry, and for how long and how many people it waits.
    pub(crate) opened: Option<(&'static str, u64, Terms)>,
    /// What stands for the event that it waits for.
    pub(crate) topic: Option<Hash>,
    pub(crate) decided: Option<u64>,
    pub(crate) approvals: Vec<u64>,
    pub(crate) memory: Option<Memory>,
    pub(crate) revoked: Option<u64>,
}

/// What makes an approval answer later calls.
pub(crate) struct Memory {
    pub(crate) session_id: Option<Text>,
    pub(crate) key: Text,
}

/// What the journal says of the run's requirements.
#[derive(Default)]
struct Standing {
    requirements: Requirements,
    is_completed: bool,
    /// Those in the index, as far as they were there before.
    indexed: HashSet<Text>,
}

impl Standing {
    fn note(&mut self, entry: &Entry, at: Timestamp) {
        self.is_completed |= matches!(entry, Entry::RunCompleted(_));
        self.requirements.note(entry, at);
    }
}

/// What must be known beside the database.
#[derive(Clone, Copy)]
pub(crate) struct Means<'a> {
    pub(crate) key: Option<&'a AuditKey>,
    pub(crate) salts: &'a Salts,
    /// How many entries there are so far, of whatever run.
    pub(crate) count: &'a Cell<i64>,
}

impl Draft {
    /// Of a run that is there. What its last entry requires is known to this release.
    pub(crate) fn of(found: FoundRun) -> Result<Self, StoreError> {
        if let Some(requires) = &found.requires {
            let checked = journal::check_requires(requires);
            checked.map_err(|fault| rules::misfit(&found.row.run_id, found.head.seq, fault))?;
        }
        Ok(Self {
            base: Some(Base {
                run: found.run,
                epoch: found.row.epoch,
                holder: found.holder,
                head: found.head.clone(),
            }),
            held_since: found.held_since,
            row: found.row,
            holder: found.holder,
            lease: found.lease,
            head: found.head,
            requires: found.requires,
            open_requirements: found.open_requirements,
            goes_on_with: found.goes_on_with,
            entries: Vec::new(),
            requirements: Vec::new(),
            matching: Matching::default(),
            taken_from: None,
            is_changed: false,
            standing: None,
        })
    }

    /// Of a new run, with the lease of who drives it.
    pub(crate) fn create(
        new: &NewRun,
        lease: Option<FoundLease>,
        means: Means<'_>,
    ) -> Result<(Self, Committed), Fault> {
        let chain = rules::chain_to_begin(means.key);
        let row = RunRow {
            run_id: new.run_id.clone(),
            agent_name: new.agent_name.clone(),
            session_id: new.session_id.clone(),
            user_id: new.user_id.clone(),
            status: rules::status_of(new),
            created_at: new.at,
            updated_at: new.at,
            not_before: rules::not_before_of(new.entries.iter()),
            epoch: 1,
            holder: (!new.is_queued()).then(|| new.holder.clone()),
            format: journal::FORMAT,
            is_erased: false,
            audit_key_id: means.key.map(|key| key.id().clone()),
        };
        let mut draft = Self {
            base: None,
            row,
            holder: lease.as_ref().map(|lease| lease.holder),
            held_since: lease.as_ref().map(|_| new.at.0),
            lease,
            head: Head {
                seq: 0,
                driver_entries: 0,
                hash: chain.genesis(&new.run_id),
            },
            requires: None,
            open_requirements: 0,
            goes_on_with: 0,
            entries: Vec::new(),
            requirements: Vec::new(),
            matching: Matching::default(),
            taken_from: None,
            is_changed: true,
            standing: Some(Standing::default()),
        };
        let entries: Vec<&Entry> = new.entries.iter().collect();
        let seq = draft.extend(&entries, new.at, false, &chain, means)?;
        Ok((draft, Committed::Appended { seq }))
    }

    /// The number of the run that is there.
    pub(crate) fn run(&self) -> Option<i64> {
        self.base.as_ref().map(|base| base.run)
    }

    /// Whether somebody waits for what it writes: a decision, a cancel request, a run that was submitted.
    pub(crate) fn is_news(&self) -> bool {
        self.entries
            .iter()
            .any(|new| new.outsider || matches!(new.entry, Entry::RunQueued(_) | Entry::RunArrived(_)))
    }

    /// The records that are to be written, behind what is known of the journal.
    pub(crate) fn new_records(&self, known: Option<JournalEnd>) -> impl Iterator<Item = Record> {
        let known = known.map_or(0, |known| known.seq);
        let behind = self.entries.iter().filter(move |new| new.seq > known);
        behind.map(|new| Record {
            seq: new.seq,
            at: new.at,
            outsider: new.outsider,
            entry: new.entry.clone(),
            hash: new.hash,
        })
    }

    /// Appends what is to be written of an append.
    pub(crate) fn append(
        &mut self,
        connection: &mut Connection,
        append: &Append,
        means: Means<'_>,
    ) -> Result<Committed, Fault> {
        if !append.author.is_mover() {
            rules::check_not_erased(&self.row)?;
        }
        let row = &self.row;
        let chain = rules::chain_to_write(&row.run_id, row.format, row.audit_key_id.as_ref(), means.key)?;
        let state = RunState {
            status: row.status,
            epoch: row.epoch,
            held: self.holder.is_some(),
            driver_entries: self.head.driver_entries,
        };
        if let Err(error) = rules::check_author(append, state) {
            let moved = self.moved_payload(connection)?;
            return Err(error.naming(|| moved).into());
        }
        let outsiders = self.head.seq.saturating_sub(self.head.driver_entries);
        let is_cancelled = |after| self.is_cancelled_after(connection, after, means.key);
        match instead_of(append, outsiders, is_cancelled)? {
            Some(instead) => {
                let written = self.write(connection, &instead, &chain, means)?;
                Ok(written.into_cancelled())
            }
            None => self.write(connection, append, &chain, means),
        }
    }

    /// As [`Draft::append`]; signals that are kept end waits that begin with it.
    pub(crate) fn append_and_take(
        &mut self,
        connection: &mut Connection,
        append: &Append,
        means: Means<'_>,
    ) -> Result<Committed, Fault> {
        let committed = self.append(connection, append, means)?;
        match committed {
            Committed::Appended { seq } if may_take(append) && take_kept(connection, self, append, means)? => {
                Ok(Committed::Delivered { seq })
            }
            committed => Ok(committed),
        }
    }

    /// What the last entry says of where the run was moved; `None`: nothing, or it was erased.
    pub(crate) fn moved_payload(&self, connection: &mut Connection) -> Result<Option<String>, Failure> {
        let is_move = |new: &&NewEntry| matches!(new.entry, Entry::RunMoved(_));
        let here = self.entries.iter().rev().find(is_move).map(|new| new.payload.clone());
        match (&self.base, here) {
            (Some(base), None) if self.row.status == RunStatus::Moved => {
                let found = connection.ask(
                    "SELECT payload FROM @entries WHERE run = $1 AND kind = 'run_moved' ORDER BY seq DESC LIMIT 1",
                    &[(&base.run, Type::INT8)],
                )?;
                found.first().map_or(Ok(None), |row| get(row, 0))
            }
            (_, here) => Ok(here),
        }
    }

    fn is_cancelled_after(
        &self,
        connection: &mut Connection,
        after: u64,
        key: Option<&AuditKey>,
    ) -> Result<bool, Fault> {
        let is_cancel = |new: &NewEntry| new.outsider && matches!(new.entry, Entry::CancelRequested(_));
        if self.entries.iter().any(|new| new.seq > after && is_cancel(new)) {
            return Ok(true);
        }
        match &self.base {
            Some(base) => is_cancelled_in(connection, base.run, (after, base.head.seq), key),
            None => Ok(false),
        }
    }

    fn write(
        &mut self,
        connection: &mut Connection,
        append: &Append,
        chain: &Chain,
        means: Means<'_>,
    ) -> Result<Committed, Fault> {
        let status = self.row.status;
        let precedents = Journaled {
            connection,
            draft: self,
            chain,
        };
        let verdict = rules::judge(append, status, precedents)?;
        let Verdict::Write { entries, at } = verdict else {
            return Ok(Committed::AlreadyDecided);
        };
        self.read_what_is_closed(connection, &entries, chain)?;
        let outsider = append.author == Author::External;
        let seq = self.extend(&entries, at, outsider, chain, means)?;
        if let Some(status) = rules::status_after(append) {
            (self.row.status, self.row.updated_at) = (status, at);
            self.row.not_before = rules::not_before_after(append).unwrap_or(self.row.not_before);
        }
        if let Some(finish) = &append.finish {
            self.goes_on_with = finish.goes_on_with.cast_signed();
            self.release();
        }
        Ok(Committed::Appended { seq })
    }

    /// Gives the lease back.
    pub(crate) fn release(&mut self) {
        self.is_changed |= self.holder.is_some();
        (self.holder, self.held_since, self.lease, self.row.holder) = (None, None, None, None);
    }

    /// Appends entries, all or none, and returns the place of the last.
    pub(crate) fn extend(
        &mut self,
        entries: &[&Entry],
        at: Timestamp,
        outsider: bool,
        chain: &Chain,
        means: Means<'_>,
    ) -> Result<u64, StoreError> {
        let encoded: Vec<(String, Salt)> = entries
            .iter()
            .map(|entry| Ok((rules::encode(entry)?, means.salts.next()?)))
            .collect::<Result<_, StoreError>>()?;
        for (entry, (payload, salt)) in entries.iter().zip(encoded) {
            let sealing = Sealing::new(entry, &payload, salt);
            let seal = sealing.seal(entry);
            self.head.seq += 1;
            self.head.driver_entries += u64::from(!outsider);
            let link = Link {
                seq: self.head.seq,
                at,
                outsider,
                kind: entry.kind(),
                content: Content::Seal(&seal),
            };
            self.head.hash = chain.next(&self.head.hash, &link);
            self.requires.clone_from(&sealing.requires);
            means.count.set(means.count.get() + 1);
            self.note(entry, means.count.get(), at);
            self.entries.push(NewEntry {
                order: means.count.get(),
                seq: self.head.seq,
                driver_entries: self.head.driver_entries,
                at,
                outsider,
                outline: outline::of(entry.kind(), &payload),
                entry: (*entry).clone(),
                payload,
                hash: self.head.hash,
                sealing,
            });
        }
        self.is_changed |= !entries.is_empty();
        Ok(self.head.seq)
    }

    /// Keeps the index in step with an entry.
    fn note(&mut self, entry: &Entry, order: i64, at: Timestamp) {
        let seq = self.head.seq;
        match entry {
            Entry::RequirementOpened(opened) => {
                let change = self.change(&opened.requirement_id);
                (change.order, change.opened) = (order, Some((opened.kind.as_str(), seq, opened.terms)));
                change.topic = opened.event.as_ref().map(Event::topic);
                self.open_requirements += 1;
            }
            Entry::RequirementDecided(decided) => self.note_decided(decided, seq),
            Entry::RequirementExpired(expired) => self.close(&expired.requirement_id, seq),
            Entry::ApprovalRevoked(revoked) => {
                let change = self.change(&revoked.requirement_id);
                change.revoked.get_or_insert(seq);
            }
            _ => {}
        }
        if let Some(standing) = &mut self.standing {
            standing.note(entry, at);
        }
    }

    fn note_decided(&mut self, decided: &RequirementDecided, seq: u64) {
        let requirement_id = &decided.requirement_id;
        let (terms, given) = self.waiting(requirement_id);
        if !is_final(&terms, decided) {
            self.change(requirement_id).approvals.push(seq);
            if given + 1 < terms.approvals {
                return;
            }
        }
        self.close(requirement_id, seq);
        let session_id = self.row.session_id.clone();
        if let (Some(remember), Some(key)) = (decided.decision.remember(), &decided.memory_key) {
            self.change(requirement_id).memory = Some(Memory {
                session_id: session_id.filter(|_| remember.scope == RememberScope::Session),
                key: key.clone(),
            });
        }
    }

    /// For how many people a requirement waits, and how many have confirmed.
    fn waiting(&self, requirement_id: &Text) -> (Terms, u32) {
        let here = self
            .requirements
            .iter()
            .find(|change| change.requirement_id == *requirement_id);
        if let Some(Change {
            opened: Some((_, _, terms)),
            approvals,
            ..
        }) = here
        {
            return (*terms, u32::try_from(approvals.len()).unwrap_or(u32::MAX));
        }
        let standing = self.standing.as_ref();
        match standing.and_then(|standing| standing.requirements.get(requirement_id)) {
            Some(RequirementState::Open(open)) => (open.terms, u32::try_from(open.approvals.len()).unwrap_or(u32::MAX)),
            // It was judged before: what is decided here is open.
            _ => (Terms::default(), 0),
        }
    }

    /// The open requirements that wait for events, with what stands for those.
    pub(crate) fn waits(&self, connection: &mut Connection) -> Result<Vec<(Text, Hash)>, Failure> {
        let mut waits = Vec::new();
        if let Some(base) = &self.base
            && self.open_requirements > 0
        {
            let rows = connection.ask(
                "SELECT requirement_id, topic FROM @requirements WHERE run = $1 AND decided IS NULL AND topic IS NOT NULL ORDER BY place",
                &[(&base.run, Type::INT8)],
            )?;
            for row in &rows {
                if let Ok(topic) = Hash::try_from(get::<&[u8]>(row, 1)?) {
                    waits.push((text(get(row, 0)?), topic));
                }
            }
        }
        let is_closed = |id: &Text| {
            self.requirements
                .iter()
                .any(|change| change.decided.is_some() && change.requirement_id == *id)
        };
        let opened = self.requirements.iter();
        waits.extend(opened.filter_map(|change| Some((change.requirement_id.clone(), change.topic?))));
        waits.retain(|(id, _)| !is_closed(id));
        Ok(waits)
    }

    fn close(&mut self, requirement_id: &Text, seq: u64) {
        self.open_requirements -= 1;
        self.change(requirement_id).decided = Some(seq);
    }

    fn change(&mut self, requirement_id: &Text) -> &mut Change {
        let found = self
            .requirements
            .iter()
            .position(|change| change.requirement_id == *requirement_id);
        let place = found.unwrap_or_else(|| {
            self.requirements.push(Change {
                requirement_id: requirement_id.clone(),
                ..Change::default()
            });
            self.requirements.len() - 1
        });
        &mut self.requirements[place]
    }

    /// What becomes of a requirement that was opened before is known from the journal only.
    fn read_what_is_closed(
        &mut self,
        connection: &mut Connection,
        entries: &[&Entry],
        chain: &Chain,
    ) -> Result<(), Fault> {
        let mut opened: HashSet<&Text> = HashSet::new();
        for entry in entries {
            match entry {
                Entry::RequirementOpened(here) => {
                    opened.insert(&here.requirement_id);
                }
                Entry::RequirementDecided(decided) if !opened.contains(&decided.requirement_id) => {
                    self.read_standing(connection, chain)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn read_standing(&mut self, connection: &mut Connection, chain: &Chain) -> Result<&Standing, Fault> {
        if self.standing.is_none() {
            self.standing = Some(self.journaled(connection, chain)?);
        }
        Ok(self.standing.get_or_insert_default())
    }

    /// All hashes are checked: an entry that was taken for another one would open again what it had closed.
    fn journaled(&self, connection: &mut Connection, chain: &Chain) -> Result<Standing, Fault> {
        let mut standing = Standing::default();
        let run_id = &self.row.run_id;
        if let Some(base) = &self.base {
            let rows = part(connection, base.run, 0, base.head.seq)?;
            let mut hash = chain.genesis(run_id);
            for (place, row) in (1..).zip(&rows) {
                let (next, at, record) = next_record_of(run_id, row, place, chain, &hash, &JUDGED_BY)?;
                hash = next;
                match record {
                    Some(record) => standing.note(&record.entry, at),
                    None => standing.requirements.note_time(at),
                }
            }
            if rows.len() as u64 != base.head.seq || hash != base.head.hash {
                return Err(crate::rows::does_not_fit(run_id, base.head.seq).into());
            }
            let known = connection.ask(
                "SELECT requirement_id FROM @requirements WHERE run = $1",
                &[(&base.run, Type::INT8)],
            )?;
            for row in &known {
                standing.indexed.insert(text(get(row, 0)?));
            }
        }
        for new in &self.entries {
            standing.note(&new.entry, new.at);
        }
        Ok(standing)
    }

    fn is_indexed(&self, requirement_id: &str) -> bool {
        let is_it = |change: &Change| change.opened.is_some() && &*change.requirement_id == requirement_id;
        let is_known = |standing: &Standing| standing.indexed.contains(requirement_id);
        self.requirements.iter().any(is_it) || self.standing.as_ref().is_some_and(is_known)
    }
}

/// What the run's journal says of its requirements. It is read once, and only where a decision is to be judged.
struct Journaled<'a> {
    connection: &'a mut Connection,
    draft: &'a mut Draft,
    chain: &'a Chain,
}

impl Journaled<'_> {
    fn standing(&mut self) -> Result<&Standing, Fault> {
        self.draft.read_standing(self.connection, self.chain)
    }
}

impl Precedents for Journaled<'_> {
    type Error = Fault;

    fn is_known(&mut self, requirement_id: &str) -> Result<bool, Fault> {
        let (true, Some(run)) = (self.draft.standing.is_none(), self.draft.run()) else {
            return Ok(self.draft.is_indexed(requirement_id));
        };
        if self.draft.is_indexed(requirement_id) {
            return Ok(true);
        }
        let found = self.connection.ask(
            "SELECT 1 FROM @requirements WHERE run = $1 AND requirement_id = $2",
            &[(&run, Type::INT8), (&stored(requirement_id), Type::TEXT)],
        )?;
        Ok(!found.is_empty())
    }

    fn state(&mut self, requirement_id: &str) -> Result<Option<RequirementState>, Fault> {
        let found = self.standing()?.requirements.get(requirement_id).cloned();
        // What is written for a requirement goes to its row, too.
        if found.is_some() && !self.draft.is_indexed(requirement_id) {
            let run_id = &self.draft.row.run_id;
            let problem = format!(
                "requirement {requirement_id} of run {run_id} stands in its journal and not in the index of requirements"
            );
            return Err(haltpoint_engine::store::damage::damaged(run_id, &problem).into());
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
