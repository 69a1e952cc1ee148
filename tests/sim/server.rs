//! A database server, as the disk is reached on many machines: statements are under way to it, it carries them out in any order, whether or
//! not somebody still waits for the answer, and some of them get lost.

use std::collections::{BTreeMap, BTreeSet};

use haltpoint_engine::Text;
use haltpoint_engine::journal::Hash;
use haltpoint_engine::store::holder::Holder;
use haltpoint_engine::store::{Append, Author, Committed, ExternalRecord, Operation, Position, StoreError};

use crate::disk::Disk;
use crate::journal::Journal;
use crate::sabotage::Sabotage;
use crate::witness::Happening;

pub(crate) type Outcome = Result<Committed, StoreError>;

/// A run as it was read: a statement changes those that still are so.
#[derive(Clone, PartialEq)]
struct Base {
    epoch: u64,
    holder: Option<Holder>,
    head: Option<Hash>,
}

/// What is to become of one run.
#[derive(Clone)]
pub(crate) struct Draft {
    /// Stands for the last hash that it writes: no two drafts have the same one, and a draft that is sent twice keeps it.
    pub(crate) number: u64,
    pub(crate) run_id: Text,
    pub(crate) operations: Vec<Operation>,
    base: Option<Base>,
}

/// A transaction of several drafts.
struct Statement {
    number: u64,
    host: Text,
    drafts: Vec<Draft>,
    /// The place of the first of its words in the feed: from then on it has its locks, and nobody sees it before it is carried out.
    place: Option<u64>,
    is_awaited: bool,
}

/// What the server knows beside the journals.
pub(crate) struct Server {
    sabotage: Sabotage,
    statements: Vec<Statement>,
    answered: BTreeSet<u64>,
    /// By draft: what came of those that were written, or refused as they were planned.
    outcomes: BTreeMap<u64, Vec<Outcome>>,
    /// What outsiders appended, by its place.
    feed: BTreeMap<u64, ExternalRecord>,
    last_place: u64,
    last_number: u64,
}

impl Server {
    pub(crate) fn new(sabotage: Sabotage) -> Self {
        Self {
            sabotage,
            statements: Vec::new(),
            answered: BTreeSet::new(),
            outcomes: BTreeMap::new(),
            feed: BTreeMap::new(),
            last_place: 0,
            last_number: 0,
        }
    }

    pub(crate) fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// How many statements are under way.
    pub(crate) fn under_way(&self) -> usize {
        self.statements.len()
    }

    /// Whether the statement was carried out, and the answer is there.
    pub(crate) fn is_answered(&self, statement: u64) -> bool {
        self.answered.contains(&statement)
    }

    /// Whether the statement is lost, so that no answer ever comes.
    pub(crate) fn is_lost(&self, statement: u64) -> bool {
        !self.is_answered(statement) && self.statements.iter().all(|other| other.number != statement)
    }

    /// What stands on disk of a draft, as its hash tells; `None` where it does not.
    pub(crate) fn outcomes_of(&self, draft: &Draft) -> Option<Vec<Outcome>> {
        self.outcomes.get(&draft.number).cloned()
    }

    /// Nobody waits for the answer any more; what becomes of the statement is another matter.
    pub(crate) fn forget(&mut self, statement: u64) {
        for found in self.statements.iter_mut().filter(|found| found.number == statement) {
            found.is_awaited = false;
        }
    }

    /// Whether processes measure by themselves how long they hold their leases.
    pub(crate) fn are_leases_measured(&self) -> bool {
        self.sabotage != Sabotage::UnmeasuredLeases
    }

    /// Where the feed ends: behind the last place that can be seen.
    pub(crate) fn position(&self) -> Position {
        Position::new(0, self.feed.keys().next_back().copied().unwrap_or_default())
    }

    /// What outsiders appended behind a position.
    pub(crate) fn words_after(&self, position: Position) -> Vec<ExternalRecord> {
        let [_, place] = position.numbers();
        self.feed.range(place + 1..).map(|(_, word)| word.clone()).collect()
    }

    /// A statement is lost on its way, or rolled back.
    pub(crate) fn lose(&mut self, pick: usize) {
        if !self.statements.is_empty() {
            let chosen = pick % self.statements.len();
            self.statements.remove(chosen);
        }
    }

    /// What changes nothing is refused as it is planned: nothing of it was ever sent.
    fn withdraw(&mut self, draft: u64) {
        for statement in &mut self.statements {
            statement.drafts.retain(|other| other.number != draft);
        }
    }

    /// All that is under way is rolled back.
    pub(crate) fn restart(&mut self) {
        self.statements.clear();
    }

    /// The statement takes its locks, on its runs and on the end of the feed, and its places there; unless it has to wait for others.
    fn begin(&mut self, chosen: usize) -> bool {
        let statement = &self.statements[chosen];
        if statement.place.is_some() {
            return true;
        }
        let is_in_the_way = |other: &Statement| {
            let meets = statement.drafts.iter().any(|draft| other.is_about(&draft.run_id));
            let meets_in_feed = statement.words() > 0 && other.words() > 0 && self.sabotage != Sabotage::UnlockedFeed;
            other.place.is_some() && (meets || meets_in_feed)
        };
        if self.statements.iter().any(is_in_the_way) {
            return false;
        }
        let words = statement.words();
        self.statements[chosen].place = Some(self.last_place + 1);
        self.last_place += words;
        true
    }
}

