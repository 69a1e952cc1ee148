//! What an examination of a run's rows finds, by its place and in words.

use haltpoint_engine::journal::{AuditKey, Chain, Format, Hash};
use haltpoint_engine::session::{EngineError, Verification, verify};
use haltpoint_engine::store::sqlite::{SqliteOptions, SqliteStore};
use haltpoint_engine::store::{Store, StoreError};

use crate::support::{TestFile, beside, confirmed, execute_all, message, say};

/// A completed run, and one that waits.
const RUNS: &str = include_str!("schemas/7.sql");

fn hexadecimal(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Examined {
    file: TestFile,
    store: SqliteStore,
    /// The run that waits, of four entries, and its number.
    run_id: String,
    run: i64,
}

impl Examined {
    fn new() -> Self {
        let file = TestFile::new();
        let other = beside(&file.path());
        other.execute_batch(RUNS).unwrap();
        let (run, run_id) = other
            .query_row("SELECT run, run_id FROM runs WHERE status = 'PAUSED'", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        drop(other);
        let store = file.store();
        Self {
            file,
            store,
            run_id,
            run,
        }
    }

    /// Somebody else changes the file.
    fn change(&self, sql: &str) {
        let other = beside(&self.file.path());
        other.pragma_update(None, "foreign_keys", 0).unwrap();
        let run = self.run;
        let sql = sql.replace("{run}", &run.to_string());
        other.execute_batch(&sql).unwrap();
    }

    fn verified(&mut self, head: Option<&Hash>) -> Verification {
        verify(&mut self.store, &self.run_id, head).unwrap()
    }

    fn with_key(self, key: &AuditKey) -> Self {
        let Self {
            file,
            run_id,
            run,
            store,
        } = self;
        drop(store);
        let options = SqliteOptions {
            audit_key: Some(key.clone()),
            ..SqliteOptions::default()
        };
        let store = SqliteStore::open(&file.path(), &options).unwrap();
        Self {
            file,
            store,
            run_id,
            run,
        }
    }

    fn hashes(&mut self) -> Vec<Hash> {
        let records = self.store.load(&self.run_id).unwrap().records;
        records.iter().map(|record| record.hash).collect()
    }
}

/// What is found after this was done to the file: the place, and the reason.
fn found_after(sql: &str) -> (Option<u64>, String) {
    let mut examined = Examined::new();
    examined.change(sql);
    let found = examined.verified(None);
    assert!(!found.ok, "{sql}: nothing was found");
    let bad = found.first_bad.unwrap();
    let shown = match bad.seq {
        Some(seq) => format!("entry {seq}: {}", bad.reason),
        None => bad.reason.clone(),
    };
    assert_eq!(bad.to_string(), shown);
    (bad.seq, bad.reason)
}

#[track_caller]
fn assert_found(sql: &str, place: Option<u64>, reason: &str) {
    let (found, words) = found_after(sql);
    assert_eq!(found, place, "{sql}: {words}");
    assert!(words.contains(reason), "{sql}: {words}");
}

fn entry(place: u64, change: &str) -> String {
    format!("UPDATE entries SET {change} WHERE id = ({{run}} << 32) + {place}")
}

#[test]
fn a_run_that_was_not_touched_is_sound_and_has_the_hash_of_its_last_entry() {
    let mut examined = Examined::new();
    let hashes = examined.hashes();
    let found = examined.verified(None);
    assert_eq!((found.ok, found.first_bad.clone()), (true, None));
    assert_eq!(
        (found.entries, found.head),
        (hashes.len(), hashes.last().map(hexadecimal))
    );
    assert_eq!((found.keyed, found.key_id), (false, None));
    assert_eq!(&*found.run_id, examined.run_id);
}

#[test]
fn a_run_that_is_not_there_is_not_found() {
    let mut examined = Examined::new();
    let missing: EngineError = StoreError::RunNotFound { run_id: "x".into() }.into();
    assert_eq!(verify(&mut examined.store, "x", None), Err(missing));
}

#[test]
fn each_column_of_a_runs_row_must_be_what_its_journal_says() {
    for column in ["agent_name", "session_id", "user_id"] {
        let changed = format!("UPDATE runs SET {column} = 'eve' WHERE run = {{run}}");
        let reason = format!("the run's row has another {column} than its journal");
        assert_found(&changed, None, &reason);
    }
    for (column, change) in [
        ("status", "status = 'CANCELLED'"),
        ("created_at", "created_at = created_at + 1"),
        ("updated_at", "updated_at = updated_at + 1"),
        ("erased", "erased = 1"),
    ] {
        let changed = format!("UPDATE runs SET {change} WHERE run = {{run}}");
        let reason = format!("the run's row has another {column} than its journal");
        assert_found(&changed, None, &reason);
    }
    assert_found(
        "UPDATE runs SET status = 'ASLEEP' WHERE run = {run}",
        None,
        "the run's row cannot be read",
    );
    assert_found(
        "UPDATE runs SET open_requirements = 0 WHERE run = {run}",
        None,
        "the run's row counts 0 open requirements, where its journal has 1",
    );
}

#[test]
fn an_entry_that_is_missing_or_in_a_place_of_no_entry_is_found_there() {
    let last = Examined::new().hashes().len() as u64;
    assert_found(&entry(2, "id = ({run} << 32) + 77"), Some(2), "it is missing");
    assert_found(
        "DELETE FROM entries WHERE id = ({run} << 32) + 1",
        Some(1),
        "it is missing",
    );
    assert_found(&entry(last, "id = ({run} << 32) + 77"), Some(last), "it is missing");
    assert_found("DELETE FROM entries WHERE id >> 32 = {run}", Some(1), "it is missing");
    assert_found(&entry(2, "id = ({run} << 32)"), Some(0), "no entry has its place there");
}

#[test]
fn each_column_of_an_entry_is_examined() {
    assert_found(
        &entry(2, "outsider = 2"),
        Some(2),
        "its column outsider holds 2, where only 0 and 1 have a meaning",
    );
    assert_found(
        &entry(2, "outsider = 1"),
        Some(2),
        "its hash is not that of its content",
    );
    assert_found(
        &entry(2, "hash = zeroblob(31)"),
        Some(2),
        "its hash has 31 bytes instead of 32",
    );
    assert_found(
        &entry(2, "hash = zeroblob(32)"),
        Some(2),
        "its hash is not that of its content",
    );
    assert_found(&entry(2, "at = at + 1"), Some(2), "its hash is not that of its content");
    assert_found(&entry(2, "payload = '{}'"), Some(2), "its commitment was made of");
    assert_found(
        &entry(2, "driver_entries = driver_entries + 1"),
        Some(2),
        "it counts 3 entries by drivers, where there are 2",
    );
}

#[test]
fn a_payload_that_says_something_else_than_its_columns_is_found_though_its_hash_fits() {
    let mut examined = Examined::new();
    let requirement = requirement_of(&examined);
    let run_id = examined.run_id.clone();
    execute_all(&mut examined.store, vec![say(&run_id, confirmed(&requirement))]);
    assert_eq!(examined.verified(None).first_bad, None);
    for (column, value) in [("actor", "eve"), ("action", "reject"), ("requirement_id", "another")] {
        let entries = examined.store.raw(&run_id).unwrap().entries;
        let [.., before, last] = &entries[..] else {
            panic!("two entries at least")
        };
        let previous = Hash::try_from(&before.content.as_ref().unwrap().hash[..]).unwrap();
        let kept = last.content.clone().unwrap();
        let mut content = kept.clone();
        match column {
            "actor" => content.actor = Some(value.to_owned()),
            "action" => content.action = Some(value.to_owned()),
            _ => content.requirement_id = Some(value.to_owned()),
        }
        let hash = content
            .stored(last.seq, true)
            .hash(&Chain::new(Format::Second, None), &previous)
            .unwrap();
        let change = |column: &str, value: Option<&String>, hash: &[u8]| {
            let sql = format!("UPDATE entries SET {column} = ?1, hash = ?2 WHERE id = ?3");
            let place = (examined.run << 32) + i64::try_from(last.seq).unwrap();
            let other = beside(&examined.file.path());
            other.execute(&sql, rusqlite::params![value, hash, place]).unwrap();
        };
        change(column, Some(&value.to_owned()), &hash);
        let found = verify(&mut examined.store, &run_id, None).unwrap().first_bad.unwrap();
        assert_eq!(found.seq, Some(last.seq), "{column}: {found}");
        assert!(
            found.reason.contains("do not say what its payload says"),
            "{column}: {found}"
        );
        let said = match column {
            "actor" => &kept.actor,
            "action" => &kept.action,
            _ => &kept.requirement_id,
        };
        change(column, said.as_ref(), &kept.hash);
        assert_eq!(examined.verified(None).first_bad, None);
    }
}

fn requirement_of(examined: &Examined) -> String {
    let other = beside(&examined.file.path());
    let sql = format!("SELECT requirement_id FROM requirements WHERE run = {}", examined.run);
    other.query_row(&sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_hash_that_was_kept_is_one_of_the_entries() {
    let mut examined = Examined::new();
    let hashes = examined.hashes();
    for hash in &hashes {
        assert_eq!(examined.verified(Some(hash)).first_bad, None);
    }
    let found = examined.verified(Some(&[7; 32])).first_bad.unwrap();
    assert!(
        found
            .reason
            .starts_with("no entry has the hash that was kept as its head"),
        "{found}"
    );
    assert_eq!(found.seq, None);
}

#[test]
fn with_a_key_at_hand_a_chain_that_anybody_could_have_written_is_vouched_for_by_its_last_hash_alone() {
    let key = AuditKey::new(b"a key of sixteen bytes or more").unwrap();
    let mut examined = Examined::new();
    let hashes = examined.hashes();
    let mut examined = examined.with_key(&key);
    let found = examined.verified(None).first_bad.unwrap();
    assert!(found.reason.starts_with("its hash chain is not keyed"), "{found}");
    let (last, others) = hashes.split_last().unwrap();
    for hash in others {
        let found = examined.verified(Some(hash)).first_bad.unwrap();
        assert!(found.reason.starts_with("its hash chain is not keyed"), "{found}");
    }
    assert_eq!(examined.verified(Some(last)).first_bad, None);
}

#[test]
fn what_cannot_be_exported_is_refused_with_what_is_wrong() {
    let mut examined = Examined::new();
    examined.change(&entry(2, "hash = zeroblob(32)"));
    let refused = haltpoint_engine::session::export(&mut examined.store, &examined.run_id);
    let Err(EngineError::Store(error)) = refused else {
        panic!("exported")
    };
    let words = message::<()>(Err(error));
    assert!(
        words.contains("cannot be exported: entry 2: its hash is not that"),
        "{words}"
    );
}
