//! The fold: what each entry does to the state. It records facts and decides nothing, so facts about different things commute,
//! and a decision that another process appended may be folded a moment later than it stands in the journal.

use std::collections::HashMap;

use crate::journal::{
    CancelRequested, Entry, FailureKind, InDoubtRule, ModelReplied, PlannedCall, Record, RequirementDecided,
    RequirementOpened, RunArrived, RunCancelled, RunContinued, RunFailed, RunQueued, RunStarted, StepsPlanned,
    ToolFinished, ToolReconciled, ToolStarted, Usage,
};
use crate::message::{Message, Role};
use crate::store::RunStatus;
use crate::{Text, Timestamp};

use super::conversation::{assistant_message, calling_message, opening_message};
use super::requirement::{Decided, Requirement};
use super::state::{Call, CallState, Cancellation, Outcome, Reconciled, Run, Step, Transient};

/// A journal that no haltpoint can have written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The journal is empty or does not begin with the run's start.
    #[error("the journal does not begin with run_started")]
    NoStart,
    /// Written by a newer release.
    #[error("the journal has format {found}; this haltpoint reads up to {known}: upgrade haltpoint")]
    NewerFormat {
        /// The journal's.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// An entry speaks of something that does not exist.
    #[error("journal entry {seq} ({kind}) speaks of {what} that the journal does not know")]
    Dangling {
        /// Its place.
        seq: u64,
        /// Its kind.
        kind: &'static str,
        /// What is missing.
        what: String,
    },
    /// An entry cannot follow upon those before it.
    #[error("journal entry {seq} ({kind}) contradicts those before it: {what}")]
    Contradiction {
        /// Its place.
        seq: u64,
        /// Its kind.
        kind: &'static str,
        /// What stands against it.
        what: String,
    },
}

/// Why an entry cannot be folded.
#[derive(Debug)]
pub(super) enum Misfit {
    /// It speaks of this, which the state does not have.
    Dangling(String),
    /// This stands against it.
    Contradiction(String),
}

impl Misfit {
    fn of(self, record: &Record) -> ReplayError {
        let (seq, kind) = (record.seq, record.entry.kind());
        match self {
            Self::Dangling(what) => ReplayError::Dangling { seq, kind, what },
            Self::Contradiction(what) => ReplayError::Contradiction { seq, kind, what },
        }
    }
}

impl Run {
    /// The state after the journal's last record.
    ///
    /// # Errors
    /// When the records cannot be a run's journal.
    pub fn replay(records: &[Record]) -> Result<Self, ReplayError> {
        let (first, rest) = records.split_first().ok_or(ReplayError::NoStart)?;
        let Entry::RunStarted(started) = &first.entry else {
            return Err(ReplayError::NoStart);
        };
        if started.format > crate::journal::FORMAT {
            return Err(ReplayError::NewerFormat {
                found: started.format,
                known: crate::journal::FORMAT,
            });
        }
        let mut run = Self::new(started.clone(), first.at);
        for record in rest {
            run.fold_record(record)?;
        }
        Ok(run)
    }

    /// The state right after `run_started`.
    #[must_use]
    pub fn new(started: Box<RunStarted>, at: Timestamp) -> Self {
        Self {
            status: RunStatus::Running,
            created_at: at,
            updated_at: at,
            tool_call_limit: started.tool_call_limit,
            on_in_doubt: InDoubtRule::default(),
            messages: vec![opening_message(&started)],
            calls: Vec::new(),
            call_index: HashMap::new(),
            turn_start: 0,
            joined: Vec::new(),
            finished: Vec::new(),
            requirements: Vec::new(),
            requirement_index: HashMap::new(),
            steps: Vec::new(),
            cut_step: None,
            usage: Usage::default(),
            requests: 0,
            refusals: 0,
            recoveries: 0,
            not_before: None,
            handing_back: Transient(false),
            cancellation: None,
            interrupted: Transient(false),
            failure: None,
            moved: None,
            output: None,
            active_us: 0,
            active_since: Some(at),
            holder: Transient::default(),
            driver_entries: 1,
            outsider_entries: 0,
            outsider_seq: 0,
            reconciling: Transient::default(),
            planning: Transient(None),
            model_failure: Transient(None),
            awaiting_model: Transient(false),
            started,
        }
    }

