//! The simulation finds what it is there to find: with a store that breaks its word, it fails, in each of the expected ways.

use crate::campaign::{self, account};
use crate::history::Setting;
use crate::sabotage::Sabotage;
use crate::witness::Promise;

/// Within so many histories a broken store must be found out.
const HISTORIES: u64 = 20_000;
/// As few as are played with rows that are set back.
const FEW_HISTORIES: u64 = 150;

/// What only a server can leave out.
const ON_SERVERS: [Sabotage; 3] = [
    Sabotage::NoHeadCheck,
    Sabotage::UnlockedFeed,
    Sabotage::UnmeasuredLeases,
];

fn is_found_out(sabotage: Sabotage, watched: &'static [Promise]) {
    let resets_rows = sabotage == Sabotage::JudgingByIndex;
    let setting = Setting {
        sabotage,
        watched: Some(watched),
        resets_rows,
        is_on_server: ON_SERVERS.contains(&sabotage),
    };
    let seen = campaign::run(1, if resets_rows { FEW_HISTORIES } else { HISTORIES }, setting);
    let (seed, played) = seen
        .failure
        .unwrap_or_else(|| panic!("{sabotage:?} went unnoticed by {watched:?}"));
    println!(
        "{sabotage:?} after {} histories: {}",
        seen.histories,
        account(seed, &played, setting)
    );
}

#[test]
fn without_the_lease_check_a_stale_holder_appends() {
    is_found_out(Sabotage::NoLeaseCheck, &[Promise::StaleHolderIsRefused]);
}

#[test]
fn without_the_lease_check_a_finished_step_gets_another_outcome() {
    is_found_out(Sabotage::NoLeaseCheck, &[Promise::FinishedStaysFinished]);
}

#[test]
fn without_the_start_record_an_effect_is_handed_out_that_no_journal_knows() {
    is_found_out(Sabotage::NoStartRecord, &[Promise::EffectsFollowCommits]);
}

#[test]
fn without_the_start_record_a_call_is_silently_repeated() {
    is_found_out(Sabotage::NoStartRecord, &[Promise::DoubtIsNotRepeated]);
}

#[test]
fn without_the_record_of_a_plan_an_effect_is_handed_out_that_no_journal_knows() {
    is_found_out(Sabotage::NoPlanRecord, &[Promise::EffectsFollowCommits]);
}

#[test]
fn without_the_record_of_a_plan_a_replay_gives_another_state() {
    is_found_out(Sabotage::NoPlanRecord, &[Promise::ReplayGivesLiveState]);
}

#[test]
fn without_the_fsync_what_was_acknowledged_is_lost() {
    is_found_out(Sabotage::LateFsync, &[Promise::AcknowledgedIsKept]);
}

#[test]
fn without_the_fsync_a_decision_is_lost() {
    is_found_out(Sabotage::LateFsync, &[Promise::DecisionsAreHonoured]);
}

#[test]
fn without_the_fsync_a_call_is_silently_repeated() {
    is_found_out(Sabotage::LateFsync, &[Promise::DoubtIsNotRepeated]);
}

#[test]
fn without_a_look_at_what_was_wanted_a_cancelled_run_comes_to_another_end() {
    is_found_out(Sabotage::DeafEnd, &[Promise::GrantedCancelHolds]);
}

#[test]
fn without_the_record_of_a_revocation_a_revoked_approval_answers_a_call() {
    is_found_out(Sabotage::NoRevocation, &[Promise::MemoryIsTrue]);
}

#[test]
fn by_wall_clocks_alone_a_living_holder_loses_its_run() {
    is_found_out(Sabotage::WallClocksOnly, &[Promise::LivingKeepTheirRuns]);
}

#[test]
fn where_unseen_is_dead_a_living_holder_loses_its_run() {
    is_found_out(Sabotage::UnseenIsDead, &[Promise::LivingKeepTheirRuns]);
}

#[test]
fn where_nobody_watches_for_a_sign_of_life_an_unseen_holder_loses_its_run() {
    is_found_out(Sabotage::NobodyWatches, &[Promise::LivingKeepTheirRuns]);
}

#[test]
fn by_the_clock_of_whoever_decides_a_time_that_is_over_is_given_back() {
    is_found_out(Sabotage::ForgottenTimes, &[Promise::TimeIsNotGivenBack]);
}

#[test]
fn by_the_rows_beside_the_journal_a_requirement_is_decided_twice() {
    is_found_out(Sabotage::JudgingByIndex, &[Promise::DecidedOnce]);
}

#[test]
fn without_the_head_check_a_stale_holder_appends_on_a_server() {
    is_found_out(Sabotage::NoHeadCheck, &[Promise::StaleHolderIsRefused]);
}

#[test]
fn without_the_head_check_what_is_sent_twice_is_written_twice() {
    is_found_out(Sabotage::NoHeadCheck, &[Promise::FinishedStaysFinished]);
}

#[test]
fn with_a_feed_whose_places_become_visible_out_of_order_a_word_is_missed() {
    is_found_out(Sabotage::UnlockedFeed, &[Promise::FollowersMissNothing]);
}

#[test]
fn with_a_feed_whose_places_become_visible_out_of_order_a_driver_goes_on_without_a_word() {
    is_found_out(Sabotage::UnlockedFeed, &[Promise::ReplayGivesLiveState]);
}

#[test]
fn with_a_lease_that_its_holder_does_not_measure_a_tool_starts_that_another_holder_has() {
    is_found_out(Sabotage::UnmeasuredLeases, &[Promise::EffectsNeedTheLease]);
}
