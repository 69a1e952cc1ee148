//! Lists of runs and requirements, newest first.

use rusqlite::{Connection, Row, ToSql};

use super::fault::Fault;
use super::rows::{SELECT_RUNS, numbered_run};
use crate::journal::{AuditKey, FORMAT};
use crate::requirement::RequirementKind;
use crate::store::{
    OverdueFilter, RequirementFilter, RequirementRow, RequirementSet, RunFilter, RunRow, RunStatus, StoreError,
};
use crate::{Text, Timestamp};

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
pub(super) fn after_prefix(prefix: Option<&Text>) -> Option<String> {
    prefix.map(|prefix| format!("{prefix}{}", char::MAX))
}

/// How many rows there are.
pub(super) fn count(connection: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<u64, Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    let counted: i64 = statement.query_row(values, |row| row.get(0))?;
    Ok(counted.cast_unsigned())
}

/// Leads SQLite to the index over unfinished runs, which it would otherwise not see to hold all runs of a status.
const UNFINISHED: &str = "r.status <> 'COMPLETED'";

/// What a filter of runs looks for, as SQLite takes it.
struct WantedRuns<'a> {
    filter: &'a RunFilter,
    status: Option<&'static str>,
    id_end: Option<String>,
}

impl<'a> WantedRuns<'a> {
    fn new(filter: &'a RunFilter) -> Self {
        Self {
            filter,
            status: filter.status.map(RunStatus::as_str),
            id_end: after_prefix(filter.id_prefix.as_ref()),
        }
    }

    fn conditions(&self) -> Conditions<'_> {
        let filter = self.filter;
        let mut conditions = Conditions::default();
        if leads_to_unfinished(filter) {
            conditions.clauses.push(UNFINISHED);
        }
        conditions.add("r.run_id >= ?", filter.id_prefix.as_ref());
        conditions.add("r.run_id < ?", self.id_end.as_ref());
        conditions.add("r.status = ?", self.status.as_ref());
        conditions.add("r.agent_name = ?", filter.agent_name.as_ref());
        conditions.add("r.session_id = ?", filter.session_id.as_ref());
        conditions.add("r.user_id = ?", filter.user_id.as_ref());
        conditions.add(
            "r.run < (SELECT run FROM runs WHERE run_id = ?)",
            filter.before.as_ref(),
        );
        conditions
    }
}

/// A session, a user or the beginning of an id has fewer runs than a status.
fn leads_to_unfinished(filter: &RunFilter) -> bool {
    let is_unfinished = filter.status.is_some_and(|status| status != RunStatus::Completed);
    is_unfinished && filter.session_id.is_none() && filter.user_id.is_none() && filter.id_prefix.is_none()
}

pub(super) fn runs(connection: &Connection, filter: &RunFilter) -> Result<Vec<Result<RunRow, StoreError>>, Fault> {
    let wanted = WantedRuns::new(filter);
    let mut conditions = wanted.conditions();
    let sql = format!("{SELECT_RUNS}{} ORDER BY r.run DESC LIMIT ?", conditions.sql());
    conditions.values.push(&filter.limit);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(&*conditions.values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(match numbered_run(row) {
            Ok(run) => Ok(run.row),
            Err(Fault::Refused(error @ StoreError::Damaged { .. })) => Err(error),
            Err(fault) => return Err(fault),
        });
    }
    Ok(found)
}

pub(super) fn count_runs(connection: &Connection, filter: &RunFilter) -> Result<u64, Fault> {
    let wanted = WantedRuns::new(filter);
    let conditions = wanted.conditions();
    let sql = format!("{COUNT_RUNS}{}", conditions.sql());
    count(connection, &sql, &conditions.values)
}

const COUNT_RUNS: &str = "SELECT count(*) FROM runs r";

const SELECT_ROW: &str = "SELECT q.requirement_id, r.run_id";

const REQUIREMENTS: &str = " FROM requirements q JOIN runs r ON r.run = q.run";

/// With the entries that closed them.
const CLOSED: &str = " FROM requirements q JOIN runs r ON r.run = q.run LEFT JOIN entries e ON e.id = q.decided";

/// A run that is over waits for nobody. One of a status that cannot be read is among the others: it is to be told of.
const WAITS: &str = "q.decided IS NULL AND r.status NOT IN ('COMPLETED', 'CANCELLED', 'ERROR', 'MOVED')";

