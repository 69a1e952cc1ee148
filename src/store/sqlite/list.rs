//! Lists of runs and requirements, newest first.

use rusqlite::{Connection, ToSql};

use super::fault::Fault;
use super::rows::{SELECT_RUNS, numbered_run};
use crate::Text;
use crate::requirement::RequirementKind;
use crate::store::{OverdueFilter, RequirementFilter, RequirementRow, RunFilter, RunRow, RunStatus, StoreError};

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

/// Leads SQLite to the index over unfinished runs, which it would otherwise not see to hold all runs of a status.
const UNFINISHED: &str = "r.status <> 'COMPLETED'";

pub(super) fn runs(connection: &Connection, filter: &RunFilter) -> Result<Vec<Result<RunRow, StoreError>>, Fault> {
    let status = filter.status.map(RunStatus::as_str);
    let id_end = after_prefix(filter.id_prefix.as_ref());
    let mut conditions = run_conditions(filter, status.as_ref(), id_end.as_ref());
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

fn run_conditions<'a>(
    filter: &'a RunFilter,
    status: Option<&'a &'static str>,
    id_end: Option<&'a String>,
) -> Conditions<'a> {
    let mut conditions = Conditions::default();
    if leads_to_unfinished(filter) {
        conditions.clauses.push(UNFINISHED);
    }
    conditions.add("r.run_id >= ?", filter.id_prefix.as_ref());
    conditions.add("r.run_id < ?", id_end);
    conditions.add("r.status = ?", status);
    conditions.add("r.agent_name = ?", filter.agent_name.as_ref());
    conditions.add("r.session_id = ?", filter.session_id.as_ref());
    conditions.add("r.user_id = ?", filter.user_id.as_ref());
    conditions.add(
        "r.run < (SELECT run FROM runs WHERE run_id = ?)",
        filter.before.as_ref(),
    );
    conditions
}

/// A session, a user or the beginning of an id has fewer runs than a status.
fn leads_to_unfinished(filter: &RunFilter) -> bool {
    let is_unfinished = filter.status.is_some_and(|status| status != RunStatus::Completed);
    is_unfinished && filter.session_id.is_none() && filter.user_id.is_none() && filter.id_prefix.is_none()
}

pub(super) fn requirements(connection: &Connection, filter: &RequirementFilter) -> Result<Vec<RequirementRow>, Fault> {
    let kind = filter.kind.map(RequirementKind::as_str);
    let id_end = after_prefix(filter.id_prefix.as_ref());
    let mut conditions = requirement_conditions(filter, kind.as_ref(), id_end.as_ref());
    let sql = format!(
        "{SELECT_REQUIREMENTS}{} ORDER BY q.place DESC LIMIT ?",
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
    let mut conditions = overdue_conditions(filter);
    let sql = format!(
        "{SELECT_REQUIREMENTS}{} ORDER BY q.expires_at, q.place LIMIT ?",
        conditions.sql()
    );
    conditions.values.push(&filter.limit);
    requirement_rows(connection, &sql, &conditions.values)
}

const SELECT_REQUIREMENTS: &str = "SELECT q.requirement_id, r.run_id FROM requirements q JOIN runs r ON r.run = q.run";

/// A run that is over waits for nobody. One of a status that cannot be read is among the others: it is to be told of.
const WAITS: &str = "q.decided IS NULL AND r.status NOT IN ('COMPLETED', 'CANCELLED', 'ERROR')";

fn requirement_conditions<'a>(
    filter: &'a RequirementFilter,
    kind: Option<&'a &'static str>,
    id_end: Option<&'a String>,
) -> Conditions<'a> {
    let mut conditions = Conditions::default();
    conditions.add("q.requirement_id >= ?", filter.id_prefix.as_ref());
    conditions.add("q.requirement_id < ?", id_end);
    if filter.open_only {
        conditions.clauses.push(WAITS);
    }
    conditions.add("r.run_id = ?", filter.run_id.as_ref());
    conditions.add("q.kind = ?", kind);
    conditions.add(
        "q.place < (SELECT place FROM requirements WHERE requirement_id = ?)",
        filter.before.as_ref(),
    );
    conditions
}

fn overdue_conditions(filter: &OverdueFilter) -> Conditions<'_> {
    let mut conditions = Conditions::default();
    conditions.add("q.expires_at <= ?", Some(&filter.now.0));
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
    use super::super::schema::MIGRATIONS;
    use super::*;
    use crate::Timestamp;

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
        let status = filter.status.map(RunStatus::as_str);
        let id_end = after_prefix(filter.id_prefix.as_ref());
        let conditions = run_conditions(filter, status.as_ref(), id_end.as_ref()).sql();
        plan(&format!("{SELECT_RUNS}{conditions} ORDER BY r.run DESC LIMIT ?"))
    }

    fn plan_of_requirements(filter: &RequirementFilter) -> Vec<String> {
        let kind = filter.kind.map(RequirementKind::as_str);
        let id_end = after_prefix(filter.id_prefix.as_ref());
        let conditions = requirement_conditions(filter, kind.as_ref(), id_end.as_ref()).sql();
        plan(&format!(
            "{SELECT_REQUIREMENTS}{conditions} ORDER BY q.place DESC LIMIT ?"
        ))
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
            open_only: true,
            ..RequirementFilter::default()
        };
        assert_step(&plan_of_requirements(&filter), "SCAN q USING INDEX requirements_open");
        filter.before = Some("q".into());
        let plan = plan_of_requirements(&filter);
        assert_step(&plan, "SEARCH q USING INDEX requirements_open (place<?)");
        assert_step(&plan, "SEARCH r USING INTEGER PRIMARY KEY (rowid=?)");
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
            limit: 1,
        };
        let conditions = overdue_conditions(&filter).sql();
        let plan = plan(&format!(
            "{SELECT_REQUIREMENTS}{conditions} ORDER BY q.expires_at, q.place LIMIT ?"
        ));
        assert_step(&plan, "SEARCH q USING INDEX requirements_expiring (expires_at<?)");
    }
}
