//! The index over approvals that answer later calls, too.

use rusqlite::{Connection, params};

use super::fault::Fault;
use super::list::{after_prefix, count, requirement_rows};
use crate::journal::{ApprovalRevoked, RequirementDecided};
use crate::requirement::RememberScope;
use crate::store::{ApprovalFilter, ApprovalQuery, RequirementRow};

/// Notes that the requirement at `place` was closed by a decision, where that is to be remembered.
pub(super) fn note(
    connection: &Connection,
    run: i64,
    place: i64,
    decided: &RequirementDecided,
) -> rusqlite::Result<()> {
    let (Some(remember), Some(key)) = (decided.decision.remember(), &decided.memory_key) else {
        return Ok(());
    };
    let is_for_session = remember.scope == RememberScope::Session;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO remembered (requirement, run, session_id, key) \
             VALUES (?1, ?2, iif(?3, (SELECT session_id FROM runs WHERE run = ?2), NULL), ?4)",
        )?
        .execute(params![place, run, is_for_session, key])
        .map(drop)
}

/// Notes that the entry `id` revoked an approval.
pub(super) fn note_revoked(
    connection: &Connection,
    run: i64,
    id: i64,
    revoked: &ApprovalRevoked,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE remembered SET revoked = ?3 WHERE revoked IS NULL AND requirement = \
             (SELECT place FROM requirements WHERE run = ?1 AND requirement_id = ?2)",
        )?
        .execute(params![run, revoked.requirement_id, id])
        .map(drop)
}

const SELECT: &str = "SELECT q.requirement_id, r.run_id";

// Those of earlier formats answer nothing: nobody could revoke them.
const STANDING: &str = "
FROM remembered m JOIN requirements q ON q.place = m.requirement JOIN runs r ON r.run = m.run
WHERE m.revoked IS NULL AND r.format = 2";

/// One that is for its own run only answers nothing once that is completed.
const CAN_ANSWER: &str = "r.status <> 'MOVED' AND (m.session_id IS NOT NULL OR r.status <> 'COMPLETED')";

pub(super) fn approvals(connection: &Connection, filter: &ApprovalFilter) -> Result<Vec<RequirementRow>, Fault> {
    let sql = format!("{SELECT}{} ORDER BY m.requirement DESC LIMIT ?6", sql_of(filter));
    let id_end = after_prefix(filter.id_prefix.as_ref());
    let ApprovalFilter {
        run_id,
        session_id,
        id_prefix,
        before,
        limit,
    } = filter;
    requirement_rows(
        connection,
        &sql,
        params![run_id, session_id, id_prefix, id_end, before, limit],
    )
}

pub(super) fn count_approvals(connection: &Connection, filter: &ApprovalFilter) -> Result<u64, Fault> {
    let sql = format!("SELECT count(*){}", sql_of(filter));
    let id_end = after_prefix(filter.id_prefix.as_ref());
    let ApprovalFilter {
        run_id,
        session_id,
        id_prefix,
        before,
        ..
    } = filter;
    count(connection, &sql, params![run_id, session_id, id_prefix, id_end, before])
}

/// A condition that is not asked for keeps no index from being used.
fn sql_of(filter: &ApprovalFilter) -> String {
    let of_run = match filter.run_id {
        Some(_) => "m.run = (SELECT run FROM runs WHERE run_id = ?1)",
        None => "?1 IS NULL",
    };
    let of_session = match filter.session_id {
        Some(_) => "r.session_id = ?2",
        None => "?2 IS NULL",
    };
    let of_prefix = match filter.id_prefix {
        Some(_) => "q.requirement_id >= ?3 AND q.requirement_id < ?4",
        None => "?3 IS NULL AND ?4 IS NULL",
    };
    let before = match filter.before {
        Some(_) => "m.requirement < (SELECT place FROM requirements WHERE requirement_id = ?5)",
        None => "?5 IS NULL",
    };
    format!("{STANDING} AND {CAN_ANSWER} AND {of_run} AND {of_session} AND {of_prefix} AND {before}")
}

pub(super) fn approvals_for(connection: &Connection, query: &ApprovalQuery) -> Result<Vec<RequirementRow>, Fault> {
    let sql = sql_for();
    requirement_rows(connection, &sql, params![query.run_id, query.session_id, query.key])
}

/// Each half has an index of its own, which SQLite would not find behind an OR.
fn sql_for() -> String {
    format!(
        "{SELECT}{STANDING} AND m.requirement IN (\
         SELECT requirement FROM remembered WHERE revoked IS NULL AND key = ?3 \
         AND run = (SELECT run FROM runs WHERE run_id = ?1) \
         UNION ALL \
         SELECT requirement FROM remembered WHERE revoked IS NULL AND key = ?3 \
         AND session_id = ?2 AND session_id IS NOT NULL) \
         ORDER BY m.requirement DESC"
    )
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::super::schema::MIGRATIONS;
    use super::*;

    /// How SQLite finds what `sql` asks for.
    fn plan(sql: &str) -> String {
        let connection = Connection::open_in_memory().unwrap();
        for step in MIGRATIONS {
            connection.execute_batch(step).unwrap();
        }
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let unbound = vec![None::<i64>; statement.parameter_count()];
        let steps = statement.query_map(rusqlite::params_from_iter(unbound), |row| row.get(3));
        steps.unwrap().collect::<Result<Vec<String>, _>>().unwrap().join("\n")
    }

    #[test]
    fn what_may_answer_a_call_is_found_by_its_run_and_by_its_session() {
        let plan = plan(&sql_for());
        for step in [
            "remembered_in_run (run=? AND key=?)",
            "remembered_in_session (session_id=? AND key=?)",
        ] {
            assert!(plan.contains(step), "{step} is no part of\n{plan}");
        }
        assert!(!plan.contains("SCAN m"), "{plan}");
    }

    #[test]
    fn the_approvals_of_a_run_or_a_session_are_found_by_it() {
        let of_run = ApprovalFilter {
            run_id: Some("r".into()),
            ..ApprovalFilter::default()
        };
        let of_session = ApprovalFilter {
            session_id: Some("s".into()),
            ..ApprovalFilter::default()
        };
        for filter in [of_run, of_session] {
            let plan = plan(&format!("{SELECT}{}", sql_of(&filter)));
            assert!(plan.contains("remembered_in_run (run=?)"), "{plan}");
        }
    }
}
