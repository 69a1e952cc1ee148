//! The hash chain: no part of a row can change without changing its hash.

use haltpoint_engine::Timestamp;
use haltpoint_engine::journal::{AuditKey, Chain, Hash, ShortAuditKey, chain_hash, genesis_hash};
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

const KEY: &[u8] = b"0123456789abcdef";
const PLAIN_GENESIS: &str = "9bb9fd02cfc4b089f347e8e47edd2fcce792d269a79cb2ec0b38d80db6faaa99";
const PLAIN_NEXT: &str = "f1c624db142effda032bdf175fd9ef7bc0ab7da673edcd23c781790e45b1adfd";
const KEYED_GENESIS: &str = "a84b16de6e28935e82cda6ae3009d5608e71a50e08275874c1da616c0f478349";
const KEYED_NEXT: &str = "53601424691a70adbbb61acd64c3d662fc977c3aa1f1503a596b7eda82cd0714";
const KEY_ID: &str = "d68ecd80030b1148";

fn keyed(bytes: &[u8]) -> Chain {
    Chain::Keyed(AuditKey::new(bytes).expect("long enough"))
}

#[test]
fn only_the_key_gives_the_hashes_of_a_keyed_chain() {
    check(1_000, &(row(), any::<[u8; 20]>()), |(row, bytes)| {
        let next = |chain: &Chain| {
            chain.next(
                &row.previous,
                row.seq,
                Timestamp(row.at),
                row.outsider,
                &row.kind,
                &row.payload,
            )
        };
        prop_assert_eq!(next(&Chain::Plain), row.hash());
        prop_assert_eq!(next(&keyed(&bytes)), next(&keyed(&bytes)));
        prop_assert_ne!(next(&keyed(&bytes)), row.hash());
        prop_assert_ne!(next(&keyed(&bytes)), next(&keyed(KEY)));
        Ok(())
    });
}

/// Computed with Python's `hmac` and `hashlib`: whatever else changes, these must not.
#[test]
fn the_hashes_are_those_that_are_documented() {
    let hashes = |chain: &Chain| {
        let genesis = chain.genesis("r-1");
        let next = chain.next(&genesis, 1, Timestamp(-2), true, "tool_started", "{\"é\":1}");
        [hexadecimal(&genesis), hexadecimal(&next)]
    };
    assert_eq!(hashes(&Chain::Plain), [PLAIN_GENESIS, PLAIN_NEXT]);
    assert_eq!(hashes(&keyed(KEY)), [KEYED_GENESIS, KEYED_NEXT]);
    assert_eq!(&**AuditKey::new(KEY).expect("long enough").id(), KEY_ID);
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_key_of_less_than_sixteen_bytes_is_refused() {
    for length in 0..16 {
        assert_eq!(AuditKey::new(&KEY[..length]), Err(ShortAuditKey { length }));
    }
    assert!(AuditKey::new(&[0; 1_000]).is_ok());
}

#[test]
fn a_key_that_is_printed_shows_its_id_only() {
    let printed = format!("{:?}", keyed(KEY));
    assert_eq!(printed, format!("Keyed(AuditKey({KEY_ID:?}))"));
}
