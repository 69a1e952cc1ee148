//! Carrying operations out: each on a draft of its run, then all drafts in one statement; and anew where a run was changed meanwhile.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use haltpoint_engine::Text;
use haltpoint_engine::store::holder::Liveness;
use haltpoint_engine::store::rules;
use haltpoint_engine::store::{Author, Committed, NewRun, Operation, StoreError};
use tokio_postgres::types::Type;

use crate::connection::{Connection, get};
use crate::draft::{Draft, Means};
use crate::fault::{Failure, Fault};
use crate::lease::{Applicant, Holders, acquire, enlist};
use crate::rows::{FoundRun, SELECT_RUNS, found_run};
use crate::text::stored;
use crate::write::{weight, write};
use crate::{due, outbox, signals};

/// How much goes to the server in one statement, about.
const LARGEST: usize = 32 << 20;

/// How many runs one statement is about, at most.
const MOST: usize = 500;

/// The longest pause before a run is tried again that others change all the time.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// What a batch is carried out with.
pub(crate) struct Batch<'a> {
    pub(crate) connection: &'a mut Connection,
    pub(crate) operations: &'a [Operation],
    pub(crate) liveness: &'a dyn Liveness,
    pub(crate) means: Means<'a>,
    /// Runs as this process left them when it last wrote to them: a guess, which the statement checks.
    pub(crate) remembered: &'a mut HashMap<Text, FoundRun>,
    /// The rows of holders that this batch has written.
    pub(crate) holders: Holders,
    /// Until when it is tried.
    pub(crate) deadline: Instant,
    /// Set where runs may have been claimed without this process knowing it.
    pub(crate) has_lost_claims: &'a mut bool,
}

type Outcome = Result<Committed, StoreError>;

/// What becomes of one run.
struct Plan {
    run_id: Text,
    /// The places of its operations in the batch.
    places: Vec<usize>,
    draft: Option<Draft>,
    outcomes: Vec<Outcome>,
    /// It is made of a guess.
    is_guessed: bool,
    /// A statement with it may have been carried out.
    is_unknown: bool,
    /// The number of the run that was written.
    run: Option<i64>,
}

