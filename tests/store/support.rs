//! Runs, entries and holders for the tests, each in as few words as it takes.

use std::sync::{Arc, Mutex};

use haltpoint_engine::journal::{
    ApprovalRevoked, CancelRequested, Chain, Entry, Event, Remembered, RequirementDecided, RequirementExpired,
    RequirementOpened, RunPaused, Terms, ToolFinished, ToolStarted, decode,
};
use haltpoint_engine::requirement::{Confirmation, Decision, Remember, RememberScope, RequirementKind};
use haltpoint_engine::store::holder::{Holder, Liveness};
use haltpoint_engine::store::{
    Append, Author, Committed, Finish, LeaseGrant, NewRun, NewSignal, Operation, OutboxClaim, RunStatus, StoreError,
    StoredRun, WritableStore,
};
use haltpoint_engine::{Json, Text, Timestamp};

pub(crate) use crate::each::*;

/// Long enough for anything that is going to happen at all.
pub(crate) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

/// How long leases last in these tests, in microseconds of the tests' own time.
pub(crate) const LEASE: i64 = 1_000;

/// Says of each holder what the test wants it to say.
#[derive(Clone, Default)]
pub(crate) struct Deaths(Arc<Mutex<Vec<Text>>>);

impl Deaths {
    pub(crate) fn kill(&self, holder: &Holder) {
        self.0.lock().unwrap().push(holder.token.clone());
    }
}

impl Liveness for Deaths {
    fn is_alive(&self, holder: &Holder) -> Option<bool> {
        Some(!self.0.lock().unwrap().contains(&holder.token))
    }
}

pub(crate) fn holder(token: &str) -> Holder {
    Holder {
        token: token.into(),
        host: "here boot=1".into(),
        pid: 7,
        started: u64::MAX - 3,
    }
}

pub(crate) fn at(micros: i64) -> Timestamp {
    Timestamp(micros)
}

pub(crate) fn create(run_id: &str, token: &str) -> Operation {
    create_in_session(run_id, token, None)
}

pub(crate) fn create_in_session(run_id: &str, token: &str, session_id: Option<&str>) -> Operation {
    Operation::Create(NewRun {
        run_id: run_id.into(),
        agent_name: Some("clerk".into()),
        session_id: session_id.map(Text::from),
        user_id: None,
        holder: holder(token),
        expires: at(LEASE),
        at: at(0),
        entries: vec![session_id.map_or_else(|| tool_started("first"), |session_id| run_started(run_id, session_id))],
    })
}

/// The first entry of a run that belongs to a session.
fn run_started(run_id: &str, session_id: &str) -> Entry {
    let started = serde_json::json!({
        "format": 2,
        "run_id": run_id,
        "agent_name": "clerk",
        "session_id": session_id,
        "description": "d",
        "tool_call_limit": 9,
    });
    decode("run_started", &started.to_string()).unwrap()
}

pub(crate) fn acquire(run_id: &str, token: &str, now: i64) -> Operation {
    Operation::Acquire {
        run_id: run_id.into(),
        holder: holder(token),
        now: at(now),
        expires: at(now + LEASE),
        known: None,
    }
}

pub(crate) fn release(run_id: &str, epoch: u64) -> Operation {
    Operation::Release {
        run_id: run_id.into(),
        epoch,
    }
}

pub(crate) fn drive(run_id: &str, epoch: u64, driver_entries: u64, entries: Vec<Entry>) -> Operation {
    append(run_id, Author::Driver { epoch, driver_entries }, entries, None)
}

pub(crate) fn stop(run_id: &str, epoch: u64, driver_entries: u64, status: RunStatus) -> Operation {
    let author = Author::Driver { epoch, driver_entries };
    append(
        run_id,
        author,
        vec![Entry::RunPaused(RunPaused {})],
        Some(Finish::as_told(status)),
    )
}

/// The run pauses, and goes on with so many open requirements.
pub(crate) fn stop_until(run_id: &str, driver_entries: u64, goes_on_with: u64) -> Operation {
    let finish = Finish {
        goes_on_with,
        ..Finish::as_told(RunStatus::Paused)
    };
    let author = Author::Driver {
        epoch: 1,
        driver_entries,
    };
    append(run_id, author, vec![Entry::RunPaused(RunPaused {})], Some(finish))
}

