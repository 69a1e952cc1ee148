//! Lists of runs, requirements and remembered approvals, and what workers look for.

use haltpoint_engine::journal::{AuditKey, FORMAT};
use haltpoint_engine::requirement::RequirementKind;
use haltpoint_engine::store::{
    ApprovalFilter, ApprovalQuery, OverdueFilter, RequirementFilter, RequirementRow, RequirementSet, RunFilter, RunRow,
    RunStatus, StoreError,
};
use haltpoint_engine::{Text, Timestamp};
use tokio_postgres::types::{ToSql, Type};

use crate::connection::{Connection, get};
use crate::fault::{Failure, Fault};
use crate::rows::{SELECT_RUNS, found_run};
use crate::text::{stored, text};

/// Conditions and their values, in order.
#[derive(Default)]
struct Conditions {
    clauses: Vec<String>,
    values: Vec<(Box<dyn ToSql + Sync>, Type)>,
}

impl Conditions {
    fn push(&mut self, clause: &str) {
        self.clauses.push(clause.to_owned());
    }

    /// Adds a condition, in which `?` stands for the value, where there is one.
    fn add(&mut self, clause: &str, value: Option<&Text>) {
        if let Some(value) = value {
            self.add_value(clause, stored(value).into_owned(), Type::TEXT);
        }
    }

    fn add_value(&mut self, clause: &str, value: impl ToSql + Sync + 'static, kind: Type) {
        let name = self.value(value, kind);
        self.clauses.push(clause.replace('?', &name));
    }

    fn value(&mut self, value: impl ToSql + Sync + 'static, kind: Type) -> String {
        self.values.push((Box::new(value), kind));
        format!("${}", self.values.len())
    }

    /// Ids that begin so: a range, so that an index finds them.
    fn add_prefix(&mut self, column: &str, prefix: Option<&Text>) {
        if let Some(prefix) = prefix {
            self.add(&format!("{column} >= ?"), Some(prefix));
            let end = format!("{}{}", stored(prefix), char::MAX);
            self.add_value(&format!("{column} < ?"), end, Type::TEXT);
        }
    }

    fn sql(&self) -> String {
        match self.clauses.is_empty() {
            true => String::new(),
            false => format!(" WHERE {}", self.clauses.join(" AND ")),
        }
    }

    fn ask(&self, connection: &mut Connection, sql: &str) -> Result<Vec<tokio_postgres::Row>, Failure> {
        let params: Vec<_> = self
            .values
            .iter()
            .map(|(value, kind)| (&**value as _, kind.clone()))
            .collect();
        connection.ask(sql, &params)
    }

    fn count(&self, connection: &mut Connection, sql: &str) -> Result<u64, Failure> {
        let rows = self.ask(connection, sql)?;
        let counted: i64 = rows.first().map_or(Ok(0), |row| get(row, 0))?;
        Ok(counted.unsigned_abs())
    }

    fn requirements(&self, connection: &mut Connection, sql: &str) -> Result<Vec<RequirementRow>, Failure> {
        self.ask(connection, sql)?.iter().map(requirement_row).collect()
    }
}

fn requirement_row(row: &tokio_postgres::Row) -> Result<RequirementRow, Failure> {
    Ok(RequirementRow {
        requirement_id: text(get(row, 0)?),
        run_id: text(get(row, 1)?),
    })
}

fn run_conditions(filter: &RunFilter) -> Conditions {
    let mut conditions = Conditions::default();
    if filter.status.is_some_and(|status| status != RunStatus::Completed) {
        // Leads to the index over unfinished runs.
        conditions.push("r.status <> 'COMPLETED'");
    }
    conditions.add_prefix("r.run_id", filter.id_prefix.as_ref());
    if let Some(status) = filter.status {
        conditions.add_value("r.status = ?", status.as_str(), Type::TEXT);
    }
    conditions.add("r.agent_name = ?", filter.agent_name.as_ref());
    conditions.add("r.session_id = ?", filter.session_id.as_ref());
    conditions.add("r.user_id = ?", filter.user_id.as_ref());
    conditions.add(
        "r.run < (SELECT run FROM @runs WHERE run_id = ?)",
        filter.before.as_ref(),
    );
    conditions
}

pub(crate) fn runs(connection: &mut Connection, filter: &RunFilter) -> Result<Vec<Result<RunRow, StoreError>>, Fault> {
    let mut conditions = run_conditions(filter);
    let sql = conditions.sql();
    let limit = conditions.value(i64::from(filter.limit), Type::INT8);
    let rows = conditions.ask(
        connection,
        &format!("{SELECT_RUNS}{sql} ORDER BY r.run DESC LIMIT {limit}"),
    )?;
    let run = |row| match found_run(row) {
        Ok(found) => Ok(Ok(found.row)),
        Err(Fault::Refused(error @ StoreError::Damaged { .. })) => Ok(Err(error)),
        Err(fault) => Err(fault),
    };
    rows.iter().map(run).collect()
}

