//! What is read of single runs.

use haltpoint_engine::journal::{AuditKey, Chain, Hash, JournalEnd, Record};
use haltpoint_engine::store::raw::Reading;
use haltpoint_engine::store::rules::{check_not_erased, read_format};
use haltpoint_engine::store::{ExternalRecord, Position, StoreError, StoredRun};
use tokio_postgres::types::Type;

use crate::connection::{Connection, get};
use crate::fault::{Failure, Fault};
use crate::rows::{
    FoundRun, OUTSIDE, SELECT_CANCELS, SELECT_JOURNAL, SELECT_OUTSIDERS, SELECT_RUNS, does_not_fit, found_run,
    is_authentic, next_record, outlined, record,
};
use crate::text::{stored, text};

/// How often a run is read again that was erased while it was read.
const READINGS: usize = 3;

/// The run's row and lease.
pub(crate) fn find_run(connection: &mut Connection, run_id: &str) -> Result<FoundRun, Fault> {
    let rows = connection.ask(
        &format!("{SELECT_RUNS} WHERE r.run_id = $1"),
        &[(&stored(run_id), Type::TEXT)],
    )?;
    match rows.first() {
        Some(row) => found_run(row),
        None => Err(StoreError::RunNotFound { run_id: run_id.into() }.into()),
    }
}

/// The run with its journal behind what is known of it, whose hashes are checked, as far as the key for them is at hand.
pub(crate) fn stored_run(
    connection: &mut Connection,
    run_id: &str,
    key: Option<&AuditKey>,
    known: Option<JournalEnd>,
) -> Result<StoredRun, Fault> {
    let mut readings = 0;
    loop {
        let found = find_run(connection, run_id)?;
        check_not_erased(&found.row)?;
        readings += 1;
        match journal_of(connection, &found, key, known) {
            // It may have been erased between its row and its journal.
            Err(Fault::Refused(StoreError::Damaged { .. }))
                if readings < READINGS && has_changed(connection, &found)? => {}
            read => {
                return read.map(|records| StoredRun {
                    row: found.row,
                    records,
                });
            }
        }
    }
}

fn has_changed(connection: &mut Connection, found: &FoundRun) -> Result<bool, Fault> {
    let again = find_run(connection, &found.row.run_id)?;
    Ok(again.row.is_erased != found.row.is_erased)
}

/// The journal of a run as its row shows it, behind what is known of it.
pub(crate) fn journal_of(
    connection: &mut Connection,
    found: &FoundRun,
    key: Option<&AuditKey>,
    known: Option<JournalEnd>,
) -> Result<Vec<Record>, Fault> {
    let run_id = &found.row.run_id;
    let reading = Reading::of(&found.row, key)?;
    let genesis = |chain: &Chain| chain.genesis(run_id);
    let JournalEnd { seq, mut hash } = known.unwrap_or(JournalEnd {
        seq: 0,
        hash: reading.chain.as_ref().map_or(Hash::default(), genesis),
    });
    let rows = part(connection, found.run, seq, found.head.seq)?;
    let mut records = Vec::with_capacity(rows.len());
    for (place, row) in (seq + 1..).zip(&rows) {
        let record = next_record(run_id, row, place, &reading, &hash)?;
        hash = record.hash;
        records.push(record);
    }
    let end = seq + records.len() as u64;
    // Its row says where it ends: what is cut off would not be missed otherwise.
    if end < found.head.seq || (end == found.head.seq && reading.chain.is_some() && hash != found.head.hash) {
        return Err(does_not_fit(run_id, end + 1).into());
    }
    Ok(records)
}

/// The rows of a journal behind one place, up to another.
pub(crate) fn part(
    connection: &mut Connection,
    run: i64,
    after: u64,
    end: u64,
) -> Result<Vec<tokio_postgres::Row>, Failure> {
    let (after, end) = (after.cast_signed(), end.cast_signed());
    connection.ask(
        SELECT_JOURNAL,
        &[(&run, Type::INT8), (&after, Type::INT8), (&end, Type::INT8)],
    )
}

/// The run's records behind a place in its journal.
pub(crate) fn records_after(connection: &mut Connection, run_id: &str, after: u64) -> Result<Vec<Record>, Fault> {
    let FoundRun { run, row, .. } = find_run(connection, run_id)?;
    check_not_erased(&row)?;
    let format = read_format(run_id, row.format)?;
    let rows = part(connection, run, after, i64::MAX.unsigned_abs())?;
    rows.iter().map(|row| record(run_id, row, format)).collect()
}