/// One whose last entry cannot be read, or is gone, is among them: it is to be told of.
const WAS_DECIDED: &str = "q.decided IS NOT NULL AND coalesce(e.kind, '') <> 'requirement_expired'";

const ASKS_SOMEBODY: &str = "q.kind <> 'wait'";

const BEFORE_IN_PLACE: &str = "q.place < (SELECT place FROM requirements WHERE requirement_id = ?)";

const BEFORE_IN_TIME: &str = "(coalesce(e.at, 0), q.place) < (\
     SELECT coalesce(e.at, 0), q.place FROM requirements q LEFT JOIN entries e ON e.id = q.decided \
     WHERE q.requirement_id = ? AND q.decided IS NOT NULL AND coalesce(e.kind, '') <> 'requirement_expired')";

/// What a filter of requirements looks for, as SQLite takes it.
struct WantedRequirements<'a> {
    filter: &'a RequirementFilter,
    kind: Option<&'static str>,
    id_end: Option<String>,
}

impl<'a> WantedRequirements<'a> {
    fn new(filter: &'a RequirementFilter) -> Self {
        Self {
            filter,
            kind: filter.kind.map(RequirementKind::as_str),
            id_end: after_prefix(filter.id_prefix.as_ref()),
        }
    }

    fn is_decided(&self) -> bool {
        self.filter.set == RequirementSet::Decided
    }

    /// What `selected` is selected from, and which of it.
    fn sql(&self, selected: &str, conditions: &Conditions<'_>) -> String {
        let tables = if self.is_decided() { CLOSED } else { REQUIREMENTS };
        format!("{selected}{tables}{}", conditions.sql())
    }

    fn list_sql(&self, conditions: &Conditions<'_>) -> String {
        let order = if self.is_decided() {
            "coalesce(e.at, 0) DESC, q.place"
        } else {
            "q.place"
        };
        format!("{} ORDER BY {order} DESC LIMIT ?", self.sql(SELECT_ROW, conditions))
    }

    fn conditions(&self) -> Conditions<'_> {
        let filter = self.filter;
        let mut conditions = Conditions::default();
        conditions.add("q.requirement_id = ?", filter.requirement_id.as_ref());
        conditions.add("q.requirement_id >= ?", filter.id_prefix.as_ref());
        conditions.add("q.requirement_id < ?", self.id_end.as_ref());
        match filter.set {
            RequirementSet::All => {}
            RequirementSet::Open => conditions.clauses.push(WAITS),
            RequirementSet::Decided => conditions.clauses.push(WAS_DECIDED),
        }
        conditions.add("r.run_id = ?", filter.run_id.as_ref());
        conditions.add("q.kind = ?", self.kind.as_ref());
        if filter.leaves_waits_out() {
            conditions.clauses.push(ASKS_SOMEBODY);
        }
        let before = if self.is_decided() {
            BEFORE_IN_TIME
        } else {
            BEFORE_IN_PLACE
        };
        conditions.add(before, filter.before.as_ref());
        conditions
    }
}

pub(super) fn requirements(connection: &Connection, filter: &RequirementFilter) -> Result<Vec<RequirementRow>, Fault> {
    let wanted = WantedRequirements::new(filter);
    let mut conditions = wanted.conditions();
    let sql = wanted.list_sql(&conditions);
    conditions.values.push(&filter.limit);
    requirement_rows(connection, &sql, &conditions.values)
}

pub(super) fn count_requirements(connection: &Connection, filter: &RequirementFilter) -> Result<u64, Fault> {
    let wanted = WantedRequirements::new(filter);
    let conditions = wanted.conditions();
    let sql = wanted.sql("SELECT count(*)", &conditions);
    count(connection, &sql, &conditions.values)
}

