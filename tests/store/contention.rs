//! Several connections, threads and processes at one file.

use std::collections::HashSet;
use std::process::{Child, Command, Stdio};

use haltpoint_engine::store::holder::Holder;
use haltpoint_engine::store::sqlite::{SqliteOptions, SqliteStore};
use haltpoint_engine::store::{Operation, Store, StoreError};

use crate::support::{
    TestFile, acquire, at, beside, confirmed, create, drive, execute, execute_all, granted, message, opened, rejected,
    release, say, tool_finished, tool_started,
};

const FILE: &str = "HALTPOINT_TEST_FILE";

/// Makes a helper reject what it would approve.
const REJECTS: &str = "HALTPOINT_TEST_REJECTS";

/// What tells a helper's words from the test runner's.
const MARK: &str = "helper says: ";

/// Starts one of this file's helpers in a process of its own, in a shell after `prelude`.
fn start(helper: &str, file: &TestFile, prelude: &str) -> Child {
    Command::new("sh")
        .arg("-c")
        .arg(format!(
            "{prelude} exec \"$0\" --exact contention::{helper} --ignored --nocapture"
        ))
        .arg(std::env::current_exe().unwrap())
        .env(FILE, file.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What the helper told.
fn said(helper: Child) -> Vec<String> {
    let output = helper.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines
        .lines()
        .filter_map(|line| line.split_once(MARK).map(|(_, said)| said.to_owned()))
        .collect()
}

#[expect(clippy::print_stdout, reason = "this is how a helper answers")]
fn tell(text: &str) {
    println!("{MARK}{text}");
}

/// The file, in a helper; nothing when somebody runs the helpers as tests.
fn file_of_helper() -> Option<SqliteStore> {
    let path = std::env::var_os(FILE)?;
    Some(SqliteStore::open(path.as_ref(), &SqliteOptions::default()).unwrap())
}

#[test]
fn two_processes_never_drive_a_run_at_once() {
    let file = TestFile::new();
    execute_all(&mut file.store(), vec![create("r", "nobody"), release("r", 1)]);
    let helpers: Vec<_> = (0..3).map(|_| start("helper_drives_in_turns", &file, "")).collect();
    let epochs: Vec<String> = helpers.into_iter().flat_map(said).collect();
    assert_eq!(epochs.len(), 60);
    assert_eq!(
        epochs.iter().collect::<HashSet<_>>().len(),
        60,
        "an epoch was granted twice"
    );
    assert_eq!(file.store().load("r").unwrap().records.len(), 1 + 60 * 2);
}

#[test]
#[ignore = "helper of two_processes_never_drive_a_run_at_once"]
fn helper_drives_in_turns() {
    let Some(mut store) = file_of_helper() else { return };
    let holder = Holder::this_process(std::process::id().to_string().into());
    let mut turns = 0;
    while turns < 20 {
        let acquire = Operation::Acquire {
            run_id: "r".into(),
            holder: holder.clone(),
            now: at(1),
            expires: at(i64::MAX),
            known: None,
        };
        let outcome = execute(&mut store, acquire);
        if matches!(outcome, Err(StoreError::Busy { .. })) {
            continue;
        }
        let (epoch, run) = granted(outcome);
        let known = run.records.len() as u64;
        execute_all(&mut store, vec![drive("r", epoch, known, vec![tool_started("x")])]);
        execute_all(
            &mut store,
            vec![
                drive("r", epoch, known + 1, vec![tool_finished("x", "y")]),
                release("r", epoch),
            ],
        );
        tell(&epoch.to_string());
        turns += 1;
    }
}

#[test]
fn of_two_processes_that_decide_exactly_one_wins() {
    let file = TestFile::new();
    execute_all(&mut file.store(), vec![create("r", "a")]);
    for round in 0..30 {
        execute_all(
            &mut file.store(),
            vec![drive("r", 1, 1 + round, vec![opened(&round.to_string())])],
        );
    }
    let helpers = ["", &format!("export {REJECTS}=1;")].map(|prelude| start("helper_decides", &file, prelude));
    let wins: Vec<String> = helpers.into_iter().flat_map(said).collect();
    assert_eq!(wins.len(), 30);
    assert_eq!(
        wins.iter().collect::<HashSet<_>>().len(),
        30,
        "a requirement was decided twice"
    );
}

#[test]
#[ignore = "helper of of_two_processes_that_decide_exactly_one_wins"]
fn helper_decides() {
    let Some(mut store) = file_of_helper() else { return };
    let approves = std::env::var_os(REJECTS).is_none();
    for round in 0..30 {
        let requirement_id = round.to_string();
        let entry = if approves {
            confirmed(&requirement_id)
        } else {
            rejected(&requirement_id)
        };
        match execute(&mut store, say("r", entry)) {
            Ok(haltpoint_engine::store::Committed::Appended { .. }) => tell(&requirement_id),
            Ok(_) | Err(StoreError::Decided { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn processes_that_create_one_file_at_once_all_succeed() {
    for _ in 0..5 {
        let file = TestFile::new();
        let helpers: Vec<_> = (0..4).map(|_| start("helper_creates", &file, "")).collect();
        let created: Vec<String> = helpers.into_iter().flat_map(said).collect();
        assert_eq!(created.len(), 4);
        let mut store = file.store();
        assert!(created.iter().all(|run_id| store.load(run_id).is_ok()));
    }
}

#[test]
#[ignore = "helper of processes_that_create_one_file_at_once_all_succeed"]
fn helper_creates() {
    let Some(mut store) = file_of_helper() else { return };
    let run_id = std::process::id().to_string();
    execute_all(&mut store, vec![create(&run_id, &run_id)]);
    tell(&run_id);
}

#[test]
fn a_killed_process_loses_its_lease_at_once_and_nothing_that_was_acknowledged() {
    let file = TestFile::new();
    drop(file.store());
    let mut helper = start("helper_holds_until_killed", &file, "");
    let mut output = std::io::BufReader::new(helper.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("helper says: held") {
        line.clear();
        assert!(
            std::io::BufRead::read_line(&mut output, &mut line).unwrap() > 0,
            "the helper ended"
        );
    }
    let mut store = SqliteStore::open(&file.path(), &SqliteOptions::default()).unwrap();
    assert!(matches!(
        execute(&mut store, acquire("r", "b", 1)),
        Err(StoreError::Busy { .. })
    ));
    helper.kill().unwrap();
    helper.wait().unwrap();
    let (epoch, run) = granted(execute(&mut store, acquire("r", "b", 1)));
    assert_eq!((epoch, run.records.len()), (2, 2));
}

#[test]
#[ignore = "helper of a_killed_process_loses_its_lease_at_once_and_nothing_that_was_acknowledged"]
fn helper_holds_until_killed() {
    let Some(mut store) = file_of_helper() else { return };
    let holder = Holder::this_process("held".into());
    let Operation::Create(mut new) = create("r", "x") else {
        unreachable!()
    };
    (new.holder, new.expires) = (holder, at(i64::MAX));
    execute_all(
        &mut store,
        vec![Operation::Create(new), drive("r", 1, 1, vec![tool_started("x")])],
    );
    tell("held");
    loop {
        std::thread::park();
    }
}

#[test]
fn a_disk_that_takes_no_more_fails_writes_and_loses_nothing_acknowledged() {
    let file = TestFile::new();
    drop(file.store());
    let limit = "trap '' XFSZ; ulimit -f 6000;";
    let acknowledged = said(start("helper_writes_until_refused", &file, limit));
    assert!(!acknowledged.is_empty());
    let run = file.store().load("r").unwrap();
    assert_eq!(run.records.len(), 1 + acknowledged.len());
}

#[test]
#[ignore = "helper of a_disk_that_takes_no_more_fails_writes_and_loses_nothing_acknowledged"]
fn helper_writes_until_refused() {
    let Some(mut store) = file_of_helper() else { return };
    execute_all(&mut store, vec![create("r", "a")]);
    let large = || tool_finished("c", "x".repeat(400_000));
    for place in 1.. {
        match execute(&mut store, drive("r", 1, place, vec![large()])) {
            Ok(_) => tell(&place.to_string()),
            refused => {
                let text = message(refused);
                assert!(
                    text.contains("the operating system could not read or write it; check the disk"),
                    "{text}"
                );
                return;
            }
        }
    }
}

#[test]
fn a_writer_waits_for_another_ones_transaction() {
    let file = TestFile::new();
    let mut store = file.store();
    let other = beside(&file.path());
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (started, waits) = std::sync::mpsc::channel();
    let writing = std::thread::spawn(move || {
        started.send(()).unwrap();
        execute(&mut store, create("r", "a"))
    });
    waits.recv().unwrap();
    other.execute_batch("COMMIT").unwrap();
    writing.join().unwrap().unwrap();
}
