//! Writing drafts: one statement for all of them, which writes those whose runs still are as they were read.
//!
//! A statement is a transaction of its own. No lock is ever held while this side thinks, or is gone.

use std::fmt::Write as _;

use haltpoint_engine::journal::Attribution;
use tokio_postgres::types::{ToSql, Type};

use crate::connection::{Connection, get};
use crate::draft::{Change, Draft, NewEntry};
use crate::fault::Failure;
use crate::signals::{self, Matching};
use crate::text::{optional, stored};

/// What the channel is called, on which who waits hears of decisions, cancel requests and submissions.
pub(crate) fn channel(schema: &str) -> String {
    format!("{schema}.haltpoint")
}

/// Values of one statement.
#[derive(Default)]
pub(crate) struct Values<'a> {
    values: Vec<(Box<dyn ToSql + Sync + 'a>, Type)>,
}

impl<'a> Values<'a> {
    /// Adds a value, and returns its name in the statement.
    pub(crate) fn add(&mut self, value: impl ToSql + Sync + 'a, kind: Type) -> String {
        self.values.push((Box::new(value), kind));
        format!("${}", self.values.len())
    }

    /// Adds columns, and returns what they are called as one argument list.
    fn columns<const N: usize>(&mut self, columns: [(Box<dyn ToSql + Sync + 'a>, Type); N]) -> String {
        let names = columns.map(|(value, kind)| {
            self.values.push((value, kind));
            format!("${}", self.values.len())
        });
        names.join(", ")
    }

    pub(crate) fn params(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        self.values
            .iter()
            .map(|(value, kind)| (&**value as _, kind.clone()))
            .collect()
    }
}

fn boxed<'a>(value: impl ToSql + Sync + 'a, kind: Type) -> (Box<dyn ToSql + Sync + 'a>, Type) {
    (Box::new(value), kind)
}

macro_rules! column {
    ($of:expr, $kind:ident, $value:expr) => {
        boxed($of.iter().map($value).collect::<Vec<_>>(), Type::$kind)
    };
}

/// Writes the drafts whose runs still are as they were read, and returns the places of those among `drafts`, with
/// the numbers of the runs.
///
/// Rows are locked in the order of the runs' ids: two statements that meet wait for each other, and neither forever.
pub(crate) fn write(connection: &mut Connection, drafts: &[&Draft]) -> Result<Vec<(usize, i64)>, Failure> {
    let mut values = Values::default();
    let sql = statement(connection, drafts, &mut values);
    let rows = connection.query(&sql, &values.params())?;
    let written = |row| Ok((usize::try_from(get::<i32>(row, 0)?).unwrap_or(usize::MAX), get(row, 1)?));
    rows.iter().map(written).collect()
}

fn statement<'a>(connection: &Connection, drafts: &[&'a Draft], values: &mut Values<'a>) -> String {
    let numbered = || (0_i32..).zip(drafts.iter().copied());
    let there: Vec<(i32, &Draft)> = numbered().filter(|(_, draft)| draft.base.is_some()).collect();
    let new: Vec<(i32, &Draft)> = numbered().filter(|(_, draft)| draft.base.is_none()).collect();
    let mut sql = String::from("WITH ");
    let mut done = Vec::new();
    let matching: Vec<&Matching> = drafts.iter().map(|draft| &draft.matching).collect();
    let is_first = signals::touch(&mut sql, &matching, values);
    if !there.is_empty() {
        sql.push_str(&moved(&there, is_first.as_deref(), values));
        done.push("SELECT key, run FROM moved");
    }
    if !new.is_empty() {
        sql.push_str(&created(&new, values));
        done.push("SELECT n.key, c.run FROM created c JOIN new_runs n USING (run_id)");
    }
    let _ = write!(sql, "done AS MATERIALIZED ({})", done.join(" UNION ALL "));
    add_entries(&mut sql, &numbered().collect::<Vec<_>>(), values);
    add_requirements(&mut sql, &numbered().collect::<Vec<_>>(), values);
    signals::add_taken(&mut sql, &matching, values);
    match drafts.iter().any(|draft| draft.is_news()) {
        true => {
            let channel = values.add(channel(&connection.how().schema_name), Type::TEXT);
            let _ = write!(sql, " SELECT key, run, pg_notify({channel}, '')::text FROM done");
        }
        false => sql.push_str(" SELECT key, run FROM done"),
    }
    sql
}