impl Batch<'_> {
    /// One outcome for each operation, in order.
    pub(crate) fn commit(mut self) -> Vec<Outcome> {
        let mut outcomes: Vec<Option<Outcome>> = vec![None; self.operations.len()];
        let mut waiting = by_run(self.operations);
        let mut round = 0_u32;
        while !waiting.is_empty() {
            let done = match self.round(&mut waiting, round == 0) {
                Ok(done) => done,
                Err(failure) => self.fail(&mut waiting, failure),
            };
            for plan in done {
                self.remember(&plan);
                for (place, outcome) in plan.places.into_iter().zip(plan.outcomes) {
                    outcomes[place] = Some(outcome);
                }
            }
            if !waiting.is_empty() {
                self.pause(round);
                round += 1;
            }
        }
        let operations = self.operations;
        let complete =
            |(outcome, operation): (Option<Outcome>, &Operation)| outcome.unwrap_or_else(|| self.deliver(operation));
        outcomes.into_iter().zip(operations).map(complete).collect()
    }

    /// Carries out what waits, once; what was written or refused is done, and the rest waits still. Where that fails, nothing was written.
    fn round(&mut self, waiting: &mut Vec<Plan>, may_guess: bool) -> Result<Vec<Plan>, Failure> {
        self.holders.clear();
        self.read(waiting, may_guess)?;
        self.plan(waiting)?;
        self.note_own_writes(waiting);
        let (to_write, refused): (Vec<_>, Vec<_>) = std::mem::take(waiting)
            .into_iter()
            .partition(|plan| plan.draft.as_ref().is_some_and(|draft| draft.is_changed));
        // What a guess led to is refused only after another look.
        let (again, mut done): (Vec<_>, Vec<_>) = refused.into_iter().partition(|plan| plan.is_guessed);
        waiting.extend(again);
        for chunk in chunks(to_write) {
            self.write_chunk(chunk, waiting, &mut done);
        }
        self.forget(waiting);
        Ok(done)
    }

    fn write_chunk(&mut self, mut chunk: Vec<Plan>, waiting: &mut Vec<Plan>, done: &mut Vec<Plan>) {
        match self.write(&mut chunk) {
            Ok(written) => {
                for (plan, is_written) in chunk.into_iter().zip(written) {
                    let list = if is_written { &mut *done } else { &mut *waiting };
                    list.push(plan);
                }
            }
            // What the server refuses of one run is no reason to refuse the others.
            Err(Failure::Server { .. }) if chunk.len() > 1 => {
                for plan in chunk {
                    self.write_chunk(vec![plan], waiting, done);
                }
            }
            Err(failure) => {
                let error = failure.describe("write to", &self.connection.how().name);
                for mut plan in chunk {
                    plan.outcomes = vec![Err(error.clone()); plan.places.len()];
                    plan.draft = None;
                    done.push(plan);
                }
            }
        }
    }

    /// A lease that was taken from a holder whose row this very batch has written since is compared with what it wrote.
    fn note_own_writes(&self, waiting: &mut [Plan]) {
        let drafts = waiting.iter_mut().filter_map(|plan| plan.draft.as_mut());
        for taken in drafts.filter_map(|draft| draft.taken_from.as_mut()) {
            if let Some((host, expires)) = self.holders.get(&taken.holder) {
                taken.read(host.clone(), *expires);
            }
        }
    }

    /// What waits is read anew.
    fn forget(&mut self, waiting: &mut [Plan]) {
        for plan in waiting {
            self.remembered.remove(&plan.run_id);
            (plan.draft, plan.is_guessed) = (None, false);
            plan.outcomes.clear();
        }
    }

    /// Nothing of what waits was written: it waits on for a new connection, or ends with the failure.
    fn fail(&mut self, waiting: &mut Vec<Plan>, failure: Failure) -> Vec<Plan> {
        self.forget(waiting);
        let failure = match failure {
            failure if failure.may_pass() && Instant::now() < self.deadline => match self.reach() {
                Ok(()) => return Vec::new(),
                Err(failure) => failure,
            },
            failure => failure,
        };
        let failure = match failure {
            Failure::Lost(message) => Failure::Unreachable(message),
            failure => failure,
        };
        let error = failure.describe("write to", &self.connection.how().name);
        let mut failed = std::mem::take(waiting);
        for plan in &mut failed {
            plan.outcomes = vec![Err(error.clone()); plan.places.len()];
        }
        failed
    }

    /// Reads the runs that the operations are about.
    fn read(&mut self, waiting: &mut [Plan], may_guess: bool) -> Result<(), Failure> {
        for plan in waiting.iter_mut().filter(|_| may_guess) {
            let is_driven = plan.places.iter().all(|place| is_by_driver(&self.operations[*place]));
            if let Some(found) = self.remembered.get(&plan.run_id).filter(|_| is_driven) {
                // What its last entry requires was checked when it was written.
                plan.draft = Draft::of(found.clone()).ok();
                plan.is_guessed = plan.draft.is_some();
            }
        }
        let unread: Vec<_> = waiting
            .iter()
            .filter(|plan| plan.draft.is_none())
            .map(|plan| stored(&plan.run_id))
            .collect();
        if unread.is_empty() {
            return Ok(());
        }
        let sql = format!("{SELECT_RUNS} WHERE r.run_id = ANY($1)");
        let rows = self.connection.ask(&sql, &[(&unread, Type::TEXT_ARRAY)])?;
        let mut found: HashMap<Text, Result<FoundRun, Fault>> = HashMap::new();
        for row in &rows {
            found.insert(crate::text::text(get(row, 1)?), found_run(row));
        }
        for plan in waiting.iter_mut().filter(|plan| plan.draft.is_none()) {
            let draft = match found.remove(&plan.run_id) {
                None => continue,
                Some(found) => found.and_then(|found| Ok(Draft::of(found)?)),
            };
            match draft {
                Ok(draft) => plan.draft = Some(draft),
                Err(Fault::Refused(error)) => plan.outcomes = vec![Err(error); plan.places.len()],
                Err(Fault::Failed(failure)) => return Err(failure),
            }
        }
        Ok(())
    }

    /// Carries the operations out on the drafts of their runs, in the order of the batch. One that is refused leaves its draft as it is.
    fn plan(&mut self, waiting: &mut [Plan]) -> Result<(), Failure> {
        let mut steps: Vec<(usize, usize)> = Vec::new();
        for (number, plan) in waiting.iter().enumerate().filter(|(_, plan)| plan.outcomes.is_empty()) {
            steps.extend(plan.places.iter().map(|place| (*place, number)));
        }
        steps.sort_unstable();
        for (place, number) in steps {
            let (operations, plan) = (self.operations, &mut waiting[number]);
            let outcome = self.carry_out(&operations[place], &plan.run_id, &mut plan.draft);
            plan.outcomes.push(match outcome {
                Ok(committed) => Ok(committed),
                Err(Fault::Refused(error)) => Err(error),
                Err(Fault::Failed(failure)) => return Err(failure),
            });
        }
        Ok(())
    }

    fn carry_out(
        &mut self,
        operation: &Operation,
        run_id: &Text,
        draft: &mut Option<Draft>,
    ) -> Result<Committed, Fault> {
        let not_found = || StoreError::RunNotFound { run_id: run_id.clone() };
        match (operation, draft) {
            (Operation::Create(_), Some(_)) => Err(StoreError::RunExists { run_id: run_id.clone() }.into()),
            (Operation::Create(new), draft) => {
                let (created, committed) = self.create(new)?;
                *draft = Some(created);
                Ok(committed)
            }
            (Operation::Release { .. }, None) => Ok(Committed::Released),
            (Operation::Release { epoch, .. }, Some(draft)) => {
                if draft.row.epoch == *epoch {
                    draft.release();
                }
                Ok(Committed::Released)
            }
            (_, None) => Err(not_found().into()),
            (Operation::Append(append), Some(draft)) => draft.append_and_take(self.connection, append, self.means),
            (
                Operation::Acquire {
                    holder,
                    now,
                    expires,
                    known,
                    ..
                },
                Some(draft),
            ) => {
                let applicant = Applicant {
                    holder,
                    now: *now,
                    expires: *expires,
                    known: *known,
                };
                acquire(
                    self.connection,
                    draft,
                    applicant,
                    (self.liveness, &mut self.holders),
                    self.means,
                )
            }
            (
                Operation::Signal(_)
                | Operation::ClaimDue(_)
                | Operation::ClaimOutbox(_)
                | Operation::AdvanceOutbox { .. },
                Some(_),
            ) => Ok(Committed::Released),
        }
    }

    fn create(&mut self, new: &NewRun) -> Result<(Draft, Committed), Fault> {
        rules::judge_first(new)?;
        for entry in &new.entries {
            rules::encode(entry)?;
        }
        let holder = match new.is_queued() {
            true => None,
            false => Some(enlist(
                self.connection,
                &new.holder,
                new.at,
                new.expires,
                self.liveness,
            )?),
        };
        Draft::create(new, holder, self.means)
    }

    /// Writes the drafts, and says which of them are written. Where it is not known what became of a statement, the server is asked.
    fn write(&mut self, plans: &mut [Plan]) -> Result<Vec<bool>, Failure> {
        loop {
            let drafts: Vec<&Draft> = plans.iter().filter_map(|plan| plan.draft.as_ref()).collect();
            match write(self.connection, &drafts) {
                Ok(places) => {
                    let mut written = vec![false; plans.len()];
                    for (place, run) in places {
                        if let Some(plan) = plans.get_mut(place) {
                            (written[place], plan.run) = (true, Some(run));
                        }
                    }
                    return self.settle(plans, written);
                }
                Err(Failure::Lost(_)) => {
                    plans.iter_mut().for_each(|plan| plan.is_unknown = true);
                    self.reach()?;
                    let written = self.are_written(plans)?;
                    if written.contains(&true) {
                        return Ok(written);
                    }
                    // The very same once more: should the first one be under way yet, only one of them can be carried out.
                }
                Err(failure) if failure.may_pass() && Instant::now() < self.deadline => self.reach()?,
                Err(failure) => return Err(failure),
            }
        }
    }

    /// A run that is not as it was read may have been changed by an earlier attempt of this very batch.
    fn settle(&mut self, plans: &[Plan], mut written: Vec<bool>) -> Result<Vec<bool>, Failure> {
        let is_open = |(plan, written): (&Plan, &bool)| plan.is_unknown && !written;
        if plans.iter().zip(&written).any(is_open) {
            let found = self.are_written(plans)?;
            written
                .iter_mut()
                .zip(found)
                .for_each(|(written, found)| *written |= found);
        }
        Ok(written)
    }

    /// Which drafts are on disk: those whose last hash stands at its place; and those without entries, whose lease is as they left it.
    fn are_written(&mut self, plans: &[Plan]) -> Result<Vec<bool>, Failure> {
        let run_ids: Vec<_> = plans.iter().map(|plan| stored(&plan.run_id)).collect();
        let last = |plan: &Plan| {
            plan.draft
                .as_ref()
                .and_then(|draft| draft.entries.last())
                .map(|new| new.seq.cast_signed())
        };
        let places: Vec<Option<i64>> = plans.iter().map(last).collect();
        let numbers: Vec<i32> = (0..).take(plans.len()).collect();
        let rows = self.connection.ask(
            "SELECT a.key, e.hash, r.epoch, r.holder FROM unnest($1, $2, $3) AS a (key, run_id, seq) JOIN @runs r ON r.run_id = a.run_id \
             LEFT JOIN @entries e ON e.run = r.run AND e.seq = a.seq",
            &[(&numbers, Type::INT4_ARRAY), (&run_ids, Type::TEXT_ARRAY), (&places, Type::INT8_ARRAY)],
        )?;
        let mut written = vec![false; plans.len()];
        for row in &rows {
            let place = usize::try_from(get::<i32>(row, 0)?).unwrap_or(usize::MAX);
            let Some(draft) = plans.get(place).and_then(|plan| plan.draft.as_ref()) else {
                continue;
            };
            let (hash, epoch, holder): (Option<&[u8]>, i64, Option<i64>) = (get(row, 1)?, get(row, 2)?, get(row, 3)?);
            written[place] = match draft.entries.last() {
                Some(new) => hash == Some(&new.hash[..]),
                None => {
                    epoch.cast_unsigned() > draft.row.epoch
                        || (epoch.cast_unsigned() == draft.row.epoch && holder == draft.holder)
                }
            };
        }
        Ok(written)
    }

    /// A new connection, within the time that is left.
    fn reach(&mut self) -> Result<(), Failure> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        self.connection.reach(left)
    }

    fn pause(&self, round: u32) {
        if round > 2 {
            let pause = Duration::from_millis(1 << round.min(10)).min(LONGEST_PAUSE);
            std::thread::sleep(pause.mul_f64(share()));
        }
    }

    fn remember(&mut self, plan: &Plan) {
        let held = plan
            .draft
            .as_ref()
            .filter(|draft| draft.is_changed && draft.holder.is_some());
        match held.and_then(|draft| left_by(draft, plan.run)) {
            Some(found) => self.remembered.insert(plan.run_id.clone(), found),
            None => self.remembered.remove(&plan.run_id),
        };
    }

    fn deliver(&mut self, operation: &Operation) -> Outcome {
        let mut round = 0;
        loop {
            let delivered = match operation {
                Operation::ClaimDue(claim) => {
                    due::claim(self.connection, claim, self.means.key, self.liveness).map(Committed::DueClaimed)
                }
                Operation::Signal(signal) => match signals::take_in(self.connection, signal, self.means) {
                    Ok(None) if Instant::now() < self.deadline => {
                        self.pause(round);
                        round += 1;
                        continue;
                    }
                    Ok(None) => Err(Failure::InTheWay("others write about this event all the time".to_owned()).into()),
                    Ok(Some(signalled)) => {
                        // It is not as this process left it.
                        signalled
                            .run_id
                            .iter()
                            .for_each(|run_id| drop(self.remembered.remove(run_id)));
                        Ok(Committed::Signalled(signalled))
                    }
                    Err(fault) => Err(fault),
                },
                Operation::ClaimOutbox(claim) => outbox::claim(self.connection, claim, self.liveness)
                    .map(Committed::OutboxClaimed)
                    .map_err(Fault::from),
                Operation::AdvanceOutbox { claim, place } => {
                    outbox::advance(self.connection, claim, *place, self.liveness)
                        .map(Committed::OutboxAdvanced)
                        .map_err(Fault::from)
                }
                // Those of runs have their outcomes.
                _ => Ok(Committed::Released),
            };
            let delivered = match delivered {
                Ok(committed) => Ok(committed),
                Err(Fault::Refused(error)) => return Err(error),
                Err(Fault::Failed(failure)) => Err(failure),
            };
            // What was claimed by a statement whose answer is lost is held by this process, which does not know it.
            *self.has_lost_claims |= matches!((operation, &delivered), (Operation::ClaimDue(_), Err(Failure::Lost(_))));
            // Each may be done twice.
            match delivered {
                Err(failure) if failure.may_pass() && self.reach().is_ok() && Instant::now() < self.deadline => {}
                delivered => {
                    return delivered.map_err(|failure| failure.describe("write to", &self.connection.how().name));
                }
            }
        }
    }
}

