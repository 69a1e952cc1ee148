//! The hash chain: no part of a row can change without changing its hash.

use haltpoint_engine::Timestamp;
use haltpoint_engine::journal::{Hash, chain_hash, genesis_hash};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::harness::check;
use crate::values::text;

#[derive(Clone, Debug, PartialEq)]
struct Row {
    previous: Hash,
    seq: u64,
    at: i64,
    outsider: bool,
    kind: String,
    payload: String,
}

impl Row {
    fn hash(&self) -> Hash {
        chain_hash(
            &self.previous,
            self.seq,
            Timestamp(self.at),
            self.outsider,
            &self.kind,
            &self.payload,
        )
    }
}

fn row() -> impl Strategy<Value = Row> {
    let numbers = (any::<Hash>(), any::<u64>(), any::<i64>(), any::<bool>());
    (numbers, text(), text()).prop_map(|((previous, seq, at, outsider), kind, payload)| Row {
        previous,
        seq,
        at,
        outsider,
        kind: kind.to_string(),
        payload: payload.to_string(),
    })
}

/// One byte of a text, changed, so that it is text still.
fn changed(text: &str, at: Index) -> String {
    let mut bytes: Vec<u8> = text
        .bytes()
        .map(|byte| if byte.is_ascii() { byte } else { b'?' })
        .collect();
    if bytes.is_empty() {
        return "x".to_owned();
    }
    let place = at.index(bytes.len());
    bytes[place] ^= 1;
    String::from_utf8(bytes).expect("ASCII")
}

#[test]
fn one_changed_byte_of_any_part_changes_the_hash() {
    check(1_000, &(row(), any::<Index>(), 0..64u32), |(row, at, bit)| {
        let previous = {
            let mut bytes = row.previous;
            bytes[at.index(32)] ^= 1 << (bit % 8);
            bytes
        };
        let variants = [
            Row {
                previous,
                ..row.clone()
            },
            Row {
                seq: row.seq ^ (1 << bit),
                ..row.clone()
            },
            Row {
                at: row.at ^ (1 << bit),
                ..row.clone()
            },
            Row {
                outsider: !row.outsider,
                ..row.clone()
            },
            Row {
                kind: changed(&row.kind, at),
                ..row.clone()
            },
            Row {
                payload: changed(&row.payload, at),
                ..row.clone()
            },
        ];
        for variant in variants {
            prop_assert_ne!(variant.hash(), row.hash(), "{:?}", variant);
        }
        Ok(())
    });
}

#[test]
fn bytes_that_move_from_kind_to_payload_change_the_hash() {
    check(1_000, &(row(), any::<Index>()), |(row, at)| {
        let whole = format!("{}{}", row.kind, row.payload);
        let places: Vec<usize> = (0..=whole.len())
            .filter(|&place| whole.is_char_boundary(place))
            .collect();
        let (kind, payload) = whole.split_at(places[at.index(places.len())]);
        let moved = Row {
            kind: kind.to_owned(),
            payload: payload.to_owned(),
            ..row.clone()
        };
        prop_assert_eq!(moved.hash() == row.hash(), moved == row);
        Ok(())
    });
}

#[test]
fn journals_of_different_runs_begin_with_different_hashes() {
    check(1_000, &(text(), text()), |(one, other)| {
        prop_assert_eq!(genesis_hash(&one) == genesis_hash(&other), one == other);
        Ok(())
    });
}
