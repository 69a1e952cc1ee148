//! Moving and copying runs from one database to another.
//!
//! A run is closed where it is, then written to the other database as it stands, and opened there: each is one transaction, and each step
//! begins with a look at both journals. So whoever begins again after the process died goes on with the next step, and does none twice.
//! Between the first step and the last one nobody can drive the run anywhere: its journal says so, and goes along.

use std::sync::mpsc;

use crate::Text;
use crate::journal::{Entry, FORMAT, Hash, JournalEnd, RunArrived, RunMoved};
use crate::store::handle::StoreHandle;
use crate::store::import::is_at_rest;
use crate::store::raw::{RawRequirement, RawRun};
use crate::store::rules::chain_to_write;
use crate::store::{
    Append, Author, Committed, Finish, Import, ImportedEntry, LeaseGrant, Operation, RunRow, RunStatus, Store,
    StoreError, Undelivered, WritableStore,
};

use super::EngineError;
use super::verify::{Flaw, examine, statuses};

/// How often a run is looked at anew that others change meanwhile.
const ATTEMPTS: usize = 16;

/// From which database runs go to which one.
#[derive(Clone, Debug)]
pub struct Route {
    /// Where they are.
    pub source: StoreHandle,
    /// Where they go.
    pub target: StoreHandle,
    /// What people call the first one.
    pub from: Text,
    /// What people call the second one. A move that was begun goes on only under the name that it was begun with.
    pub to: Text,
    /// Who moves them, as far as they say.
    pub by: Option<Text>,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relocated {
    /// The run was written to the other database, or opened there.
    Now,
    /// Nothing: all was there.
    Before,
}

/// A run whose rows were examined, and found to be those that were written.
struct Examined {
    row: RunRow,
    entries: Vec<ImportedEntry>,
    requirements: Vec<RawRequirement>,
    goes_on_with: i64,
    /// The status that it had when it was moved, if it was.
    before: Option<RunStatus>,
}

/// How the journal in the target is to the one in the source.
enum There {
    Missing,
    /// It is the beginning of the other one.
    Behind(JournalEnd),
    Same,
    /// The other one is its beginning.
    Ahead,
}

enum Step {
    /// There may be more to do.
    On,
    Done,
}

impl Route {
    /// Moves a run. Waits for both databases: not to be called from a completion or a read job.
    ///
    /// # Errors
    /// [`StoreError::RunNotFound`]; [`StoreError::Busy`] while somebody drives it; [`StoreError::RunMoved`] of one that went to another
    /// database than this one; [`StoreError::OtherJournal`]; [`StoreError::AuditKey`]; [`StoreError::UnsupportedJournal`];
    /// [`StoreError::Damaged`] where its rows are not those that were written; or what one of the stores ran into.
    pub fn move_run(&self, run_id: &Text) -> Result<Relocated, EngineError> {
        self.go(run_id, Self::move_on)
    }

    /// Copies a run that can't be continued. Waits for both databases, as [`Route::move_run`] does.
    ///
    /// # Errors
    /// As for [`Route::move_run`]; [`StoreError::NotStopped`] of a run that can be continued.
    pub fn copy_run(&self, run_id: &Text) -> Result<Relocated, EngineError> {
        self.go(run_id, Self::copy_on)
    }