/// A number between a half and one, another one for each process and moment.
fn share() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    let drawn = RandomState::new().hash_one(()) % 1_000;
    #[expect(clippy::cast_precision_loss, reason = "less than a thousand")]
    let drawn = drawn as f64;
    0.5 + drawn / 2_000.0
}

/// The run as a draft leaves it that was written; `None`: its number is not known.
fn left_by(draft: &Draft, run: Option<i64>) -> Option<FoundRun> {
    Some(FoundRun {
        run: run.or_else(|| draft.run())?,
        row: draft.row.clone(),
        holder: draft.holder,
        held_since: draft.held_since,
        lease: None,
        head: draft.head.clone(),
        requires: draft.requires.clone(),
        open_requirements: draft.open_requirements,
        goes_on_with: draft.goes_on_with,
    })
}

fn is_by_driver(operation: &Operation) -> bool {
    match operation {
        Operation::Append(append) => append.author != Author::External,
        Operation::Release { .. } => true,
        _ => false,
    }
}

/// The operations by their runs, in the order of their submission.
fn by_run(operations: &[Operation]) -> Vec<Plan> {
    let mut plans: Vec<Plan> = Vec::new();
    let mut found: HashMap<&Text, usize> = HashMap::new();
    for (place, operation) in operations.iter().enumerate() {
        let run_id = match operation {
            Operation::Create(new) => &new.run_id,
            Operation::Append(append) => &append.run_id,
            Operation::Acquire { run_id, .. } | Operation::Release { run_id, .. } => run_id,
            Operation::Signal(_)
            | Operation::ClaimDue(_)
            | Operation::ClaimOutbox(_)
            | Operation::AdvanceOutbox { .. } => continue,
        };
        let plan = *found.entry(run_id).or_insert_with(|| {
            plans.push(Plan {
                run_id: run_id.clone(),
                places: Vec::new(),
                draft: None,
                outcomes: Vec::new(),
                is_guessed: false,
                is_unknown: false,
                run: None,
            });
            plans.len() - 1
        });
        plans[plan].places.push(place);
    }
    plans
}

/// The plans as they go to the server: what others are told of apart from what they are not, and nothing too large.
fn chunks(plans: Vec<Plan>) -> Vec<Vec<Plan>> {
    let is_news = |plan: &Plan| plan.draft.as_ref().is_some_and(Draft::is_news);
    let (news, others): (Vec<_>, Vec<_>) = plans.into_iter().partition(is_news);
    let mut chunks: Vec<Vec<Plan>> = Vec::new();
    for kind in [others, news] {
        let mut size = usize::MAX;
        for plan in kind {
            let weight = plan.draft.as_ref().map_or(0, weight);
            size = size.saturating_add(weight);
            let is_matching = |plan: &Plan| plan.draft.as_ref().is_some_and(|draft| !draft.matching.is_empty());
            match chunks.last_mut() {
                Some(last)
                    if size <= LARGEST && last.len() < MOST && !is_matching(&plan) && !last.iter().any(is_matching) =>
                {
                    last.push(plan);
                }
                _ => {
                    size = weight;
                    chunks.push(vec![plan]);
                }
            }
        }
    }
    chunks
}