    /// Folds one stored record.
    ///
    /// # Errors
    /// When the record speaks of something unknown, or contradicts an earlier one.
    pub fn fold_record(&mut self, record: &Record) -> Result<(), ReplayError> {
        if record.outsider {
            self.outsider_entries += 1;
            self.outsider_seq = record.seq;
        }
        self.fold(&record.entry, record.at, record.outsider)
            .map_err(|misfit| misfit.of(record))
    }

    /// Folds one entry. After an `Err` the state is unchanged.
    pub(super) fn fold(&mut self, entry: &Entry, at: Timestamp, outsider: bool) -> Result<(), Misfit> {
        if self.moved.is_some() && !matches!(entry, Entry::RunArrived(_)) {
            return Err(Misfit::Contradiction(
                "the run was moved to another database".to_owned(),
            ));
        }
        match entry {
            Entry::RunStarted(_) => return Err(Misfit::Dangling("a second start".to_owned())),
            Entry::RunQueued(queued) => self.fold_queued(queued, at),
            Entry::RunContinued(continued) => self.fold_continued(continued, at),
            Entry::ModelReplied(reply) => self.fold_reply(reply, at),
            Entry::StepsPlanned(planned) => self.fold_steps_planned(planned, at)?,
            Entry::AnswerRefused(refused) => {
                self.refusals += 1;
                self.messages.push(Message::text(Role::User, refused.reason.clone()));
            }
            Entry::ToolStarted(started) => self.fold_tool_started(started, at)?,
            Entry::ToolFinished(finished) => self.fold_tool_finished(finished)?,
            Entry::ToolInterrupted(interrupted) => {
                self.put_in_doubt(self.place(&interrupted.call_id)?, Some(&interrupted.reason));
            }
            Entry::ToolReconciled(reconciled) => self.fold_reconciled(reconciled)?,
            Entry::RequirementOpened(opened) => self.fold_opened(opened, at)?,
            Entry::RequirementDecided(decided) => self.fold_decided(decided, at)?,
            Entry::RequirementExpired(expired) => self.named(&expired.requirement_id)?.expire(at)?,
            Entry::ApprovalRevoked(revoked) => self.fold_revoked(revoked, at)?,
            // What came before could not be folded: a run that was erased is never replayed.
            Entry::PayloadsErased(_) => return Err(Misfit::Contradiction("its payloads are there".to_owned())),
            Entry::RunMoved(moved) => {
                self.moved = Some((moved.to.clone(), self.status));
                self.status = RunStatus::Moved;
            }
            Entry::RunArrived(arrived) => self.fold_arrived(arrived)?,
            Entry::RunPaused(_) => self.stop(RunStatus::Paused, at),
            Entry::CancelRequested(cancel) => self.fold_cancel_requested(cancel),
            Entry::RunCancelled(cancelled) => self.fold_cancelled(cancelled, at),
            Entry::RunFailed(failed) => self.fold_failed(failed, at),
            Entry::RunCompleted(completed) => {
                self.output = completed.output.clone().or_else(|| self.last_text());
                self.stop(RunStatus::Completed, at);
            }
        }
        self.updated_at = self.updated_at.max(at);
        self.driver_entries += u64::from(!outsider);
        Ok(())
    }

    fn fold_arrived(&mut self, arrived: &RunArrived) -> Result<(), Misfit> {
        match &self.moved {
            Some((_, status)) if *status == arrived.status => {
                (self.status, self.moved) = (*status, None);
                Ok(())
            }
            Some((_, status)) => Err(Misfit::Contradiction(format!(
                "it was {} when it was moved",
                status.as_str()
            ))),
            None => Err(Misfit::Contradiction("the run was not moved".to_owned())),
        }
    }

    fn fold_queued(&mut self, queued: &RunQueued, at: Timestamp) {
        self.not_before = queued.not_before;
        self.stop(RunStatus::Queued, at);
        self.failure = None;
        self.cut_step = None;
    }

    fn fold_continued(&mut self, continued: &RunContinued, at: Timestamp) {
        // Whoever stops in good order leaves another status: this one ended in the middle.
        let was_orphaned = self.status == RunStatus::Running;
        self.recoveries = if was_orphaned { self.recoveries + 1 } else { 0 };
        self.handing_back = Transient(false);
        self.not_before = None;
        self.status = RunStatus::Running;
        self.holder = Transient(continued.holder.clone());
        self.tool_call_limit = continued.tool_call_limit;
        self.on_in_doubt = continued.on_in_doubt;
        self.reconciling.0.clear();
        self.active_since = Some(at);
        self.cancellation = None;
        self.failure = None;
        self.cut_step = None;
        self.refusals = 0;
        self.awaiting_model = Transient(false);
        for place in self.turn_start..self.calls.len() {
            self.put_in_doubt(place, None);
            if matches!(self.calls[place].state, CallState::InDoubt { .. }) {
                // What the tool could not tell the last time, it may know by now.
                self.calls[place].reconciled = None;
            }
        }
    }