pub(crate) fn count_runs(connection: &mut Connection, filter: &RunFilter) -> Result<u64, Failure> {
    let conditions = run_conditions(filter);
    conditions.count(connection, &format!("SELECT count(*) FROM @runs r{}", conditions.sql()))
}

const SELECT_ROW: &str = "SELECT q.requirement_id, r.run_id";

const REQUIREMENTS: &str = " FROM @requirements q JOIN @runs r ON r.run = q.run";

/// With the entries that closed them.
const CLOSED: &str = " FROM @requirements q JOIN @runs r ON r.run = q.run \
                      LEFT JOIN @entries e ON e.run = q.run AND e.seq = q.decided";

/// A run that is over waits for nobody. One of a status that cannot be read is among the others: it is to be told of.
const WAITS: &str = "q.decided IS NULL AND r.status NOT IN ('COMPLETED', 'CANCELLED', 'ERROR', 'MOVED')";

/// One whose last entry cannot be read, or is gone, is among them: it is to be told of.
const WAS_DECIDED: &str = "q.decided IS NOT NULL AND coalesce(e.kind, '') <> 'requirement_expired'";

const BEFORE_IN_PLACE: &str = "q.place < (SELECT max(place) FROM @requirements WHERE requirement_id = ?)";

const BEFORE_IN_TIME: &str = "(coalesce(e.at, 0), q.place) < (\
     SELECT coalesce(e.at, 0), q.place FROM @requirements q LEFT JOIN @entries e ON e.run = q.run AND e.seq = q.decided \
     WHERE q.requirement_id = ? AND q.decided IS NOT NULL AND coalesce(e.kind, '') <> 'requirement_expired' \
     ORDER BY q.place LIMIT 1)";

fn requirement_conditions(filter: &RequirementFilter) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.add("q.requirement_id = ?", filter.requirement_id.as_ref());
    conditions.add_prefix("q.requirement_id", filter.id_prefix.as_ref());
    match filter.set {
        RequirementSet::All => {}
        RequirementSet::Open => conditions.push(WAITS),
        RequirementSet::Decided => conditions.push(WAS_DECIDED),
    }
    conditions.add("r.run_id = ?", filter.run_id.as_ref());
    if let Some(kind) = filter.kind.map(RequirementKind::as_str) {
        conditions.add_value("q.kind = ?", kind, Type::TEXT);
    }
    if filter.leaves_waits_out() {
        conditions.push("q.kind <> 'wait'");
    }
    let before = match filter.set {
        RequirementSet::Decided => BEFORE_IN_TIME,
        RequirementSet::All | RequirementSet::Open => BEFORE_IN_PLACE,
    };
    conditions.add(before, filter.before.as_ref());
    conditions
}

fn tables(filter: &RequirementFilter) -> &'static str {
    match filter.set {
        RequirementSet::Decided => CLOSED,
        RequirementSet::All | RequirementSet::Open => REQUIREMENTS,
    }
}

pub(crate) fn requirements(
    connection: &mut Connection,
    filter: &RequirementFilter,
) -> Result<Vec<RequirementRow>, Failure> {
    let mut conditions = requirement_conditions(filter);
    let order = match filter.set {
        RequirementSet::Decided => "coalesce(e.at, 0) DESC, q.place",
        RequirementSet::All | RequirementSet::Open => "q.place",
    };
    let from = format!("{SELECT_ROW}{}{}", tables(filter), conditions.sql());
    let limit = conditions.value(i64::from(filter.limit), Type::INT8);
    conditions.requirements(connection, &format!("{from} ORDER BY {order} DESC LIMIT {limit}"))
}

pub(crate) fn count_requirements(connection: &mut Connection, filter: &RequirementFilter) -> Result<u64, Failure> {
    let conditions = requirement_conditions(filter);
    let sql = format!("SELECT count(*){}{}", tables(filter), conditions.sql());
    conditions.count(connection, &sql)
}