/// Locks the rows of runs, and changes those that are as they were read.
fn moved<'a>(drafts: &[(i32, &'a Draft)], is_first: Option<&str>, values: &mut Values<'a>) -> String {
    let base = |draft: &Draft| draft.base.clone();
    let input = values.columns([
        column!(drafts, INT4_ARRAY, |(key, _)| *key),
        column!(drafts, INT8_ARRAY, |(_, draft)| draft.run()),
        column!(drafts, INT8_ARRAY, |(_, draft)| base(draft)
            .map(|base| base.epoch.cast_signed())),
        column!(drafts, INT8_ARRAY, |(_, draft)| base(draft)
            .and_then(|base| base.holder)),
        column!(drafts, INT8_ARRAY, |(_, draft)| base(draft)
            .map(|base| base.head.seq.cast_signed())),
        column!(drafts, BYTEA_ARRAY, |(_, draft)| base(draft)
            .map(|base| base.head.hash.to_vec())),
        column!(drafts, INT8_ARRAY, |(_, draft)| draft
            .taken_from
            .as_ref()
            .map(|lease| lease.holder)),
        column!(drafts, INT8_ARRAY, |(_, draft)| draft
            .taken_from
            .as_ref()
            .map(|lease| lease.expires)),
        column!(drafts, TEXT_ARRAY, |(_, draft)| draft
            .taken_from
            .as_ref()
            .map(|lease| &*lease.host)),
        column!(drafts, TEXT_ARRAY, |(_, draft)| draft.row.status.as_str()),
        column!(drafts, INT8_ARRAY, |(_, draft)| draft.row.updated_at.0),
        column!(drafts, INT8_ARRAY, |(_, draft)| draft.row.epoch.cast_signed()),
        column!(drafts, INT8_ARRAY, |(_, draft)| draft.holder),
        column!(drafts, INT8_ARRAY, |(_, draft)| draft.held_since),
        column!(drafts, INT8_ARRAY, |(_, draft)| draft.head.seq.cast_signed()),
        column!(drafts, INT8_ARRAY, |(_, draft)| draft.head.driver_entries.cast_signed()),
        column!(drafts, BYTEA_ARRAY, |(_, draft)| &draft.head.hash[..]),
        column!(drafts, TEXT_ARRAY, |(_, draft)| draft.requires.as_deref()),
        column!(drafts, INT8_ARRAY, |(_, draft)| draft.open_requirements),
        column!(drafts, INT8_ARRAY, |(_, draft)| draft.goes_on_with),
        column!(drafts, INT8_ARRAY, |(_, draft)| draft.row.not_before.map(|from| from.0)),
    ]);
    let mut sql = format!(
        "input AS MATERIALIZED (SELECT * FROM unnest({input}) AS i (key, run, was_epoch, was_holder, was_seq, was_hash, from_holder, \
         from_expires, from_host, status, updated_at, epoch, holder, held_since, head_seq, driver_entries, head_hash, head_requires, \
         open_requirements, goes_on_with, not_before)), \
         locked AS MATERIALIZED (SELECT r.run FROM @runs r JOIN input i ON i.run = r.run ORDER BY r.run_id FOR NO KEY UPDATE OF r), "
    );
    let mut condition = is_first.map_or_else(String::new, |is_first| format!(" AND {is_first}"));
    if drafts.iter().any(|(_, draft)| draft.taken_from.is_some()) {
        sql.push_str(
            "silent AS MATERIALIZED (SELECT i.key FROM input i JOIN locked l ON l.run = i.run JOIN @holders h ON h.holder = i.from_holder \
             WHERE h.expires = i.from_expires AND h.host = i.from_host ORDER BY h.holder FOR NO KEY UPDATE OF h), ",
        );
        condition.push_str(" AND (i.from_holder IS NULL OR i.key IN (SELECT key FROM silent))");
    }
    let _ = write!(
        sql,
        "moved AS (UPDATE @runs r SET status = i.status, updated_at = i.updated_at, epoch = i.epoch, holder = i.holder, \
         held_since = i.held_since, head_seq = i.head_seq, driver_entries = i.driver_entries, head_hash = i.head_hash, \
         head_requires = i.head_requires, open_requirements = i.open_requirements, goes_on_with = i.goes_on_with, \
         not_before = i.not_before \
         FROM input i JOIN locked l ON l.run = i.run \
         WHERE r.run = i.run AND r.epoch = i.was_epoch AND r.head_seq = i.was_seq AND r.head_hash = i.was_hash \
         AND r.holder IS NOT DISTINCT FROM i.was_holder{condition} RETURNING i.key, r.run), "
    );
    sql
}

