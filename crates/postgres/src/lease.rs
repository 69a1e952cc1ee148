//! Leases: who drives a run, and until when they count as alive.

use std::collections::HashMap;

use haltpoint_engine::journal::JournalEnd;
use haltpoint_engine::store::holder::{Expiry, Holder, Liveness, now_for};
use haltpoint_engine::store::rules::{Lease, chain_to_write, check_lease, check_not_erased, check_not_moved};
use haltpoint_engine::store::{Committed, LeaseGrant, RunStatus, StoredRun};
use haltpoint_engine::{Text, Timestamp};
use tokio_postgres::types::Type;

use crate::connection::{Connection, get};
use crate::draft::{Base, Draft, Means};
use crate::fault::{Failure, Fault};
use crate::read::journal_of;
use crate::rows::{FoundLease, FoundRun};
use crate::text::stored;

/// For how long a holder that holds nothing is remembered after its lease ended.
const FORGETTING: i64 = 3_600_000_000;

/// Who asks for the right to drive a run.
#[derive(Clone, Copy)]
pub(crate) struct Applicant<'a> {
    pub(crate) holder: &'a Holder,
    pub(crate) now: Timestamp,
    pub(crate) expires: Timestamp,
    /// What they have read of the journal before.
    pub(crate) known: Option<JournalEnd>,
}

/// The rows of holders that a batch has written, by their numbers: places with expiries, and when these end by the wall clock.
pub(crate) type Holders = HashMap<i64, (String, i64)>;

/// Takes the right to drive a run.
pub(crate) fn acquire(
    connection: &mut Connection,
    draft: &mut Draft,
    applicant: Applicant<'_>,
    (liveness, holders): (&dyn Liveness, &mut Holders),
    means: Means<'_>,
) -> Result<Committed, Fault> {
    let Applicant {
        holder,
        now,
        expires,
        known,
    } = applicant;
    if draft.row.status == RunStatus::Completed {
        let run = Box::new(stored_run(connection, draft, means, known)?);
        return Ok(Committed::Lease(LeaseGrant::Completed { run }));
    }
    check_not_erased(&draft.row)?;
    if let Err(error) = check_not_moved(&draft.row) {
        let moved = draft.moved_payload(connection)?;
        return Err(error.naming(|| moved).into());
    }
    let row = &draft.row;
    chain_to_write(&row.run_id, row.format, row.audit_key_id.as_ref(), means.key)?;
    if let Some(found) = &mut draft.lease {
        if let Some((host, expires)) = holders.get(&found.holder) {
            found.read(host.clone(), *expires);
        }
        let before = found.clone();
        if found.lease.cut_down(liveness, now, expires) {
            set_expiry(connection, found, &before)?;
            holders.insert(found.holder, (found.host.clone(), found.expires));
        }
    }
    let lease = draft.lease.as_ref().map(|found| found.lease.clone());
    check_lease(&draft.row.run_id, lease, holder, now, liveness)?;
    // Read before it is granted, so that a journal that cannot be read keeps its state.
    let mut run = stored_run(connection, draft, means, known)?;
    let lease = enlist(connection, holder, now, expires, liveness)?;
    holders.insert(lease.holder, (lease.host.clone(), lease.expires));
    let is_as_read = |base: &Base| base.holder == draft.holder && base.epoch == draft.row.epoch;
    if draft.base.as_ref().is_some_and(is_as_read) {
        draft.taken_from = draft.lease.take();
    }
    draft.row.epoch += 1;
    draft.row.holder = Some(holder.clone());
    (draft.holder, draft.held_since, draft.is_changed) = (Some(lease.holder), Some(now.0), true);
    draft.lease = Some(lease);
    run.row = draft.row.clone();
    Ok(Committed::Lease(LeaseGrant::Granted {
        epoch: draft.row.epoch,
        run: Box::new(run),
    }))
}

/// The run as the draft leaves it.
fn stored_run(
    connection: &mut Connection,
    draft: &Draft,
    means: Means<'_>,
    known: Option<JournalEnd>,
) -> Result<StoredRun, Fault> {
    check_not_erased(&draft.row)?;
    let mut records = match &draft.base {
        None => Vec::new(),
        Some(base) => {
            let found = FoundRun {
                run: base.run,
                row: draft.row.clone(),
                holder: None,
                held_since: None,
                lease: None,
                head: base.head.clone(),
                requires: None,
                open_requirements: 0,
                goes_on_with: 0,
            };
            journal_of(connection, &found, means.key, known)?
        }
    };
    records.extend(draft.new_records(known));
    let row = draft.row.clone();
    Ok(StoredRun { row, records })
}

