//! How workers find due runs and claim them: one statement, in which no worker waits for another.

use haltpoint_engine::journal::{AuditKey, FORMAT};
use haltpoint_engine::store::holder::{Expiry, Liveness, now_for};
use haltpoint_engine::store::rules::in_turns;
use haltpoint_engine::store::{DueClaim, DueFilter, DueRun, RunRow};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::connection::{Connection, get};
use crate::fault::{Failure, Fault};
use crate::rows::{SELECT_RUNS, found_run};
use crate::text::{stored, text};

/// How many runs of each agent are looked at in one go.
const PAGE: i64 = 256;

/// How many runs more than are wanted a claim considers: others may claim the first ones at the same time.
const OTHERS: i64 = 64;

/// The condition of the index `runs_for_workers`.
const IS_DUE: &str = "r.not_before IS NULL AND \
                      (r.status IN ('QUEUED', 'RUNNING') OR (r.status = 'PAUSED' AND r.open_requirements <= r.goes_on_with))";

/// What workers take from a time on, which has come: the condition of the index `runs_for_later`.
const HAS_COME: &str = "r.status = 'QUEUED' AND r.not_before IS NOT NULL AND r.not_before <= $12";

/// Runs that nobody holds, and that a claim may take.
const IS_FREE: &str = "r.format = $2 AND r.holder IS NULL AND r.erased IS NULL \
                       AND r.audit_key_id IS NOT DISTINCT FROM $3 AND r.run_id <> ALL($4)";

/// Runs that a claim can't decide: they have or had a holder, or are written with another key.
const IS_DOUBTFUL: &str = "AND (r.holder IS NOT NULL OR r.erased IS NOT NULL OR r.audit_key_id IS DISTINCT FROM $5)";

pub(crate) fn due(
    connection: &mut Connection,
    filter: &DueFilter,
    liveness: &dyn Liveness,
) -> Result<Vec<RunRow>, Fault> {
    find(connection, filter, liveness, "AND $5::text IS NULL", None)
}

/// Claims runs without a holder, and names those that may be taken over.
pub(crate) fn claim(
    connection: &mut Connection,
    claim: &DueClaim,
    key: Option<&AuditKey>,
    liveness: &dyn Liveness,
) -> Result<Vec<DueRun>, Fault> {
    let mut found = grant(connection, claim, key, liveness)?;
    let left = claim
        .filter
        .limit
        .saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
    if left > 0 {
        let filter = DueFilter {
            limit: left,
            ..claim.filter.clone()
        };
        let doubtful = find(connection, &filter, liveness, IS_DOUBTFUL, key)?;
        found.extend(doubtful.into_iter().map(|row| DueRun {
            run_id: row.run_id,
            agent_name: row.agent_name,
            epoch: None,
        }));
    }
    Ok(found)
}

/// Rows that others lock are left out, so that no claim waits, or finds after waiting that it came too late.
fn grant(
    connection: &mut Connection,
    claim: &DueClaim,
    key: Option<&AuditKey>,
    liveness: &dyn Liveness,
) -> Result<Vec<DueRun>, Failure> {
    let DueClaim {
        filter,
        holder,
        expires,
    } = claim;
    let expiry = Expiry::renewed(now_for(liveness, holder, filter.now), *expires);
    let host = stored(&expiry.write_behind(&holder.host)).into_owned();
    let names: Vec<_> = filter.agent_names.iter().map(|name| stored(name)).collect();
    let except: Vec<_> = filter.except.iter().map(|run_id| stored(run_id)).collect();
    let key_id = key.map(|key| stored(key.id()).into_owned());
    let limit = i64::from(filter.limit);
    let sql = format!(
        "WITH candidates AS MATERIALIZED (SELECT c.run, a.place, row_number() OVER (PARTITION BY a.place ORDER BY c.run) AS turn \
         FROM unnest($1) WITH ORDINALITY AS a (name, place) CROSS JOIN LATERAL (\
         (SELECT r.run FROM @runs r WHERE r.agent_name = a.name AND {IS_DUE} AND {IS_FREE} ORDER BY r.run LIMIT $5) \
         UNION ALL (SELECT r.run FROM @runs r WHERE r.agent_name = a.name AND {HAS_COME} AND {IS_FREE} \
         ORDER BY r.not_before LIMIT $5)) c), \
         chosen AS MATERIALIZED (SELECT r.run FROM candidates c JOIN @runs r ON r.run = c.run \
         WHERE r.holder IS NULL AND ({IS_DUE} OR {HAS_COME}) \
         ORDER BY c.turn, c.place LIMIT $6 FOR NO KEY UPDATE OF r SKIP LOCKED), \
         enlisted AS (INSERT INTO @holders AS h (token, host, pid, started, expires) SELECT $7, $8, $9, $10, $11 \
         WHERE EXISTS (SELECT 1 FROM chosen) ON CONFLICT (token) DO UPDATE SET expires = greatest(h.expires, excluded.expires), \
         host = excluded.host RETURNING h.holder) \
         UPDATE @runs r SET holder = e.holder, held_since = $12, epoch = r.epoch + 1 FROM chosen c CROSS JOIN enlisted e \
         WHERE r.run = c.run RETURNING r.run_id, r.agent_name, r.epoch"
    );
    let rows = connection.query(
        &sql,
        &[
            (&names, Type::TEXT_ARRAY),
            (&FORMAT.cast_signed(), Type::INT4),
            (&key_id, Type::TEXT),
            (&except, Type::TEXT_ARRAY),
            (&(limit + OTHERS), Type::INT8),
            (&limit, Type::INT8),
            (&stored(&holder.token), Type::TEXT),
            (&host, Type::TEXT),
            (&i64::from(holder.pid), Type::INT8),
            (&holder.started.cast_signed(), Type::INT8),
            (&expiry.wall.0, Type::INT8),
            (&filter.now.0, Type::INT8),
        ],
    )?;
    rows.iter().map(granted).collect()
}

