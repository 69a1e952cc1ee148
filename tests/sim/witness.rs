//! Who watches: the first broken promise, how often what is interesting happened, and the story as it is told.

use std::sync::{Arc, Mutex};

/// What must hold, whatever happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promise {
    /// Replaying the journal gives the live state.
    ReplayGivesLiveState,
    /// No effect is handed out before its entries are committed.
    EffectsFollowCommits,
    /// A step with a recorded outcome is never executed again.
    FinishedStaysFinished,
    /// What a stale holder appends is refused.
    StaleHolderIsRefused,
    /// A requirement is decided once.
    DecidedOnce,
    /// Every acknowledged decision is on disk and is what happens.
    DecisionsAreHonoured,
    /// A call in doubt is repeated only where the rules allow.
    DoubtIsNotRepeated,
    /// In every request each call has exactly one result, in order.
    ConversationIsWellFormed,
    /// What was acknowledged is on disk for good.
    AcknowledgedIsKept,
    /// A run that was told to stop starts nothing more.
    CancelledStartsNothing,
    /// A run that somebody was told is going to be cancelled comes to no other end.
    GrantedCancelHolds,
    /// A call is decided by memory only if an approval of its key stood before it was planned, and was not revoked.
    MemoryIsTrue,
    /// A word on a requirement is dated no earlier than anything since it was opened, and none counts once the journal shows that its time
    /// is over.
    TimeIsNotGivenBack,
    /// Nobody who shares a clock with a living holder takes its run before a whole lease has passed since its last sign of life.
    LivingKeepTheirRuns,
    /// Nobody starts a tool on the strength of a lease that somebody else has taken over, where a server keeps the leases.
    EffectsNeedTheLease,
    /// Who follows the feed is told of each word of outsiders, once.
    FollowersMissNothing,
    /// Every run can be brought to an end.
    RunsCanEnd,
    /// The engine does not panic.
    NoPanic,
}

macro_rules! happenings {
    ($($name:ident),+ $(,)?) => {
        /// What a run of the simulation must have seen to mean anything.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Happening { $($name),+ }

        impl Happening {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),+];
        }
    };
}

happenings! {
    Expiries, LateDecisions, FailuresByExpiry, Approvals,
    Executions, FurtherAttempts, Takeovers, BusyRuns, FencedAppends, GroupCommits, LostAcknowledgements, UnheardCommits,
    FailedCommits, Crashes, PowerLosses, WokenHolders, RecoveriesAsked, RecoveriesRetried, Reconciliations, Confirmations,
    Rejections, Answers, ExternalResults, Conflicts, RepeatedDecisions, CancelledRuns, InterruptedTools, CancelledFromOutside,
    FailedRuns, Pauses, Requests, RememberedRuns, EndedRuns, RestartsInTheEnd, ComparedStates,
    ChangedArguments, Drained, LateCancels, RefusedWishes, RedatedWords, UnseenHolders, ResetRows, RecalledInRun, RecalledInSession, Revocations,
    JoinedCalls, LostAnswers, LateStatements, MovedHeads, FoundByHash, SentAgain, LapsedAnswers, LeasesLostUnseen,
}

/// What only happens where there is a server.
pub(crate) const ON_SERVERS_ONLY: [Happening; 7] = [
    Happening::LostAnswers,
    Happening::LateStatements,
    Happening::MovedHeads,
    Happening::FoundByHash,
    Happening::SentAgain,
    Happening::LapsedAnswers,
    Happening::LeasesLostUnseen,
];

/// How often each [`Happening`] was seen.
pub(crate) type Tally = [u64; Happening::ALL.len()];

/// A broken promise.
#[derive(Clone, Debug)]
pub(crate) struct Breach {
    pub(crate) promise: Promise,
}

/// Clones watch the same world.
#[derive(Clone)]
pub(crate) struct Witness(Arc<Mutex<State>>);

struct State {
    watched: Option<&'static [Promise]>,
    breach: Option<Breach>,
    tally: Tally,
    story: Option<Vec<String>>,
}

impl Witness {
    /// Watches for these promises only, or for all. With `tells`, it keeps a story.
    pub(crate) fn new(watched: Option<&'static [Promise]>, tells: bool) -> Self {
        Self(Arc::new(Mutex::new(State {
            watched,
            breach: None,
            tally: [0; Happening::ALL.len()],
            story: tells.then(Vec::new),
        })))
    }

    pub(crate) fn expect(&self, holds: bool, promise: Promise, account: impl FnOnce() -> String) {
        if holds {
            return;
        }
        let mut state = self.0.lock().unwrap();
        if state.breach.is_none() && state.watched.is_none_or(|watched| watched.contains(&promise)) {
            if let Some(story) = &mut state.story {
                story.push(format!("    BROKEN: {promise:?}: {}", account()));
            }
            state.breach = Some(Breach { promise });
        }
    }

    pub(crate) fn count(&self, happening: Happening) {
        self.0.lock().unwrap().tally[happening as usize] += 1;
    }

    pub(crate) fn tell(&self, line: impl FnOnce() -> String) {
        if let Some(story) = &mut self.0.lock().unwrap().story {
            story.push(line());
        }
    }

    pub(crate) fn breach(&self) -> Option<Breach> {
        self.0.lock().unwrap().breach.clone()
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.0.lock().unwrap().breach.is_some()
    }

    pub(crate) fn tally(&self) -> Tally {
        self.0.lock().unwrap().tally
    }

    pub(crate) fn story(&self) -> Vec<String> {
        self.0.lock().unwrap().story.clone().unwrap_or_default()
    }
}
