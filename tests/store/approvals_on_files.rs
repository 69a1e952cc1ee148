//! As `approvals`, where it is about files.

use haltpoint_engine::journal::{Terms, decode};
use haltpoint_engine::requirement::RememberScope;
use haltpoint_engine::session::verify;
use haltpoint_engine::store::WritableStore;

use crate::approvals::by_memory;
use crate::support::{TestFile, beside, create_in_session, drive, execute_all, opened_on, remembered, say};

#[test]
fn a_changed_index_is_found_out() {
    for change in [
        "UPDATE remembered SET session_id = 'another'",
        "UPDATE remembered SET key = 'another'",
        "UPDATE remembered SET revoked = 4294967297",
        "DELETE FROM remembered",
        "INSERT INTO remembered SELECT place, run, NULL, 'k', NULL FROM requirements WHERE requirement_id = 'p'",
    ] {
        let file = TestFile::new();
        let mut store = file.store();
        whole_journal(&mut store);
        assert_eq!(verify(&mut store, "r", None).unwrap().first_bad, None);
        beside(&file.path()).execute_batch(change).unwrap();
        let found = verify(&mut store, "r", None).unwrap().first_bad.expect(change);
        assert!(found.reason.contains("the index of requirements"), "{change}: {found}");
    }
}

/// A journal that holds together, with an approval for the session and one by memory of it.
fn whole_journal(store: &mut dyn WritableStore) {
    let call = r#"{"calls": [{"id": "call", "name": "pay", "args": {}, "asks": "confirmation"}], "duration_us": 1, "attempt": 1}"#;
    let replied = decode("model_replied", call).unwrap();
    let opened = vec![replied, opened_on("q", Terms::default())];
    execute_all(
        store,
        vec![
            create_in_session("r", "a", Some("s")),
            drive("r", 1, 1, opened),
            say("r", remembered("q", RememberScope::Session, "key")),
            drive("r", 1, 3, by_memory(Terms::default())),
        ],
    );
}
