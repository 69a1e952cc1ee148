//! What reaches a process's event loop from its store.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use haltpoint_engine::Text;
use haltpoint_engine::journal::{ModelReplied, Record, Remembered};
use haltpoint_engine::requirement::Decision;
use haltpoint_engine::run::{Effect, Verdict};
use haltpoint_engine::session::{EngineError, Opened};
use haltpoint_engine::store::StoreError;

/// One piece of news.
pub(crate) enum News {
    /// Effects that had to wait for the disk, or why they cannot be had.
    Delivered {
        drive: u64,
        delivered: Result<Vec<Effect>, StoreError>,
    },
    /// The run that a drive asked for.
    Opened {
        drive: u64,
        opened: Result<Opened, EngineError>,
    },
    /// Somebody who does not drive appended to a run.
    Notice { drive: u64, record: Record },
    /// What became of a decision.
    Decided {
        run_id: Text,
        requirement_id: Text,
        decision: Decision,
        outcome: Result<(), EngineError>,
    },
    /// The earlier approvals that answer the calls of a reply, one place for each call.
    Recalled {
        drive: u64,
        reply: Box<(ModelReplied, Verdict)>,
        found: Result<Vec<Option<Remembered>>, EngineError>,
    },
    /// What became of revoking an approval.
    Revoked {
        requirement_id: Text,
        outcome: Result<bool, EngineError>,
    },
    /// What became of looking whether a requirement's time is over.
    Expired { outcome: Result<bool, EngineError> },
    /// What became of a cancel request.
    Cancelled { outcome: Result<bool, EngineError> },
}

/// Where news wait; clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Inbox(Arc<Mutex<VecDeque<News>>>);

impl Inbox {
    pub(crate) fn put(&self, news: News) {
        self.0.lock().unwrap().push_back(news);
    }

    pub(crate) fn take(&self) -> Option<News> {
        self.0.lock().unwrap().pop_front()
    }
}
