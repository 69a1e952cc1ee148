//! Lists that are read in parts: between two parts others read, and of the runs that a list leads to, memory holds one at a time.

use std::collections::{HashMap, HashSet, VecDeque};

use serde::Serialize;

use crate::Text;
use crate::journal::Event;
use crate::requirement::RequirementKind;
use crate::run::{Run, iso};
use crate::store::{ApprovalFilter, RequirementFilter, RequirementRow, RunFilter, RunRow, Store, StoreError};

use super::EngineError;
use super::errors::replayed;
use super::inbox::run_of_requirement;

/// How many rows are read at once.
const ROWS: u32 = 2048;

/// About how many entries of journals are read at once. An item that is large counts as several: see [`Index::weight`].
const ENTRIES: usize = 4096;

/// A part of a list, in the order of the list.
#[derive(Debug)]
pub struct Part<T> {
    /// What can be read.
    pub items: Vec<T>,
    /// The runs that cannot be, each once in a list, with what is wrong: [`StoreError::Damaged`] or
    /// [`StoreError::UnsupportedJournal`].
    pub damaged: Vec<StoreError>,
}

impl<T> Default for Part<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            damaged: Vec::new(),
        }
    }
}

/// A list that is read in parts. What cannot be read takes no place from the others.
pub trait List: Send + 'static {
    /// What is listed.
    type Item: Send + 'static;

    /// Whether there is nothing more to read.
    fn is_over(&self) -> bool;

    /// Reads on. A part may be empty, and yet more may follow.
    ///
    /// # Errors
    /// That the database does not know what the list is to begin behind, or what the store ran into.
    fn read(&mut self, store: &mut dyn Store) -> Result<Part<Self::Item>, EngineError>;
}

/// How many rows are still to be found.
#[derive(Debug)]
struct Wanted {
    /// `None`: all.
    left: Option<u32>,
    found_all: bool,
}

impl Wanted {
    fn new(limit: Option<u32>) -> Self {
        Self {
            left: limit,
            found_all: false,
        }
    }

    fn is_met(&self) -> bool {
        self.found_all || self.left == Some(0)
    }

    fn at_once(&self) -> u32 {
        self.left.map_or(ROWS, |left| left.min(ROWS))
    }

    fn take(&mut self) {
        self.left = self.left.map(|left| left.saturating_sub(1));
    }

    /// One that was taken is not to be listed.
    fn give_back(&mut self) {
        self.left = self.left.map(|left| left.saturating_add(1));
    }
}

/// A list of runs, newest first.
#[derive(Debug)]
pub struct RunList {
    filter: RunFilter,
    wanted: Wanted,
}

impl RunList {
    /// The runs that the filter lets through: all of them, or at most `limit`.
    #[must_use]
    pub fn new(filter: RunFilter, limit: Option<u32>) -> Self {
        let wanted = Wanted::new(limit);
        Self { filter, wanted }
    }
}

impl List for RunList {
    type Item = RunRow;

    fn is_over(&self) -> bool {
        self.wanted.is_met()
    }

    fn read(&mut self, store: &mut dyn Store) -> Result<Part<RunRow>, EngineError> {
        self.filter.limit = self.wanted.at_once();
        let rows = store.runs(&self.filter)?;
        if rows.is_empty() {
            check_run(store, self.filter.before.as_deref())?;
        }
        self.wanted.found_all = rows.len() < self.filter.limit as usize;
        let mut part = Part::default();
        for row in rows {
            self.filter.before = run_id(&row).or(self.filter.before.take());
            match row {
                Ok(row) => {
                    self.wanted.take();
                    part.items.push(row);
                }
                Err(error) => part.damaged.push(error),
            }
        }
        Ok(part)
    }
}

fn run_id(row: &Result<RunRow, StoreError>) -> Option<Text> {
    match row {
        Ok(row) => Some(row.run_id.clone()),
        Err(StoreError::Damaged { run_id, .. }) => Some(run_id.clone()),
        Err(_) => None,
    }
}

