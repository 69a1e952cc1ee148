//! Golden journals: what each released format wrote is kept in `tests/journals` and read for ever.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use haltpoint_engine::Timestamp;
use haltpoint_engine::journal::{FORMAT, Record, chain_hash, decode, encode, genesis_hash};
use haltpoint_engine::run::Run;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::scenario::{Journal, RUN_ID};
use crate::stories::STORIES;

/// One row of a golden journal. The payload stands there as it was stored, to the byte.
#[derive(Serialize, Deserialize)]
struct Row {
    seq: u64,
    at: i64,
    outsider: bool,
    kind: String,
    payload: Box<RawValue>,
    hash: String,
}

impl Row {
    fn of(record: &Record) -> Self {
        Self {
            seq: record.seq,
            at: record.at.0,
            outsider: record.outsider,
            kind: record.entry.kind().to_owned(),
            payload: RawValue::from_string(encode(&record.entry).unwrap()).unwrap(),
            hash: hex(&record.hash),
        }
    }
}

fn hex(hash: &[u8]) -> String {
    hash.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journals")
}

fn lines_of(journal: &Journal) -> String {
    journal.records().iter().fold(String::new(), |mut text, record| {
        writeln!(text, "{}", serde_json::to_string(&Row::of(record)).unwrap()).unwrap();
        text
    })
}

fn view_of(run: &Run) -> String {
    let view = serde_json::to_value(run.view(&[])).unwrap();
    serde_json::to_string_pretty(&view).unwrap() + "\n"
}

/// The records of a golden journal, with the hash chain checked over the very text that stands there.
fn read(path: &Path) -> Vec<Record> {
    let mut previous = genesis_hash(RUN_ID);
    let text = fs::read_to_string(path).unwrap();
    let record = |line: &str| {
        let row: Row = serde_json::from_str(line).unwrap();
        let at = Timestamp(row.at);
        previous = chain_hash(&previous, row.seq, at, row.outsider, &row.kind, row.payload.get());
        assert_eq!(hex(&previous), row.hash, "{} at {}", path.display(), row.seq);
        Record {
            seq: row.seq,
            at,
            outsider: row.outsider,
            entry: decode(&row.kind, row.payload.get()).unwrap(),
            hash: previous,
        }
    };
    text.lines().map(record).collect()
}

/// All golden journals of all formats.
pub(crate) fn journals() -> Vec<(PathBuf, Vec<Record>)> {
    let formats = fs::read_dir(folder()).unwrap().map(|format| format.unwrap().path());
    let files = formats.flat_map(|format| fs::read_dir(format).unwrap().map(|file| file.unwrap().path()));
    let mut paths: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), read(&path))).collect()
}

#[test]
fn every_journal_ever_written_still_replays_to_the_same_view() {
    let journals = journals();
    assert!(journals.len() >= STORIES.len());
    for (path, records) in journals {
        let view = serde_json::to_value(Run::replay(&records).unwrap().view(&[])).unwrap();
        let expected = fs::read_to_string(path.with_extension("view.json")).unwrap();
        assert_eq!(
            view,
            serde_json::from_str::<Value>(&expected).unwrap(),
            "{}",
            path.display()
        );
    }
}

/// When this fails, the change shows in journals: make sure that it is meant, then run the ignored test below.
#[test]
fn the_same_stories_still_write_the_same_journals() {
    let present = folder().join(format!("v{FORMAT}"));
    for story in STORIES {
        let expected = fs::read_to_string(present.join(story.name).with_extension("jsonl")).unwrap();
        let scenario = (story.play)();
        let written = lines_of(scenario.journal());
        for (expected, written) in expected.lines().zip(written.lines()) {
            assert_eq!(written, expected, "{}", story.name);
        }
        assert_eq!(written.lines().count(), expected.lines().count(), "{}", story.name);
    }
}

#[test]
#[ignore = "writes what the journals add up to anew, where a view says more than it did"]
fn write_golden_views() {
    for (path, records) in journals() {
        fs::write(
            path.with_extension("view.json"),
            view_of(&Run::replay(&records).unwrap()),
        )
        .unwrap();
    }
}

#[test]
#[ignore = "writes the golden journals of the present format anew"]
fn write_golden_journals() {
    let present = folder().join(format!("v{FORMAT}"));
    fs::create_dir_all(&present).unwrap();
    for story in STORIES {
        let scenario = (story.play)();
        let path = present.join(story.name).with_extension("jsonl");
        fs::write(&path, lines_of(scenario.journal())).unwrap();
        fs::write(path.with_extension("view.json"), view_of(scenario.run())).unwrap();
    }
}
