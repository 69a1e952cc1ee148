//! The hash chain: no part of a row can change without changing its hash.

use haltpoint_engine::Timestamp;
use haltpoint_engine::journal::{
    Attribution, AuditKey, Chain, Content, Format, Hash, Link, Seal, ShortAuditKey, commitment,
};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::harness::check;
use crate::values::text;

/// A row of the first format; of the second where it has a seal.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    previous: Hash,
    seq: u64,
    at: i64,
    outsider: bool,
    kind: String,
    content: Said,
}

#[derive(Clone, Debug, PartialEq)]
enum Said {
    Payload(String),
    Seal {
        commitment: Hash,
        texts: [Option<String>; 4],
    },
}

impl Row {
    fn hash(&self) -> Hash {
        self.hash_in(&Chain::new(Format::Second, None))
    }

    fn hash_in(&self, chain: &Chain) -> Hash {
        match &self.content {
            Said::Payload(payload) => self.link(chain, Content::Payload(payload)),
            Said::Seal { commitment, texts } => {
                let [requires, action, actor, requirement_id] = texts.each_ref().map(Option::as_deref);
                let attribution = Attribution {
                    action,
                    actor,
                    requirement_id,
                };
                let commitment = *commitment;
                let seal = Seal {
                    commitment,
                    requires,
                    attribution,
                };
                self.link(chain, Content::Seal(&seal))
            }
        }
    }

    fn link(&self, chain: &Chain, content: Content<'_>) -> Hash {
        let link = Link {
            seq: self.seq,
            at: Timestamp(self.at),
            outsider: self.outsider,
            kind: &self.kind,
            content,
        };
        chain.next(&self.previous, &link)
    }
}

fn row() -> impl Strategy<Value = Row> {
    let numbers = (any::<Hash>(), any::<u64>(), any::<i64>(), any::<bool>());
    (numbers, text(), said()).prop_map(|((previous, seq, at, outsider), kind, content)| Row {
        previous,
        seq,
        at,
        outsider,
        kind: kind.to_string(),
        content,
    })
}

fn said() -> impl Strategy<Value = Said> {
    let words = || option::of(text().prop_map(|text| text.to_string()));
    let texts = (words(), words(), words(), words()).prop_map(<[_; 4]>::from);
    prop_oneof![
        text().prop_map(|payload| Said::Payload(payload.to_string())),
        (any::<Hash>(), texts).prop_map(|(commitment, texts)| Said::Seal { commitment, texts }),
    ]
}

/// What is said, with one thing about it changed.
fn said_otherwise(said: &Said, at: Index) -> Said {
    match said {
        Said::Payload(payload) => Said::Payload(changed(payload, at)),
        Said::Seal { commitment, texts } => {
            let (mut commitment, mut texts) = (*commitment, texts.clone());
            match at.index(6) {
                place @ 0..4 => {
                    texts[place] = texts[place]
                        .as_ref()
                        .map(|text| changed(text, at))
                        .or(Some(String::new()))
                }
                4 => commitment[at.index(32)] ^= 1,
                _ => texts.rotate_left(1),
            }
            Said::Seal { commitment, texts }
        }
    }
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
                content: said_otherwise(&row.content, at),
                ..row.clone()
            },
        ];
        for variant in variants.into_iter().filter(|variant| *variant != row) {
            prop_assert_ne!(variant.hash(), row.hash(), "{:?}", variant);
        }
        Ok(())
    });
}

#[test]
fn bytes_that_move_from_kind_to_payload_change_the_hash() {
    check(1_000, &(row(), text(), any::<Index>()), |(row, payload, at)| {
        let row = Row {
            content: Said::Payload(payload.to_string()),
            ..row
        };
        let whole = format!("{}{payload}", row.kind);
        let places: Vec<usize> = (0..=whole.len())
            .filter(|&place| whole.is_char_boundary(place))
            .collect();
        let (kind, payload) = whole.split_at(places[at.index(places.len())]);
        let moved = Row {
            kind: kind.to_owned(),
            content: Said::Payload(payload.to_owned()),
            ..row.clone()
        };
        prop_assert_eq!(moved.hash() == row.hash(), moved == row);
        Ok(())
    });
}

