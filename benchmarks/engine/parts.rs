//! The parts that a step goes through, each by itself: codec, replay, apply, and the writer with its store.
//!
//!     cargo bench --bench parts

#![expect(clippy::expect_used, reason = "a benchmark that cannot be set up has nothing to say")]

mod sequence;

use std::collections::HashSet;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use haltpoint_engine::journal::{Chain, Content, Entry, Format, Link, Record, Sealing, decode, encode};
use haltpoint_engine::run::{Effect, Run, ToolStart, Verdict};
use haltpoint_engine::store::handle::StoreHandle;
use haltpoint_engine::store::sqlite::{Durability, SqliteOptions};
use sequence::NOW;

const RUN_ID: &str = "0198c0de-0000-7000-8000-000000000001";

/// The journal of a run of so many steps.
fn journal(steps: u32) -> Vec<Record> {
    let store = StoreHandle::in_memory();
    sequence::drive(&store, RUN_ID, steps).expect("the run completes");
    store.load_blocking(RUN_ID.into()).expect("the run is there").records
}

fn one_of_each_kind() -> Vec<Entry> {
    let mut kinds = HashSet::new();
    let entries = journal(1).into_iter().map(|record| record.entry);
    entries.filter(|entry| kinds.insert(entry.kind())).collect()
}

fn codec(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("codec");
    let chain = Chain::new(Format::Second, None);
    let genesis = chain.genesis(RUN_ID);
    for entry in &one_of_each_kind() {
        let text = encode(entry).expect("an entry has a JSON form");
        group.bench_with_input(BenchmarkId::new("encode", entry.kind()), entry, |bencher, entry| {
            bencher.iter(|| encode(black_box(entry)));
        });
        group.bench_with_input(BenchmarkId::new("decode", entry.kind()), &text, |bencher, text| {
            bencher.iter(|| decode(entry.kind(), black_box(text)));
        });
        group.bench_with_input(BenchmarkId::new("hash", entry.kind()), &text, |bencher, text| {
            bencher.iter(|| {
                let sealing = Sealing::new(entry, black_box(text), [7; 16]);
                let link = Link {
                    seq: 2,
                    at: NOW,
                    outsider: false,
                    kind: entry.kind(),
                    content: Content::Seal(&sealing.seal(entry)),
                };
                chain.next(&genesis, &link)
            });
        });
    }
    group.finish();
}

fn replay(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("replay");
    for steps in [10, 1_000] {
        let records = journal(steps);
        group.throughput(Throughput::Elements(records.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(steps), &records, |bencher, records| {
            bencher.iter(|| Run::replay(black_box(records)));
        });
    }
    group.finish();
}

/// A step of a run that has so many behind it: its cost must not depend on them.
fn apply(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("apply");
    for steps in [10, 1_000] {
        let run = driven(steps);
        group.bench_function(BenchmarkId::from_parameter(steps), |bencher| {
            bencher.iter_batched(
                || run.clone(),
                |mut run| {
                    step(&mut run, steps);
                    run
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// A run that waits for the model after so many steps.
fn driven(steps: u32) -> Run {
    let mut run = Run::new(Box::new(sequence::started(RUN_ID)), NOW);
    run.notify_begun("this process".into(), NOW);
    for number in 0..steps {
        step(&mut run, number);
    }
    run
}

fn step(run: &mut Run, number: u32) {
    let reply = sequence::reply_with_call(number).expect("arguments are JSON");
    let replied = run.notify_model_replied(reply, Verdict::Accept(None), NOW);
    let start = started_call(replied.effects).expect("the tool is started");
    run.notify_tool_finished(&start.call_id, sequence::outcome(), NOW);
}

fn started_call(effects: Vec<Effect>) -> Option<ToolStart> {
    effects.into_iter().find_map(|effect| match effect {
        Effect::StartTool(start) => Some(start),
        _ => None,
    })
}

/// A run of a hundred steps through session, store and, on disk, the writing thread.
fn writer(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a directory");
    let options = SqliteOptions {
        durability: Durability::Normal,
        clock: Arc::new(|| NOW),
        ..SqliteOptions::default()
    };
    let on_disk = StoreHandle::open_sqlite(&directory.path().join("runs.db"), options).expect("a store");
    let mut group = criterion.benchmark_group("writer");
    group.throughput(Throughput::Elements(100));
    for (name, store) in [("memory", StoreHandle::in_memory()), ("sqlite", on_disk)] {
        let mut runs = 0_u64;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                runs += 1;
                sequence::drive(&store, &format!("0198c0de-0000-7000-8000-{runs:012x}"), 100)
            });
        });
    }
    group.finish();
}

criterion_group!(parts, codec, replay, apply, writer);
criterion_main!(parts);
