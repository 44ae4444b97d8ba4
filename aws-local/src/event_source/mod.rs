//! The semantics of Lambda's event source mapping for a DynamoDB stream: filters, batches, order per item,
//! partial failures, bisecting, bounded retries, bounded age, an on-failure destination, at-least-once.
//!
//! Reproduces <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>,
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html> and
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>. Starts at `TRIM_HORIZON`, has
//! `ReportBatchItemFailures` on, and no batching window.
//!
//! ```text
//! source ──read──▶ filter ──hash of the item's key──▶ lane 0 ──batch──▶ function
//!                    │                                lane 1 …            │
//!                    └── filtered out: finished ──▶ lag ◀── finished ─────┤
//!                                                    │                    └── given up ──▶ dead letters
//!                                                    └──▶ checkpoint
//! ```

mod batch;
mod checkpoint;
mod dead_letters;
mod filter;
mod lag;
mod lane;
mod record;
mod response;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use dead_letters::{
    BatchInfo, Condition, DeadLetter, DeadLetters, LocalDetails, Replayed, RequestContext, ResponseContext,
};
pub use filter::{Filter, FilterError, passes};
pub use lag::Lag;

use crate::Invoke;
use batch::{Policy, Splitting};
use lane::Shared;
use record::{Record, SequenceNumber};

/// The shortest pause between two reads that found nothing. AWS polls four times a second.
const IDLE_PAUSE: Duration = Duration::from_millis(25);
/// A read that found nothing is followed by a pause this many times as long as the read took, so that a source
/// that is slow to look into (an embedded table has to walk its whole stream) costs a few per cent of a core.
const PAUSE_PER_READ: u32 = 20;
/// How many records are read at a time; `GetRecords` answers at most this many.
const READ_LIMIT: usize = 1_000;
/// How many records may wait in the lanes before reading pauses, so that one held lane does not take in the
/// whole stream.
const WAITING_LIMIT: usize = 10_000;

/// A mapping from a stream to a function.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// The function's name; also names the checkpoint.
    pub name: String,
    /// AWS event filter patterns, one of which a record must match; none lets every record through.
    pub filters: Vec<Value>,
    /// How many records the function gets at most in one event.
    pub batch_size: usize,
    /// AWS's `ParallelizationFactor`, 1 to 10: how many batches of the shard are in flight at a time.
    pub parallelization: usize,
    /// AWS's `BisectBatchOnFunctionError`: halve a batch that failed, to isolate what fails.
    pub bisect_on_error: bool,
    /// How often a batch is tried again before it is given up.
    pub max_retries: u32,
    /// How old a record may become before it is given up untried.
    pub max_age: Duration,
    /// How long to wait before trying again.
    pub backoff: Backoff,
}

/// How long to wait after a failure: `first`, then twice as long each time, at most `longest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the first failure.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
}

impl Default for Backoff {
    /// 100 ms to 10 s. AWS backs off exponentially too, and does not say by how much.
    fn default() -> Self {
        Self { first: Duration::from_millis(100), longest: Duration::from_secs(10) }
    }
}

impl Backoff {
    fn after(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(30);
        self.first.saturating_mul(1 << doublings).min(self.longest)
    }
}

/// Where records come from, in stream order.
pub trait RecordSource {
    /// Up to `limit` records behind the one with the sequence number `checkpoint`, or from the oldest one on.
    /// A record is exactly what Lambda gets as an element of `Records`.
    ///
    /// # Errors
    /// With what went wrong, in words. The read is then tried again later.
    fn records_after(&self, checkpoint: Option<&str>, limit: usize) -> Result<Vec<Value>, String>;
}

impl<S: RecordSource + ?Sized> RecordSource for Arc<S> {
    fn records_after(&self, checkpoint: Option<&str>, limit: usize) -> Result<Vec<Value>, String> {
        (**self).records_after(checkpoint, limit)
    }
}

/// Why a mapping did not run.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// One of its filters is none.
    #[error("mapping {mapping}: {source}")]
    Filter {
        /// The mapping's name.
        mapping: String,
        /// What is wrong with the filter.
        source: FilterError,
    },
    /// A number is outside what AWS takes.
    #[error("mapping {mapping}: {setting} is {value}, and must be {allowed}")]
    OutOfRange {
        /// The mapping's name.
        mapping: String,
        /// Which setting.
        setting: &'static str,
        /// Its value.
        value: usize,
        /// What it may be.
        allowed: &'static str,
    },
    /// Its checkpoint cannot be read or written.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// Reads `source` from `checkpoint` on and hands its records to `invoke`, until `shutdown` is ready. Invocations
/// under way are then waited for, and nothing new is started.
///
/// # Errors
/// When the mapping is not one that AWS would accept, or its checkpoint cannot be read at the start or kept at
/// the end. A source that cannot be read is not an error: it is asked again.
pub async fn run(
    mapping: Mapping,
    source: impl RecordSource + Send,
    invoke: Invoke,
    dead_letters: DeadLetters,
    checkpoint: Checkpoint,
    lag: Lag,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), MappingError> {
    let filters = read_filters(&mapping)?;
    check_ranges(&mapping)?;
    let position = checkpoint.load()?.map(SequenceNumber::new);
    lag.resume_after(position.clone());
    let lanes = Lanes::start(&mapping, invoke, dead_letters, lag.clone());
    let mut poller = Poller { source, filters, position, lag, checkpoint, lanes };
    poller.poll_until(shutdown).await;
    poller.stop().await
}