#[test]
fn journals_of_different_runs_and_formats_begin_with_different_hashes() {
    check(1_000, &(text(), text()), |(one, other)| {
        let [first, second] = [Format::First, Format::Second].map(|format| Chain::new(format, None));
        prop_assert_eq!(second.genesis(&one) == second.genesis(&other), one == other);
        prop_assert_ne!(first.genesis(&one), second.genesis(&other));
        Ok(())
    });
}

const KEY: &[u8] = b"0123456789abcdef";
const PLAIN_GENESIS: &str = "9bb9fd02cfc4b089f347e8e47edd2fcce792d269a79cb2ec0b38d80db6faaa99";
const PLAIN_NEXT: &str = "f1c624db142effda032bdf175fd9ef7bc0ab7da673edcd23c781790e45b1adfd";
const KEYED_GENESIS: &str = "a84b16de6e28935e82cda6ae3009d5608e71a50e08275874c1da616c0f478349";
const KEYED_NEXT: &str = "53601424691a70adbbb61acd64c3d662fc977c3aa1f1503a596b7eda82cd0714";
const SEALED_GENESIS: &str = "5bf7460777c534cfe8a9ad9af69993417adcadecbd461bd6a45c855b30c0e78c";
const SEALED_NEXT: &str = "ff8e29fe19ef9c422f37dd6761ccc5a9a0adfdcc0fe5cbd0f1fad13a7546438b";
const SEALED_KEYED_GENESIS: &str = "e48502dafdd555dcbf82f744ba78d1a53cd7fb3d5e4de3db0a8f0b700bf69779";
const SEALED_KEYED_NEXT: &str = "46531a9784f56ad3786949820e670d79afcfdcdfffeb0796b758035ea5ccbbe3";
const KEY_ID: &str = "d68ecd80030b1148";

fn keyed(format: Format, bytes: &[u8]) -> Chain {
    Chain::new(format, Some(&AuditKey::new(bytes).expect("long enough")))
}

#[test]
fn only_the_key_gives_the_hashes_of_a_keyed_chain() {
    check(1_000, &(row(), any::<[u8; 20]>()), |(row, bytes)| {
        let keyed = |bytes: &[u8]| row.hash_in(&keyed(Format::Second, bytes));
        prop_assert_eq!(keyed(&bytes), keyed(&bytes));
        prop_assert_ne!(keyed(&bytes), row.hash());
        prop_assert_ne!(keyed(&bytes), keyed(KEY));
        Ok(())
    });
}

/// Computed with Python's `hmac` and `hashlib`: whatever else changes, these must not.
#[test]
fn the_hashes_are_those_that_are_documented() {
    let hashes = |chain: &Chain, content: Content<'_>| {
        let genesis = chain.genesis("r-1");
        let link = Link {
            seq: 1,
            at: Timestamp(-2),
            outsider: true,
            kind: "tool_started",
            content,
        };
        [hexadecimal(&genesis), hexadecimal(&chain.next(&genesis, &link))]
    };
    let payload = Content::Payload("{\"é\":1}");
    assert_eq!(
        hashes(&Chain::new(Format::First, None), payload),
        [PLAIN_GENESIS, PLAIN_NEXT]
    );
    assert_eq!(hashes(&keyed(Format::First, KEY), payload), [KEYED_GENESIS, KEYED_NEXT]);
    let seal = Seal {
        commitment: commitment(&[7; 16], "{\"é\":1}"),
        requires: Some("[\"expiry\"]"),
        attribution: Attribution {
            action: Some("confirm"),
            actor: Some("anné"),
            requirement_id: None,
        },
    };
    let sealed = Content::Seal(&seal);
    assert_eq!(
        hashes(&Chain::new(Format::Second, None), sealed),
        [SEALED_GENESIS, SEALED_NEXT]
    );
    assert_eq!(
        hashes(&keyed(Format::Second, KEY), sealed),
        [SEALED_KEYED_GENESIS, SEALED_KEYED_NEXT]
    );
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
    let printed = format!("{:?}", keyed(Format::Second, KEY));
    assert_eq!(
        printed,
        format!("Chain {{ format: Second, key: Some(AuditKey({KEY_ID:?})) }}")
    );
}