    fn go(
        &self,
        run_id: &Text,
        step: impl Fn(&Self, &Text) -> Result<Step, EngineError>,
    ) -> Result<Relocated, EngineError> {
        let mut relocated = Relocated::Before;
        for _ in 0..ATTEMPTS {
            match step(self, run_id) {
                Ok(Step::Done) => return Ok(relocated),
                Ok(Step::On) => relocated = Relocated::Now,
                // Somebody else did the step, or went on with the run.
                Err(EngineError::Store(StoreError::RunExists { .. } | StoreError::LeaseLost { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        let run_id = run_id.clone();
        Err(StoreError::LeaseLost { run_id }.into())
    }

    fn move_on(&self, run_id: &Text) -> Result<Step, EngineError> {
        let here = examined(&self.source, run_id)?;
        self.check_keys(&here.row)?;
        let found = self.found(run_id)?;
        let there = relation(&here, found.as_ref())?;
        let is_open = found.as_ref().is_some_and(|found| !is_at_rest(&found.row));
        if here.row.status != RunStatus::Moved {
            return match there {
                There::Ahead => Err(other(run_id, "it has gone on there")),
                There::Behind(_) | There::Same if is_open => Err(other(run_id, "it can be continued in both")),
                There::Missing | There::Behind(_) | There::Same => self.close(&here),
            };
        }
        match there {
            There::Ahead => self.finish(run_id),
            There::Behind(_) | There::Same if is_open => Err(other(run_id, "it can be continued there")),
            There::Missing => self.import_moved(here, None),
            There::Behind(known) => self.import_moved(here, Some(known)),
            There::Same => self.arrive(&here),
        }
    }

    fn copy_on(&self, run_id: &Text) -> Result<Step, EngineError> {
        let here = examined(&self.source, run_id)?;
        if here.row.status == RunStatus::Moved {
            return Err(here.moved().into());
        }
        if !is_at_rest(&here.row) {
            let (run_id, status) = (run_id.clone(), here.row.status);
            let advice = "move it instead: of two copies, both could go on";
            return Err(StoreError::NotStopped { run_id, status, advice }.into());
        }
        let found = self.found(run_id)?;
        let known = match relation(&here, found.as_ref())? {
            There::Same | There::Ahead => return Ok(Step::Done),
            There::Missing => None,
            There::Behind(known) => Some(known),
        };
        if found.is_some_and(|found| !is_at_rest(&found.row)) {
            return Err(other(run_id, "it can be continued there"));
        }
        self.import(here, known, Undelivered::default())
    }

    /// Nothing is closed that the other database could not open.
    fn check_keys(&self, row: &RunRow) -> Result<(), EngineError> {
        for store in [&self.source, &self.target] {
            let key = apart(store, |store| Ok(store.audit_key()))?;
            chain_to_write(&row.run_id, row.format, row.audit_key_id.as_ref(), key.as_ref())?;
        }
        Ok(())
    }

    fn found(&self, run_id: &Text) -> Result<Option<Examined>, EngineError> {
        match examined(&self.target, run_id) {
            Ok(found) => Ok(Some(found)),
            Err(EngineError::Store(StoreError::RunNotFound { .. })) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// From now on nobody drives the run where it is. Whoever could is held off by the lease, as another driver would be.
    fn close(&self, here: &Examined) -> Result<Step, EngineError> {
        let row = &here.row;
        if is_at_rest(row) {
            let driver_entries = here.driver_entries();
            self.append_moved(row, Author::Mover { driver_entries }, None)?;
            return Ok(Step::On);
        }
        let now = self.source.now();
        let acquire = Operation::Acquire {
            run_id: row.run_id.clone(),
            holder: self.source.holder(),
            now,
            expires: self.source.lease_expiry(now),
            known: None,
        };
        if let Committed::Lease(LeaseGrant::Granted { epoch, run }) = self.source.execute(acquire)? {
            let driver_entries = run.records.iter().filter(|record| !record.outsider).count() as u64;
            let author = Author::Driver { epoch, driver_entries };
            let finish = Some(Finish::as_told(RunStatus::Moved));
            if let Err(error) = self.append_moved(row, author, finish) {
                let run_id = row.run_id.clone();
                self.source.execute(Operation::Release { run_id, epoch })?;
                return Err(error.into());
            }
        }
        Ok(Step::On)
    }

    fn append_moved(&self, row: &RunRow, author: Author, finish: Option<Finish>) -> Result<Committed, StoreError> {
        self.source.execute(Operation::Append(Append {
            run_id: row.run_id.clone(),
            author,
            at: self.source.now(),
            entries: vec![Entry::RunMoved(RunMoved {
                to: self.to.clone(),
                by: self.by.clone(),
            })],
            finish,
        }))
    }

    fn import_moved(&self, here: Examined, known: Option<JournalEnd>) -> Result<Step, EngineError> {
        self.check_goes_here(&here)?;
        let run_id = here.row.run_id.clone();
        let undelivered = apart(&self.source, move |store| Ok(store.undelivered(&run_id)?))?;
        self.import(here, known, undelivered)
    }

    fn import(&self, here: Examined, known: Option<JournalEnd>, undelivered: Undelivered) -> Result<Step, EngineError> {
        let Examined {
            row,
            entries,
            requirements,
            goes_on_with,
            ..
        } = here;
        let import = Import {
            row,
            entries,
            requirements,
            goes_on_with: goes_on_with.cast_unsigned(),
            known,
            undelivered,
        };
        self.target.pass_fault_point("before_import");
        maintained(&self.target, move |store| Ok(store.import(&import)?))?;
        self.target.pass_fault_point("after_import");
        Ok(Step::On)
    }

    /// From now on the run goes on in the target, whose rows were examined, and are those of the source.
    fn arrive(&self, here: &Examined) -> Result<Step, EngineError> {
        self.check_goes_here(here)?;
        let run_id = &here.row.run_id;
        let status = here.before.ok_or_else(|| other(run_id, "it was never there"))?;
        self.target.execute(Operation::Append(Append {
            run_id: run_id.clone(),
            author: Author::Mover {
                driver_entries: here.driver_entries(),
            },
            at: self.target.now(),
            entries: vec![Entry::RunArrived(RunArrived {
                from: self.from.clone(),
                status,
                by: self.by.clone(),
            })],
            finish: None,
        }))?;
        Ok(Step::On)
    }

    /// A run that went elsewhere is not opened here, too.
    fn check_goes_here(&self, here: &Examined) -> Result<(), StoreError> {
        match here.moved_to() {
            Some(to) if to == self.to => Ok(()),
            _ => Err(here.moved()),
        }
    }

    /// What subscribers have not got comes from the target.
    fn finish(&self, run_id: &Text) -> Result<Step, EngineError> {
        let run_id = run_id.clone();
        maintained(&self.source, move |store| {
            let left = store.undelivered(&run_id)?;
            match left.entries.is_empty() {
                true => Ok(()),
                false => Ok(store.forget_undelivered(&run_id)?),
            }
        })?;
        Ok(Step::Done)
    }
}

impl Examined {
    fn driver_entries(&self) -> u64 {
        let last = self.entries.last();
        last.map_or(0, |entry| entry.content.driver_entries.unsigned_abs())
    }

    fn moved_to(&self) -> Option<Text> {
        match self.moved() {
            StoreError::RunMoved { to, .. } => to,
            _ => None,
        }
    }

    fn moved(&self) -> StoreError {
        let mut entries = self.entries.iter().rev();
        let last = entries.find(|entry| entry.content.kind == "run_moved");
        let run_id = self.row.run_id.clone();
        StoreError::RunMoved { run_id, to: None }.naming(|| last.and_then(|entry| entry.content.payload.clone()))
    }
}

fn other(run_id: &Text, problem: &'static str) -> EngineError {
    let run_id = run_id.clone();
    StoreError::OtherJournal { run_id, problem }.into()
}

fn relation(here: &Examined, there: Option<&Examined>) -> Result<There, EngineError> {
    let Some(there) = there else { return Ok(There::Missing) };
    let run_id = &here.row.run_id;
    let mut pairs = std::iter::zip(&here.entries, &there.entries);
    if here.row.format != there.row.format || !pairs.all(|(here, there)| here.hash == there.hash) {
        return Err(other(run_id, "their hashes differ"));
    }
    if here.row.is_erased != there.row.is_erased {
        return Err(other(run_id, "what it said was erased in one of the two"));
    }
    Ok(match (there.entries.last(), here.entries.len()) {
        (Some(_), length) if there.entries.len() > length => There::Ahead,
        (Some(_), length) if there.entries.len() == length => There::Same,
        (Some(ImportedEntry { seq, hash, .. }), _) => There::Behind(JournalEnd { seq: *seq, hash: *hash }),
        (None, _) => return Err(other(run_id, "it has no entries there")),
    })
}

/// A run's rows, each of which follows upon the one before and says what the others say.
fn examined(store: &StoreHandle, run_id: &Text) -> Result<Examined, EngineError> {
    let run_id = run_id.clone();
    apart(store, move |store| {
        let raw = store.raw(&run_id)?;
        examine_raw(&run_id, raw)
    })
}

fn examine_raw(run_id: &Text, raw: RawRun) -> Result<Examined, EngineError> {
    if let Ok(row) = &raw.row
        && row.audit_key_id.as_ref() != raw.key.as_ref().map(|key| key.id())
    {
        // Says which key is missing, where an examination would say that it is.
        chain_to_write(run_id, FORMAT, row.audit_key_id.as_ref(), raw.key.as_ref())?;
    }
    let damaged = |why: &dyn std::fmt::Display| StoreError::Damaged {
        run_id: run_id.clone(),
        message: format!("the rows of run {run_id} are not those that were written: {why}; it stays where it is"),
    };
    let rows = examine(run_id, &raw, None).map_err(|flaw| match flaw {
        Flaw::Mismatch(mismatch) => damaged(&mismatch),
        Flaw::Unsupported(error) => error,
    })?;
    let (_, before) = statuses(&rows);
    let entries = raw.entries.into_iter().map(|entry| {
        let content = entry.content.map_err(|why| damaged(&why))?;
        let hash = Hash::try_from(content.hash.as_slice()).map_err(|_| damaged(&"a hash is too short"))?;
        let seq = entry.seq;
        Ok(ImportedEntry { seq, hash, content })
    });
    let entries = entries.collect::<Result<_, StoreError>>()?;
    let requirements = raw.requirements.into_iter().collect::<Result<_, String>>();
    Ok(Examined {
        row: RunRow {
            holder: None,
            ..raw.row.map_err(|why| damaged(&why))?
        },
        entries,
        requirements: requirements.map_err(|why| damaged(&why))?,
        goes_on_with: raw.goes_on_with,
        before,
    })
}

fn apart<T: Send + 'static>(
    store: &StoreHandle,
    job: impl FnOnce(&mut dyn Store) -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    wait(|sender| {
        store.read_apart(Box::new(move |store| {
            // Nobody listens only when the waiting thread is gone.
            let _ = sender.send(store.map_err(EngineError::from).and_then(job));
        }));
    })
}

fn maintained<T: Send + 'static>(
    store: &StoreHandle,
    job: impl FnOnce(&mut dyn WritableStore) -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    wait(|sender| {
        store.maintain(Box::new(move |store| {
            // As above.
            let _ = sender.send(store.map_err(EngineError::from).and_then(job));
        }));
    })
}

fn wait<T>(begin: impl FnOnce(mpsc::SyncSender<Result<T, EngineError>>)) -> Result<T, EngineError> {
    let (sender, receiver) = mpsc::sync_channel(1);
    begin(sender);
    receiver.recv().unwrap_or(Err(StoreError::Closed.into()))
}
