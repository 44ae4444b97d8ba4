//! One lane of a shard: its records go to the function in order, batch after batch.
//!
//! AWS's `ParallelizationFactor` gives a shard up to ten of them, and an item's records always go to the same
//! one: <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html>. A record that
//! keeps failing therefore holds its own lane and no other.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use super::batch::{Batch, Next, Policy};
use super::dead_letters::{
    BatchInfo, Condition, DeadLetter, DeadLetters, LocalDetails, RequestContext, ResponseContext,
};
use super::record::Record;
use super::response::{self, Failure, Outcome};
use super::{Backoff, Lag};
use crate::stamp;
use crate::{Invoke, InvokeError};

/// What every lane of a mapping shares.
pub(crate) struct Shared {
    pub(crate) mapping: String,
    pub(crate) batch_size: usize,
    pub(crate) policy: Policy,
    pub(crate) max_age: Duration,
    pub(crate) backoff: Backoff,
    pub(crate) invoke: Invoke,
    pub(crate) dead_letters: DeadLetters,
    pub(crate) lag: Lag,
}

/// Works off `records` until the sender is gone or `stopping` is. An invocation under way is waited for; what
/// is not done by then is left to the checkpoint.
pub(crate) async fn run(
    shared: Arc<Shared>,
    mut records: mpsc::UnboundedReceiver<Record>,
    mut stopping: watch::Receiver<()>,
) {
    loop {
        let mut batch = Vec::new();
        let received = tokio::select! {
            biased;
            _ = stopping.changed() => return,
            received = records.recv_many(&mut batch, shared.batch_size) => received,
        };
        if received == 0 {
            return;
        }
        shared.work_off(Batch::new(batch), stopping.clone()).await;
    }
}

impl Shared {
    async fn work_off(&self, batch: Batch, mut stopping: watch::Receiver<()>) {
        let mut waiting = VecDeque::from([batch]);
        while let Some(batch) = waiting.pop_front() {
            if stopping.has_changed().is_err() {
                return;
            }
            let Some(batch) = self.without_aged(batch) else { continue };
            let again = self.attempt(batch).await;
            if let Some(first) = again.first() {
                tokio::select! {
                    biased;
                    _ = stopping.changed() => return,
                    () = tokio::time::sleep(self.backoff.after(first.failures)) => {}
                }
            }
            again.into_iter().rev().for_each(|batch| waiting.push_front(batch));
        }
    }

    /// One attempt at a batch; answers with what is to be attempted next, in order.
    async fn attempt(&self, mut batch: Batch) -> Vec<Batch> {
        let answer = self.call(&batch.records).await;
        match response::read(answer, &batch.records) {
            Outcome::Succeeded => {
                self.finish(&batch.records);
                Vec::new()
            }
            Outcome::Failed { first_failed: 0, error } => {
                self.report(&batch, &error);
                self.follow(batch.after_whole_failure(self.policy), &error)
            }
            Outcome::Failed { first_failed, error } => {
                self.report(&batch, &error);
                let failed = batch.split_off_failed(first_failed);
                self.finish(&batch.records);
                self.follow(failed.after_progress(self.policy), &error)
            }
        }
    }

    /// A panic is a function's error, as in Lambda, where it would end the process and not the poller.
    async fn call(&self, records: &[Record]) -> Result<Value, InvokeError> {
        let records: Vec<&Value> = records.iter().map(|record| &record.json).collect();
        let event = json!({ "Records": records });
        let invocation = AssertUnwindSafe(async { (self.invoke)(event).await });
        invocation
            .catch_unwind()
            .await
            .unwrap_or_else(|panic| Err(InvokeError::Panicked { message: panic_message(panic.as_ref()) }))
    }

    fn follow(&self, next: Next, error: &Failure) -> Vec<Batch> {
        match next {
            Next::Attempt(batches) => batches,
            Next::GiveUp(batch) => {
                self.give_up(&batch, Condition::RetryAttemptsExhausted, Some(error));
                Vec::new()
            }
        }
    }

    fn without_aged(&self, mut batch: Batch) -> Option<Batch> {
        if let Some(aged) = batch.take_aged(|record| record.age() > self.max_age) {
            self.give_up(&aged, Condition::RecordAgeExceeded, None);
        }
        (!batch.records.is_empty()).then_some(batch)
    }

    fn give_up(&self, batch: &Batch, condition: Condition, error: Option<&Failure>) {
        if let Some(letter) = self.letter(batch, condition, error) {
            tracing::error!(
                mapping = self.mapping,
                ?condition,
                records = batch.records.len(),
                "gave up stream records"
            );
            self.dead_letters.push(letter);
        }
        self.finish(&batch.records);
    }

    fn letter(&self, batch: &Batch, condition: Condition, error: Option<&Failure>) -> Option<DeadLetter> {
        let (first, last) = (batch.records.first()?, batch.records.last()?);
        Some(DeadLetter {
            request_context: RequestContext {
                request_id: stamp::unique_id().to_string(),
                function_arn: format!("arn:aws:lambda:us-east-1:000000000000:function:{}", self.mapping),
                condition,
                approximate_invoke_count: batch.failures,
            },
            response_context: error.map(response_context),
            version: "1.0".to_owned(),
            timestamp: stamp::now().to_string(),
            batch: BatchInfo {
                shard_id: "shardId-00000000000000000000-00000000".to_owned(),
                start_sequence_number: first.sequence.as_str().to_owned(),
                end_sequence_number: last.sequence.as_str().to_owned(),
                approximate_arrival_of_first_record: arrival(first),
                approximate_arrival_of_last_record: arrival(last),
                batch_size: batch.records.len(),
                stream_arn: first.json["eventSourceARN"].as_str().unwrap_or_default().to_owned(),
            },
            local: LocalDetails {
                mapping: self.mapping.clone(),
                last_error: error.map(ToString::to_string),
                records: batch.records.iter().map(|record| record.json.clone()).collect(),
            },
        })
    }

    fn finish(&self, records: &[Record]) {
        self.lag.finished(records.iter().map(|record| &record.sequence));
    }

    fn report(&self, batch: &Batch, error: &Failure) {
        let size = batch.records.len();
        tracing::warn!(mapping = self.mapping, %error, size, failures = batch.failures + 1, "a batch of stream records failed");
    }
}

fn response_context(error: &Failure) -> ResponseContext {
    let function_error = matches!(error, Failure::Invocation(_)).then(|| "Unhandled".to_owned());
    ResponseContext { status_code: 200, executed_version: "$LATEST".to_owned(), function_error }
}

fn arrival(record: &Record) -> String {
    let seconds = record.created.unwrap_or_default() as i64;
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|message| (*message).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a value that is no text".to_owned())
}
