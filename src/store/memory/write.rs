//! Carrying operations out in memory.

use std::collections::HashSet;

use super::MemoryStore;
use super::run::MemoryRun;
use crate::journal::{AuditKey, Entry, JournalEnd, Record};
use crate::store::NO_OUTBOX;
use crate::store::holder::{Expiry, Holder, now_for};
use crate::store::late_cancel;
use crate::store::rules::{self, Verdict};
use crate::store::signals::may_take;
use crate::store::{
    Append, Author, Committed, DueClaim, DueRun, ExternalRecord, LeaseGrant, NewRun, Operation, RequirementRow,
    RunStatus, Store, StoreError,
};
use crate::{Text, Timestamp};

impl MemoryStore {
    pub(super) fn carry_out(&mut self, operation: &Operation) -> Result<Committed, StoreError> {
        match operation {
            Operation::Create(new) => self.create(new),
            Operation::Append(append) => self.append(append),
            Operation::Signal(signal) => self.take_in(signal).map(Committed::Signalled),
            Operation::Acquire {
                run_id,
                holder,
                now,
                expires,
                known,
            } => self.acquire(run_id, holder, *now, *expires, *known),
            Operation::Release { run_id, epoch } => Ok(self.release(run_id, *epoch)),
            Operation::ClaimDue(claim) => self.claim_due(claim),
            Operation::ClaimOutbox(_) | Operation::AdvanceOutbox { .. } => Err(rules::unusable(NO_OUTBOX.to_owned())),
        }
    }

    fn create(&mut self, new: &NewRun) -> Result<Committed, StoreError> {
        if self.places.contains_key(&new.run_id) {
            return Err(StoreError::RunExists {
                run_id: new.run_id.clone(),
            });
        }
        rules::judge_first(new)?;
        let mut run = MemoryRun::new(new, self.key.as_ref());
        let entries: Vec<&Entry> = new.entries.iter().collect();
        let seq = run.extend(&entries, new.at, false, &self.salts)?;
        self.enlist(&new.holder, new.at, new.expires);
        self.places.insert(new.run_id.clone(), self.runs.len());
        self.index(&new.run_id, &entries);
        self.runs.push(run);
        Ok(Committed::Appended { seq })
    }

    fn append(&mut self, append: &Append) -> Result<Committed, StoreError> {
        let committed = self.append_alone(append)?;
        match committed {
            Committed::Appended { seq } if may_take(append) && self.deliver_kept(append) => {
                Ok(Committed::Delivered { seq })
            }
            committed => Ok(committed),
        }
    }

    /// Appends, and leaves signals as they are.
    pub(super) fn append_alone(&mut self, append: &Append) -> Result<Committed, StoreError> {
        self.check_key(self.run(&append.run_id)?)?;
        let run = self.run(&append.run_id)?;
        if !append.author.is_mover() {
            rules::check_not_erased(&run.row)?;
        }
        rules::check_author(append, run.state()).map_err(|error| error.naming(|| run.moved_payload()))?;
        let is_cancelled = |after| Ok::<_, StoreError>(run.is_cancelled_after(after));
        match late_cancel::instead_of(append, run.outsider_entries(), is_cancelled)? {
            Some(instead) => self.write(&instead).map(Committed::into_cancelled),
            None => self.write(append),
        }
    }

    fn write(&mut self, append: &Append) -> Result<Committed, StoreError> {
        let outsider = append.author == Author::External;
        let place = self.place(&append.run_id)?;
        let run = &mut self.runs[place];
        let Verdict::Write { entries, at } = rules::judge(append, run.row.status, &run.requirements)? else {
            return Ok(Committed::AlreadyDecided);
        };
        let before = run.records.len();
        let seq = run.extend(&entries, at, outsider, &self.salts)?;
        let opened: Vec<Entry> = entries.iter().copied().filter(is_opening).cloned().collect();
        if let Some(status) = rules::status_after(append) {
            (run.row.status, run.row.updated_at) = (status, append.at);
            run.row.not_before = rules::not_before_after(append).unwrap_or(run.row.not_before);
        }
        if let Some(finish) = &append.finish {
            run.row.holder = None;
            run.goes_on_with = finish.goes_on_with;
        }
        if outsider {
            let run_id = run.row.run_id.clone();
            let notice = |record: &Record| ExternalRecord {
                run_id: run_id.clone(),
                record: record.clone(),
                authentic: true,
            };
            let notices: Vec<_> = run.records[before..].iter().map(notice).collect();
            self.outsiders.extend(notices.into_iter().map(Some));
        }
        self.index(&append.run_id, &opened.iter().collect::<Vec<_>>());
        Ok(Committed::Appended { seq })
    }