/// The lease of a holder, whose row says that it is alive until `expires`, or later.
pub(crate) fn enlist(
    connection: &mut Connection,
    holder: &Holder,
    now: Timestamp,
    expires: Timestamp,
    liveness: &dyn Liveness,
) -> Result<FoundLease, Failure> {
    let expiry = Expiry::renewed(now_for(liveness, holder, now), expires);
    let host = stored(&expiry.write_behind(&holder.host)).into_owned();
    let (pid, started) = (i64::from(holder.pid), holder.started.cast_signed());
    let rows = connection.ask(
        "INSERT INTO @holders AS h (token, host, pid, started, expires) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (token) DO UPDATE SET expires = greatest(h.expires, excluded.expires), host = excluded.host \
         RETURNING holder, expires",
        &[
            (&stored(&holder.token), Type::TEXT),
            (&host, Type::TEXT),
            (&pid, Type::INT8),
            (&started, Type::INT8),
            (&expiry.wall.0, Type::INT8),
        ],
    )?;
    let row = rows
        .first()
        .ok_or_else(|| Failure::Unreadable("a row is missing".to_owned()))?;
    let mut found = FoundLease {
        lease: Lease {
            holder: holder.clone(),
            expiry,
            since: now,
        },
        holder: get(row, 0)?,
        host: String::new(),
        expires: 0,
    };
    found.read(host, get(row, 1)?);
    Ok(found)
}

/// Says that a holder is alive, and until when it counts as such. One row, however many runs it holds. Forgets those that are gone.
pub(crate) fn prolong(
    connection: &mut Connection,
    holder: &Holder,
    now: Timestamp,
    expires: Timestamp,
    liveness: &dyn Liveness,
) -> Result<(), Failure> {
    let expiry = Expiry::renewed(now_for(liveness, holder, now), expires);
    let host = expiry.write_behind(&holder.host);
    connection.ask(
        "UPDATE @holders SET expires = greatest(expires, $2), host = $3 WHERE token = $1 RETURNING holder",
        &[
            (&stored(&holder.token), Type::TEXT),
            (&expiry.wall.0, Type::INT8),
            (&stored(&host), Type::TEXT),
        ],
    )?;
    Ok(())
}

/// Forgets holders that are gone for long and hold nothing.
pub(crate) fn sweep(connection: &mut Connection, now: Timestamp) -> Result<(), Failure> {
    let before = now.0.saturating_sub(FORGETTING);
    connection.ask(
        "DELETE FROM @holders h WHERE h.holder IN (SELECT holder FROM @holders WHERE expires <= $1 ORDER BY holder \
         FOR UPDATE SKIP LOCKED) AND NOT EXISTS (SELECT 1 FROM @runs r WHERE r.holder = h.holder)",
        &[(&before, Type::INT8)],
    )?;
    Ok(())
}

/// Writes down when a lease ends that was cut down, or since when it is watched, so that the next one who asks need not begin to wait anew;
/// unless its holder gave a sign of life meanwhile.
fn set_expiry(connection: &mut Connection, found: &mut FoundLease, before: &FoundLease) -> Result<(), Failure> {
    let host = stored(&found.lease.expiry.write_behind(&found.lease.holder.host)).into_owned();
    let expires = found.lease.expiry.wall.0;
    connection.ask(
        "UPDATE @holders SET expires = $2, host = $3 WHERE holder = $1 AND expires = $4 AND host = $5",
        &[
            (&before.holder, Type::INT8),
            (&expires, Type::INT8),
            (&host, Type::TEXT),
            (&before.expires, Type::INT8),
            (&before.host, Type::TEXT),
        ],
    )?;
    (found.host, found.expires) = (host, expires);
    Ok(())
}

/// The epochs under which a holder holds its runs.
pub(crate) fn held_by(connection: &mut Connection, holder: &Holder) -> Result<Vec<(Text, u64)>, Failure> {
    let rows = connection.ask(
        "SELECT r.run_id, r.epoch FROM @runs r JOIN @holders h ON h.holder = r.holder WHERE h.token = $1",
        &[(&stored(&holder.token), Type::TEXT)],
    )?;
    let held = |row| Ok((crate::text::text(get(row, 0)?), get::<i64>(row, 1)?.cast_unsigned()));
    rows.iter().map(held).collect()
}