/// Makes the rows of new runs.
fn created<'a>(drafts: &[(i32, &'a Draft)], values: &mut Values<'a>) -> String {
    let input = values.columns([
        column!(drafts, INT4_ARRAY, |(key, _)| *key),
        column!(drafts, TEXT_ARRAY, |(_, draft)| stored(&draft.row.run_id)),
        column!(drafts, TEXT_ARRAY, |(_, draft)| optional(draft.row.agent_name.as_ref())),
        column!(drafts, TEXT_ARRAY, |(_, draft)| optional(draft.row.session_id.as_ref())),
        column!(drafts, TEXT_ARRAY, |(_, draft)| optional(draft.row.user_id.as_ref())),
        column!(drafts, TEXT_ARRAY, |(_, draft)| draft.row.status.as_str()),
        column!(drafts, INT8_ARRAY, |(_, draft)| draft.row.created_at.0),
        column!(drafts, INT8_ARRAY, |(_, draft)| draft.row.updated_at.0),
        column!(drafts, INT8_ARRAY, |(_, draft)| draft.row.epoch.cast_signed()),
        column!(drafts, INT8_ARRAY, |(_, draft)| draft.holder),
        column!(drafts, INT8_ARRAY, |(_, draft)| draft.held_since),
        column!(drafts, TEXT_ARRAY, |(_, draft)| optional(
            draft.row.audit_key_id.as_ref()
        )),
        column!(drafts, INT4_ARRAY, |(_, draft)| draft.row.format.cast_signed()),
        column!(drafts, INT8_ARRAY, |(_, draft)| draft.open_requirements),
        column!(drafts, INT8_ARRAY, |(_, draft)| draft.head.seq.cast_signed()),
        column!(drafts, INT8_ARRAY, |(_, draft)| draft.head.driver_entries.cast_signed()),
        column!(drafts, BYTEA_ARRAY, |(_, draft)| &draft.head.hash[..]),
        column!(drafts, TEXT_ARRAY, |(_, draft)| draft.requires.as_deref()),
        column!(drafts, INT8_ARRAY, |(_, draft)| draft.goes_on_with),
        column!(drafts, INT8_ARRAY, |(_, draft)| draft.row.not_before.map(|from| from.0)),
    ]);
    let columns = "run_id, agent_name, session_id, user_id, status, created_at, updated_at, epoch, holder, held_since, audit_key_id, \
                   format, open_requirements, head_seq, driver_entries, head_hash, head_requires, goes_on_with, not_before";
    format!(
        "new_runs AS MATERIALIZED (SELECT * FROM unnest({input}) AS n (key, {columns})), \
         created AS (INSERT INTO @runs ({columns}) SELECT {columns} FROM new_runs ORDER BY key \
         ON CONFLICT (run_id) DO NOTHING RETURNING run, run_id), "
    )
}