pub(super) fn requirement_rows(
    connection: &Connection,
    sql: &str,
    values: &[&dyn ToSql],
) -> Result<Vec<RequirementRow>, Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(values, requirement_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn requirement_row(row: &Row<'_>) -> rusqlite::Result<RequirementRow> {
    Ok(RequirementRow {
        requirement_id: row.get(0)?,
        run_id: row.get(1)?,
    })
}

pub(super) fn overdue(
    connection: &Connection,
    filter: &OverdueFilter,
    key: Option<&AuditKey>,
) -> Result<Vec<RequirementRow>, Fault> {
    let key_id = key.map(AuditKey::id);
    let conditions = overdue_conditions(filter, &key_id);
    let mut statement = connection.prepare_cached(&overdue_sql(&conditions))?;
    let rows = statement.query_map(&*conditions.values, requirement_row)?;
    let is_meant = |row: &RequirementRow| !filter.except.contains(row);
    let meant = rows.filter(|row| row.as_ref().map_or(true, is_meant));
    Ok(meant.take(filter.limit as usize).collect::<rusqlite::Result<_>>()?)
}

/// When the next time comes, later than that, of what waits.
pub(super) fn next_due(connection: &Connection, after: Timestamp) -> Result<Option<Timestamp>, Fault> {
    let expires =
        format!("SELECT q.expires_at{REQUIREMENTS} WHERE q.expires_at > ?1 AND {WAITS} ORDER BY q.expires_at LIMIT 1");
    let times = [first(connection, &expires, after)?, first(connection, BEGINS, after)?];
    Ok(times.into_iter().flatten().min())
}

const BEGINS: &str = "SELECT not_before FROM runs WHERE status = 'QUEUED' AND not_before IS NOT NULL AND not_before > ?1 \
                      ORDER BY not_before LIMIT 1";

fn first(connection: &Connection, sql: &str, after: Timestamp) -> Result<Option<Timestamp>, Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([after.0])?;
    Ok(rows.next()?.map(|row| row.get(0)).transpose()?.map(Timestamp))
}

fn overdue_sql(conditions: &Conditions<'_>) -> String {
    format!(
        "{SELECT_ROW}{REQUIREMENTS}{} ORDER BY q.expires_at, q.place",
        conditions.sql()
    )
}

