//! Erasing what a run said: payloads, salts and every copy of them.

use haltpoint_engine::store::rules::{chain_to_write, check_erasable};
use haltpoint_engine::store::{Erasure, StoreError};
use tokio_postgres::types::Type;

use crate::connection::{Connection, get};
use crate::draft::{Draft, Means};
use crate::fault::{Failure, Fault};
use crate::read::find_run;
use crate::text::stored;
use crate::write::write;

/// The payloads, their copies, and the rows that lead to what is gone. Subscribers could not read what they have not got.
const GONE: [&str; 7] = [
    "UPDATE @entries SET payload = NULL, salt = NULL WHERE run = $1",
    "DELETE FROM @outlines WHERE run = $1",
    "DELETE FROM @remembered WHERE run = $1",
    "DELETE FROM @approvals WHERE run = $1",
    "DELETE FROM @requirements WHERE run = $1",
    "DELETE FROM @outbox WHERE run = $1",
    "UPDATE @signals SET digest = NULL WHERE run = $1",
];

pub(crate) fn erase(connection: &mut Connection, erasure: &Erasure, means: Means<'_>) -> Result<bool, Fault> {
    connection.transaction("BEGIN", |connection| {
        connection.query(
            "SELECT 1 FROM @runs WHERE run_id = $1 FOR NO KEY UPDATE",
            &[(&stored(&erasure.run_id), Type::TEXT)],
        )?;
        let found = find_run(connection, &erasure.run_id)?;
        let row = &found.row;
        let chain = chain_to_write(&row.run_id, row.format, row.audit_key_id.as_ref(), means.key)?;
        if row.is_erased {
            return Ok(false);
        }
        check_erasable(row)?;
        let run = found.run;
        if is_undelivered(connection, run)? {
            let run_id = erasure.run_id.clone();
            return Err(StoreError::Undelivered { run_id }.into());
        }
        for statement in GONE {
            connection.query(statement, &[(&run, Type::INT8)])?;
        }
        let mut draft = Draft::of(found)?;
        let seq = draft.extend(&[&erasure.entry()], erasure.at, true, &chain, means)?;
        draft.open_requirements = 0;
        if write(connection, &[&draft])?.is_empty() {
            return Err(Failure::InTheWay("the run was changed meanwhile".to_owned()).into());
        }
        let seq = seq.cast_signed();
        connection.query(
            "UPDATE @runs SET erased = $2 WHERE run = $1",
            &[(&run, Type::INT8), (&seq, Type::INT8)],
        )?;
        connection.query("DELETE FROM @outbox WHERE run = $1", &[(&run, Type::INT8)])?;
        Ok(true)
    })
}

/// Whether somebody subscribed to entries of the run and has not got them.
fn is_undelivered(connection: &mut Connection, run: i64) -> Result<bool, Failure> {
    let row = connection.query_one(
        "SELECT EXISTS (SELECT 1 FROM @outbox o WHERE o.run = $1 AND EXISTS (SELECT 1 FROM @subscriptions) \
         AND (o.place IS NULL OR o.place > (SELECT min(position) FROM @subscriptions)))",
        &[(&run, Type::INT8)],
    )?;
    get(&row, 0)
}

/// Lets the server forget the rows' earlier versions. A role that does not own the tables cannot ask for it; the server does it by itself,
/// later.
pub(crate) fn finish(connection: &mut Connection) -> Result<bool, Failure> {
    for table in ["@entries", "@outlines", "@signals"] {
        match connection.execute(&format!("VACUUM {table}")) {
            Ok(()) => {}
            Err(Failure::Server { .. }) => return Ok(false),
            Err(failure) => return Err(failure),
        }
    }
    Ok(true)
}
