//! Copying a database while it is in use, and looking it over.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use rusqlite::Connection;

use super::erase;
use super::fault::Fault;
use super::schema;
use crate::store::StoreError;
use crate::store::rules::unusable;

/// Most problems that SQLite's own check lists.
const MOST_PROBLEMS: u32 = 100;

/// Writes a copy of the database, as it stands in this moment, to a new file.
pub(super) fn backup(connection: &Connection, target: &Path) -> Result<(), Fault> {
    let name = target
        .to_str()
        .ok_or_else(|| unusable(format!("the path {} is not UTF-8; give another", target.display())))?;
    create_private(target).map_err(|error| cannot_write(target, &error))?;
    connection.execute("VACUUM INTO ?1", [name])?;
    // SQLite leaves it to the operating system when such a copy reaches the disk. It is another file than the one in use, so opening it
    // takes no locks away.
    flush(target).map_err(|error| Fault::from(cannot_write(target, &error)))
}

/// SQLite writes into an empty file that is there already, and so keeps the mode that the file was made with.
fn create_private(target: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(target).map(drop)
}

fn flush(target: &Path) -> io::Result<()> {
    File::open(target)?.sync_all()?;
    match target.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

fn cannot_write(target: &Path, error: &io::Error) -> StoreError {
    unusable(format!(
        "cannot write the backup {}: {error}; give the path of a new file in a directory that exists",
        target.display()
    ))
}

/// What SQLite itself finds wrong with the file; empty when it is sound.
pub(super) fn check(connection: &Connection) -> Result<Vec<String>, Fault> {
    let mut problems = integrity(connection)?;
    problems.extend(dangling(connection)?);
    problems.extend(ownerless(connection)?);
    problems.extend(unnoticed(connection)?);
    problems.extend(erase::unfinished(connection)?);
    problems.extend(wrongly_noticed(connection)?);
    problems.extend(schema::differences(connection)?);
    Ok(problems)
}

fn integrity(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(&format!("PRAGMA integrity_check({MOST_PROBLEMS})"))?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
    lines
        .filter(|line| line.as_ref().map_or(true, |line| line != "ok"))
        .collect()
}

fn dangling(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
    let lines = statement.query_map([], |row| {
        let (table, number, parent) = (
            row.get::<_, String>(0)?,
            row.get::<_, Option<i64>>(1)?,
            row.get::<_, String>(2)?,
        );
        let number = number.map_or_else(String::new, |number| format!(" {number}"));
        Ok(format!(
            "row{number} of table {table} refers to a row of {parent} that does not exist"
        ))
    })?;
    lines.collect()
}

/// Journals of runs that are not there, but for those that are being removed. What is wrong within a run is not looked for here.
fn ownerless(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(
        "SELECT id >> 32, count(*) FROM entries WHERE id >> 32 NOT IN (SELECT run FROM runs UNION ALL SELECT run FROM removals) \
         GROUP BY id >> 32 LIMIT ?1",
    )?;
    let lines = statement.query_map([MOST_PROBLEMS], |row| {
        let (run, entries) = (row.get::<_, i64>(0)?, row.get::<_, i64>(1)?);
        Ok(format!(
            "{entries} entries belong to run number {run}, which does not exist: its row was removed, or they were moved"
        ))
    })?;
    lines.collect()
}

/// Entries of outsiders that no other process would notice.
fn unnoticed(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(
        "SELECT id >> 32, id & 4294967295 FROM entries \
         WHERE outsider <> 0 AND id NOT IN (SELECT entry FROM outsiders) AND id >> 32 NOT IN (SELECT run FROM removals) LIMIT ?1",
    )?;
    let lines = statement.query_map([MOST_PROBLEMS], |row| {
        let (run, seq) = (row.get::<_, i64>(0)?, row.get::<_, i64>(1)?);
        Ok(format!(
            "entry {seq} of run number {run} was removed from the list by which other processes notice it"
        ))
    })?;
    lines.collect()
}

/// What other processes would notice without an outsider's having written it, or more than once.
fn wrongly_noticed(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(
        "SELECT o.entry >> 32, o.entry & 4294967295, count(*) FROM outsiders o LEFT JOIN entries e ON e.id = o.entry \
         GROUP BY o.entry HAVING count(*) > 1 OR coalesce(max(e.outsider), 0) = 0 LIMIT ?1",
    )?;
    let lines = statement.query_map([MOST_PROBLEMS], |row| {
        let (run, seq) = (row.get::<_, i64>(0)?, row.get::<_, i64>(1)?);
        let how = match row.get::<_, i64>(2)? {
            1 => "although no outsider appended it".to_owned(),
            times => format!("{times} times"),
        };
        Ok(format!(
            "entry {seq} of run number {run} is in the list by which other processes notice it {how}"
        ))
    })?;
    lines.collect()
}

/// Ids of runs in the order of their creation, at most `limit`, those after the run `after`.
pub(super) fn run_ids(connection: &Connection, after: Option<&str>, limit: u32) -> Result<Vec<String>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT run_id FROM runs WHERE run > coalesce((SELECT run FROM runs WHERE run_id = ?1), 0) ORDER BY run LIMIT ?2",
    )?;
    let rows = statement.query_map(rusqlite::params![after, limit], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
