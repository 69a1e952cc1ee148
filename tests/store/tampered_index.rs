//! An index that somebody changed who can write the file: decisions are judged by the journal all the same.

use haltpoint_engine::journal::Terms;
use haltpoint_engine::requirement::{Decision, RememberScope};
use haltpoint_engine::store::{Committed, RunStatus, StoreError};

use crate::support::{
    TestFile, appended, at, beside, confirmed, create, create_in_session, decided_by, drive, execute, execute_all,
    expired, opened, opened_on, rejected, remembered, revoked, say, stop,
};

/// A run that waits for `q`, on these terms.
fn waiting(file: &TestFile, terms: Terms) -> haltpoint_engine::store::sqlite::SqliteStore {
    let mut store = file.store();
    execute_all(
        &mut store,
        vec![
            create("r", "a"),
            drive("r", 1, 1, vec![opened_on("q", terms)]),
            stop("r", 1, 2, RunStatus::Paused),
        ],
    );
    store
}

fn change(file: &TestFile, sql: &str) {
    let connection = beside(&file.path());
    connection
        .execute_batch(&format!("PRAGMA foreign_keys = OFF; {sql}"))
        .unwrap();
}

#[test]
fn a_decision_that_the_index_forgot_stands() {
    let file = TestFile::new();
    let mut store = waiting(&file, Terms::default());
    execute_all(&mut store, vec![say("r", rejected("q"))]);
    for forgetful in [
        "UPDATE requirements SET decided = NULL",
        "UPDATE requirements SET decided = opened",
        "UPDATE requirements SET approvals_needed = 2, decided = NULL",
        "UPDATE requirements SET expires_at = 1, decided = NULL",
        "UPDATE requirements SET kind = 'recovery', decided = NULL",
    ] {
        change(&file, forgetful);
        let second = execute(&mut store, say("r", confirmed("q")));
        assert!(
            matches!(&second, Err(StoreError::Decided { decision, .. }) if **decision != Decision::confirm()),
            "{forgetful}: {second:?}"
        );
        assert_eq!(
            execute(&mut store, say("r", rejected("q"))),
            Ok(Committed::AlreadyDecided)
        );
        let late = execute(&mut store, say("r", expired("q")));
        assert!(matches!(late, Err(StoreError::Decided { .. })), "{forgetful}: {late:?}");
    }
}

#[test]
fn a_journal_whose_decision_was_changed_into_something_else_takes_no_other() {
    for forgery in [
        "UPDATE entries SET kind = 'approval_revoked' WHERE id & 255 = 4",
        "UPDATE entries SET kind = 'run_paused', payload = '{}' WHERE id & 255 = 4",
        "UPDATE entries SET payload = replace(payload, '\"q\"', '\"x\"') WHERE id & 255 = 4",
    ] {
        let file = TestFile::new();
        let mut store = waiting(&file, Terms::default());
        execute_all(&mut store, vec![say("r", rejected("q"))]);
        change(&file, &format!("UPDATE requirements SET decided = NULL; {forgery}"));
        let second = execute(&mut store, say("r", confirmed("q")));
        assert!(
            matches!(&second, Err(StoreError::Damaged { message, .. }) if message.contains("entry 4")),
            "{forgery}: {second:?}"
        );
    }
}

#[test]
fn a_decision_that_only_the_index_knows_is_none() {
    let file = TestFile::new();
    let mut store = waiting(&file, Terms::default());
    change(&file, "UPDATE requirements SET decided = opened");
    assert_eq!(execute(&mut store, say("r", confirmed("q"))), appended(4));
    assert!(matches!(
        execute(&mut store, say("r", rejected("q"))),
        Err(StoreError::Decided { .. })
    ));
}

#[test]
fn the_time_that_the_journal_names_counts() {
    let file = TestFile::new();
    let over = Terms {
        expires_at: Some(at(5)),
        ..Terms::default()
    };
    let mut store = waiting(&file, over);
    for later in ["NULL", "900"] {
        change(&file, &format!("UPDATE requirements SET expires_at = {later}"));
        let late = execute(&mut store, say("r", confirmed("q")));
        assert!(matches!(late, Err(StoreError::Expired { .. })), "{later}: {late:?}");
    }
    let file = TestFile::new();
    let mut store = waiting(&file, Terms::default());
    change(&file, "UPDATE requirements SET expires_at = 1");
    let early = execute(&mut store, say("r", expired("q")));
    assert!(matches!(early, Err(StoreError::NotDue { .. })), "{early:?}");
    assert_eq!(execute(&mut store, say("r", confirmed("q"))), appended(4));
}

