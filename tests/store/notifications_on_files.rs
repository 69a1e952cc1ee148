//! As `notifications`, where it is about files.

use crate::handle::open;
use crate::support::{TestFile, appended, cancel, confirmed, execute, execute_all, say};

#[allow(unused_imports, reason = "what both need")]
use crate::notifications::*;

#[test]
fn decisions_of_other_connections_are_noticed() {
    let file = TestFile::new();
    let handle = open(&file);
    with_requirements(&handle, "r");
    let (_subscription, receiver) = listen(&handle, "r");
    let mut elsewhere = file.store();
    for (seq, entry) in [(4, confirmed("q")), (5, cancel()), (6, confirmed("p"))] {
        assert_eq!(execute(&mut elsewhere, say("r", entry.clone())), appended(seq));
        hear(&receiver, seq, &entry);
    }
}

#[test]
fn decisions_from_here_and_elsewhere_come_in_the_order_of_the_journal() {
    let file = TestFile::new();
    let handle = open(&file);
    with_requirements(&handle, "r");
    let (_subscription, receiver) = listen(&handle, "r");
    let mut elsewhere = file.store();
    for _ in 0..50 {
        execute_all(&mut elsewhere, vec![say("r", cancel())]);
        handle.execute(say("r", cancel())).unwrap();
    }
    for seq in 4..104 {
        hear(&receiver, seq, &cancel());
    }
}

#[test]
fn nothing_is_missed_between_subscribing_and_the_first_look() {
    for _ in 0..50 {
        let file = TestFile::new();
        let handle = open(&file);
        with_requirements(&handle, "r");
        let mut elsewhere = file.store();
        let (_subscription, receiver) = listen(&handle, "r");
        execute_all(&mut elsewhere, vec![say("r", confirmed("q"))]);
        hear(&receiver, 4, &confirmed("q"));
    }
}
