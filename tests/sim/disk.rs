//! The machine's disk, which all processes share: the store itself, and beside it what its journals must add up to.

use std::collections::BTreeMap;

use haltpoint_engine::journal::{Entry, Record};
use haltpoint_engine::requirement::Decision;
use haltpoint_engine::run::Run;
use haltpoint_engine::session::verify;
use haltpoint_engine::store::holder::{Holder, Liveness};
use haltpoint_engine::store::memory::MemoryStore;
use haltpoint_engine::store::{
    Append, Author, Committed, Finish, LeaseGrant, Operation, RequirementFilter, RequirementSet, RunStatus, SaltSource,
    Store, StoreError, WritableStore,
};
use haltpoint_engine::{Text, Timestamp};

use crate::difference::first_difference;
use crate::history::Setting;
use crate::journal::Journal;
use crate::ledger::Ledger;
use crate::liveness::Lives;
use crate::memory::ApprovalMemory;
use crate::process::LEASE;
use crate::rows::{self, Rows};
use crate::sabotage::Tampering;
use crate::server::Server;
use crate::witness::{Happening, Promise, Witness};

type Outcome = Result<Committed, StoreError>;

/// The disk, with everything that is known of what was written to it.
pub(crate) struct Disk {
    pub(crate) store: Box<dyn WritableStore>,
    rows: Option<Rows>,
    pub(crate) journals: BTreeMap<Text, Journal>,
    pub(crate) ledger: Ledger,
    pub(crate) lives: Lives,
    /// Where the disk is a server's.
    pub(crate) server: Option<Server>,
    pub(crate) witness: Witness,
    tampering: Tampering,
    /// What was carried out, while it is not durable at once, and how much of it is.
    written: Vec<Operation>,
    durable: usize,
    acknowledged: BTreeMap<Text, u64>,
    /// When each holder last said that it lives, by the clock that nobody can set.
    signs: BTreeMap<Text, i64>,
    decisions: Vec<(Text, Text, Decision)>,
    pub(crate) memory: ApprovalMemory,
    /// What outsiders appended, by run and place in its journal, in the order in which it could be seen.
    words: Vec<(Text, u64)>,
}

impl Disk {
    pub(crate) fn new(lives: Lives, witness: Witness, setting: Setting) -> Self {
        let (store, rows) = match setting.resets_rows {
            true => rows::on_file(&lives),
            false => (in_memory(&lives), None),
        };
        Self {
            store,
            rows,
            journals: BTreeMap::new(),
            ledger: Ledger::new(witness.clone()),
            lives,
            memory: ApprovalMemory::new(witness.clone()),
            witness,
            tampering: Tampering::new(setting.sabotage),
            written: Vec::new(),
            durable: 0,
            acknowledged: BTreeMap::new(),
            signs: BTreeMap::new(),
            decisions: Vec::new(),
            server: setting.is_on_server.then(|| Server::new(setting.sabotage)),
            words: Vec::new(),
        }
    }

    /// One transaction of a process on that host.
    pub(crate) fn commit(&mut self, batch: &[Operation], host: &Text) -> Vec<Outcome> {
        self.lives.ask_from(host);
        batch.iter().map(|operation| self.carry_out(operation)).collect()
    }

    pub(crate) fn carry_out(&mut self, operation: &Operation) -> Outcome {
        let Some(tampered) = self.tampering.apply(operation, &self.journals) else {
            return Ok(Committed::Appended { seq: 0 });
        };
        self.carry_out_as(operation, tampered)
    }

    /// Carries out what comes in the place of what was asked.
    pub(crate) fn carry_out_as(&mut self, operation: &Operation, tampered: Operation) -> Outcome {
        let outcome = self.store.commit(std::slice::from_ref(&tampered)).remove(0);
        match &outcome {
            Ok(committed) => self.note(operation, &tampered, committed),
            Err(StoreError::Decided { still_needed: 0, .. }) if self.is_open_by_index(&tampered) => {
                self.note(operation, &tampered, &Committed::Appended { seq: 0 });
            }
            Err(error) => self.note_refusal(error),
        }
        outcome
    }

    /// Whether a store that judges by its index would have taken the decision.
    fn is_open_by_index(&mut self, operation: &Operation) -> bool {
        let Operation::Append(append) = operation else {
            return false;
        };
        let [Entry::RequirementDecided(decided)] = &*append.entries else {
            return false;
        };
        let filter = RequirementFilter {
            set: RequirementSet::Open,
            requirement_id: Some(decided.requirement_id.clone()),
            limit: 1,
            ..RequirementFilter::default()
        };
        self.tampering.judges_by_index() && !self.store.requirements(&filter).unwrap().is_empty()
    }

