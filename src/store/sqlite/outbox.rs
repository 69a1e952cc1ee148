//! Entries on their way to subscribers, and how far each subscriber is.

use rusqlite::{Connection, OptionalExtension, params};

use super::entry_id::seq;
use crate::store::holder::{Expiry, Holder, Liveness, Now, now_for};
use crate::store::{OutboxClaim, OutboxRow};
use crate::{Text, Timestamp};

pub(super) fn claim(
    connection: &Connection,
    claim: &OutboxClaim,
    liveness: &dyn Liveness,
) -> rusqlite::Result<Option<i64>> {
    let found = Claim::find(connection, &claim.name)?;
    if let Some(other) = found.filter(|found| !found.is_of(claim) && !found.is_over(claim.now, liveness)) {
        // A clock may have been wrong when it was made: from now on it lasts no longer than its length.
        if let Some(capped) = other.capped(claim, liveness) {
            capped.write(connection, &claim.name)?;
        }
        return Ok(None);
    }
    Claim::new(claim, liveness).write(connection, &claim.name)
}

pub(super) fn advance(
    connection: &Connection,
    claim: &OutboxClaim,
    place: i64,
    liveness: &dyn Liveness,
) -> rusqlite::Result<bool> {
    let is_ours = Claim::find(connection, &claim.name)?.is_some_and(|found| found.is_of(claim));
    if is_ours {
        Claim::new(claim, liveness).write(connection, &claim.name)?;
        connection
            .prepare_cached("UPDATE subscriptions SET position = max(position, ?2) WHERE name = ?1")?
            .execute(params![claim.name, place])?;
    }
    connection
        .prepare_cached("DELETE FROM outbox WHERE place <= (SELECT min(position) FROM subscriptions)")?
        .execute([])?;
    Ok(is_ours)
}

/// The right to deliver, as it stands in the database.
struct Claim {
    claimant: Text,
    /// The process that they are in; `None` where none is named, and only the time tells that it is gone.
    holder: Option<Holder>,
    /// As that of a lease: a clock that both processes share decides, and else the wall clock.
    expiry: Expiry,
}

impl Claim {
    fn new(claim: &OutboxClaim, liveness: &dyn Liveness) -> Self {
        let now = now_for(liveness, &claim.holder, claim.now);
        Self {
            claimant: claim.claimant.clone(),
            holder: Some(claim.holder.clone()),
            expiry: Expiry::renewed(now, claim.until),
        }
    }

    fn find(connection: &Connection, name: &str) -> rusqlite::Result<Option<Self>> {
        connection
            .prepare_cached("SELECT claimed_by, claimed_until FROM subscriptions WHERE name = ?1")?
            .query_row([name], |row| {
                Ok(Self::read(&row.get::<_, String>(0)?, Timestamp(row.get(1)?)))
            })
            .optional()
    }

    fn read(claimed_by: &str, until: Timestamp) -> Self {
        match serde_json::from_str::<(Text, Holder)>(claimed_by) {
            Ok((claimant, holder)) => {
                let (host, expiry) = Expiry::read_behind(&holder.host, until);
                let host = host.into();
                Self {
                    claimant,
                    holder: Some(Holder { host, ..holder }),
                    expiry,
                }
            }
            Err(_) => Self {
                claimant: claimed_by.into(),
                holder: None,
                expiry: Expiry::by_wall_clock(until),
            },
        }
    }

    fn is_of(&self, claim: &OutboxClaim) -> bool {
        self.claimant == claim.claimant && self.holder.as_ref() == Some(&claim.holder)
    }

    fn is_over(&self, now: Timestamp, liveness: &dyn Liveness) -> bool {
        match &self.holder {
            // By the wall clock where there is no better one: what is delivered twice was announced at least once.
            Some(holder) => {
                self.expiry.left(now_for(liveness, holder, now)) <= 0 || liveness.is_alive(holder) == Some(false)
            }
            None => self.expiry.left(by_wall_clock(now)) <= 0,
        }
    }

    /// The claim as it counts from now on, where more is left of it than its whole length.
    fn capped(self, asking: &OutboxClaim, liveness: &dyn Liveness) -> Option<Self> {
        let usual = asking.until.micros_since(asking.now);
        let now = match &self.holder {
            Some(holder) => now_for(liveness, holder, asking.now),
            None => by_wall_clock(asking.now),
        };
        let expiry = self.expiry.capped(now, usual)?;
        Some(Self { expiry, ..self })
    }

    /// Puts it in the place of the one before, and returns the place up to which all is delivered. A new subscription begins with what is
    /// written from now on.
    fn write(&self, connection: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
        connection
            .prepare_cached(
                "INSERT INTO subscriptions (name, position, claimed_by, claimed_until) \
                 VALUES (?1, (SELECT coalesce(max(place), 0) FROM outbox), ?2, ?3) \
                 ON CONFLICT (name) DO UPDATE SET claimed_by = ?2, claimed_until = ?3 RETURNING position",
            )?
            .query_row(params![name, self.claimed_by()?, self.expiry.wall.0], |row| row.get(0))
            .optional()
    }

    /// Who claims it, in which process, and what the time alone does not say of the expiry.
    fn claimed_by(&self) -> rusqlite::Result<String> {
        let Some(holder) = &self.holder else {
            return Ok(self.claimant.to_string());
        };
        let holder = Holder {
            host: self.expiry.write_behind(&holder.host).into(),
            ..holder.clone()
        };
        serde_json::to_string(&(&self.claimant, &holder))
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
    }
}

fn by_wall_clock(wall: Timestamp) -> Now {
    let steady = None;
    Now { wall, steady }
}

pub(super) fn after(connection: &Connection, place: i64, limit: u32) -> rusqlite::Result<Vec<OutboxRow>> {
    let mut statement = connection.prepare_cached(
        "SELECT o.place, r.run_id, o.entry FROM outbox o JOIN runs r ON r.run = o.entry >> 32 \
         WHERE o.place > ?1 ORDER BY o.place LIMIT ?2",
    )?;
    let rows = statement.query_map(params![place, limit], |row| {
        Ok(OutboxRow {
            place: row.get(0)?,
            run_id: row.get(1)?,
            seq: seq(row.get(2)?),
        })
    })?;
    rows.collect()
}
