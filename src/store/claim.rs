//! The right to deliver what a subscription has coming, as backends keep it.

use super::OutboxClaim;
use super::holder::{Expiry, Holder, Liveness, Now, now_for};
use crate::{Text, Timestamp};

/// The right to deliver, as it stands in a database. What is written of it, [`Claim::claimed_by`] and [`Claim::until`], reads back as the
/// same claim.
#[derive(Clone, Debug)]
pub struct Claim {
    claimant: Text,
    /// The process that they are in; `None` where none is named, and only the time tells that it is gone.
    holder: Option<Holder>,
    /// As that of a lease: a clock that both processes share decides, and else the wall clock.
    expiry: Expiry,
}

impl Claim {
    /// The claim that is asked for.
    #[must_use]
    pub fn new(claim: &OutboxClaim, liveness: &dyn Liveness) -> Self {
        let now = now_for(liveness, &claim.holder, claim.now);
        Self {
            claimant: claim.claimant.clone(),
            holder: Some(claim.holder.clone()),
            expiry: Expiry::renewed(now, claim.until),
        }
    }

    /// What was written of a claim.
    #[must_use]
    pub fn read(claimed_by: &str, until: Timestamp) -> Self {
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

    /// Whether it is the claim of the one who asks.
    #[must_use]
    pub fn is_of(&self, claim: &OutboxClaim) -> bool {
        self.claimant == claim.claimant && self.holder.as_ref() == Some(&claim.holder)
    }

    /// Whether its time is over or its process is dead.
    #[must_use]
    pub fn is_over(&self, now: Timestamp, liveness: &dyn Liveness) -> bool {
        // By the wall clock where there is no better one: what is delivered twice was announced at least once.
        let is_dead = |holder: &Holder| liveness.is_alive(holder) == Some(false);
        self.expiry.left(self.now(now, liveness)) <= 0 || self.holder.as_ref().is_some_and(is_dead)
    }

    /// The claim as it counts from now on, where more is left of it than its whole length.
    #[must_use]
    pub fn capped(self, asking: &OutboxClaim, liveness: &dyn Liveness) -> Option<Self> {
        let usual = asking.until.micros_since(asking.now);
        let expiry = self.expiry.capped(self.now(asking.now, liveness), usual)?;
        Some(Self { expiry, ..self })
    }

    /// Until when it holds, by the wall clock.
    #[must_use]
    pub fn until(&self) -> Timestamp {
        self.expiry.wall
    }

    /// Who claims it, in which process, and what the time alone does not say of the expiry.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn claimed_by(&self) -> serde_json::Result<String> {
        let Some(holder) = &self.holder else {
            return Ok(self.claimant.to_string());
        };
        let holder = Holder {
            host: self.expiry.write_behind(&holder.host).into(),
            ..holder.clone()
        };
        serde_json::to_string(&(&self.claimant, &holder))
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
}