    fn note(&mut self, asked: &Operation, done: &Operation, committed: &Committed) {
        let instead = self.written_instead(done, committed);
        let done = instead.as_ref().unwrap_or(done);
        if self.tampering.delays_durability() {
            self.written.push(done.clone());
        }
        self.witness.tell(|| format!("    on disk: {}", describe(done)));
        match (asked, done, committed) {
            (_, Operation::Create(new), _) => {
                self.note_sign(&new.holder);
                let journal = Journal::new(new, &self.witness);
                self.journals.insert(new.run_id.clone(), journal);
            }
            (
                Operation::Append(asked),
                Operation::Append(done),
                Committed::Appended { .. } | Committed::Cancelled { .. },
            ) => self.note_append(asked, done),
            (_, Operation::Append(_), Committed::AlreadyDecided) => self.witness.count(Happening::RepeatedDecisions),
            (_, Operation::Acquire { holder, .. }, Committed::Lease(LeaseGrant::Granted { epoch, run })) => {
                self.note_lease(&run.row.run_id, holder, *epoch, &run.records);
                self.note_sign(holder);
            }
            (_, Operation::Release { run_id, epoch }, _) => self.note_release(run_id, *epoch),
            _ => {}
        }
    }

    /// What is on disk in the place of an append that came after somebody wanted the run cancelled.
    fn written_instead(&mut self, done: &Operation, committed: &Committed) -> Option<Operation> {
        let (Operation::Append(done), Committed::Cancelled { .. }) = (done, committed) else {
            return None;
        };
        self.witness.count(Happening::LateCancels);
        let known = self.journals.get(&done.run_id).map_or(0, Journal::len);
        let written = self.store.records_after(&done.run_id, known).unwrap();
        Some(Operation::Append(Append {
            entries: written.into_iter().map(|record| record.entry).collect(),
            finish: Some(Finish::as_told(RunStatus::Cancelled)),
            ..done.clone()
        }))
    }

    fn note_append(&mut self, asked: &Append, done: &Append) {
        let Some(journal) = self.journals.get_mut(&done.run_id) else {
            return;
        };
        if let Author::Driver { epoch, .. } = asked.author {
            let holds = journal.is_held && epoch == journal.epoch;
            self.witness.expect(holds, Promise::StaleHolderIsRefused, || {
                format!("epoch {epoch} appends to {} under epoch {}", done.run_id, journal.epoch)
            });
        }
        let outsider = done.author == Author::External;
        let dated = |store: &mut dyn Store| Some(store.records_after(&done.run_id, journal.len()).ok()?.first()?.at);
        let at = outsider.then(|| dated(&mut *self.store)).flatten().unwrap_or(asked.at);
        if at != asked.at {
            self.witness.count(Happening::RedatedWords);
        }
        for entry in &done.entries {
            self.memory.check_entry(&journal.run, entry);
            journal.append(entry, at, outsider, &self.witness);
            if outsider {
                self.words.push((done.run_id.clone(), journal.len()));
            }
        }
        journal.is_held &= done.finish.is_none();
    }

    fn note_sign(&mut self, holder: &Holder) {
        self.signs.insert(holder.token.clone(), self.lives.passed());
    }

    /// A process takes a run from a holder who had it.
    fn check_takeover(&self, run_id: &Text, from: &Holder) {
        self.witness.count(Happening::Takeovers);
        if self.lives.is_buried(from) {
            return;
        }
        let sign = self.signs.get(&from.token).copied().unwrap_or_default();
        let has_lapsed = self.lives.passed() - sign >= i64::try_from(LEASE.as_micros()).unwrap();
        if self.lives.is_alive(from).is_none() {
            self.witness.count(Happening::UnseenHolders);
        }
        self.witness.expect(has_lapsed, Promise::LivingKeepTheirRuns, || {
            format!("{run_id} is taken from {from}, who lives and said so a moment ago")
        });
    }

    fn note_lease(&mut self, run_id: &Text, holder: &Holder, epoch: u64, records: &[Record]) {
        if let Some(held) = self.journals.get(run_id).filter(|journal| journal.is_held) {
            self.check_takeover(run_id, &held.holder);
        }
        let Some(journal) = self.journals.get_mut(run_id) else {
            return;
        };
        if journal.is_held {
            journal.taken_over.push(journal.epoch);
        }
        journal.holder = holder.clone();
        (journal.epoch, journal.is_held, journal.granted_at) = (epoch, true, journal.len());
        // Whoever takes a run to go on with it takes an earlier wish to stop it back.
        journal.is_cancelled = false;
        expect_replayed(records, &journal.run, &self.witness);
        self.check_rows(run_id);
    }

