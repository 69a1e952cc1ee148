//! What others append to the journal while somebody drives the run, or nobody does.

use haltpoint_engine::journal::{CancelRequested, Entry, Record, RequirementDecided, RequirementExpired};
use haltpoint_engine::requirement::{Decision, RequirementKind};
use haltpoint_engine::run::{Requirement, Run};
use haltpoint_engine::store::RunStatus;

use super::Scenario;
use super::decisions::signalled;
use super::expectations::open_requirement;

impl Scenario {
    /// Somebody decides what the call waits for, and the driver, if there is one, hears of it at once.
    pub(crate) fn decides(self, call_id: &str, decision: Decision) -> Self {
        self.decides_unheard(call_id, decision).hears()
    }

    /// Somebody decides, and the driver has not heard of it yet.
    pub(crate) fn decides_unheard(self, call_id: &str, decision: Decision) -> Self {
        self.decides_unheard_as("ada", call_id, decision)
    }

    /// Somebody decides under their name, and the driver has not heard of it yet. Where that comes too late, a store refuses it, and
    /// what is written is that the time was over.
    pub(crate) fn decides_unheard_as(mut self, by: &str, call_id: &str, decision: Decision) -> Self {
        let requirement = open_requirement(&self.on_disk(), call_id).clone();
        self.tick();
        if requirement.terms.are_over(self.now) {
            return self.expires_unheard(call_id);
        }
        let requirement_id = requirement.id;
        let entry = self
            .on_disk()
            .decision_entry(&requirement_id, decision, Some(by.into()));
        self.appends(entry.unwrap())
    }

    /// Somebody decides under their name, and the driver hears of it at once.
    pub(crate) fn decides_as(self, by: &str, call_id: &str, decision: Decision) -> Self {
        self.decides_unheard_as(by, call_id, decision).hears()
    }

    /// The event that the call waits for has happened, and the driver, if there is one, hears of it at once.
    pub(crate) fn happens(mut self, call_id: &str, payload: &str) -> Self {
        self.tick();
        let requirement_id = open_requirement(&self.on_disk(), call_id).id.clone();
        let decided = RequirementDecided {
            requirement_id,
            decision: signalled(call_id, payload),
            by: Some("bank".into()),
            memory_key: None,
            remembered: None,
        };
        self.appends_from_outside(Entry::RequirementDecided(decided)).hears()
    }

    /// Nobody answered in time, and the driver hears of it at once.
    pub(crate) fn expires(self, call_id: &str) -> Self {
        self.expires_unheard(call_id).hears()
    }

    /// Nobody answered in time, and the driver has not heard of it yet.
    pub(crate) fn expires_unheard(mut self, call_id: &str) -> Self {
        let requirement = open_requirement(&self.on_disk(), call_id).clone();
        self.now = self.now.max(requirement.terms.expires_at.expect("it expires"));
        let requirement_id = requirement.id;
        self.appends_from_outside(Entry::RequirementExpired(RequirementExpired { requirement_id }))
    }

    /// Another process asks the run to stop, and the driver hears of it at once.
    pub(crate) fn gets_cancelled_from_outside(self, interrupt: bool) -> Self {
        self.gets_cancelled_unheard(interrupt).hears()
    }

    /// Another process asks the run to stop, and the driver has not heard of it yet.
    pub(crate) fn gets_cancelled_unheard(self, interrupt: bool) -> Self {
        let status = self.on_disk().status();
        assert_eq!(
            status,
            RunStatus::Running,
            "a store refuses this unless the run is running"
        );
        self.appends_from_outside(Entry::CancelRequested(CancelRequested {
            interrupt,
            by: Some("another process".into()),
            reason: None,
        }))
    }

    /// Somebody revokes the approval of the call, and the driver hears of it at once.
    pub(crate) fn revokes(self, call_id: &str) -> Self {
        self.revokes_unheard(call_id).hears()
    }

    /// Somebody revokes the approval of the call, and the driver has not heard of it yet.
    pub(crate) fn revokes_unheard(self, call_id: &str) -> Self {
        let run = self.on_disk();
        let is_of_call = |requirement: &&Requirement| {
            let is_confirmation = requirement.kind == RequirementKind::Confirmation;
            is_confirmation && &*run.calls()[requirement.call].plan.id == call_id
        };
        let requirement = run.requirements().iter().find(is_of_call).expect("somebody was asked");
        let entry = run.revocation_entry(&requirement.id, Some("cid".into()));
        self.appends_from_outside(entry.unwrap())
    }

    fn appends_from_outside(mut self, entry: Entry) -> Self {
        self.tick();
        self.appends(entry)
    }

    fn appends(mut self, entry: Entry) -> Self {
        self.journal.append(vec![entry], true, self.now);
        self.unheard.extend(self.journal.records().last().cloned());
        self
    }

    /// The driver hears of everything that others appended.
    pub(crate) fn hears(mut self) -> Self {
        while let Some(record) = self.unheard.pop_front() {
            self = self.hears_record(&record);
        }
        self
    }

    /// The driver hears of the oldest thing that it has not heard of.
    pub(crate) fn hears_one(mut self) -> Self {
        match self.unheard.pop_front() {
            Some(record) => self.hears_record(&record),
            None => self,
        }
    }

    /// The driver hears of a record, be it for the second time.
    pub(crate) fn hears_record(self, record: &Record) -> Self {
        self.feed(|run, at| run.notify_outsider(record, at).unwrap())
    }

    /// The state as others find it.
    pub(crate) fn on_disk(&self) -> Run {
        Run::replay(self.journal.records()).unwrap()
    }

    /// Whether the driver waits for the model.
    pub(crate) fn model_is_asked(&self) -> bool {
        self.model_is_asked
    }
}