#[test]
fn an_expiry_that_the_index_forgot_stands() {
    let file = TestFile::new();
    let over = Terms {
        expires_at: Some(at(5)),
        ..Terms::default()
    };
    let mut store = waiting(&file, over);
    execute_all(&mut store, vec![say("r", expired("q"))]);
    change(&file, "UPDATE requirements SET decided = NULL, expires_at = NULL");
    let late = execute(&mut store, say("r", confirmed("q")));
    assert!(matches!(late, Err(StoreError::Expired { .. })), "{late:?}");
    assert_eq!(
        execute(&mut store, say("r", expired("q"))),
        Ok(Committed::AlreadyDecided)
    );
}

#[test]
fn who_has_approved_is_counted_in_the_journal() {
    let approve = |by: &str| say("r", decided_by("q", Decision::confirm(), by));
    let both = Terms {
        approvals: 2,
        ..Terms::default()
    };
    for forgery in [
        "DELETE FROM approvals",
        "INSERT INTO approvals SELECT place, opened FROM requirements",
        "UPDATE approvals SET entry = entry - 1",
        "UPDATE approvals SET requirement = requirement + 1",
        "UPDATE requirements SET approvals_needed = 1",
        "UPDATE requirements SET approvals_needed = 9",
        "INSERT INTO approvals SELECT place, opened + 3 FROM requirements",
    ] {
        let file = TestFile::new();
        let mut store = waiting(&file, both);
        assert_eq!(execute(&mut store, approve("ann")), appended(4));
        change(&file, forgery);
        assert_eq!(
            execute(&mut store, approve("ann")),
            Ok(Committed::AlreadyDecided),
            "{forgery}"
        );
        assert_eq!(execute(&mut store, approve("bob")), appended(5), "{forgery}");
        assert_eq!(
            execute(&mut store, approve("cid")),
            Ok(Committed::AlreadyDecided),
            "{forgery}"
        );
        let late = execute(&mut store, say("r", rejected("q")));
        assert!(matches!(late, Err(StoreError::Decided { .. })), "{forgery}: {late:?}");
    }
}

#[test]
fn a_revocation_that_the_index_forgot_stands() {
    let file = TestFile::new();
    let mut store = file.store();
    execute_all(
        &mut store,
        vec![
            create_in_session("r", "a", Some("s")),
            drive("r", 1, 1, vec![opened("q")]),
            say("r", remembered("q", RememberScope::Session, "key")),
            say("r", revoked("q")),
        ],
    );
    change(&file, "UPDATE remembered SET revoked = NULL");
    assert_eq!(
        execute(&mut store, say("r", revoked("q"))),
        Ok(Committed::AlreadyDecided)
    );
    change(&file, "DELETE FROM remembered");
    assert_eq!(
        execute(&mut store, say("r", revoked("q"))),
        Ok(Committed::AlreadyDecided)
    );
}

#[test]
fn a_row_that_is_in_the_way_keeps_no_approval_from_being_remembered() {
    let file = TestFile::new();
    let mut store = waiting(&file, Terms::default());
    change(
        &file,
        "INSERT INTO remembered SELECT place, run, NULL, 'forged', opened FROM requirements",
    );
    let outcome = execute(&mut store, say("r", remembered("q", RememberScope::Run, "key")));
    assert_eq!(outcome, appended(4));
    let key: String = beside(&file.path())
        .query_row("SELECT key FROM remembered WHERE revoked IS NULL", [], |row| row.get(0))
        .unwrap();
    assert_eq!(key, "key");
}

#[test]
fn a_requirement_that_the_index_lost_cannot_be_decided_and_the_others_of_a_batch_can() {
    let file = TestFile::new();
    let mut store = waiting(&file, Terms::default());
    execute_all(&mut store, vec![create("s", "a"), drive("s", 1, 1, vec![opened("p")])]);
    change(
        &file,
        "UPDATE requirements SET requirement_id = 'x' WHERE requirement_id = 'q'",
    );
    let outcomes = haltpoint_engine::store::WritableStore::commit(
        &mut store,
        &[say("r", confirmed("q")), say("s", confirmed("p"))],
    );
    assert!(
        matches!(&outcomes[0], Err(StoreError::Damaged { message, .. }) if message.contains("not in the index")),
        "{outcomes:?}"
    );
    assert_eq!(outcomes[1], appended(3));
}

#[test]
fn a_completed_run_takes_no_decision_whatever_status_its_row_has() {
    let file = TestFile::new();
    let mut store = file.store();
    let completed = haltpoint_engine::journal::decode("run_completed", "{}").unwrap();
    execute_all(
        &mut store,
        vec![create("r", "a"), drive("r", 1, 1, vec![opened("q"), completed])],
    );
    change(&file, "UPDATE runs SET status = 'PAUSED', holder = NULL");
    let refusal = StoreError::NotRunning { run_id: "r".into() };
    assert_eq!(execute(&mut store, say("r", confirmed("q"))), Err(refusal.clone()));
    assert_eq!(store_len(&mut store), 3);
}

fn store_len(store: &mut haltpoint_engine::store::sqlite::SqliteStore) -> usize {
    haltpoint_engine::store::Store::load(store, "r").unwrap().records.len()
}
