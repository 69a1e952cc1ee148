//! Leases: who drives a run, and until when they count as alive.

use rusqlite::{Connection, OptionalExtension, params};

use super::Surroundings;
use super::fault::Fault;
use super::read::{find_run, stored_run};
use super::write::moved_payload;
use crate::journal::JournalEnd;
use crate::store::holder::{Expiry, Holder, Liveness, now_for};
use crate::store::rules::{Lease, chain_to_write, check_lease, check_not_erased, check_not_moved};
use crate::store::{Committed, DueClaim, LeaseGrant, RunStatus};
use crate::{Text, Timestamp};

/// Who asks for the right to drive a run.
#[derive(Clone, Copy)]
pub(super) struct Applicant<'a> {
    pub(super) holder: &'a Holder,
    pub(super) now: Timestamp,
    pub(super) expires: Timestamp,
    /// What they have read of the journal before.
    pub(super) known: Option<JournalEnd>,
}

/// Takes the right to drive a run.
pub(super) fn acquire(
    connection: &Connection,
    run_id: &Text,
    applicant: Applicant<'_>,
    surroundings: Surroundings<'_>,
) -> Result<Committed, Fault> {
    let Applicant {
        holder,
        now,
        expires,
        known,
    } = applicant;
    let mut found = find_run(connection, run_id)?;
    if found.row.status == RunStatus::Completed {
        let run = Box::new(stored_run(connection, run_id, surroundings.key, known)?);
        return Ok(Committed::Lease(LeaseGrant::Completed { run }));
    }
    check_not_erased(&found.row)?;
    check_not_moved(&found.row)
        .map_err(|error| error.naming(|| moved_payload(connection, found.run).ok().flatten()))?;
    chain_to_write(
        run_id,
        found.row.format,
        found.row.audit_key_id.as_ref(),
        surroundings.key,
    )?;
    if let Some(lease) = &mut found.lease
        && lease.cut_down(surroundings.liveness, now, expires)
    {
        set_expiry(connection, lease)?;
    }
    check_lease(run_id, found.lease, holder, now, surroundings.liveness)?;
    // Read before it is granted, so that a journal that cannot be read keeps its state.
    let mut run = stored_run(connection, run_id, surroundings.key, known)?;
    let number = enlist(connection, holder, now, expires, surroundings.liveness)?;
    let epoch = hold(connection, run_id, number, now)?;
    (run.row.epoch, run.row.holder) = (epoch, Some(holder.clone()));
    Ok(Committed::Lease(LeaseGrant::Granted {
        epoch,
        run: Box::new(run),
    }))
}

/// Takes the right to drive a run that nobody holds, and returns the epoch.
pub(super) fn grant(
    connection: &Connection,
    run_id: &Text,
    claim: &DueClaim,
    liveness: &dyn Liveness,
) -> rusqlite::Result<u64> {
    let now = claim.filter.now;
    let number = enlist(connection, &claim.holder, now, claim.expires, liveness)?;
    hold(connection, run_id, number, now)
}

fn hold(connection: &Connection, run_id: &Text, holder: i64, now: Timestamp) -> rusqlite::Result<u64> {
    connection
        .prepare_cached(
            "UPDATE runs SET epoch = epoch + 1, holder = ?2, held_since = ?3 WHERE run_id = ?1 RETURNING epoch",
        )?
        .query_row(params![run_id, holder, now.0], |row| row.get(0).map(i64::cast_unsigned))
}

/// Gives the right back, if it is still held under that epoch.
pub(super) fn release(connection: &Connection, run_id: &str, epoch: u64) -> Result<Committed, Fault> {
    connection
        .prepare_cached("UPDATE runs SET holder = NULL, held_since = NULL WHERE run_id = ?1 AND epoch = ?2")?
        .execute(params![run_id, epoch.cast_signed()])?;
    Ok(Committed::Released)
}

/// The number of the holder's row, which says that it is alive until `expires`.
pub(super) fn enlist(
    connection: &Connection,
    holder: &Holder,
    now: Timestamp,
    expires: Timestamp,
    liveness: &dyn Liveness,
) -> rusqlite::Result<i64> {
    let expiry = Expiry::renewed(now_for(liveness, holder, now), expires);
    if let Some(number) = prolong(connection, holder, expiry)? {
        return Ok(number);
    }
    sweep(connection, now)?;
    connection
        .prepare_cached(
            "INSERT INTO holders (token, host, pid, started, expires) VALUES (?1, ?2, ?3, ?4, ?5) RETURNING holder",
        )?
        .query_row(
            params![
                holder.token,
                expiry.write_behind(&holder.host),
                holder.pid,
                holder.started.cast_signed(),
                expiry.wall.0
            ],
            |row| row.get(0),
        )
}

/// Says that a holder is alive, and until when it counts as such. One row, however many runs it holds.
pub(super) fn prolong(connection: &Connection, holder: &Holder, expiry: Expiry) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("UPDATE holders SET expires = max(expires, ?2), host = ?3 WHERE token = ?1 RETURNING holder")?
        .query_row(
            params![holder.token, expiry.wall.0, expiry.write_behind(&holder.host)],
            |row| row.get(0),
        )
        .optional()
}

/// The runs that a holder holds, and under which epochs.
pub(super) fn held_by(connection: &Connection, holder: &Holder) -> rusqlite::Result<Vec<(Text, u64)>> {
    let mut statement = connection.prepare_cached(
        "SELECT r.run_id, r.epoch FROM runs r JOIN holders h ON h.holder = r.holder WHERE h.token = ?1",
    )?;
    let held = statement.query_map([&holder.token], |row| {
        Ok((row.get::<_, String>(0)?.into(), row.get::<_, i64>(1)?.cast_unsigned()))
    })?;
    held.collect()
}

/// Writes down when a lease ends that was cut down, or since when it is watched, so that the next one who asks need not begin to wait anew.
fn set_expiry(connection: &Connection, lease: &Lease) -> rusqlite::Result<()> {
    let (Holder { token, host, .. }, expiry) = (&lease.holder, lease.expiry);
    connection
        .prepare_cached("UPDATE holders SET expires = ?2, host = ?3 WHERE token = ?1")?
        .execute(params![token, expiry.wall.0, expiry.write_behind(host)])
        .map(drop)
}

/// Forgets holders that are gone and hold nothing.
fn sweep(connection: &Connection, now: Timestamp) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM holders WHERE expires <= ?1 \
             AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.holder = holders.holder)",
        )?
        .execute([now.0])
        .map(drop)
}