fn granted(row: &Row) -> Result<DueRun, Failure> {
    Ok(DueRun {
        run_id: text(get(row, 0)?),
        agent_name: get::<Option<&str>>(row, 1)?.map(text),
        epoch: Some(get::<i64>(row, 2)?.cast_unsigned()),
    })
}

/// What is due and passes a further condition, and is free as far as that can be seen, in turns.
fn find(
    connection: &mut Connection,
    filter: &DueFilter,
    liveness: &dyn Liveness,
    condition: &str,
    key: Option<&AuditKey>,
) -> Result<Vec<RunRow>, Fault> {
    let limit = filter.limit as usize;
    let has_come = HAS_COME.replace("$12", "$6");
    let from = format!(
        ", a.place FROM unnest($1, $2) WITH ORDINALITY AS a (name, last, place) CROSS JOIN LATERAL (\
         SELECT r.* FROM @runs r WHERE r.agent_name = a.name AND ({IS_DUE} OR {has_come}) AND r.format = $3 AND r.run > a.last {condition} \
         ORDER BY r.run LIMIT $4) r"
    );
    let sql = format!(
        "{} ORDER BY a.place, r.run",
        SELECT_RUNS.replace("\nFROM @runs r", &from)
    );
    let key_id = key.map(|key| stored(key.id()).into_owned());
    let mut of_agents: Vec<Vec<RunRow>> = vec![Vec::new(); filter.agent_names.len()];
    // The agents of which there may be more, and behind which run.
    let mut asked: Vec<(usize, i64)> = (0..of_agents.len()).map(|agent| (agent, 0)).collect();
    while !asked.is_empty() {
        let name = |(agent, _): &(usize, i64)| filter.agent_names.get(*agent).map(|name| stored(name));
        let names: Vec<_> = asked.iter().map(name).collect();
        let last: Vec<i64> = asked.iter().map(|(_, last)| *last).collect();
        let rows = connection.ask(
            &sql,
            &[
                (&names, Type::TEXT_ARRAY),
                (&last, Type::INT8_ARRAY),
                (&FORMAT.cast_signed(), Type::INT4),
                (&PAGE, Type::INT8),
                (&key_id, Type::TEXT),
                (&filter.now.0, Type::INT8),
            ],
        )?;
        let mut counts = vec![0_i64; asked.len()];
        for row in &rows {
            let place = usize::try_from(get::<i64>(row, 26)? - 1).unwrap_or(usize::MAX);
            let (Some((agent, last)), Some(count)) = (asked.get_mut(place), counts.get_mut(place)) else {
                continue;
            };
            let run = found_run(row)?;
            (*last, *count) = (run.run, *count + 1);
            let is_free = run
                .lease
                .is_none_or(|found| found.lease.is_worth_trying(liveness, filter.now));
            let of_agent: &mut Vec<RunRow> = &mut of_agents[*agent];
            if is_free && !filter.except.contains(&run.row.run_id) && of_agent.len() < limit {
                of_agent.push(run.row);
            }
        }
        let mut counts = counts.into_iter();
        asked.retain(|(agent, _)| counts.next() == Some(PAGE) && of_agents[*agent].len() < limit);
    }
    Ok(in_turns(of_agents, limit))
}
