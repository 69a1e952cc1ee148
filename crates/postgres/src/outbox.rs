//! Entries on their way to subscribers, and how far each subscriber is.
//!
//! An entry gets its place after it was committed: whoever looks gives places to those that have none, one such look at a time. So no entry
//! gets a place before one that was given out, however late its transaction ends, and none waits for another transaction.

use haltpoint_engine::store::holder::{Expiry, Holder, Liveness, Now, now_for};
use haltpoint_engine::store::{OutboxClaim, OutboxRow};
use haltpoint_engine::{Text, Timestamp};
use tokio_postgres::types::Type;

use crate::connection::{Connection, get};
use crate::fault::Failure;
use crate::text::{restored, stored, text};

pub(crate) fn claim(
    connection: &mut Connection,
    claim: &OutboxClaim,
    liveness: &dyn Liveness,
) -> Result<Option<i64>, Failure> {
    give_places(connection)?;
    connection.transaction("BEGIN", |connection| {
        let ours = Claim::new(claim, liveness);
        // Whoever is first to make the subscription begins with what is written from now on.
        connection.query(
            "INSERT INTO @subscriptions (name, position, claimed_by, claimed_until) \
             VALUES ($1, (SELECT last FROM @heads WHERE name = 'outbox'), $2, $3) ON CONFLICT (name) DO NOTHING",
            &[
                (&stored(&claim.name), Type::TEXT),
                (&ours.claimed_by()?, Type::TEXT),
                (&ours.expiry.wall.0, Type::INT8),
            ],
        )?;
        let (found, position) = Claim::find(connection, &claim.name)?;
        if !found.is_of(claim) && !found.is_over(claim.now, liveness) {
            // A clock may have been wrong when it was made: from now on it lasts no longer than its length.
            if let Some(capped) = found.capped(claim, liveness) {
                capped.write(connection, &claim.name, None)?;
            }
            return Ok(None);
        }
        ours.write(connection, &claim.name, None)?;
        Ok(Some(position))
    })
}

pub(crate) fn advance(
    connection: &mut Connection,
    claim: &OutboxClaim,
    place: i64,
    liveness: &dyn Liveness,
) -> Result<bool, Failure> {
    let is_ours = connection.transaction("BEGIN", |connection| {
        let found = Claim::find(connection, &claim.name);
        let is_ours = match found {
            Ok((found, _)) => found.is_of(claim),
            Err(Failure::Unreadable(_)) => false,
            Err(failure) => return Err(failure),
        };
        if is_ours {
            Claim::new(claim, liveness).write(connection, &claim.name, Some(place))?;
        }
        Ok(is_ours)
    })?;
    connection.ask(
        "DELETE FROM @outbox WHERE place <= (SELECT min(position) FROM @subscriptions)",
        &[],
    )?;
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

    /// The claim that stands, and the place up to which all is delivered. Its row is locked until the transaction ends.
    fn find(connection: &mut Connection, name: &str) -> Result<(Self, i64), Failure> {
        let row = connection.query_one(
            "SELECT claimed_by, claimed_until, position FROM @subscriptions WHERE name = $1 FOR UPDATE",
            &[(&stored(name), Type::TEXT)],
        )?;
        let claim = Self::read(&restored(get(&row, 0)?), Timestamp(get(&row, 1)?));
        Ok((claim, get(&row, 2)?))
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

    fn now(&self, now: Timestamp, liveness: &dyn Liveness) -> Now {
        match &self.holder {
            Some(holder) => now_for(liveness, holder, now),
            None => Now {
                wall: now,
                steady: None,
            },
        }
    }

    fn is_over(&self, now: Timestamp, liveness: &dyn Liveness) -> bool {
        // By the wall clock where there is no better one: what is delivered twice was announced at least once.
        let is_dead = |holder: &Holder| liveness.is_alive(holder) == Some(false);
        self.expiry.left(self.now(now, liveness)) <= 0 || self.holder.as_ref().is_some_and(is_dead)
    }

    /// The claim as it counts from now on, where more is left of it than its whole length.
    fn capped(self, asking: &OutboxClaim, liveness: &dyn Liveness) -> Option<Self> {
        let usual = asking.until.micros_since(asking.now);
        let expiry = self.expiry.capped(self.now(asking.now, liveness), usual)?;
        Some(Self { expiry, ..self })
    }

    /// Puts it in the place of the one before; `place`: all up to there is delivered.
    fn write(&self, connection: &mut Connection, name: &str, place: Option<i64>) -> Result<(), Failure> {
        connection.query(
            "UPDATE @subscriptions SET claimed_by = $2, claimed_until = $3, position = greatest(position, $4) WHERE name = $1",
            &[
                (&stored(name), Type::TEXT),
                (&self.claimed_by()?, Type::TEXT),
                (&self.expiry.wall.0, Type::INT8),
                (&place, Type::INT8),
            ],
        )?;
        Ok(())
    }

    /// Who claims it, in which process, and what the time alone does not say of the expiry.
    fn claimed_by(&self) -> Result<String, Failure> {
        let Some(holder) = &self.holder else {
            return Ok(stored(&self.claimant).into_owned());
        };
        let holder = Holder {
            host: self.expiry.write_behind(&holder.host).into(),
            ..holder.clone()
        };
        let claimed_by = serde_json::to_string(&(&self.claimant, &holder));
        claimed_by.map_err(|error| Failure::Unreadable(error.to_string()))
    }
}

/// At most `limit` entries behind `place`.
pub(crate) fn after(connection: &mut Connection, place: i64, limit: u32) -> Result<Vec<OutboxRow>, Failure> {
    give_places(connection)?;
    let limit = i64::from(limit);
    let rows = connection.ask(
        "SELECT o.place, r.run_id, o.seq FROM @outbox o JOIN @runs r ON r.run = o.run WHERE o.place > $1 ORDER BY o.place LIMIT $2",
        &[(&place, Type::INT8), (&limit, Type::INT8)],
    )?;
    let row = |row| {
        Ok(OutboxRow {
            place: get(row, 0)?,
            run_id: text(get(row, 1)?),
            seq: get::<i64>(row, 2)?.unsigned_abs(),
        })
    };
    rows.iter().map(row).collect()
}

/// Gives places to the entries that are committed and have none, behind all places that were given before: who gives them has the lock on
/// the last one until the commit. Where two look at once, the second one leaves to the first what both have seen.
pub(crate) fn give_places(connection: &mut Connection) -> Result<(), Failure> {
    let rows = connection.ask("SELECT EXISTS (SELECT 1 FROM @outbox WHERE place IS NULL)", &[])?;
    if !rows.first().map_or(Ok(false), |row| get(row, 0))? {
        return Ok(());
    }
    connection.transaction("BEGIN", |connection| {
        connection.query("SELECT last FROM @heads WHERE name = 'outbox' FOR UPDATE", &[])?;
        // A statement of its own, so that it sees what was given places before the lock was taken.
        connection.query(
            "WITH fresh AS (SELECT o.id, h.last + row_number() OVER (ORDER BY o.id) AS place \
             FROM @outbox o CROSS JOIN @heads h WHERE o.place IS NULL AND h.name = 'outbox'), \
             placed AS (UPDATE @outbox o SET place = f.place FROM fresh f WHERE o.id = f.id RETURNING o.place) \
             UPDATE @heads h SET last = p.last FROM (SELECT max(place) AS last FROM placed) p \
             WHERE h.name = 'outbox' AND p.last IS NOT NULL",
            &[],
        )?;
        Ok(())
    })
}
