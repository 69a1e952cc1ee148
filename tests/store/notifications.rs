//! Who waits for a decision hears of it, whoever makes it: once, and in order.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use haltpoint_engine::journal::Entry;
use haltpoint_engine::store::ExternalRecord;
use haltpoint_engine::store::handle::{StoreHandle, Subscription};

use crate::support::{
    PATIENCE, appended, cancel, confirmed, create, drive, on_each_backend, opened, say, tool_started,
};

pub(crate) fn listen(handle: &StoreHandle, run_id: &str) -> (Subscription, Receiver<ExternalRecord>) {
    let (sender, receiver) = channel();
    let hear = move |record: &ExternalRecord| {
        // A test that has what it wants stops listening.
        let _ = sender.send(record.clone());
    };
    (handle.subscribe(run_id.into(), Arc::new(hear)), receiver)
}

pub(crate) fn on_each_handle(test: impl Fn(&StoreHandle)) {
    on_each_backend(|handle, _| test(handle));
}

pub(crate) fn hear(receiver: &Receiver<ExternalRecord>, seq: u64, entry: &Entry) {
    let heard = receiver.recv_timeout(PATIENCE).unwrap();
    assert_eq!((heard.record.seq, &heard.record.entry), (seq, entry));
}

pub(crate) fn with_requirements(handle: &StoreHandle, run_id: &str) {
    handle.execute(create(run_id, "a")).unwrap();
    handle
        .execute(drive(run_id, 1, 1, vec![opened("q"), opened("p")]))
        .unwrap();
}

#[test]
fn subscribers_hear_of_decisions_and_cancel_requests_in_order_and_once() {
    on_each_handle(|handle| {
        with_requirements(handle, "r");
        let (_subscription, receiver) = listen(handle, "r");
        let entries = [confirmed("q"), cancel(), confirmed("p"), cancel()];
        for entry in &entries {
            handle.execute(say("r", entry.clone())).unwrap();
        }
        for (seq, entry) in (4..).zip(&entries) {
            hear(&receiver, seq, entry);
        }
        assert!(receiver.try_recv().is_err());
    });
}

#[test]
fn subscribers_hear_of_their_own_run_only_and_not_of_its_driver() {
    on_each_handle(|handle| {
        with_requirements(handle, "r");
        with_requirements(handle, "s");
        let (_subscription, receiver) = listen(handle, "s");
        handle.execute(say("r", confirmed("q"))).unwrap();
        handle.execute(drive("s", 1, 3, vec![tool_started("x")])).unwrap();
        handle.execute(say("s", confirmed("p"))).unwrap();
        hear(&receiver, 5, &confirmed("p"));
        assert!(receiver.try_recv().is_err());
    });
}

#[test]
fn a_repeated_decision_is_not_announced_again() {
    on_each_handle(|handle| {
        with_requirements(handle, "r");
        let (_subscription, receiver) = listen(handle, "r");
        for entry in [confirmed("q"), confirmed("q"), cancel()] {
            handle.execute(say("r", entry)).unwrap();
        }
        hear(&receiver, 4, &confirmed("q"));
        hear(&receiver, 5, &cancel());
    });
}

#[test]
fn several_subscribers_of_one_run_each_hear() {
    on_each_handle(|handle| {
        with_requirements(handle, "r");
        let listeners = [listen(handle, "r"), listen(handle, "r")];
        handle.execute(say("r", confirmed("q"))).unwrap();
        for (_, receiver) in &listeners {
            hear(receiver, 4, &confirmed("q"));
        }
    });
}

#[test]
fn a_dropped_subscription_is_silent_while_others_go_on() {
    on_each_handle(|handle| {
        with_requirements(handle, "r");
        let (subscription, gone) = listen(handle, "r");
        let (_kept, receiver) = listen(handle, "r");
        drop(subscription);
        handle.execute(say("r", confirmed("q"))).unwrap();
        hear(&receiver, 4, &confirmed("q"));
        assert!(gone.try_recv().is_err());
    });
}

#[test]
fn a_subscriber_may_submit_and_subscribe() {
    on_each_handle(|handle| {
        with_requirements(handle, "r");
        let (sender, receiver) = channel();
        let inside = handle.clone();
        let answer = move |record: &ExternalRecord| {
            drop(listen(&inside, "r"));
            if record.record.entry == confirmed("q") {
                inside.submit(
                    say("r", confirmed("p")),
                    Box::new(|outcome| assert_eq!(outcome, appended(5))),
                );
            }
            let _ = sender.send(record.clone());
        };
        let _subscription = handle.subscribe("r".into(), Arc::new(answer));
        handle.execute(say("r", confirmed("q"))).unwrap();
        hear(&receiver, 4, &confirmed("q"));
        hear(&receiver, 5, &confirmed("p"));
    });
}

#[test]
fn subscribing_to_a_closed_store_is_harmless() {
    on_each_handle(|handle| {
        handle.close();
        let (_subscription, receiver) = listen(handle, "r");
        assert!(receiver.try_recv().is_err());
    });
}