    fn fold_reply(&mut self, reply: &ModelReplied, at: Timestamp) {
        self.awaiting_model = Transient(false);
        self.recoveries = 0;
        self.requests += 1;
        if let Some(usage) = reply.usage {
            let total = &mut self.usage;
            total.input_tokens = total.input_tokens.saturating_add(usage.input_tokens);
            total.output_tokens = total.output_tokens.saturating_add(usage.output_tokens);
        }
        self.messages.push(assistant_message(reply));
        self.steps.push(Step {
            name: "model_execution".to_owned(),
            status: RunStatus::Completed,
            message: reply_summary(reply),
            duration_us: reply.duration_us,
        });
        self.begin_turn();
        self.add_calls(&reply.calls, at);
    }

    /// The calls join those that are open; where none is, they are the next turn, as a model's are.
    fn fold_steps_planned(&mut self, planned: &StepsPlanned, at: Timestamp) -> Result<(), Misfit> {
        if let Some(known) = planned.calls.iter().find(|call| self.call_index.contains_key(&call.id)) {
            return Err(Misfit::Contradiction(format!("call {} was planned before", known.id)));
        }
        self.awaiting_model = Transient(false);
        self.recoveries = 0;
        if self.turn().iter().all(Call::is_finished) {
            self.messages.push(calling_message(&planned.calls));
            self.begin_turn();
        } else {
            self.joined.push(self.calls.len());
        }
        self.add_calls(&planned.calls, at);
        Ok(())
    }

    fn begin_turn(&mut self) {
        self.turn_start = self.calls.len();
        self.joined.clear();
    }

    fn add_calls(&mut self, plans: &[PlannedCall], at: Timestamp) {
        for plan in plans {
            self.call_index.insert(plan.id.clone(), self.calls.len());
            self.calls.push(Call {
                plan: plan.clone(),
                asked_at: at,
                state: CallState::Planned,
                attempts: 0,
                requirements: Vec::new(),
                reconciled: None,
            });
        }
    }

    fn fold_tool_started(&mut self, started: &ToolStarted, at: Timestamp) -> Result<(), Misfit> {
        let place = self.place(&started.call_id)?;
        let call = &mut self.calls[place];
        call.attempts = started.attempt;
        call.reconciled = None;
        call.state = CallState::Started {
            at,
            holder: started.holder.clone(),
        };
        Ok(())
    }

    fn fold_tool_finished(&mut self, finished: &ToolFinished) -> Result<(), Misfit> {
        let place = self.place(&finished.call_id)?;
        self.recoveries = 0;
        let call = &mut self.calls[place];
        call.state = CallState::Finished(Outcome {
            content: finished.content.clone(),
            is_error: finished.is_error,
            source: finished.source,
        });
        self.steps.push(tool_step(call, finished));
        self.finished.push(place);
        if self.turn().iter().all(Call::is_finished) {
            let results = self.tool_messages();
            self.messages.extend(results);
        }
        Ok(())
    }

    fn fold_reconciled(&mut self, reconciled: &ToolReconciled) -> Result<(), Misfit> {
        let place = self.place(&reconciled.call_id)?;
        self.calls[place].reconciled = Some(if reconciled.not_started {
            Reconciled::NotStarted
        } else {
            Reconciled::Unknown(reconciled.reason.clone())
        });
        Ok(())
    }

    fn put_in_doubt(&mut self, place: usize, interruption: Option<&Text>) {
        let call = &mut self.calls[place];
        if let CallState::Started { at, holder } = &call.state {
            call.state = CallState::InDoubt {
                started_at: *at,
                holder: holder.clone(),
                interruption: interruption.cloned(),
            };
        }
    }

