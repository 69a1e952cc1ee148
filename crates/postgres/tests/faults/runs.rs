//! Runs, in as few words as it takes.

use haltpoint_engine::Text;
use haltpoint_engine::journal::{CancelRequested, Entry, OutcomeSource, ToolFinished, ToolStarted};
use haltpoint_engine::store::handle::StoreHandle;
use haltpoint_engine::store::{Append, Author, Committed, LeaseGrant, NewRun, Operation, StoreError, StoredRun};
use haltpoint_postgres::{PostgresOptions, open};

pub(crate) fn opened(url: &str) -> StoreHandle {
    open(url, PostgresOptions::default()).unwrap()
}

fn started(call_id: &str) -> Entry {
    Entry::ToolStarted(ToolStarted {
        call_id: call_id.into(),
        attempt: 1,
        holder: "me".into(),
    })
}

pub(crate) fn finished(call_id: &str) -> Entry {
    Entry::ToolFinished(ToolFinished {
        call_id: call_id.into(),
        content: "done".into(),
        is_error: false,
        source: OutcomeSource::Tool,
        duration_us: 1,
    })
}

pub(crate) fn create(handle: &StoreHandle, run_id: &str) -> Result<Committed, StoreError> {
    let now = handle.now();
    handle.execute(Operation::Create(NewRun {
        run_id: run_id.into(),
        agent_name: Some("clerk".into()),
        session_id: None,
        user_id: None,
        holder: handle.holder(),
        expires: handle.lease_expiry(now),
        at: now,
        entries: vec![started("first")],
    }))
}

pub(crate) fn step(handle: &StoreHandle, run_id: &str, epoch: u64, driver_entries: u64) -> Operation {
    let author = Author::Driver { epoch, driver_entries };
    append(handle, run_id, author, finished("c"))
}

pub(crate) fn cancel(handle: &StoreHandle, run_id: &str, by: &str) -> Operation {
    let entry = Entry::CancelRequested(CancelRequested {
        interrupt: false,
        by: Some(by.into()),
        reason: None,
    });
    append(handle, run_id, Author::External, entry)
}

fn append(handle: &StoreHandle, run_id: &str, author: Author, entry: Entry) -> Operation {
    Operation::Append(Append {
        run_id: run_id.into(),
        author,
        at: handle.now(),
        entries: vec![entry],
        finish: None,
    })
}

pub(crate) fn acquire(handle: &StoreHandle, run_id: &str) -> Result<(u64, StoredRun), StoreError> {
    let now = handle.now();
    let acquired = handle.execute(Operation::Acquire {
        run_id: run_id.into(),
        holder: handle.holder(),
        now,
        expires: handle.lease_expiry(now),
        known: None,
    })?;
    match acquired {
        Committed::Lease(LeaseGrant::Granted { epoch, run }) => Ok((epoch, *run)),
        other => panic!("not granted: {other:?}"),
    }
}

/// Who asked for a cancellation, in the order of the journal.
pub(crate) fn askers(handle: &StoreHandle, run_id: &str) -> Vec<Text> {
    let records = handle.load_blocking(run_id.into()).unwrap().records;
    let by = |record| match record {
        Entry::CancelRequested(CancelRequested { by, .. }) => by,
        _ => None,
    };
    records.into_iter().filter_map(|record| by(record.entry)).collect()
}
