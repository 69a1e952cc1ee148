//! A history: a list of events, played in a new world from its beginning to its end.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::event::Event;
use crate::sabotage::Sabotage;
use crate::scheduler::Scheduler;
use crate::witness::{Breach, Promise, Tally, Witness};
use crate::world::World;

/// What kind of world histories are played in.
#[derive(Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) sabotage: Sabotage,
    /// The promises that are watched; all of them where none are named.
    pub(crate) watched: Option<&'static [Promise]>,
    /// Journals are kept in files, and somebody sets back the rows beside them.
    pub(crate) resets_rows: bool,
    /// Journals are kept by a server, with the ways that things go wrong there.
    pub(crate) is_on_server: bool,
}

/// An honest store, and every promise watched.
pub(crate) const HONEST: Setting = Setting {
    sabotage: Sabotage::Nothing,
    watched: None,
    resets_rows: false,
    is_on_server: false,
};

/// An honest server, and every promise watched.
pub(crate) const ON_SERVER: Setting = Setting {
    is_on_server: true,
    ..HONEST
};

/// An honest store whose index says anything: nobody is judged by it, though a run may come to no end for it.
pub(crate) const WITH_RESET_ROWS: Setting = Setting {
    sabotage: Sabotage::Nothing,
    watched: Some(&[
        Promise::EffectsFollowCommits,
        Promise::FinishedStaysFinished,
        Promise::StaleHolderIsRefused,
        Promise::DecidedOnce,
        Promise::DecisionsAreHonoured,
        Promise::DoubtIsNotRepeated,
        Promise::ConversationIsWellFormed,
        Promise::AcknowledgedIsKept,
        Promise::CancelledStartsNothing,
        Promise::MemoryIsTrue,
        Promise::TimeIsNotGivenBack,
        Promise::LivingKeepTheirRuns,
        Promise::NoPanic,
    ]),
    resets_rows: true,
    is_on_server: false,
};

/// How a history went.
pub(crate) struct Played {
    pub(crate) events: Vec<Event>,
    pub(crate) breach: Option<Breach>,
    pub(crate) tally: Tally,
    pub(crate) digest: Vec<[u8; 32]>,
    pub(crate) story: Vec<String>,
}

/// Plays the history that a seed stands for.
pub(crate) fn play(seed: u64, setting: Setting) -> Played {
    let mut scheduler = Scheduler::new(seed, setting.is_on_server);
    let length = scheduler.length();
    play_with(setting, false, move |world, played| {
        (played < length).then(|| scheduler.next(world))
    })
}

/// Plays these events, and tells the story where it is wanted.
pub(crate) fn replay(events: &[Event], setting: Setting, tells: bool) -> Played {
    play_with(setting, tells, |_, played| events.get(played).cloned())
}

fn play_with(setting: Setting, tells: bool, mut next: impl FnMut(&World, usize) -> Option<Event>) -> Played {
    let witness = Witness::new(setting.watched, tells);
    let mut events = Vec::new();
    let played = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(setting, witness.clone());
        while let Some(event) = next(&world, events.len()) {
            events.push(event.clone());
            world.apply(&event);
            if witness.is_broken() {
                return Vec::new();
            }
        }
        world.bring_to_an_end();
        world.disk.lock().unwrap().digest()
    }));
    witness.expect(played.is_ok(), Promise::NoPanic, || "see the message above".to_owned());
    Played {
        events,
        breach: witness.breach(),
        tally: witness.tally(),
        digest: played.unwrap_or_default(),
        story: witness.story(),
    }
}
