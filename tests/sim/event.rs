//! What can happen in the world. An event carries all of its own chance, so that a history is the list of its events, and still
//! one when some are left out: what does not apply any more changes nothing.

use haltpoint_engine::journal::InDoubtRule;

/// One thing that happens. Processes and runs are places; a `pick` chooses among whatever there is.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A process starts a run.
    Start {
        process: usize,
        tool_call_limit: u64,
        remembers: bool,
    },
    /// A process wants to drive a run; it may give up once it may.
    Continue {
        process: usize,
        run: usize,
        tool_call_limit: u64,
        rule: InDoubtRule,
        gives_up: bool,
    },
    /// The oldest operations that wait reach the disk, in one transaction.
    Commit { process: usize, most: usize },
    /// The disk refuses a transaction: nothing of it is written.
    CommitFails { process: usize },
    /// The disk writes a transaction and reports an error all the same.
    CommitGoesUnheard { process: usize },
    /// A process hears what became of its last transaction.
    Acknowledge { process: usize },
    /// A statement that is under way to the server takes its locks and its places in the feed.
    Begin { pick: usize },
    /// A statement is carried out.
    Land { pick: usize },
    /// A statement is lost on its way, or rolled back.
    Lose { pick: usize },
    /// A process's connection ends before its answer comes.
    LoseAnswer { process: usize },
    /// It looks up what became of what it sent.
    LookUp { process: usize },
    /// It has no time left to find out.
    GiveUp { process: usize },
    /// A process reads.
    Read { process: usize },
    /// A process hears of the next record that outsiders appended.
    Notify { process: usize },
    /// A process says that it is alive.
    Heartbeat { process: usize },
    /// A process dies.
    Crash { process: usize },
    /// Another one starts in its place.
    Restart { process: usize },
    /// All processes die, and the disk keeps what it had to keep.
    PowerLoss,
    /// What was written becomes durable, where that was not so at once.
    Flush,
    /// Somebody sets back rows beside the journals, in whatever way follows from the seed.
    ResetRows { seed: u64 },
    /// A process is stopped in its tracks.
    Freeze { process: usize },
    /// It goes on as if nothing had happened.
    Wake { process: usize },
    /// Time passes.
    Wait { micros: i64 },
    /// Somebody sets the wall clock of a process, or of all of them, forward or back.
    SetClock { process: usize, of_all: bool, micros: i64 },
    /// From now on nobody can look a process up, or everybody can who shares its host.
    Hide { process: usize, is_hidden: bool },
    /// A tool that runs comes to its end.
    Tool { process: usize, pick: usize, end: ToolEnd },
    /// A tool tells what became of a call in doubt.
    Reconcile {
        process: usize,
        pick: usize,
        answer: Answer,
    },
    /// The model replies, with whatever follows from the seed.
    Reply { process: usize, pick: usize, seed: u64 },
    /// The model fails.
    ModelFails { process: usize, pick: usize },
    /// Somebody decides a requirement, in whatever way follows from the seed.
    Decide {
        process: usize,
        run: usize,
        pick: usize,
        seed: u64,
    },
    /// Somebody revokes a remembered approval.
    Revoke { process: usize, run: usize, pick: usize },
    /// Somebody looks whether a requirement's time is over.
    Expire { process: usize, run: usize, pick: usize },
    /// Somebody cancels a run from outside.
    Cancel {
        process: usize,
        run: usize,
        interrupt: bool,
    },
    /// Somebody in a driver's process cancels its run; the driver may come to the run's end before it is told.
    CancelOwn {
        process: usize,
        pick: usize,
        interrupt: bool,
        is_told: bool,
    },
    /// A driver leaves its run to another one.
    HandBack { process: usize, pick: usize, force: bool },
    /// A driver goes away in the middle.
    Abandon { process: usize, pick: usize },
}

/// How a tool's run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ToolEnd {
    Returns,
    Raises,
    /// Only where it was asked to stop; else it returns.
    IsInterrupted,
}

/// What a tool says of a call in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The truth as the ledger has it.
    TheTruth,
    Unknown,
}
