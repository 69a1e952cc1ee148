//! Operations on their way to whoever carries them out, each with what is called with its outcome.

use crate::store::backend::Completion;
use crate::store::{Author, Committed, Operation, StoreError};

/// An operation on its way.
pub struct Submission {
    operation: Operation,
    completion: Pending,
}

/// A completion that is called once in any case: one that gets lost hears that the store was closed.
pub struct Pending(Option<Completion>);

impl Submission {
    /// An operation, and what is called with its outcome.
    #[must_use]
    pub fn new(operation: Operation, completion: Completion) -> Self {
        Self {
            operation,
            completion: Pending(Some(completion)),
        }
    }

    /// Apart, so that operations can be carried out together: see [`Batch`].
    #[must_use]
    pub fn into_parts(self) -> (Operation, Pending) {
        (self.operation, self.completion)
    }

    /// What is to be carried out.
    #[must_use]
    pub fn operation(&self) -> &Operation {
        &self.operation
    }

    /// Ends the submission with an error.
    pub fn fail(self, error: StoreError) {
        self.completion.finish(Err(error));
    }
}

impl From<(Operation, Pending)> for Submission {
    fn from((operation, completion): (Operation, Pending)) -> Self {
        Self { operation, completion }
    }
}

impl Pending {
    fn finish(mut self, outcome: Result<Committed, StoreError>) {
        if let Some(completion) = self.0.take() {
            completion(outcome);
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(completion) = self.0.take() {
            completion(Err(StoreError::Closed));
        }
    }
}

/// Operations with what is called with their outcomes.
pub type Batch = (Vec<Operation>, Vec<Pending>);

/// Submissions and what came of them.
pub struct Done(Vec<(Pending, Result<Committed, StoreError>)>);

impl Done {
    /// One outcome for each completion, in order.
    #[must_use]
    pub fn new(completions: Vec<Pending>, outcomes: Vec<Result<Committed, StoreError>>) -> Self {
        Self(std::iter::zip(completions, outcomes).collect())
    }

    /// Tells each submission its outcome.
    pub fn tell(self) {
        for (completion, outcome) in self.0 {
            completion.finish(outcome);
        }
    }
}

/// Whether the operation put something into a journal that its driver does not know.
#[must_use]
pub fn is_by_outsider(operation: &Operation, outcome: &Result<Committed, StoreError>) -> bool {
    match (operation, outcome) {
        (_, Err(_)) => false,
        (Operation::Append(append), Ok(committed)) => {
            append.author == Author::External || matches!(committed, Committed::Delivered { .. })
        }
        (Operation::Signal(_), Ok(committed)) => {
            matches!(committed, Committed::Signalled(signalled) if signalled.is_new && signalled.is_taken)
        }
        _ => false,
    }
}