pub(crate) fn say(run_id: &str, entry: Entry) -> Operation {
    append(run_id, Author::External, vec![entry], None)
}

pub(crate) fn append(run_id: &str, author: Author, entries: Vec<Entry>, finish: Option<Finish>) -> Operation {
    Operation::Append(Append {
        run_id: run_id.into(),
        author,
        at: at(5),
        entries,
        finish,
    })
}

pub(crate) fn continued() -> Entry {
    decode("run_continued", r#"{"holder": "me", "tool_call_limit": 9}"#).unwrap()
}

pub(crate) fn tool_started(call_id: &str) -> Entry {
    Entry::ToolStarted(ToolStarted {
        call_id: call_id.into(),
        attempt: 1,
        holder: "me".into(),
    })
}

pub(crate) fn tool_finished(call_id: &str, content: impl Into<Text>) -> Entry {
    Entry::ToolFinished(ToolFinished {
        call_id: call_id.into(),
        content: content.into(),
        is_error: false,
        source: haltpoint_engine::journal::OutcomeSource::Tool,
        duration_us: 1,
    })
}

pub(crate) fn opened(requirement_id: &str) -> Entry {
    let kind = RequirementKind::Confirmation;
    Entry::RequirementOpened(RequirementOpened {
        requirement_id: requirement_id.into(),
        call_id: "call".into(),
        kind,
        terms: Terms::default(),
        event: None,
    })
}

pub(crate) fn opened_on(requirement_id: &str, terms: Terms) -> Entry {
    opened_as(RequirementKind::Confirmation, requirement_id, terms)
}

/// Until then it only waits.
pub(crate) fn sleeping(requirement_id: &str, until: i64) -> Entry {
    let terms = Terms {
        expires_at: Some(at(until)),
        ..Terms::default()
    };
    opened_as(RequirementKind::Wait, requirement_id, terms)
}

fn opened_as(kind: RequirementKind, requirement_id: &str, terms: Terms) -> Entry {
    Entry::RequirementOpened(RequirementOpened {
        requirement_id: requirement_id.into(),
        call_id: "call".into(),
        kind,
        terms,
        event: None,
    })
}

/// It waits for an event, until then where a time is given.
pub(crate) fn awaiting(requirement_id: &str, event: &Event, until: Option<i64>) -> Entry {
    Entry::RequirementOpened(RequirementOpened {
        requirement_id: requirement_id.into(),
        call_id: "call".into(),
        kind: RequirementKind::Wait,
        terms: Terms {
            expires_at: until.map(at),
            ..Terms::default()
        },
        event: Some(event.clone()),
    })
}

/// A signal that comes then.
pub(crate) fn signalled(id: &str, event: &Event, payload: &str, then: i64) -> Operation {
    Operation::Signal(NewSignal {
        id: id.into(),
        event: event.clone(),
        payload: Json::parse(payload.to_owned()).unwrap(),
        by: Some("bank".into()),
        at: at(then),
    })
}

pub(crate) fn expired(requirement_id: &str) -> Entry {
    Entry::RequirementExpired(RequirementExpired {
        requirement_id: requirement_id.into(),
    })
}

pub(crate) fn decided_by(requirement_id: &str, decision: Decision, by: &str) -> Entry {
    Entry::RequirementDecided(RequirementDecided {
        requirement_id: requirement_id.into(),
        decision,
        by: Some(by.into()),
        memory_key: None,
        remembered: None,
    })
}

/// A confirmation that answers later calls of this key.
pub(crate) fn remembered(requirement_id: &str, scope: RememberScope, key: &str) -> Entry {
    remembered_by(requirement_id, scope, key, "ada")
}

/// As [`remembered`], by somebody.
pub(crate) fn remembered_by(requirement_id: &str, scope: RememberScope, key: &str, by: &str) -> Entry {
    let with_arguments = false;
    let decision = Decision::Confirm(Confirmation {
        remember: Some(Remember { scope, with_arguments }),
        ..Confirmation::default()
    });
    Entry::RequirementDecided(RequirementDecided {
        requirement_id: requirement_id.into(),
        decision,
        by: Some(by.into()),
        memory_key: Some(key.into()),
        remembered: None,
    })
}

/// A confirmation by memory of another requirement.
pub(crate) fn repeated(requirement_id: &str, origin: &str) -> Entry {
    Entry::RequirementDecided(RequirementDecided {
        requirement_id: requirement_id.into(),
        decision: Decision::confirm(),
        by: Some("ada".into()),
        memory_key: None,
        remembered: Some(Remembered {
            requirement_id: origin.into(),
            run_id: "r".into(),
            by: Some("ada".into()),
        }),
    })
}

pub(crate) fn revoked(requirement_id: &str) -> Entry {
    Entry::ApprovalRevoked(ApprovalRevoked {
        requirement_id: requirement_id.into(),
        by: Some("cid".into()),
    })
}

pub(crate) fn decided(requirement_id: &str, decision: Decision) -> Entry {
    Entry::RequirementDecided(RequirementDecided {
        requirement_id: requirement_id.into(),
        decision,
        by: Some("ada".into()),
        memory_key: None,
        remembered: None,
    })
}

pub(crate) fn confirmed(requirement_id: &str) -> Entry {
    decided(requirement_id, Decision::confirm())
}

pub(crate) fn rejected(requirement_id: &str) -> Entry {
    decided(
        requirement_id,
        Decision::Reject {
            note: Some("no".into()),
        },
    )
}

pub(crate) fn completed_entry() -> Entry {
    decode("run_completed", r#"{"output": "done"}"#).unwrap()
}

pub(crate) fn cancel() -> Entry {
    Entry::CancelRequested(CancelRequested {
        interrupt: false,
        by: None,
        reason: None,
    })
}

/// Carries one operation out.
pub(crate) fn execute(store: &mut dyn WritableStore, operation: Operation) -> Result<Committed, StoreError> {
    let mut outcomes = store.commit(&[operation]);
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0)
}

/// Carries operations out, each of which must succeed.
pub(crate) fn execute_all(store: &mut dyn WritableStore, operations: Vec<Operation>) {
    for outcome in store.commit(&operations) {
        outcome.unwrap();
    }
}

/// The epoch and the run that were granted.
pub(crate) fn granted(outcome: Result<Committed, StoreError>) -> (u64, StoredRun) {
    match outcome {
        Ok(Committed::Lease(LeaseGrant::Granted { epoch, run })) => (epoch, *run),
        other => panic!("not granted: {other:?}"),
    }
}

pub(crate) fn appended(seq: u64) -> Result<Committed, StoreError> {
    Ok(Committed::Appended { seq })
}

pub(crate) fn kinds(run: &StoredRun) -> Vec<&'static str> {
    run.records.iter().map(|record| record.entry.kind()).collect()
}

