//! What happens to a batch after an attempt at it: done, retried, halved or given up.
//!
//! Reproduces <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html> and
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>. AWS documents that
//! splitting a batch does not count as a retry; what it does with the count when a batch fails further in than
//! before is not documented. Here progress starts the count anew: a record is then retried as often as it may
//! be, however often the records before it failed.

use super::record::Record;

/// Records that go to the function together, and how often that was tried.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) records: Vec<Record>,
    /// Retries used up: those of exactly these records, and of the larger batch they were split from.
    retries: u32,
    /// Failed attempts at a batch with these records at its front, which is what the wait grows with.
    pub(crate) failures: u32,
}

/// How a mapping treats failure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    pub(crate) splitting: Splitting,
    pub(crate) max_retries: u32,
}

/// Whether a failed batch is split to isolate what fails (`BisectBatchOnFunctionError`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Splitting {
    Halves,
    Never,
}

/// What to do with a batch, or its tail, that failed.
#[derive(Debug)]
pub(crate) enum Next {
    /// Try these, in this order, before anything else.
    Attempt(Vec<Batch>),
    /// Send it to the on-failure destination.
    GiveUp(Batch),
}

impl Batch {
    pub(crate) fn new(records: Vec<Record>) -> Self {
        Self { records, retries: 0, failures: 0 }
    }

    /// Splits off the records at `index` and behind, which have now failed; the ones before it stay, done.
    pub(crate) fn split_off_failed(&mut self, index: usize) -> Batch {
        Batch { records: self.records.split_off(index), retries: 0, failures: 1 }
    }

    /// A batch whose records were done up to the failed one: the failed one is now in front.
    pub(crate) fn after_progress(self, policy: Policy) -> Next {
        match policy.splitting {
            // The reported sequence number is where AWS bisects, and a split is no retry.
            Splitting::Halves => Next::Attempt(vec![self]),
            Splitting::Never => self.retry(policy),
        }
    }

    /// A batch of which nothing was done.
    pub(crate) fn after_whole_failure(mut self, policy: Policy) -> Next {
        self.failures += 1;
        match policy.splitting {
            Splitting::Halves if self.records.len() > 1 => Next::Attempt(self.halves()),
            _ => self.retry(policy),
        }
    }

    /// Takes out the records for which `is_too_old` holds, as a batch of their own.
    pub(crate) fn take_aged(&mut self, is_too_old: impl Fn(&Record) -> bool) -> Option<Batch> {
        let (aged, fresh): (Vec<_>, Vec<_>) = self.records.drain(..).partition(is_too_old);
        self.records = fresh;
        (!aged.is_empty()).then_some(Batch { records: aged, retries: self.retries, failures: self.failures })
    }

    fn retry(mut self, policy: Policy) -> Next {
        if self.retries >= policy.max_retries {
            return Next::GiveUp(self);
        }
        self.retries += 1;
        Next::Attempt(vec![self])
    }

    fn halves(mut self) -> Vec<Batch> {
        let second = Batch {
            records: self.records.split_off(self.records.len() / 2),
            retries: self.retries,
            failures: self.failures,
        };
        vec![self, second]
    }
}
