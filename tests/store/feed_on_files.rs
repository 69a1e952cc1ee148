//! As `feed`, where it is about files.

use crate::support::{TestFile, create, execute_all};

#[allow(unused_imports, reason = "what both need")]
use crate::feed::*;

#[test]
fn commits_of_other_connections_are_told() {
    let file = TestFile::new();
    let handle = crate::handle::open(&file);
    let (_subscription, told) = watch(&handle);
    let mut elsewhere = file.store();
    for run_id in ["r", "s", "t"] {
        let before = position(&handle);
        execute_all(&mut elsewhere, vec![create(run_id, "a")]);
        moved(&told, before);
    }
}