/// An index that leads to what stands in the journals of runs.
pub trait Index: Send + 'static {
    /// What is listed.
    type Item: Send + 'static;

    /// Whether the list shows what large entries hold in part: see [`Store::outline`].
    const SHOWS_OUTLINES: bool = false;

    /// The next rows, at most `limit`: fewer only where there are no more.
    ///
    /// # Errors
    /// What the store ran into.
    fn next_rows(&mut self, store: &mut dyn Store, limit: u32) -> Result<Vec<RequirementRow>, StoreError>;

    /// Behind which requirement the next rows are.
    fn before(&self) -> Option<&Text>;

    /// What a row leads to; `None` where the journal says that it is not to be listed: the index is covered by no hash, and may be older.
    fn item(&self, run: &Run, requirement_id: &str) -> Option<Self::Item>;

    /// For how many entries an item counts that is handed on.
    fn weight(_item: &Self::Item) -> usize {
        1
    }
}

/// A list of what an index leads to. Each run is read once, and what it holds of the list is kept until it is its turn.
#[derive(Debug)]
pub struct IndexedList<I: Index> {
    index: I,
    wanted: Wanted,
    /// What is still to be listed.
    rows: VecDeque<RequirementRow>,
    /// The runs that are still to be read, and what they hold of that.
    unread: HashMap<Text, Vec<RequirementRow>>,
    ready: HashMap<RequirementRow, I::Item>,
    damaged: HashSet<Text>,
}

impl<I: Index> IndexedList<I> {
    /// What the index leads to: all of it, or at most `limit`.
    #[must_use]
    pub fn new(index: I, limit: Option<u32>) -> Self {
        Self {
            index,
            wanted: Wanted::new(limit),
            rows: VecDeque::new(),
            unread: HashMap::new(),
            ready: HashMap::new(),
            damaged: HashSet::new(),
        }
    }

    fn read_rows(&mut self, store: &mut dyn Store) -> Result<(), EngineError> {
        let limit = self.wanted.at_once();
        let rows = self.index.next_rows(store, limit)?;
        if rows.is_empty() {
            check_requirement(store, self.index.before())?;
        }
        self.wanted.found_all = rows.len() < limit as usize;
        for row in rows {
            if !self.damaged.contains(&row.run_id) {
                self.wanted.take();
                self.unread.entry(row.run_id.clone()).or_default().push(row.clone());
                self.rows.push_back(row);
            }
        }
        Ok(())
    }

    fn read_items(&mut self, store: &mut dyn Store) -> Result<Part<I::Item>, EngineError> {
        let (mut part, mut entries) = (Part::default(), 0);
        while entries < ENTRIES {
            let Some(row) = self.rows.pop_front() else { break };
            if let Some(rows) = self.unread.remove(&row.run_id) {
                entries += self.read_run(store, rows, &row.run_id, &mut part.damaged)?;
            }
            let Some(item) = self.ready.remove(&row) else {
                entries += 1;
                self.wanted.give_back();
                continue;
            };
            entries += I::weight(&item);
            part.items.push(item);
        }
        Ok(part)
    }

    /// Makes ready what a run holds, and says how many entries were read for it.
    fn read_run(
        &mut self,
        store: &mut dyn Store,
        rows: Vec<RequirementRow>,
        run_id: &Text,
        damaged: &mut Vec<StoreError>,
    ) -> Result<usize, EngineError> {
        let (run, entries) = match load(store, run_id, I::SHOWS_OUTLINES) {
            Ok(loaded) => loaded,
            Err(EngineError::Store(
                error @ (StoreError::Damaged { .. }
                | StoreError::UnsupportedJournal { .. }
                | StoreError::RunErased { .. }),
            )) => {
                self.damaged.insert(run_id.clone());
                damaged.push(error);
                return Ok(0);
            }
            Err(error) => return Err(error),
        };
        for row in rows {
            if let Some(item) = self.index.item(&run, &row.requirement_id) {
                self.ready.insert(row, item);
            }
        }
        Ok(entries)
    }
}

impl<I: Index> List for IndexedList<I> {
    type Item = I::Item;

    fn is_over(&self) -> bool {
        self.rows.is_empty() && self.wanted.is_met()
    }

