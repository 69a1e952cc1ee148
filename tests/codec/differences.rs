//! What a random test says of two values that differ.

use std::collections::HashMap;

use crate::difference::first_difference;

#[derive(Debug)]
#[expect(dead_code, reason = "it is only printed")]
struct Journal {
    name: &'static str,
    places: HashMap<&'static str, u32>,
    entries: Vec<Entry>,
}

#[derive(Debug)]
#[expect(dead_code, reason = "it is only printed")]
struct Entry {
    at: Option<u32>,
    texts: Vec<&'static str>,
}

fn journal(last: &[&'static str]) -> Journal {
    let entry = |texts: &[&'static str]| Entry {
        at: Some(1),
        texts: texts.to_vec(),
    };
    Journal {
        name: "r",
        places: [("a", 0), ("b", 1), ("c", 2)].into(),
        entries: vec![entry(&["x"]), entry(last)],
    }
}

#[test]
fn the_path_leads_to_the_first_difference() {
    let found = first_difference(&journal(&["y", "z"]), &journal(&["y", "w"]));
    assert_eq!(found.as_deref(), Some("entries[1].texts[1]: \"z\", / \"w\","));
}

#[test]
fn what_one_of_them_has_not_is_nothing() {
    let found = first_difference(&vec![1], &vec![1, 2]);
    assert_eq!(found.as_deref(), Some("[1]: ] / 2,"));
}

#[test]
fn equal_values_differ_nowhere_in_whatever_order_a_map_prints_them() {
    for _ in 0..20 {
        assert_eq!(first_difference(&journal(&["y"]), &journal(&["y"])), None);
    }
}