pub(crate) fn overdue(
    connection: &mut Connection,
    filter: &OverdueFilter,
    key: Option<&AuditKey>,
) -> Result<Vec<RequirementRow>, Failure> {
    let mut conditions = Conditions::default();
    conditions.add_value("q.expires_at <= ?", filter.now.0, Type::INT8);
    let key_id = key.map(|key| stored(key.id()).into_owned());
    conditions.add_value("r.audit_key_id IS NOT DISTINCT FROM ?", key_id, Type::TEXT);
    conditions.add_value("r.format = ?", FORMAT.cast_signed(), Type::INT4);
    conditions.add("r.run_id = ?", filter.run_id.as_ref());
    conditions.push(match filter.run_id {
        None => WAITS,
        Some(_) => "q.decided IS NULL",
    });
    let except = filter.except.len() + filter.limit as usize;
    let sql = conditions.sql();
    let limit = conditions.value(i64::try_from(except).unwrap_or(i64::MAX), Type::INT8);
    let sql = format!("{SELECT_ROW}{REQUIREMENTS}{sql} ORDER BY q.expires_at, q.place LIMIT {limit}");
    let found = conditions.requirements(connection, &sql)?;
    let meant = found.into_iter().filter(|row| !filter.except.contains(row));
    Ok(meant.take(filter.limit as usize).collect())
}

/// When the next time comes, later than that, of what waits.
pub(crate) fn next_due(connection: &mut Connection, after: Timestamp) -> Result<Option<Timestamp>, Failure> {
    let sql =
        format!("SELECT q.expires_at{REQUIREMENTS} WHERE q.expires_at > $1 AND {WAITS} ORDER BY q.expires_at LIMIT 1");
    let sql = format!(
        "SELECT least(({sql}), (SELECT min(not_before) FROM @runs WHERE status = 'QUEUED' AND not_before IS NOT NULL AND not_before > $1))"
    );
    let rows = connection.ask(&sql, &[(&after.0, Type::INT8)])?;
    let found = rows.first().map(|row| get::<Option<i64>>(row, 0)).transpose()?;
    Ok(found.flatten().map(Timestamp))
}

// Those of earlier formats answer nothing: nobody could revoke them.
const STANDING: &str = " FROM @remembered m JOIN @requirements q ON q.run = m.run AND q.requirement_id = m.requirement_id \
                        JOIN @runs r ON r.run = m.run";

fn approval_conditions(filter: &ApprovalFilter) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.push("m.revoked IS NULL AND r.format = 2");
    // One that is for its own run only answers nothing once that is completed.
    conditions.push("r.status <> 'MOVED' AND (m.session_id IS NOT NULL OR r.status <> 'COMPLETED')");
    conditions.add(
        "m.run = (SELECT run FROM @runs WHERE run_id = ?)",
        filter.run_id.as_ref(),
    );
    conditions.add("r.session_id = ?", filter.session_id.as_ref());
    conditions.add_prefix("q.requirement_id", filter.id_prefix.as_ref());
    conditions.add(BEFORE_IN_PLACE, filter.before.as_ref());
    conditions
}

pub(crate) fn approvals(connection: &mut Connection, filter: &ApprovalFilter) -> Result<Vec<RequirementRow>, Failure> {
    let mut conditions = approval_conditions(filter);
    let from = format!("{SELECT_ROW}{STANDING}{}", conditions.sql());
    let limit = conditions.value(i64::from(filter.limit), Type::INT8);
    conditions.requirements(connection, &format!("{from} ORDER BY q.place DESC LIMIT {limit}"))
}

pub(crate) fn count_approvals(connection: &mut Connection, filter: &ApprovalFilter) -> Result<u64, Failure> {
    let conditions = approval_conditions(filter);
    conditions.count(connection, &format!("SELECT count(*){STANDING}{}", conditions.sql()))
}

/// Each half has an index of its own.
pub(crate) fn approvals_for(
    connection: &mut Connection,
    query: &ApprovalQuery,
) -> Result<Vec<RequirementRow>, Failure> {
    let session_id = query.session_id.as_ref().map(|session_id| stored(session_id));
    let sql = format!(
        "{SELECT_ROW}{STANDING} WHERE m.revoked IS NULL AND r.format = 2 AND (m.run, m.requirement_id) IN (\
         SELECT run, requirement_id FROM @remembered WHERE revoked IS NULL AND key = $3 AND run = (SELECT run FROM @runs WHERE run_id = $1) \
         UNION ALL \
         SELECT run, requirement_id FROM @remembered WHERE revoked IS NULL AND key = $3 AND session_id = $2 AND session_id IS NOT NULL) \
         ORDER BY q.place DESC"
    );
    let rows = connection.ask(
        &sql,
        &[
            (&stored(&query.run_id), Type::TEXT),
            (&session_id, Type::TEXT),
            (&stored(&query.key), Type::TEXT),
        ],
    )?;
    rows.iter().map(requirement_row).collect()
}
