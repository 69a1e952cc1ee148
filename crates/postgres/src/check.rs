//! What is wrong with what the journals are kept in.

use tokio_postgres::types::Type;

use crate::connection::{Connection, get};
use crate::fault::Failure;
use crate::schema::VERSION;

/// Most problems of one kind that are listed.
const MOST: i64 = 100;

/// What is asked for: lines, each of which says what is wrong.
const QUESTIONS: [&str; 5] = [
    "SELECT format('%s entries belong to run number %s, which does not exist: its row was removed, or they were moved', count(*), e.run) \
     FROM @entries e LEFT JOIN @runs r ON r.run = e.run WHERE r.run IS NULL GROUP BY e.run LIMIT $1",
    "SELECT format('entry %s of run number %s was removed from the list by which other processes notice it', e.seq, e.run) \
     FROM @entries e LEFT JOIN @outsiders o ON o.run = e.run AND o.seq = e.seq WHERE e.outsider AND o.run IS NULL LIMIT $1",
    "SELECT format('entry %s of run number %s is in the list by which other processes notice it %s', o.seq, o.run, \
     CASE count(*) WHEN 1 THEN 'although no outsider appended it' ELSE count(*) || ' times' END) \
     FROM @outsiders o LEFT JOIN @entries e ON e.run = o.run AND e.seq = o.seq \
     GROUP BY o.run, o.seq HAVING count(*) > 1 OR NOT coalesce(bool_or(e.outsider), false) LIMIT $1",
    "SELECT format('the row of run %s says that its journal ends at entry %s, and it ends at %s', r.run_id, r.head_seq, coalesce(max(e.seq), 0)) \
     FROM @runs r LEFT JOIN @entries e ON e.run = r.run GROUP BY r.run HAVING coalesce(max(e.seq), 0) <> r.head_seq LIMIT $1",
    "SELECT format('requirement %s belongs to run number %s, which does not exist', q.requirement_id, q.run) \
     FROM @requirements q LEFT JOIN @runs r ON r.run = q.run WHERE r.run IS NULL LIMIT $1",
];

pub(crate) fn check(connection: &mut Connection) -> Result<Vec<String>, Failure> {
    connection.transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", |connection| {
        let mut problems = Vec::new();
        for question in QUESTIONS {
            for row in connection.query(question, &[(&MOST, Type::INT8)])? {
                problems.push(get(&row, 0)?);
            }
        }
        let row = connection.query_one("SELECT coalesce(max(version), 0) FROM @schema_version", &[])?;
        let version: i64 = get(&row, 0)?;
        if usize::try_from(version).ok() != Some(VERSION) {
            problems.push(format!(
                "the tables have the version {version}, and this haltpoint needs {VERSION}"
            ));
        }
        Ok(problems)
    })
}