    fn fold_opened(&mut self, opened: &RequirementOpened, at: Timestamp) -> Result<(), Misfit> {
        let place = self.place(&opened.call_id)?;
        if self.requirement_index.contains_key(&opened.requirement_id) {
            let what = format!("requirement {} was opened before", opened.requirement_id);
            return Err(Misfit::Contradiction(what));
        }
        let call = &mut self.calls[place];
        let doubt = call.doubt();
        call.requirements.push(self.requirements.len());
        call.state = CallState::Waiting;
        self.requirement_index
            .insert(opened.requirement_id.clone(), self.requirements.len());
        self.requirements.push(Requirement {
            id: opened.requirement_id.clone(),
            kind: opened.kind,
            call: place,
            opened_at: at,
            doubt,
            terms: opened.terms,
            event: opened.event.clone(),
            approvals: Vec::new(),
            decided: None,
            expired: None,
            revoked: None,
        });
        Ok(())
    }

    fn fold_decided(&mut self, decided: &RequirementDecided, at: Timestamp) -> Result<(), Misfit> {
        self.named(&decided.requirement_id)?.take(Decided::new(decided, at))
    }

    pub(super) fn named(&mut self, requirement_id: &str) -> Result<&mut Requirement, Misfit> {
        let index = self.requirement_index.get(requirement_id);
        let index = index.ok_or_else(|| Misfit::Dangling(format!("requirement {requirement_id}")))?;
        Ok(&mut self.requirements[*index])
    }

    /// A request that is heard of after the stop stands before the stop in the journal, and was too late to be acted on.
    fn fold_cancel_requested(&mut self, cancel: &CancelRequested) {
        if self.status == RunStatus::Running {
            self.cancellation = self.cancellation.max(Some(Cancellation::from(cancel)));
        }
    }

    fn fold_cancelled(&mut self, cancelled: &RunCancelled, at: Timestamp) {
        if cancelled.dropped_request {
            let message = "cancelled before the model answered";
            self.cut_step = Some(cut_model_step(RunStatus::Cancelled, message, 0));
        }
        self.stop(RunStatus::Cancelled, at);
    }

    fn fold_failed(&mut self, failed: &RunFailed, at: Timestamp) {
        if failed.failure.kind == FailureKind::Model {
            let message = &failed.failure.message;
            self.cut_step = Some(cut_model_step(RunStatus::Error, message, failed.duration_us));
        }
        self.failure = Some(failed.failure.clone());
        self.stop(RunStatus::Error, at);
    }

    fn stop(&mut self, status: RunStatus, at: Timestamp) {
        self.status = status;
        self.cancellation = None;
        self.interrupted = Transient(false);
        self.awaiting_model = Transient(false);
        self.model_failure = Transient(None);
        if let Some(since) = self.active_since.take() {
            self.active_us = self.active_us.saturating_add(at.micros_since(since));
        }
    }

    pub(super) fn place(&self, call_id: &str) -> Result<usize, Misfit> {
        self.call_index
            .get(call_id)
            .copied()
            .ok_or_else(|| Misfit::Dangling(format!("call {call_id}")))
    }
}

fn reply_summary(reply: &ModelReplied) -> String {
    match reply.calls.len() {
        0 => "the model answered".to_owned(),
        1 => "the model asked for 1 tool call".to_owned(),
        count => format!("the model asked for {count} tool calls"),
    }
}

fn tool_step(call: &Call, finished: &ToolFinished) -> Step {
    let message = match (finished.source, finished.is_error) {
        (crate::journal::OutcomeSource::Tool, false) => "returned",
        (crate::journal::OutcomeSource::Tool, true) => "failed",
        (crate::journal::OutcomeSource::Refused, _) => "refused",
        (crate::journal::OutcomeSource::Rejected, _) => "rejected",
        (crate::journal::OutcomeSource::External, _) => "run elsewhere",
        (crate::journal::OutcomeSource::User, _) => "answered by the user",
        (crate::journal::OutcomeSource::Supplied, _) => "result supplied",
        (crate::journal::OutcomeSource::Skipped, _) => "skipped",
        (crate::journal::OutcomeSource::Reconciled, _) => "found to have run",
        (crate::journal::OutcomeSource::Expired, _) => "expired",
        (crate::journal::OutcomeSource::Waited, _) => "waited",
        (crate::journal::OutcomeSource::Signal, _) => "got its event",
    };
    Step {
        name: format!("tool:{}", call.plan.name),
        status: if finished.is_error {
            RunStatus::Error
        } else {
            RunStatus::Completed
        },
        message: message.to_owned(),
        duration_us: finished.duration_us,
    }
}

fn cut_model_step(status: RunStatus, message: &str, duration_us: i64) -> Step {
    Step {
        name: "model_execution".to_owned(),
        status,
        message: message.to_owned(),
        duration_us,
    }
}
