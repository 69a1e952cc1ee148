//! Where the outlines of large entries are kept.

use rusqlite::{Connection, params};

use super::entry_id::{entry_id, ids_of};
use super::fault::Fault;
use super::read::find_run;
use super::rows::{NumberedRun, outlined};
use crate::store::StoredRun;
use crate::store::rules::check_not_erased;

const SELECT_OUTLINED: &str = "
SELECT e.id, e.outsider, e.at, e.kind, iif(o.entry IS NULL, e.payload, o.payload)
FROM entries e LEFT JOIN outlines o ON o.entry = e.id WHERE e.id BETWEEN ?1 AND ?2 ORDER BY e.id";

/// Keeps the outline of an entry, if it has one.
pub(super) fn note(connection: &Connection, id: i64, outline: Option<String>) -> rusqlite::Result<()> {
    if let Some(outline) = outline {
        connection
            .prepare_cached("INSERT INTO outlines (entry, payload) VALUES (?1, ?2)")?
            .execute(params![id, outline])?;
    }
    Ok(())
}

/// The run with the outlines of its large entries; `None` for one without any.
pub(super) fn run(connection: &Connection, run_id: &str) -> Result<Option<StoredRun>, Fault> {
    let NumberedRun { run, row, .. } = find_run(connection, run_id)?;
    check_not_erased(&row)?;
    let ids = ids_of(run);
    let has_any: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM outlines WHERE entry BETWEEN ?1 AND ?2)")?
        .query_row(ids, |row| row.get(0))?;
    if !has_any {
        return Ok(None);
    }
    let mut statement = connection.prepare_cached(SELECT_OUTLINED)?;
    let mut rows = statement.query((entry_id(run, 1)?, ids.1))?;
    let mut records = Vec::new();
    while let Some(next) = rows.next()? {
        records.push(outlined(run_id, next)?);
    }
    Ok(Some(StoredRun { row, records }))
}