    /// What is kept beside the entries says what they say.
    fn check_rows(&mut self, run_id: &Text) {
        let found = verify(&mut *self.store, run_id, None).unwrap();
        self.witness.expect(found.ok, Promise::ReplayGivesLiveState, || {
            format!("the rows of {run_id} do not fit together: {:?}", found.first_bad)
        });
    }

    fn note_release(&mut self, run_id: &Text, epoch: u64) {
        if let Some(journal) = self.journals.get_mut(run_id).filter(|journal| journal.epoch == epoch) {
            journal.is_held = false;
        }
    }

    fn note_refusal(&self, error: &StoreError) {
        self.witness.tell(|| format!("    refused: {error}"));
        match error {
            StoreError::LeaseLost { .. } => self.witness.count(Happening::FencedAppends),
            StoreError::Busy { .. } => self.witness.count(Happening::BusyRuns),
            StoreError::Decided { .. } => self.witness.count(Happening::Conflicts),
            _ => {}
        }
    }

    /// How much outsiders have appended.
    pub(crate) fn word_count(&self) -> usize {
        self.words.len()
    }

    /// Whoever has followed the feed since there were so many words was told of each that came behind them, once.
    pub(crate) fn check_told(&self, since: usize, told: &[(Text, u64)]) {
        let (mut told, mut expected) = (told.to_vec(), self.words[since..].to_vec());
        told.sort_unstable();
        expected.sort_unstable();
        self.witness
            .expect(told == expected, Promise::FollowersMissNothing, || {
                format!("told of {told:?}, of {expected:?}")
            });
    }

    /// Whether a holder still has the lease that it took with that epoch.
    pub(crate) fn is_held_by(&self, run_id: &Text, epoch: u64, holder: &Holder) -> bool {
        let journal = self.journals.get(run_id);
        journal.is_some_and(|journal| journal.is_held && journal.epoch == epoch && journal.holder == *holder)
    }

    /// A process is told that the operation is on disk.
    pub(crate) fn acknowledge(&mut self, operation: &Operation, outcome: &Outcome) {
        let Ok(Committed::Appended { seq } | Committed::Cancelled { seq }) = outcome else {
            return;
        };
        let run_id = match operation {
            Operation::Create(new) => &new.run_id,
            Operation::Append(append) => &append.run_id,
            Operation::Acquire { .. }
            | Operation::Release { .. }
            | Operation::ClaimDue(_)
            | Operation::Signal(_)
            | Operation::ClaimOutbox(_)
            | Operation::AdvanceOutbox { .. } => return,
        };
        let kept = self.acknowledged.entry(run_id.clone()).or_default();
        *kept = (*kept).max(*seq);
    }

    /// A process's own wish to cancel a run that it drives was granted, or refused.
    pub(crate) fn note_wish(&mut self, run_id: &Text, epoch: u64, is_granted: bool) {
        let mut journal = self.journals.get_mut(run_id);
        let goes_on = |journal: &&mut Journal| journal.is_held && journal.epoch == epoch;
        let goes_on = journal.as_ref().is_none_or(goes_on);
        self.witness
            .expect(is_granted || !goes_on, Promise::GrantedCancelHolds, || {
                format!("{run_id} cannot be cancelled while it goes on")
            });
        if let Some(journal) = &mut journal {
            journal.is_cancelled |= is_granted && goes_on;
        }
    }

    /// Somebody is told that their decision is on disk.
    pub(crate) fn acknowledge_decision(&mut self, run_id: Text, requirement_id: Text, decision: Decision) {
        self.decisions.push((run_id, requirement_id, decision));
        self.check_acknowledged();
    }