fn add_entries<'a>(sql: &mut String, drafts: &[(i32, &'a Draft)], values: &mut Values<'a>) {
    let entries: Vec<(i32, &NewEntry)> = drafts
        .iter()
        .flat_map(|(key, draft)| draft.entries.iter().map(|new| (*key, new)))
        .collect();
    if entries.is_empty() {
        return;
    }
    let said = |new: &'a NewEntry| Attribution::of(&new.entry);
    let input = values.columns([
        column!(entries, INT4_ARRAY, |(key, _)| *key),
        column!(entries, INT8_ARRAY, |(_, new)| new.order),
        column!(entries, INT8_ARRAY, |(_, new)| new.seq.cast_signed()),
        column!(entries, INT8_ARRAY, |(_, new)| new.driver_entries.cast_signed()),
        column!(entries, INT8_ARRAY, |(_, new)| new.at.0),
        column!(entries, BOOL_ARRAY, |(_, new)| new.outsider),
        column!(entries, TEXT_ARRAY, |(_, new)| new.entry.kind()),
        column!(entries, BYTEA_ARRAY, |(_, new)| &new.hash[..]),
        column!(entries, TEXT_ARRAY, |(_, new)| new.sealing.requires.as_deref()),
        column!(entries, TEXT_ARRAY, |(_, new)| said(new).action),
        column!(entries, TEXT_ARRAY, |(_, new)| said(new).actor.map(stored)),
        column!(entries, TEXT_ARRAY, |(_, new)| said(new).requirement_id.map(stored)),
        column!(entries, BYTEA_ARRAY, |(_, new)| &new.sealing.salt[..]),
        column!(entries, BYTEA_ARRAY, |(_, new)| &new.sealing.commitment[..]),
        column!(entries, TEXT_ARRAY, |(_, new)| &*new.payload),
    ]);
    let columns = "seq, driver_entries, at, outsider, kind, hash, requires, action, actor, requirement_id, salt, commitment, payload";
    let _ = write!(
        sql,
        ", new_entries AS MATERIALIZED (SELECT d.run, e.* FROM unnest({input}) AS e (key, ord, {columns}) JOIN done d USING (key)), \
         written AS (INSERT INTO @entries (run, {columns}) SELECT run, {columns} FROM new_entries ORDER BY run, seq), \
         delivered AS (INSERT INTO @outbox (run, seq) SELECT run, seq FROM new_entries WHERE EXISTS (SELECT 1 FROM @subscriptions) \
         ORDER BY ord)"
    );
    if entries.iter().any(|(_, new)| new.outsider) {
        sql.push_str(
            ", noticed AS (UPDATE @heads h SET last = h.last + n.new FROM (SELECT count(*) AS new FROM new_entries WHERE outsider) n \
             WHERE h.name = 'outsiders' AND n.new > 0 RETURNING h.last - n.new AS before), \
             listed AS (INSERT INTO @outsiders (place, run, seq) \
             SELECT n.before + row_number() OVER (ORDER BY e.ord), e.run, e.seq FROM new_entries e CROSS JOIN noticed n WHERE e.outsider)",
        );
    }
    let outlined: Vec<(i32, &NewEntry)> = entries.into_iter().filter(|(_, new)| new.outline.is_some()).collect();
    if !outlined.is_empty() {
        let input = values.columns([
            column!(outlined, INT4_ARRAY, |(key, _)| *key),
            column!(outlined, INT8_ARRAY, |(_, new)| new.seq.cast_signed()),
            column!(outlined, TEXT_ARRAY, |(_, new)| new.outline.as_deref()),
        ]);
        let _ = write!(
            sql,
            ", outlined AS (INSERT INTO @outlines (run, seq, payload) SELECT d.run, o.seq, o.payload \
             FROM unnest({input}) AS o (key, seq, payload) JOIN done d USING (key))"
        );
    }
}

fn add_requirements<'a>(sql: &mut String, drafts: &[(i32, &'a Draft)], values: &mut Values<'a>) {
    let changes: Vec<(i32, &Change)> = drafts
        .iter()
        .flat_map(|(key, draft)| draft.requirements.iter().map(|change| (*key, change)))
        .collect();
    let (opened, others): (Vec<_>, Vec<_>) = changes.iter().copied().partition(|(_, change)| change.opened.is_some());
    add_opened(sql, &opened, values);
    let closed: Vec<_> = others
        .into_iter()
        .filter(|(_, change)| change.decided.is_some())
        .collect();
    if !closed.is_empty() {
        let input = values.columns([
            column!(closed, INT4_ARRAY, |(key, _)| *key),
            column!(closed, TEXT_ARRAY, |(_, change)| stored(&change.requirement_id)),
            column!(closed, INT8_ARRAY, |(_, change)| change.decided.map(u64::cast_signed)),
        ]);
        let _ = write!(
            sql,
            ", closed AS (UPDATE @requirements q SET decided = c.decided FROM unnest({input}) AS c (key, requirement_id, decided) \
             JOIN done d USING (key) WHERE q.run = d.run AND q.requirement_id = c.requirement_id)"
        );
    }
    add_memory(sql, &changes, values);
}

