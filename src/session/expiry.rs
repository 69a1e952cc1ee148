//! Ending the wait for what nobody decided in time.

use std::collections::HashSet;

use crate::journal::{Entry, InDoubtRule, RequirementExpired, RunContinued};
use crate::run::{Requirement, Run};
use crate::store::handle::StoreHandle;
use crate::store::{
    Append, Author, CancelFlag, Committed, LeaseGrant, Operation, OverdueFilter, RequirementRow, Store, StoreError,
    StoredRun,
};
use crate::{Text, Timestamp};

use super::EngineError;
use super::control::{Then, append_outside, load};
use super::finish::Standing;

/// How many requirements are looked for at once.
const PAGE: u32 = 256;

/// Some of the requirements whose time is over and that nobody decided, of one run or of all that are not stopped: none of `except`, which
/// were looked at before.
///
/// # Errors
/// What the store ran into.
pub fn overdue(
    store: &mut dyn Store,
    run_id: Option<Text>,
    except: HashSet<RequirementRow>,
    now: Timestamp,
) -> Result<Vec<RequirementRow>, StoreError> {
    store.overdue(&OverdueFilter {
        run_id,
        now,
        except,
        limit: PAGE,
    })
}

/// When the next time comes, later than that: see [`Store::next_due`].
///
/// # Errors
/// What the store ran into.
pub fn next_due(store: &mut dyn Store, after: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    store.next_due(after)
}

/// Writes that nobody decided a requirement in time, and stops the run where its tool says so. `false`: somebody decided after
/// all, the time is not over, or the run is of another audit key.
pub fn expire(store: &StoreHandle, run_id: Text, requirement_id: Text, at: Timestamp, then: Then<bool>) {
    let handle = store.clone();
    load(
        store,
        run_id.clone(),
        Box::new(move |loaded| match loaded {
            Ok(loaded) => match waiting_requirement(&loaded.run, &requirement_id) {
                Some(requirement) => {
                    let stops = loaded.run.calls()[requirement.call].on_expiry().stops();
                    write_expiry(&handle, run_id, requirement_id, stops, at, then);
                }
                None => then(Ok(false)),
            },
            Err(error) => then(Err(error)),
        }),
    );
}

/// The journal says whether it is waited for, not the index that led here: the index is covered by no hash. Whether the time is over, the
/// store says.
fn waiting_requirement<'a>(run: &'a Run, requirement_id: &str) -> Option<&'a Requirement> {
    run.requirement(requirement_id)
        .filter(|requirement| requirement.is_open() && requirement.terms.expires_at.is_some())
}

fn write_expiry(store: &StoreHandle, run_id: Text, requirement_id: Text, stops: bool, at: Timestamp, then: Then<bool>) {
    let entry = Entry::RequirementExpired(RequirementExpired { requirement_id });
    let handle = store.clone();
    append_outside(
        store,
        run_id.clone(),
        entry,
        at,
        Box::new(move |appended| match appended {
            Ok(()) if stops => stop_idle(&handle, run_id, at, then),
            Ok(()) => then(Ok(true)),
            Err(EngineError::Store(
                StoreError::Decided { .. } | StoreError::NotDue { .. } | StoreError::NotRunning { .. },
            )) => then(Ok(false)),
            // Whoever looks at a run without its key sees it as it is, and leaves it so.
            Err(EngineError::Store(StoreError::AuditKey { .. })) => then(Ok(false)),
            Err(error) => then(Err(error)),
        }),
    );
}

/// Stops the run where nobody drives it; a driver stops it by itself.
fn stop_idle(store: &StoreHandle, run_id: Text, at: Timestamp, then: Then<bool>) {
    let handle = store.clone();
    let acquire = Operation::Acquire {
        run_id,
        holder: store.holder(),
        now: at,
        expires: store.lease_expiry(at),
        known: None,
    };
    store.submit(
        acquire,
        Box::new(move |committed| match committed {
            Ok(Committed::Lease(LeaseGrant::Granted { epoch, run })) => write_stop(&handle, &run, epoch, at, then),
            Ok(_) | Err(StoreError::Busy { .. }) => then(Ok(true)),
            Err(error) => then(Err(error.into())),
        }),
    );
}

fn write_stop(store: &StoreHandle, stored: &StoredRun, epoch: u64, at: Timestamp, then: Then<bool>) {
    let run_id = stored.row.run_id.clone();
    let release = Operation::Release {
        run_id: run_id.clone(),
        epoch,
    };
    let stopping = Run::replay(&stored.records).map(|run| stop_of(store, run, run_id, epoch, at));
    let append = match stopping {
        Ok(Some(append)) => append,
        Ok(None) => return store.submit(release, Box::new(move |_| then(Ok(true)))),
        Err(error) => {
            store.submit(release, Box::new(|_| ()));
            return then(Err(error.into()));
        }
    };
    let handle = store.clone();
    store.submit(
        Operation::Append(append),
        Box::new(move |committed| {
            if committed.is_err() {
                // The lease would go back with the entries, which are not on disk.
                handle.submit(release, Box::new(|_| ()));
            }
            then(committed.map(|_| true).map_err(EngineError::from));
        }),
    );
}

/// What stops the run; `None` where somebody did so meanwhile.
fn stop_of(store: &StoreHandle, mut run: Run, run_id: Text, epoch: u64, at: Timestamp) -> Option<Append> {
    let standing = Standing::of(&run);
    let driver_entries = standing.driver_entries;
    let continued = RunContinued {
        holder: store.holder().to_string().into(),
        tool_call_limit: run.tool_call_limit(),
        on_in_doubt: InDoubtRule::default(),
    };
    let entries = run.notify_expired_idle(continued, at).entries;
    (!entries.is_empty()).then(|| Append {
        run_id,
        author: Author::Driver { epoch, driver_entries },
        at,
        finish: Some(standing.finish(run.status(), &entries, &CancelFlag::default())),
        entries,
    })
}