    fn acquire(
        &mut self,
        run_id: &Text,
        holder: &Holder,
        now: Timestamp,
        expires: Timestamp,
        known: Option<JournalEnd>,
    ) -> Result<Committed, StoreError> {
        let run = self.run(run_id)?;
        rules::check_not_erased(&run.row)?;
        if run.row.status == RunStatus::Completed {
            return Ok(Committed::Lease(LeaseGrant::Completed {
                run: Box::new(run.stored(known)?),
            }));
        }
        rules::check_not_moved(&run.row).map_err(|error| error.naming(|| run.moved_payload()))?;
        self.check_key(run)?;
        let mut lease = self.lease(run);
        if let Some(lease) = &mut lease
            && lease.cut_down(&*self.liveness, now, expires)
        {
            self.expiries.insert(lease.holder.token.clone(), lease.expiry);
        }
        rules::check_lease(run_id, lease, holder, now, &*self.liveness)?;
        self.enlist(holder, now, expires);
        let run = self.run_mut(run_id)?;
        run.row.epoch += 1;
        run.row.holder = Some(holder.clone());
        run.held_since = now;
        Ok(Committed::Lease(LeaseGrant::Granted {
            epoch: run.row.epoch,
            run: Box::new(run.stored(known)?),
        }))
    }

    fn claim_due(&mut self, claim: &DueClaim) -> Result<Committed, StoreError> {
        let mut claimed = Vec::new();
        for row in self.due(&claim.filter)? {
            let is_granted = row.holder.is_none()
                && !row.is_erased
                && row.audit_key_id.as_ref() == self.key.as_ref().map(AuditKey::id);
            let mut epoch = None;
            if is_granted {
                self.enlist(&claim.holder, claim.filter.now, claim.expires);
                let run = self.run_mut(&row.run_id)?;
                run.row.epoch += 1;
                (run.row.holder, run.held_since) = (Some(claim.holder.clone()), claim.filter.now);
                epoch = Some(run.row.epoch);
            }
            claimed.push(DueRun {
                run_id: row.run_id,
                agent_name: row.agent_name,
                epoch,
            });
        }
        Ok(Committed::DueClaimed(claimed))
    }

    pub(super) fn check_key(&self, run: &MemoryRun) -> Result<(), StoreError> {
        let row = &run.row;
        rules::chain_to_write(&row.run_id, row.format, row.audit_key_id.as_ref(), self.key.as_ref()).map(drop)
    }

    pub(super) fn index(&mut self, run_id: &Text, entries: &[&Entry]) {
        for entry in entries {
            if let Entry::RequirementOpened(opened) = entry {
                let row = RequirementRow {
                    requirement_id: opened.requirement_id.clone(),
                    run_id: run_id.clone(),
                };
                self.requirements.push((row, opened.kind));
            }
        }
    }

    fn release(&mut self, run_id: &str, epoch: u64) -> Committed {
        if let Ok(run) = self.run_mut(run_id)
            && run.row.epoch == epoch
        {
            run.row.holder = None;
        }
        Committed::Released
    }

    /// Notes that a holder is alive until `expires`. With a new one, those are forgotten that are gone and hold nothing.
    fn enlist(&mut self, holder: &Holder, now: Timestamp, expires: Timestamp) {
        if !self.expiries.contains_key(&holder.token) {
            let holders: HashSet<&Text> = self.runs.iter().filter_map(MemoryRun::holder_token).collect();
            self.expiries
                .retain(|token, expiry| expiry.wall > now || holders.contains(token));
        }
        let renewed = Expiry::renewed(now_for(&*self.liveness, holder, now), expires);
        let present = self.expiries.entry(holder.token.clone()).or_insert(renewed);
        *present = renewed.no_earlier_than(present.wall);
    }
}

fn is_opening(entry: &&Entry) -> bool {
    matches!(entry, Entry::RequirementOpened(_))
}