/// The message of an error about the database itself.
pub(crate) fn message<T: std::fmt::Debug>(outcome: Result<T, StoreError>) -> String {
    match outcome {
        Err(StoreError::Unusable { message } | StoreError::Damaged { message, .. }) => message,
        other => panic!("expected the store to be unusable, got {other:?}"),
    }
}

/// Checks that each row of a run has the hash of that chain.
pub(crate) fn check_hashes(store: &mut dyn WritableStore, run_id: &str, chain: &Chain) {
    let mut hash = chain.genesis(run_id);
    for entry in store.raw(run_id).unwrap().entries {
        let content = entry.content.unwrap();
        let row = content.stored(entry.seq, content.outsider != 0);
        hash = row.hash(chain, &hash).unwrap();
        assert_eq!(content.hash, hash);
        row.check(chain.format()).unwrap();
    }
}

/// The place from which a claimant delivers, if it may.
pub(crate) fn claim_outbox(store: &mut dyn WritableStore, claim: &OutboxClaim) -> Result<Option<i64>, StoreError> {
    match execute(store, Operation::ClaimOutbox(claim.clone()))? {
        Committed::OutboxClaimed(place) => Ok(place),
        other => panic!("not claimed: {other:?}"),
    }
}

pub(crate) fn advance_outbox(
    store: &mut dyn WritableStore,
    claim: &OutboxClaim,
    place: i64,
) -> Result<bool, StoreError> {
    let claim = claim.clone();
    match execute(store, Operation::AdvanceOutbox { claim, place })? {
        Committed::OutboxAdvanced(is_ours) => Ok(is_ours),
        other => panic!("not advanced: {other:?}"),
    }
}