fn overdue_conditions<'a>(filter: &'a OverdueFilter, key_id: &'a Option<&Text>) -> Conditions<'a> {
    let mut conditions = Conditions::default();
    conditions.add("q.expires_at <= ?", Some(&filter.now.0));
    conditions.add("r.audit_key_id IS ?", Some(key_id));
    conditions.add("r.format = ?", Some(&FORMAT));
    conditions.add("r.run_id = ?", filter.run_id.as_ref());
    conditions.clauses.push(match filter.run_id {
        None => WAITS,
        Some(_) => "q.decided IS NULL",
    });
    conditions
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::collections::HashSet;

    use super::super::schema::MIGRATIONS;
    use super::*;

    fn database() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        for step in MIGRATIONS {
            connection.execute_batch(step).unwrap();
        }
        connection
    }

    /// How SQLite finds what `sql` asks for.
    fn plan(sql: &str) -> Vec<String> {
        let connection = database();
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let unbound = vec![None::<i64>; statement.parameter_count()];
        let steps = statement.query_map(rusqlite::params_from_iter(unbound), |row| row.get(3));
        steps.unwrap().collect::<Result<_, _>>().unwrap()
    }

    fn plan_of_runs(filter: &RunFilter) -> Vec<String> {
        let conditions = WantedRuns::new(filter).conditions().sql();
        plan(&format!("{SELECT_RUNS}{conditions} ORDER BY r.run DESC LIMIT ?"))
    }

    fn plan_of_requirements(filter: &RequirementFilter) -> Vec<String> {
        let wanted = WantedRequirements::new(filter);
        plan(&wanted.list_sql(&wanted.conditions()))
    }

    fn of_status(status: RunStatus) -> RunFilter {
        RunFilter {
            status: Some(status),
            ..RunFilter::default()
        }
    }

    fn assert_step(plan: &[String], step: &str) {
        assert!(plan.iter().any(|found| found == step), "{step} is no part of {plan:#?}");
    }

    #[test]
    fn runs_that_are_not_completed_are_found_by_their_status() {
        let plan = plan_of_runs(&of_status(RunStatus::Paused));
        assert_step(&plan, "SEARCH r USING INDEX runs_unfinished (status=?)");
        assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{plan:#?}");
    }

    #[test]
    fn a_page_of_runs_begins_where_the_one_before_ended() {
        let before = Some("r".into());
        let any = plan_of_runs(&RunFilter {
            before: before.clone(),
            ..RunFilter::default()
        });
        assert_step(&any, "SEARCH r USING INTEGER PRIMARY KEY (rowid<?)");
        let paused = plan_of_runs(&RunFilter {
            before,
            ..of_status(RunStatus::Paused)
        });
        assert_step(&paused, "SEARCH r USING INDEX runs_unfinished (status=? AND rowid<?)");
    }

    #[test]
    fn the_runs_of_a_session_or_a_user_are_found_by_it() {
        let of_session = plan_of_runs(&RunFilter {
            session_id: Some("s".into()),
            ..of_status(RunStatus::Paused)
        });
        assert_step(
            &of_session,
            "SEARCH r USING INDEX runs_by_session (session_id=? AND status=?)",
        );
        let of_user = plan_of_runs(&RunFilter {
            user_id: Some("u".into()),
            ..of_status(RunStatus::Paused)
        });
        assert_step(&of_user, "SEARCH r USING INDEX runs_by_user (user_id=?)");
    }

    #[test]
    fn open_requirements_are_found_among_themselves_page_by_page() {
        let mut filter = RequirementFilter {
            set: RequirementSet::Open,
            ..RequirementFilter::default()
        };
        assert_step(&plan_of_requirements(&filter), "SCAN q USING INDEX requirements_open");
        filter.before = Some("q".into());
        let plan = plan_of_requirements(&filter);
        assert_step(&plan, "SEARCH q USING INDEX requirements_open (place<?)");
        assert_step(&plan, "SEARCH r USING INTEGER PRIMARY KEY (rowid=?)");
    }

    #[test]
    fn counting_reads_no_more_of_an_index_than_listing() {
        let paused = of_status(RunStatus::Paused);
        let conditions = WantedRuns::new(&paused).conditions().sql();
        assert_eq!(
            plan(&format!("{COUNT_RUNS}{conditions}")),
            ["SEARCH r USING COVERING INDEX runs_unfinished (status=?)"]
        );
        let open = RequirementFilter {
            set: RequirementSet::Open,
            ..RequirementFilter::default()
        };
        let wanted = WantedRequirements::new(&open);
        let plan = plan(&wanted.sql("SELECT count(*)", &wanted.conditions()));
        assert_step(&plan, "SCAN q USING INDEX requirements_open");
    }

    #[test]
    fn what_was_decided_is_followed_to_its_decision() {
        let plan = plan_of_requirements(&RequirementFilter {
            set: RequirementSet::Decided,
            before: Some("q".into()),
            ..RequirementFilter::default()
        });
        assert!(plan.iter().any(|step| step.starts_with("SCAN q")), "{plan:#?}");
        assert_step(&plan, "SEARCH e USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN");
    }

    #[test]
    fn one_requirement_is_found_by_its_id() {
        let plan = plan_of_requirements(&RequirementFilter {
            requirement_id: Some("q".into()),
            ..RequirementFilter::default()
        });
        assert_step(&plan, "SEARCH q USING INDEX requirements_by_id (requirement_id=?)");
    }

    #[test]
    fn the_requirements_of_a_run_are_found_by_it() {
        let plan = plan_of_requirements(&RequirementFilter {
            run_id: Some("r".into()),
            ..RequirementFilter::default()
        });
        assert!(
            plan.iter()
                .any(|step| step.starts_with("SEARCH q") && step.contains("(run=?)")),
            "{plan:#?}"
        );
    }

    #[test]
    fn what_begins_with_a_prefix_is_found_by_its_id() {
        let runs = plan_of_runs(&RunFilter {
            id_prefix: Some("r".into()),
            ..of_status(RunStatus::Paused)
        });
        assert_step(
            &runs,
            "SEARCH r USING INDEX sqlite_autoindex_runs_1 (run_id>? AND run_id<?)",
        );
        let requirements = plan_of_requirements(&RequirementFilter {
            id_prefix: Some("q".into()),
            ..RequirementFilter::default()
        });
        assert_step(
            &requirements,
            "SEARCH q USING INDEX requirements_by_id (requirement_id>? AND requirement_id<?)",
        );
    }

    #[test]
    fn what_is_overdue_is_found_among_what_can_expire() {
        let filter = OverdueFilter {
            now: Timestamp(0),
            run_id: None,
            except: HashSet::new(),
            limit: 1,
        };
        let plan = plan(&overdue_sql(&overdue_conditions(&filter, &None)));
        assert_step(&plan, "SEARCH q USING INDEX requirements_expiring (expires_at<?)");
    }
}
