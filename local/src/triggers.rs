//! The event source mappings: every trigger of the manifest on the table's stream.
//!
//! Settings as in the deployment, but for the pause before a retry, which is short: nobody waits here for a throttled table.

use crate::data::Data;
use crate::runner::Functions;
use crate::table;
use aws_local::dynamo_stream::DynamoStream;
use aws_local::event_source::{self, Backoff, DeadLetters, Lag, Mapping};
use common::function::{Function, Stream};
use common::trigger::Patience;
use dynoxide::Database;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

const HOUR: Duration = Duration::from_secs(60 * 60);
/// An hour less than a stream keeps its records (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html>).
const LONGEST: Duration = Duration::from_secs(23 * 60 * 60);
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(50), longest: Duration::from_secs(2) };
/// Longer than all retries of a record take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Dropped, they stop by themselves.
pub(crate) struct Triggers {
    stream: DynamoStream,
    running: Vec<Trigger>,
    stop: watch::Sender<()>,
}

struct Trigger {
    name: &'static str,
    lag: Lag,
    task: JoinHandle<()>,
}

/// The triggers have not done all there is to do.
#[derive(Debug, thiserror::Error)]
pub enum NotSettled {
    #[error("{trigger} did not catch up with the stream within {} s. See the log for what it fails with.", PATIENCE.as_secs())]
    Behind { trigger: &'static str },
    #[error("cannot read the table's stream: {reason}")]
    Unreadable { reason: String },
}

impl Triggers {
    pub(crate) fn start(
        functions: &[&'static Function],
        runner: &Functions,
        database: &Database,
        data: &Data,
        dead_letters: &DeadLetters,
    ) -> Triggers {
        let (stop, stopped) = watch::channel(());
        let streams = functions.iter().filter_map(|function| Some((*function, function.stream_source()?)));
        let running = streams.map(|(function, stream)| {
            let lag = Lag::new();
            let running = event_source::run(
                mapping(function, stream),
                DynamoStream::new(database.clone(), table::NAME),
                runner.invoker(function),
                dead_letters.clone(),
                data.checkpoint(function.name),
                lag.clone(),
                until_stopped(stopped.clone()),
            );
            let task = tokio::spawn(async move {
                if let Err(error) = running.await {
                    tracing::error!(trigger = function.name, %error, "a trigger stopped");
                }
            });
            Trigger { name: function.name, lag, task }
        });
        let running = running.collect();
        Triggers { stream: DynamoStream::new(database.clone(), table::NAME), running, stop }
    }

    /// Waits until every record is done or given up, those too that triggers write meanwhile.
    pub(crate) async fn settled(&self) -> Result<(), NotSettled> {
        let mut settled = None;
        loop {
            let latest = self.stream.latest().map_err(|reason| NotSettled::Unreadable { reason })?;
            if latest == settled {
                return Ok(());
            }
            for trigger in &self.running {
                trigger.catch_up_to(latest.as_deref().unwrap_or_default()).await?;
            }
            settled = latest;
        }
    }

    /// Waits for the batches under way; what has not begun is left to the checkpoint.
    pub(crate) async fn stop(self) {
        drop(self.stop);
        for trigger in self.running {
            if let Err(error) = trigger.task.await {
                tracing::error!(trigger = trigger.name, %error, "a trigger broke");
            }
        }
    }
}

impl Trigger {
    async fn catch_up_to(&self, sequence_number: &str) -> Result<(), NotSettled> {
        let caught_up = tokio::time::timeout(PATIENCE, self.lag.caught_up_to(sequence_number)).await;
        caught_up.map_err(|_| NotSettled::Behind { trigger: self.name })
    }
}

fn mapping(function: &Function, stream: &Stream) -> Mapping {
    let (max_retries, max_age) = match stream.patience {
        Patience::Retries(retries) => (retries, HOUR),
        Patience::AsLongAsTheStream => (u32::MAX, LONGEST),
    };
    Mapping {
        name: function.name.to_owned(),
        filters: stream.listens.filters(),
        batch_size: stream.batch_size as usize,
        parallelization: stream.parallelization as usize,
        bisect_on_error: true,
        max_retries,
        max_age,
        backoff: BACKOFF,
    }
}

async fn until_stopped(mut stopped: watch::Receiver<()>) {
    // The sender sends nothing: a change is that it is gone.
    while stopped.changed().await.is_ok() {}
}
