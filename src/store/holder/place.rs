//! Where a process runs: what two processes must share before one can look the other up.

use std::fmt;

/// Where a process runs. A part that is not known is shared with nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) machine: String,
    pub(super) boot: Option<String>,
    /// The process ids of two processes mean the same when they run in one of these.
    pub(super) pid_namespace: Option<String>,
    /// Clocks that count from the boot show two processes the same when they run in one of these.
    pub(super) time_namespace: Option<String>,
}

impl Place {
    /// Reads what `to_string` wrote, in this release or an older one.
    pub(super) fn parse(text: &str) -> Self {
        let mut words = text.split(' ');
        let machine = words.next().unwrap_or_default().to_owned();
        let mut place = Self {
            machine,
            ..Self::default()
        };
        for (name, value) in words.filter_map(|word| word.split_once('=')) {
            // Older releases wrote these where they did not know better.
            let value = (!matches!(value, "unknown" | "0")).then(|| value.to_owned());
            match name {
                "boot" => place.boot = value,
                "pidns" => place.pid_namespace = value,
                "timens" => place.time_namespace = value,
                _ => {}
            }
        }
        place
    }

    /// Whether all of it is known.
    pub(super) fn is_known(&self) -> bool {
        self.boot.is_some() && self.pid_namespace.is_some() && self.time_namespace.is_some()
    }

    /// Whether the two are known to have run at different times, or on different machines.
    pub(super) fn is_of_another_boot(&self, other: &Self) -> bool {
        self.boot.is_some() && other.boot.is_some() && self.boot != other.boot
    }

    /// Names the clock that counts from the boot here: places of one number have the same, as far as they are known.
    pub(super) fn clock(&self) -> u64 {
        let parts = [
            Some(&self.machine).filter(|_| self.boot.is_none()),
            self.boot.as_ref(),
            self.time_namespace.as_ref(),
        ];
        // FNV-1a: the number stands in files, so that it must not change from one release to the next.
        let bytes = parts
            .into_iter()
            .flat_map(|part| part.map_or("", String::as_str).bytes().chain([0]));
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }

    /// Whether a process id means the same process in both.
    pub(super) fn shares_process_ids(&self, other: &Self) -> bool {
        is_shared(&self.boot, &other.boot) && is_shared(&self.pid_namespace, &other.pid_namespace)
    }

    /// Whether the time since the boot is the same in both.
    pub(super) fn shares_time(&self, other: &Self) -> bool {
        is_shared(&self.boot, &other.boot) && is_shared(&self.time_namespace, &other.time_namespace)
    }
}

fn is_shared(one: &Option<String>, other: &Option<String>) -> bool {
    one.is_some() && one == other
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.machine)?;
        let parts = [
            ("boot", &self.boot),
            ("pidns", &self.pid_namespace),
            ("timens", &self.time_namespace),
        ];
        for (name, value) in parts {
            if let Some(value) = value {
                write!(formatter, " {name}={value}")?;
            }
        }
        Ok(())
    }
}