fn add_opened<'a>(sql: &mut String, opened: &[(i32, &'a Change)], values: &mut Values<'a>) {
    if opened.is_empty() {
        return;
    }
    let terms = |change: &Change| change.opened.map(|(_, _, terms)| terms);
    let input = values.columns([
        column!(opened, INT4_ARRAY, |(key, _)| *key),
        column!(opened, INT8_ARRAY, |(_, change)| change.order),
        column!(opened, TEXT_ARRAY, |(_, change)| stored(&change.requirement_id)),
        column!(opened, TEXT_ARRAY, |(_, change)| change.opened.map(|(kind, _, _)| kind)),
        column!(opened, INT8_ARRAY, |(_, change)| change
            .opened
            .map(|(_, seq, _)| seq.cast_signed())),
        column!(opened, INT8_ARRAY, |(_, change)| change.decided.map(u64::cast_signed)),
        column!(opened, INT8_ARRAY, |(_, change)| terms(change)
            .and_then(|terms| terms.expires_at)
            .map(|at| at.0)),
        column!(opened, INT8_ARRAY, |(_, change)| terms(change)
            .map(|terms| i64::from(terms.approvals))),
        column!(opened, BYTEA_ARRAY, |(_, change)| change
            .topic
            .map(|topic| topic.to_vec())),
    ]);
    let columns = "requirement_id, kind, opened, decided, expires_at, approvals_needed, topic";
    let _ = write!(
        sql,
        ", opened AS (INSERT INTO @requirements (run, {columns}) SELECT d.run, {columns} FROM unnest({input}) AS o (key, ord, {columns}) \
         JOIN done d USING (key) ORDER BY o.ord)"
    );
}

fn add_memory<'a>(sql: &mut String, changes: &[(i32, &'a Change)], values: &mut Values<'a>) {
    let approvals: Vec<(i32, &Change, u64)> = changes
        .iter()
        .flat_map(|(key, change)| change.approvals.iter().map(|seq| (*key, *change, *seq)))
        .collect();
    if !approvals.is_empty() {
        let input = values.columns([
            column!(approvals, INT4_ARRAY, |(key, _, _)| *key),
            column!(approvals, TEXT_ARRAY, |(_, change, _)| stored(&change.requirement_id)),
            column!(approvals, INT8_ARRAY, |(_, _, seq)| seq.cast_signed()),
        ]);
        let _ = write!(
            sql,
            ", approved AS (INSERT INTO @approvals (run, requirement_id, seq) SELECT d.run, a.requirement_id, a.seq \
             FROM unnest({input}) AS a (key, requirement_id, seq) JOIN done d USING (key) ON CONFLICT DO NOTHING)"
        );
    }
    let remembered: Vec<_> = changes.iter().filter(|(_, change)| change.memory.is_some()).collect();
    if !remembered.is_empty() {
        let input = values.columns([
            column!(remembered, INT4_ARRAY, |(key, _)| *key),
            column!(remembered, TEXT_ARRAY, |(_, change)| stored(&change.requirement_id)),
            column!(remembered, TEXT_ARRAY, |(_, change)| {
                change
                    .memory
                    .as_ref()
                    .and_then(|memory| optional(memory.session_id.as_ref()))
            }),
            column!(remembered, TEXT_ARRAY, |(_, change)| change
                .memory
                .as_ref()
                .map(|memory| stored(&memory.key))),
            column!(remembered, INT8_ARRAY, |(_, change)| change
                .revoked
                .map(u64::cast_signed)),
        ]);
        let columns = "requirement_id, session_id, key, revoked";
        let _ = write!(
            sql,
            ", remembered AS (INSERT INTO @remembered (run, {columns}) SELECT d.run, m.requirement_id, m.session_id, m.memory_key, \
             m.revoked FROM unnest({input}) AS m (key, requirement_id, session_id, memory_key, revoked) JOIN done d USING (key) \
             ON CONFLICT (run, requirement_id) DO UPDATE SET session_id = excluded.session_id, key = excluded.key, \
             revoked = excluded.revoked)"
        );
    }
    let is_revoked = |(_, change): &&(i32, &Change)| change.revoked.is_some() && change.memory.is_none();
    let revoked: Vec<_> = changes.iter().filter(is_revoked).collect();
    if !revoked.is_empty() {
        let input = values.columns([
            column!(revoked, INT4_ARRAY, |(key, _)| *key),
            column!(revoked, TEXT_ARRAY, |(_, change)| stored(&change.requirement_id)),
            column!(revoked, INT8_ARRAY, |(_, change)| change.revoked.map(u64::cast_signed)),
        ]);
        let _ = write!(
            sql,
            ", revoked AS (UPDATE @remembered m SET revoked = v.revoked FROM unnest({input}) AS v (key, requirement_id, revoked) \
             JOIN done d USING (key) WHERE m.run = d.run AND m.requirement_id = v.requirement_id AND m.revoked IS NULL)"
        );
    }
}

/// About how many bytes a draft brings to the server.
pub(crate) fn weight(draft: &Draft) -> usize {
    let of = |new: &NewEntry| 512 + new.payload.len() + new.outline.as_ref().map_or(0, String::len);
    draft.entries.iter().map(of).fold(256, usize::saturating_add)
}