/// The run with the outlines of its large entries; `None` for one without any.
pub(crate) fn outline(connection: &mut Connection, run_id: &str) -> Result<Option<StoredRun>, Fault> {
    let FoundRun { run, row, head, .. } = find_run(connection, run_id)?;
    check_not_erased(&row)?;
    let asked = [(&run as _, Type::INT8)];
    let has_any = connection.ask("SELECT EXISTS (SELECT 1 FROM @outlines WHERE run = $1)", &asked)?;
    if !has_any.first().map_or(Ok(false), |row| get(row, 0))? {
        return Ok(None);
    }
    let end = head.seq.cast_signed();
    let rows = connection.ask(
        "SELECT e.seq, e.outsider, e.at, e.kind, CASE WHEN o.run IS NULL THEN e.payload ELSE o.payload END \
         FROM @entries e LEFT JOIN @outlines o ON o.run = e.run AND o.seq = e.seq \
         WHERE e.run = $1 AND e.seq <= $2 ORDER BY e.seq",
        &[(&run, Type::INT8), (&end, Type::INT8)],
    )?;
    let records = rows.iter().map(|row| outlined(run_id, row)).collect::<Result<_, _>>()?;
    Ok(Some(StoredRun { row, records }))
}

/// Whether an outsider asked the run to stop, in a part of its journal, and nobody else can have written that.
pub(crate) fn is_cancelled_in(
    connection: &mut Connection,
    run: i64,
    (after, end): (u64, u64),
    key: Option<&AuditKey>,
) -> Result<bool, Fault> {
    let (after, end) = (after.cast_signed(), end.cast_signed());
    let rows = connection.ask(
        SELECT_CANCELS,
        &[(&run, Type::INT8), (&after, Type::INT8), (&end, Type::INT8)],
    )?;
    for row in &rows {
        if is_authentic(row, key)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The ids of the session's completed runs, oldest first.
pub(crate) fn completed_runs(connection: &mut Connection, session_id: &str) -> Result<Vec<String>, Failure> {
    let rows = connection.ask(
        "SELECT run_id FROM @runs WHERE session_id = $1 AND status = 'COMPLETED' ORDER BY run",
        &[(&stored(session_id), Type::TEXT)],
    )?;
    ids(&rows)
}

/// Ids of runs in the order of their creation, at most `limit`, those after the run `after`.
pub(crate) fn run_ids(connection: &mut Connection, after: Option<&str>, limit: u32) -> Result<Vec<String>, Failure> {
    let (after, limit) = (after.map(stored), i64::from(limit));
    let rows = connection.ask(
        "SELECT run_id FROM @runs WHERE run > coalesce((SELECT run FROM @runs WHERE run_id = $1), 0) ORDER BY run LIMIT $2",
        &[(&after, Type::TEXT), (&limit, Type::INT8)],
    )?;
    ids(&rows)
}

fn ids(rows: &[tokio_postgres::Row]) -> Result<Vec<String>, Failure> {
    let id = |row| Ok(text(get(row, 0)?).to_string());
    rows.iter().map(id).collect()
}

/// Where the change feed ends.
///
/// The first number stands for the snapshot of this moment: it is another one after each commit, whenever that began, and whatever else is
/// under way. The second is the last place among what outsiders appended. Such places are given out one after the other, each with the
/// lock on the last one held until the commit, so that none is committed behind a later one. They are part of the data, and survive a
/// dump.
pub(crate) fn position(connection: &mut Connection) -> Result<Position, Failure> {
    let rows = connection.ask(
        "SELECT pg_current_snapshot()::text, (SELECT last FROM @heads WHERE name = 'outsiders')",
        &[],
    )?;
    let row = rows
        .first()
        .ok_or_else(|| Failure::Unreadable("a row is missing".to_owned()))?;
    let place: Option<i64> = get(row, 1)?;
    Ok(Position::new(
        number_of(get(row, 0)?),
        place.unwrap_or_default().unsigned_abs(),
    ))
}

/// FNV-1a: two snapshots that follow each other are told apart.
fn number_of(snapshot: &str) -> u64 {
    snapshot.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// What outsiders appended behind a place of theirs, and the last place among it.
pub(crate) fn outsiders_after(
    connection: &mut Connection,
    place: u64,
    key: Option<&AuditKey>,
) -> Result<(Vec<ExternalRecord>, u64), Fault> {
    let mut end = i64::try_from(place).unwrap_or(i64::MAX);
    let rows = connection.ask(SELECT_OUTSIDERS, &[(&end, Type::INT8)])?;
    let mut found = Vec::new();
    for row in &rows {
        let (run_id, format) = (text(get(row, OUTSIDE)?), get::<i32>(row, OUTSIDE + 4)?.cast_unsigned());
        end = get(row, OUTSIDE + 1)?;
        let read = read_format(&run_id, format).map_err(Fault::from);
        let record = match read.and_then(|format| record(&run_id, row, format)) {
            // Whoever drives that run finds out by reading it, or by appending to it; the others are to hear of theirs.
            Err(Fault::Refused(StoreError::Damaged { .. } | StoreError::UnsupportedJournal { .. })) => continue,
            read => read?,
        };
        found.push(ExternalRecord {
            record,
            authentic: is_authentic(row, key)?,
            run_id,
        });
    }
    Ok((found, end.unsigned_abs()))
}