    /// All that was ever acknowledged is there.
    pub(crate) fn check_acknowledged(&self) {
        for (run_id, seq) in &self.acknowledged {
            let length = self.journals.get(run_id).map_or(0, Journal::len);
            self.witness.expect(length >= *seq, Promise::AcknowledgedIsKept, || {
                format!("{run_id} has {length} entries, of which {seq} were acknowledged")
            });
        }
        for (run_id, requirement_id, decision) in &self.decisions {
            let requirement = self
                .journals
                .get(run_id)
                .and_then(|journal| journal.run.requirement(requirement_id));
            let is_kept = requirement.is_some_and(|requirement| {
                let approvals = requirement.approvals.iter().map(|approval| &approval.decision);
                let mut said = requirement.decision().into_iter().chain(approvals);
                said.any(|said| said.says_the_same(decision))
            });
            self.witness.expect(is_kept, Promise::DecisionsAreHonoured, || {
                format!(
                    "{requirement_id} of {run_id}: {decision:?} was acknowledged, and is not on disk: {requirement:?}"
                )
            });
        }
    }

    /// The journals as they stand in the store add up to what was folded as they grew.
    pub(crate) fn check_replay(&mut self) {
        for (run_id, journal) in &self.journals {
            let stored = self.store.load(run_id).unwrap();
            expect_replayed(&stored.records, &journal.run, &self.witness);
        }
        let run_ids: Vec<Text> = self.journals.keys().cloned().collect();
        run_ids.iter().for_each(|run_id| self.check_rows(run_id));
    }

    /// Somebody sets back rows beside the journals.
    pub(crate) fn reset_rows(&self, seed: u64) {
        if let Some(rows) = &self.rows {
            let reset = rows.reset(seed);
            self.witness.count(Happening::ResetRows);
            self.witness.tell(|| format!("    {reset}"));
        }
    }

    /// What was written is durable from now on.
    pub(crate) fn flush(&mut self) {
        self.durable = self.written.len();
    }

    /// The power goes and comes back: what was written and not durable is gone.
    pub(crate) fn lose_power(&mut self) {
        if self.tampering.delays_durability() {
            self.go_back();
        }
        self.check_acknowledged();
    }

    fn go_back(&mut self) {
        self.lives.let_nobody_live(true);
        self.store = in_memory(&self.lives);
        self.journals.clear();
        self.written.truncate(self.durable);
        for operation in std::mem::take(&mut self.written) {
            let outcome = self.store.commit(std::slice::from_ref(&operation)).remove(0);
            if let Ok(committed) = &outcome {
                self.note(&operation, &operation, committed);
            }
        }
        self.lives.let_nobody_live(false);
        self.durable = self.written.len();
    }

    /// Every byte of every journal, as its hash chain sums it up.
    pub(crate) fn digest(&mut self) -> Vec<[u8; 32]> {
        let run_ids: Vec<Text> = self.journals.keys().cloned().collect();
        let last = |run_id: &Text| self.store.load(run_id).unwrap().records.last().unwrap().hash;
        run_ids.iter().map(last).collect()
    }

    pub(crate) fn heartbeat(&mut self, holder: &Holder, now: Timestamp, expires: Timestamp) {
        self.lives.ask_from(&holder.host);
        self.note_sign(holder);
        self.store.heartbeat(holder, now, expires).unwrap();
    }
}

fn in_memory(lives: &Lives) -> Box<dyn WritableStore> {
    Box::new(MemoryStore::new(Box::new(lives.clone())).with_salts(SaltSource::Counting))
}

/// The journal as it stands in the store adds up to what was folded as it grew.
fn expect_replayed(records: &[Record], folded: &Run, witness: &Witness) {
    let replayed = Run::replay(records);
    witness.expect(replayed.as_ref() == Ok(folded), Promise::ReplayGivesLiveState, || {
        let difference = match &replayed {
            Ok(replayed) => first_difference(replayed, folded).unwrap_or_default(),
            Err(error) => error.to_string(),
        };
        format!("{}, replayed / as it grew: {difference}", folded.run_id())
    });
}

fn describe(operation: &Operation) -> String {
    let kinds = |entries: &[Entry]| entries.iter().map(Entry::kind).collect::<Vec<_>>().join(", ");
    match operation {
        Operation::Create(new) => format!("{} begins: {}", new.run_id, kinds(&new.entries)),
        Operation::Append(append) => format!("{}, {:?}: {}", append.run_id, append.author, kinds(&append.entries)),
        Operation::Acquire { run_id, holder, .. } => format!("{run_id} is held by {holder}"),
        Operation::Release { run_id, epoch } => format!("{run_id} is released from epoch {epoch}"),
        Operation::Signal(signal) => format!("signal {} of {}", signal.id, signal.event.name),
        Operation::ClaimDue(claim) => format!("{} claims what is due", claim.holder),
        Operation::ClaimOutbox(claim) | Operation::AdvanceOutbox { claim, .. } => {
            format!("{} delivers", claim.claimant)
        }
    }
}