fn read_filters(mapping: &Mapping) -> Result<Vec<Filter>, MappingError> {
    let read = mapping.filters.iter().map(Filter::read).collect::<Result<_, _>>();
    read.map_err(|source| MappingError::Filter { mapping: mapping.name.clone(), source })
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html>
fn check_ranges(mapping: &Mapping) -> Result<(), MappingError> {
    let out_of_range =
        |setting, value, allowed| MappingError::OutOfRange { mapping: mapping.name.clone(), setting, value, allowed };
    if !(1..=10_000).contains(&mapping.batch_size) {
        return Err(out_of_range("batch_size", mapping.batch_size, "1 to 10000"));
    }
    if !(1..=10).contains(&mapping.parallelization) {
        return Err(out_of_range("parallelization", mapping.parallelization, "1 to 10"));
    }
    Ok(())
}

/// The lanes of a shard, running.
struct Lanes {
    entrances: Vec<mpsc::UnboundedSender<Record>>,
    tasks: JoinSet<()>,
    /// Dropped to stop them.
    running: watch::Sender<()>,
}

impl Lanes {
    fn start(mapping: &Mapping, invoke: Invoke, dead_letters: DeadLetters, lag: Lag) -> Self {
        let splitting = if mapping.bisect_on_error { Splitting::Halves } else { Splitting::Never };
        let shared = Arc::new(Shared {
            mapping: mapping.name.clone(),
            batch_size: mapping.batch_size,
            policy: Policy { splitting, max_retries: mapping.max_retries },
            max_age: mapping.max_age,
            backoff: mapping.backoff,
            invoke,
            dead_letters,
            lag,
        });
        let (running, stopping) = watch::channel(());
        let mut tasks = JoinSet::new();
        let entrances = (0..mapping.parallelization)
            .map(|_| {
                let (entrance, records) = mpsc::unbounded_channel();
                tasks.spawn(lane::run(Arc::clone(&shared), records, stopping.clone()));
                entrance
            })
            .collect();
        Self { entrances, tasks, running }
    }

    fn hand_over(&self, record: Record) {
        let lane = record.lane(self.entrances.len());
        if self.entrances[lane].send(record).is_err() {
            // A lane ends only when it is told to, or with a bug; the record stays unfinished and is read again.
            tracing::error!(lane, "a lane is gone");
        }
    }

    async fn stop(self) {
        let Self { entrances, mut tasks, running } = self;
        drop(running);
        drop(entrances);
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a lane broke");
            }
        }
    }
}

struct Poller<S> {
    source: S,
    filters: Vec<Filter>,
    /// How far the source was read, which is ahead of what is finished.
    position: Option<SequenceNumber>,
    lag: Lag,
    checkpoint: Checkpoint,
    lanes: Lanes,
}

impl<S: RecordSource> Poller<S> {
    async fn poll_until(&mut self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = std::pin::pin!(shutdown);
        let mut kept = self.lag.last_finished();
        loop {
            let pause = self.poll();
            self.keep_checkpoint(&mut kept);
            tokio::select! {
                biased;
                () = &mut shutdown => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Reads once, and answers how long to wait before the next read.
    fn poll(&mut self) -> Duration {
        if self.lag.pending() >= WAITING_LIMIT {
            return IDLE_PAUSE;
        }
        let started = Instant::now();
        match self.source.records_after(self.position.as_ref().map(SequenceNumber::as_str), READ_LIMIT) {
            Ok(records) if records.is_empty() => IDLE_PAUSE.max(started.elapsed() * PAUSE_PER_READ),
            Ok(records) => {
                self.accept(records);
                Duration::ZERO
            }
            Err(error) => {
                tracing::warn!(error, "cannot read the stream; trying again");
                IDLE_PAUSE.max(started.elapsed() * PAUSE_PER_READ)
            }
        }
    }

    fn accept(&mut self, records: Vec<Value>) {
        let records: Vec<Record> = records.into_iter().filter_map(read_record).collect();
        self.lag.started(records.iter().map(|record| &record.sequence));
        if let Some(last) = records.last() {
            self.position = Some(last.sequence.clone());
        }
        let (wanted, filtered_out): (Vec<_>, Vec<_>) =
            records.into_iter().partition(|record| passes(&self.filters, &record.json));
        self.lag.finished(filtered_out.iter().map(|record| &record.sequence));
        wanted.into_iter().for_each(|record| self.lanes.hand_over(record));
    }

    fn keep_checkpoint(&self, kept: &mut Option<String>) {
        let finished = self.lag.last_finished();
        if finished == *kept {
            return;
        }
        match finished.as_deref().map_or(Ok(()), |sequence| self.checkpoint.save(sequence)) {
            Ok(()) => *kept = finished,
            Err(error) => tracing::error!(%error, "cannot keep a checkpoint; trying again"),
        }
    }

    async fn stop(self) -> Result<(), MappingError> {
        self.lanes.stop().await;
        match self.lag.last_finished() {
            Some(sequence) => Ok(self.checkpoint.save(&sequence)?),
            None => Ok(()),
        }
    }
}

fn read_record(json: Value) -> Option<Record> {
    let record = Record::read(json);
    if record.is_none() {
        tracing::error!("skipped a stream record without a sequence number");
    }
    record
}