impl Statement {
    fn is_about(&self, run_id: &Text) -> bool {
        self.drafts.iter().any(|draft| draft.run_id == *run_id)
    }

    /// How many words of outsiders it brings, at most.
    fn words(&self) -> u64 {
        let operations = self.drafts.iter().flat_map(|draft| &draft.operations);
        operations.filter(|operation| is_word(operation)).count() as u64
    }
}

fn is_word(operation: &Operation) -> bool {
    matches!(operation, Operation::Append(append) if append.author == Author::External)
}

impl Disk {
    /// Operations on one run, planned on what is read of it now.
    pub(crate) fn draft(&mut self, run_id: Text, operations: Vec<Operation>) -> Draft {
        Draft {
            number: self.server_mut().next_number(),
            base: self.base_of(&run_id),
            run_id,
            operations,
        }
    }

    fn base_of(&mut self, run_id: &Text) -> Option<Base> {
        let stored = self.store.load(run_id).ok()?;
        Some(Base {
            epoch: stored.row.epoch,
            holder: stored.row.holder,
            head: stored.records.last().map(|record| record.hash),
        })
    }

    /// Sends drafts to the server, which may carry them out from now on. Returns the number of the statement.
    pub(crate) fn send(&mut self, drafts: Vec<Draft>, host: Text) -> u64 {
        let server = self.server_mut();
        let number = server.next_number();
        server.statements.push(Statement {
            number,
            host,
            drafts,
            place: None,
            is_awaited: true,
        });
        number
    }

    /// A statement begins, if nothing is in its way.
    pub(crate) fn begin(&mut self, pick: usize) {
        let server = self.server_mut();
        if !server.statements.is_empty() {
            server.begin(pick % server.statements.len());
        }
    }

    /// A statement is carried out, and all can see what it wrote; whether nothing was in its way.
    pub(crate) fn land(&mut self, pick: usize) -> bool {
        let server = self.server_mut();
        let chosen = pick % server.statements.len().max(1);
        if server.statements.is_empty() || !server.begin(chosen) {
            return false;
        }
        let statement = server.statements.remove(chosen);
        server.answered.insert(statement.number);
        if !statement.is_awaited {
            self.witness.count(Happening::LateStatements);
        }
        self.lives.ask_from(&statement.host);
        let mut place = statement.place.unwrap_or_default();
        for draft in &statement.drafts {
            self.land_draft(draft, &mut place);
        }
        true
    }

    /// Carries out what is under way, in whatever order is possible.
    pub(crate) fn land_all(&mut self) {
        while let Some(left) = self.server.as_ref().map(Server::under_way).filter(|left| *left > 0) {
            let landed = (0..left).any(|pick| self.land(pick));
            assert!(landed, "statements wait for each other for ever");
        }
    }

    fn land_draft(&mut self, draft: &Draft, place: &mut u64) {
        let is_as_read = self.base_of(&draft.run_id) == draft.base;
        if !is_as_read {
            self.witness.count(Happening::MovedHeads);
            if self.server_mut().sabotage != Sabotage::NoHeadCheck {
                return;
            }
        }
        let mut outcomes = Vec::new();
        for operation in &draft.operations {
            let before = self.journals.get(&draft.run_id).map_or(0, Journal::len);
            outcomes.push(match is_as_read {
                true => self.carry_out(operation),
                false => self.carry_out_as(operation, as_planned(operation, draft, self)),
            });
            if is_word(operation) {
                self.publish(&draft.run_id, before, place);
            }
        }
        let is_refused = self.base_of(&draft.run_id) == draft.base;
        let server = self.server_mut();
        server.outcomes.insert(draft.number, outcomes);
        if is_refused {
            server.withdraw(draft.number);
        }
    }

    /// What outsiders appended behind that place of the journal comes to its places in the feed.
    fn publish(&mut self, run_id: &Text, before: u64, place: &mut u64) {
        let records = self.store.records_after(run_id, before).unwrap_or_default();
        for record in records.into_iter().filter(|record| record.outsider) {
            let word = ExternalRecord {
                run_id: run_id.clone(),
                record,
                authentic: true,
            };
            self.server_mut().feed.insert(*place, word);
            *place += 1;
        }
    }

    fn server_mut(&mut self) -> &mut Server {
        self.server.as_mut().expect("there is a server")
    }
}

/// What a driver's append leads to that is written as it was planned, whatever the run has become.
fn as_planned(operation: &Operation, draft: &Draft, disk: &Disk) -> Operation {
    let (Operation::Append(append), Some(base)) = (operation, &draft.base) else {
        return operation.clone();
    };
    let was_held =
        matches!(append.author, Author::Driver { epoch, .. } if epoch == base.epoch && base.holder.is_some());
    let Some(journal) = disk.journals.get(&draft.run_id).filter(|_| was_held) else {
        return operation.clone();
    };
    Operation::Append(Append {
        author: Author::Driver {
            epoch: journal.epoch,
            driver_entries: journal.run.driver_entries(),
        },
        ..append.clone()
    })
}
