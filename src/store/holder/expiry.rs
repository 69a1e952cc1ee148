//! Until when a holder counts as alive without a further sign of life, and by which clock.

use crate::Timestamp;

/// When a lease is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expiry {
    /// By the wall clock.
    pub wall: Timestamp,
    /// By the clock of the holder's boot that nobody can set, in microseconds; it decides for those who share it.
    pub steady: Option<i64>,
    /// How long the lease is from one sign of life on, in microseconds; `None` where an older release wrote it.
    pub length: Option<i64>,
    /// Since when somebody who cannot see the holder has waited for a sign of life. Each sign of life ends the watch.
    pub watch: Option<Watch>,
}

/// The time on a clock that nobody can set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Which clock: what two of one number show can be compared.
    pub clock: u64,
    /// What it shows, in microseconds.
    pub time: i64,
}

/// What time it is for somebody who looks at a lease.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// By the wall clock.
    pub wall: Timestamp,
    /// By the clock that they share with the holder, if there is one.
    pub steady: Option<i64>,
}

impl Watch {
    fn parse(text: &str) -> Option<Self> {
        let (time, clock) = text.split_once('@')?;
        Some(Self {
            clock: u64::from_str_radix(clock, 16).ok()?,
            time: time.parse().ok()?,
        })
    }
}

impl Expiry {
    /// Of a lease that its holder takes or renews now, until `wall`.
    #[must_use]
    pub fn renewed(now: Now, wall: Timestamp) -> Self {
        let length = wall.0.saturating_sub(now.wall.0).max(0);
        Self {
            wall,
            steady: now.steady.map(|now| now.saturating_add(length)),
            length: Some(length),
            watch: None,
        }
    }

    /// The expiry, where the wall clock once said another time that is later.
    pub fn no_earlier_than(self, wall: Timestamp) -> Self {
        Self {
            wall: self.wall.max(wall),
            ..self
        }
    }

    /// Of a lease that knows the wall clock only.
    #[must_use]
    pub fn by_wall_clock(wall: Timestamp) -> Self {
        Self {
            wall,
            ..Self::default()
        }
    }

    /// How many microseconds are left of it.
    #[must_use]
    pub fn left(&self, now: Now) -> i64 {
        match (self.steady, now.steady) {
            (Some(until), Some(now)) => until.saturating_sub(now),
            _ => self.wall.0.saturating_sub(now.wall.0),
        }
    }

    /// Whether clearly more is left of it than its whole length: a clock was wrong when it was renewed, or is wrong now.
    #[must_use]
    pub fn is_clearly_too_long(&self, now: Now) -> bool {
        // It may have been renewed a moment after somebody took the time.
        self.length
            .is_some_and(|length| self.left(now) > length.saturating_add(length / 10))
    }

    /// The expiry as it counts from now on, where more is left of it than its whole length. `usual` is the length of a lease that does not
    /// say its own.
    #[must_use]
    pub fn capped(self, now: Now, usual: i64) -> Option<Self> {
        let length = self.length.unwrap_or(usual);
        (self.left(now) > length).then(|| {
            let renewed = Self::renewed(now, now.wall.plus_micros(length));
            let steady = self.steady.map(|until| renewed.steady.unwrap_or(until));
            let watch = self.watch;
            Self {
                steady,
                watch,
                ..renewed
            }
        })
    }

    /// The expiry with a watch that begins now, where none has begun by this clock. `usual` is the length of a lease that does not say its
    /// own.
    #[must_use]
    pub fn watched(self, now: Watch, usual: i64) -> Option<Self> {
        (!self.is_watched(now)).then(|| Self {
            watch: Some(now),
            length: self.length.or(Some(usual)),
            ..self
        })
    }

    fn is_watched(&self, now: Watch) -> bool {
        // A clock that shows less than before has begun anew: the machine has.
        self.watch
            .is_some_and(|watch| watch.clock == now.clock && watch.time <= now.time)
    }

    /// How many microseconds it has to be watched yet before the holder has given no sign of life for a whole lease.
    #[must_use]
    pub fn left_to_watch(&self, now: Watch) -> i64 {
        match (self.watch, self.length) {
            (Some(watch), Some(length)) if self.is_watched(now) => watch.time.saturating_add(length) - now.time,
            (_, length) => length.unwrap_or(i64::MAX).max(1),
        }
    }

    /// What is stored of it beside the wall clock's time: behind the holder's place, in one text.
    pub fn write_behind(&self, host: &str) -> String {
        let mut text = host.to_owned();
        for (name, value) in [("lease", self.length), ("until", self.steady)] {
            if let Some(value) = value {
                text.push_str(&format!(" {name}={value}"));
            }
        }
        if let Some(Watch { clock, time }) = self.watch {
            text.push_str(&format!(" watched={time}@{clock:x}"));
        }
        text
    }

    /// The holder's place and the expiry, from what [`Expiry::write_behind`] wrote.
    pub fn read_behind(text: &str, wall: Timestamp) -> (String, Self) {
        let mut expiry = Self::by_wall_clock(wall);
        let is_of_place = |word: &&str| {
            match word.split_once('=') {
                Some(("lease", value)) => expiry.length = value.parse().ok(),
                Some(("until", value)) => expiry.steady = value.parse().ok(),
                Some(("watched", value)) => expiry.watch = Watch::parse(value),
                _ => return true,
            }
            false
        };
        let words: Vec<&str> = text.split(' ').filter(is_of_place).collect();
        (words.join(" "), expiry)
    }
}
