//! The server's clock, as far as it is known here.

use std::sync::Mutex;
use std::time::Duration;

use haltpoint_engine::Timestamp;
use haltpoint_engine::store::handle::lock;

use crate::connection::{Connection, get};
use crate::fault::Failure;

/// After so long a reading counts less than a new one.
const FRESH: i64 = 60_000_000;

/// Readings that are further apart say that the server's clock was set.
const CLEARLY: i64 = 1_000_000;

/// Microseconds on a clock that nobody can set, and that goes on while the machine sleeps, where there is such a clock.
pub(crate) fn steady() -> i64 {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    time.tv_sec
        .saturating_mul(1_000_000)
        .saturating_add(time.tv_nsec / 1_000)
}

/// A time span in microseconds.
pub(crate) fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// What the server's clock shows. It is never ahead of it: nobody takes a lease that has not ended by the server's clock.
#[derive(Debug)]
pub(crate) struct ServerClock(Mutex<Reading>);

#[derive(Clone, Copy, Debug)]
struct Reading {
    /// What the server's clock was ahead of this machine's steady one, at least.
    offset: i64,
    /// When it was read, by the steady one.
    at: i64,
}

impl ServerClock {
    /// Reads the server's clock.
    pub(crate) fn read(connection: &mut Connection) -> Result<Self, Failure> {
        Ok(Self(Mutex::new(Reading::take(connection)?)))
    }

    /// Reads it once more.
    pub(crate) fn read_again(&self, connection: &mut Connection) -> Result<(), Failure> {
        let new = Reading::take(connection)?;
        let mut reading = lock(&self.0);
        let difference = new.offset.saturating_sub(reading.offset);
        let is_better = !(-CLEARLY..=0).contains(&difference) || new.at - reading.at > FRESH;
        if is_better {
            *reading = new;
        }
        Ok(())
    }

    /// What it shows now.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(steady().saturating_add(lock(&self.0).offset))
    }
}

impl Reading {
    fn take(connection: &mut Connection) -> Result<Self, Failure> {
        let rows = connection.ask("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint", &[])?;
        // What it showed, it showed before now.
        let at = steady();
        let shown: i64 = rows.first().map_or_else(
            || Err(Failure::Unreadable("a row is missing".to_owned())),
            |row| get(row, 0),
        )?;
        let offset = shown.saturating_sub(at);
        Ok(Self { offset, at })
    }
}