    fn read(&mut self, store: &mut dyn Store) -> Result<Part<I::Item>, EngineError> {
        if self.wanted.is_met() {
            return self.read_items(store);
        }
        self.read_rows(store)?;
        Ok(Part::default())
    }
}

/// How many runs there are of those that a [`RunList`] lists.
///
/// # Errors
/// [`StoreError::RunNotFound`] for an unknown `before`, or what the store ran into.
pub fn count_runs(store: &mut dyn Store, filter: &RunFilter) -> Result<u64, EngineError> {
    let counted = store.count_runs(filter)?;
    if counted == 0 {
        check_run(store, filter.before.as_deref())?;
    }
    Ok(counted)
}

/// How many requirements there are of those that a [`super::RequirementList`] lists.
///
/// # Errors
/// [`crate::run::DecisionError::Nowhere`] for an unknown `before`, or what the store ran into.
pub fn count_requirements(store: &mut dyn Store, filter: &RequirementFilter) -> Result<u64, EngineError> {
    let counted = store.count_requirements(filter)?;
    if counted == 0 {
        check_requirement(store, filter.before.as_ref())?;
    }
    Ok(counted)
}

/// How many approvals there are of those that an [`super::ApprovalList`] lists.
///
/// # Errors
/// [`crate::run::DecisionError::Nowhere`] for an unknown `before`, or what the store ran into.
pub fn count_approvals(store: &mut dyn Store, filter: &ApprovalFilter) -> Result<u64, EngineError> {
    let counted = store.count_approvals(filter)?;
    if counted == 0 {
        check_requirement(store, filter.before.as_ref())?;
    }
    Ok(counted)
}

/// Refuses a place that the database does not know. Asked only where nothing is behind it: all else shows that it is known.
fn check_run(store: &mut dyn Store, before: Option<&str>) -> Result<(), EngineError> {
    match before.map(|run_id| store.row(run_id)).transpose() {
        // A run that cannot be read has its place all the same.
        Ok(_) | Err(StoreError::Damaged { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// As [`check_run`].
fn check_requirement(store: &mut dyn Store, before: Option<&Text>) -> Result<(), EngineError> {
    before.map(|id| run_of_requirement(store, id)).transpose().map(drop)
}

/// The run, and how many entries its journal has.
fn load(store: &mut dyn Store, run_id: &str, may_be_outline: bool) -> Result<(Run, usize), EngineError> {
    // An outline that cannot be read is none: what the journal says counts.
    if may_be_outline
        && let Ok(Some(stored)) = store.outline(run_id)
        && let Ok(run) = replayed(&stored)
    {
        return Ok((run, stored.records.len()));
    }
    let stored = store.load(run_id)?;
    Ok((replayed(&stored)?, stored.records.len()))
}

/// What a list says of a run beside its row.
#[derive(Clone, Debug, Serialize)]
pub struct RunSummary {
    /// The agent's name.
    agent_name: Option<Text>,
    /// The task's description; the beginning of one in a large entry.
    task: Text,
    /// The kind of the first open requirement, while the run is paused.
    pause_reason: Option<RequirementKind>,
    /// The ids of what the run asks somebody for.
    open_requirements: Vec<Text>,
    /// Until when it does nothing but wait.
    sleeps_until: Option<String>,
    /// The events that it waits for.
    waits_for: Vec<Event>,
    /// From when on workers take it, while it waits for one.
    not_before: Option<String>,
}

/// What a list says of a run.
///
/// # Errors
/// [`StoreError::RunNotFound`], what the store ran into, or a journal that cannot be read.
pub fn summary(store: &mut dyn Store, run_id: &str) -> Result<RunSummary, EngineError> {
    let (run, _) = load(store, run_id, true)?;
    Ok(RunSummary {
        agent_name: run.started().agent_name.clone(),
        task: run.started().description.clone(),
        pause_reason: run.pause_reason(),
        open_requirements: run.asked().map(|open| open.id.clone()).collect(),
        sleeps_until: run.sleeps_until().map(iso),
        waits_for: run.open_requirements().filter_map(|wait| wait.event.clone()).collect(),
        not_before: run.not_before().map(iso),
    })
}
