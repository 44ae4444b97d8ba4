//! How far a mapping is behind its stream, for tests and for whoever waits until things have settled.
//!
//! Stands where CloudWatch's `IteratorAge` would: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::record::SequenceNumber;

/// A handle on a mapping's progress. Clones see the same mapping.
#[derive(Debug, Clone)]
pub struct Lag {
    progress: Arc<watch::Sender<Progress>>,
}

#[derive(Debug, Default)]
struct Progress {
    /// Everything read beyond `finished_through`, in stream order.
    beyond: BTreeMap<SequenceNumber, State>,
    finished_through: Option<SequenceNumber>,
    unfinished: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Finished,
}

impl Default for Lag {
    fn default() -> Self {
        Self { progress: Arc::new(watch::Sender::new(Progress::default())) }
    }
}

impl Lag {
    /// The progress of a mapping that has not started.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many records are read and neither done nor discarded yet. Zero does not mean that the stream holds
    /// no more: ask [`caught_up_to`](Self::caught_up_to) for that.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.progress.borrow().unfinished
    }

    /// The sequence number up to which every record is done, discarded or filtered out.
    #[must_use]
    pub fn last_finished(&self) -> Option<String> {
        self.progress.borrow().finished_through.as_ref().map(|sequence| sequence.as_str().to_owned())
    }

    /// Waits until every record up to and including `sequence_number` is done, discarded or filtered out.
    /// Waits for ever when that never happens; bound it with a timeout.
    pub async fn caught_up_to(&self, sequence_number: &str) {
        let target = SequenceNumber::new(sequence_number);
        let mut progress = self.progress.subscribe();
        let reached = progress
            .wait_for(|progress| progress.finished_through.as_ref().is_some_and(|through| *through >= target))
            .await;
        // `wait_for` fails only once the sender is gone, and `self` holds it.
        debug_assert!(reached.is_ok());
    }

    pub(crate) fn resume_after(&self, sequence: Option<SequenceNumber>) {
        self.progress.send_replace(Progress { finished_through: sequence, ..Progress::default() });
    }

    pub(crate) fn started<'a>(&self, sequences: impl Iterator<Item = &'a SequenceNumber>) {
        self.progress.send_modify(|progress| sequences.for_each(|sequence| progress.start(sequence)));
    }

    pub(crate) fn finished<'a>(&self, sequences: impl Iterator<Item = &'a SequenceNumber>) {
        self.progress.send_modify(|progress| {
            sequences.for_each(|sequence| progress.finish(sequence));
            progress.advance();
        });
    }
}

impl Progress {
    fn start(&mut self, sequence: &SequenceNumber) {
        if self.beyond.insert(sequence.clone(), State::Waiting).is_none() {
            self.unfinished += 1;
        }
    }

    fn finish(&mut self, sequence: &SequenceNumber) {
        if let Some(state) = self.beyond.get_mut(sequence)
            && *state == State::Waiting
        {
            *state = State::Finished;
            self.unfinished -= 1;
        }
    }

    /// Moves past the finished records at the front: the first unfinished one holds the checkpoint.
    fn advance(&mut self) {
        while let Some(first) = self.beyond.first_entry()
            && *first.get() == State::Finished
        {
            self.finished_through = Some(first.remove_entry().0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn progress_is_held_by_the_lowest_unfinished_record() {
        let lag = Lag::new();
        let [a, b, c] = ["1", "2", "3"].map(SequenceNumber::new);
        lag.started([&a, &b, &c].into_iter());
        lag.finished([&b, &c].into_iter());
        assert_eq!((lag.pending(), lag.last_finished()), (1, None));
        lag.finished([&a].into_iter());
        assert_eq!((lag.pending(), lag.last_finished().as_deref()), (0, Some("3")));
        lag.caught_up_to("3").await;
    }
}
