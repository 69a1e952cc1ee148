//! Lists of runs and requirements, newest first.

use rusqlite::{Connection, ToSql};

use super::fault::Fault;
use super::rows::{SELECT_RUNS, numbered_run};
use crate::Text;
use crate::store::{OverdueFilter, RequirementFilter, RequirementRow, RunFilter, RunRow, RunStatus};

/// Conditions and their values, in order.
#[derive(Default)]
struct Conditions<'a> {
    clauses: Vec<&'static str>,
    values: Vec<&'a dyn ToSql>,
}

impl<'a> Conditions<'a> {
    /// Adds a condition where there is a value for it.
    fn add<T: ToSql>(&mut self, clause: &'static str, value: Option<&'a T>) {
        if let Some(value) = value {
            self.clauses.push(clause);
            self.values.push(value);
        }
    }

    fn sql(&self) -> String {
        match self.clauses.is_empty() {
            true => String::new(),
            false => format!(" WHERE {}", self.clauses.join(" AND ")),
        }
    }
}

/// What no text that begins with the prefix reaches: an upper bound, so that an index finds them.
fn after_prefix(prefix: Option<&Text>) -> Option<String> {
    prefix.map(|prefix| format!("{prefix}{}", char::MAX))
}

pub(super) fn runs(connection: &Connection, filter: &RunFilter) -> Result<Vec<RunRow>, Fault> {
    let status = filter.status.map(RunStatus::as_str);
    let id_end = after_prefix(filter.id_prefix.as_ref());
    let mut conditions = Conditions::default();
    conditions.add("r.run_id >= ?", filter.id_prefix.as_ref());
    conditions.add("r.run_id < ?", id_end.as_ref());
    conditions.add("r.status = ?", status.as_ref());
    conditions.add("r.agent_name = ?", filter.agent_name.as_ref());
    conditions.add("r.session_id = ?", filter.session_id.as_ref());
    conditions.add("r.user_id = ?", filter.user_id.as_ref());
    conditions.add(
        "r.run < (SELECT run FROM runs WHERE run_id = ?)",
        filter.before.as_ref(),
    );
    let sql = format!("{SELECT_RUNS}{} ORDER BY r.run DESC LIMIT ?", conditions.sql());
    conditions.values.push(&filter.limit);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(&*conditions.values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(numbered_run(row)?.row);
    }
    Ok(found)
}

pub(super) fn requirements(connection: &Connection, filter: &RequirementFilter) -> Result<Vec<RequirementRow>, Fault> {
    let kind = filter.kind.map(crate::requirement::RequirementKind::as_str);
    let id_end = after_prefix(filter.id_prefix.as_ref());
    let mut conditions = Conditions::default();
    conditions.add("q.requirement_id >= ?", filter.id_prefix.as_ref());
    conditions.add("q.requirement_id < ?", id_end.as_ref());
    if filter.open_only {
        conditions
            .clauses
            .push("q.decided IS NULL AND r.status IN ('PAUSED', 'RUNNING', 'QUEUED')");
    }
    conditions.add("r.run_id = ?", filter.run_id.as_ref());
    conditions.add("q.kind = ?", kind.as_ref());
    conditions.add(
        "q.place < (SELECT place FROM requirements WHERE requirement_id = ?)",
        filter.before.as_ref(),
    );
    let sql = format!(
        "SELECT q.requirement_id, r.run_id FROM requirements q JOIN runs r ON r.run = q.run{} \
         ORDER BY q.place DESC LIMIT ?",
        conditions.sql()
    );
    conditions.values.push(&filter.limit);
    requirement_rows(connection, &sql, &conditions.values)
}

fn requirement_rows(connection: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<Vec<RequirementRow>, Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(values, |row| {
        Ok(RequirementRow {
            requirement_id: row.get(0)?,
            run_id: row.get(1)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn overdue(connection: &Connection, filter: &OverdueFilter) -> Result<Vec<RequirementRow>, Fault> {
    let mut conditions = Conditions::default();
    conditions.add("q.expires_at <= ?", Some(&filter.now.0));
    conditions.add("r.run_id = ?", filter.run_id.as_ref());
    if filter.run_id.is_none() {
        conditions.clauses.push("r.status IN ('PAUSED', 'RUNNING', 'QUEUED')");
    }
    let sql = format!(
        "SELECT q.requirement_id, r.run_id FROM requirements q JOIN runs r ON r.run = q.run{} \
         AND q.decided IS NULL AND q.expires_at IS NOT NULL ORDER BY q.expires_at, q.place LIMIT ?",
        conditions.sql()
    );
    conditions.values.push(&filter.limit);
    requirement_rows(connection, &sql, &conditions.values)
}
