//! Golden journals: what each released format wrote is kept in `tests/journals` and read for ever.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use haltpoint_engine::Timestamp;
use haltpoint_engine::journal::{Attribution, Chain, FORMAT, Format, Record, Sealing, StoredRow, decode, encode};
use haltpoint_engine::run::Run;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::scenario::{Journal, RUN_ID, salt};
use crate::stories::STORIES;

/// One row of a golden journal. The payload stands there as it was stored, to the byte.
#[derive(Serialize, Deserialize)]
struct Row {
    seq: u64,
    at: i64,
    outsider: bool,
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    requires: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    action: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    actor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    requirement_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    commitment: Option<String>,
    payload: Box<RawValue>,
    hash: String,
}

impl Row {
    fn of(record: &Record) -> Self {
        let payload = encode(&record.entry).unwrap();
        let sealing = Sealing::new(&record.entry, &payload, salt(record.seq));
        let attribution = Attribution::of(&record.entry);
        Self {
            seq: record.seq,
            at: record.at.0,
            outsider: record.outsider,
            kind: record.entry.kind().to_owned(),
            requires: sealing.requires,
            action: attribution.action.map(str::to_owned),
            actor: attribution.actor.map(str::to_owned),
            requirement_id: attribution.requirement_id.map(str::to_owned),
            salt: Some(hex(&sealing.salt)),
            commitment: Some(hex(&sealing.commitment)),
            payload: RawValue::from_string(payload).unwrap(),
            hash: hex(&record.hash),
        }
    }

    fn stored<'a>(&'a self, salt: Option<&'a [u8]>, commitment: Option<&'a [u8]>) -> StoredRow<'a> {
        StoredRow {
            seq: self.seq,
            at: Timestamp(self.at),
            outsider: self.outsider,
            kind: &self.kind,
            payload: Some(self.payload.get()),
            salt,
            commitment,
            requires: self.requires.as_deref(),
            attribution: Attribution {
                action: self.action.as_deref(),
                actor: self.actor.as_deref(),
                requirement_id: self.requirement_id.as_deref(),
            },
        }
    }
}

fn hex(hash: &[u8]) -> String {
    hash.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn bytes(hex: &str) -> Vec<u8> {
    let byte = |place| u8::from_str_radix(&hex[place..place + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
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

/// The format that a golden journal is of: its folder says so.
fn format_of(path: &Path) -> Format {
    let folder = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
    Format::of(folder.strip_prefix('v').unwrap().parse().unwrap()).unwrap()
}

/// The records of a golden journal, with the hash chain checked over the very text that stands there.
fn read(path: &Path) -> Vec<Record> {
    let chain = Chain::new(format_of(path), None);
    let mut previous = chain.genesis(RUN_ID);
    let text = fs::read_to_string(path).unwrap();
    let record = |line: &str| {
        let row: Row = serde_json::from_str(line).unwrap();
        let (salt, commitment) = (row.salt.as_deref().map(bytes), row.commitment.as_deref().map(bytes));
        let stored = row.stored(salt.as_deref(), commitment.as_deref());
        previous = stored.hash(&chain, &previous).unwrap();
        assert_eq!(hex(&previous), row.hash, "{} at {}", path.display(), row.seq);
        let payload = stored.check(chain.format()).unwrap();
        Record {
            seq: row.seq,
            at: Timestamp(row.at),
            outsider: row.outsider,
            entry: decode(&row.kind, payload).unwrap(),
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
