//! The on-failure destination: what became of records that were given up.
//!
//! The shape is the one AWS sends to an SQS queue for a DynamoDB stream, which names the records and does not
//! contain them: <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>. The records and
//! the last error are added under a key that AWS would never use, so that one can look into it here without a
//! function coming to rely on it.
//!
//! A letter can be played again once what was wrong is mended: its records go to the function as the mapping handed
//! them over, and it is taken out when they are done.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::record::Record;
use super::response::{self, Outcome};
use crate::Invoke;
use crate::locking::lock;

/// A letter about a batch that was given up, as AWS writes it to the destination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// Which function gave up, and why.
    pub request_context: RequestContext,
    /// What the last invocation answered; absent when there was none.
    pub response_context: Option<ResponseContext>,
    /// The version of this shape: `1.0`.
    pub version: String,
    /// When the batch was given up: RFC 3339, UTC.
    pub timestamp: String,
    /// Which records it was about.
    #[serde(rename = "DDBStreamBatchInfo")]
    pub batch: BatchInfo,
    /// What AWS does not say.
    #[serde(rename = "__local")]
    pub local: LocalDetails,
}

/// Which function gave up, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestContext {
    /// The id of the last request, by which letters are told apart here.
    pub request_id: String,
    /// The function's ARN.
    pub function_arn: String,
    /// Why it was given up.
    pub condition: Condition,
    /// How often a batch with these records was handed to the function.
    pub approximate_invoke_count: u32,
}

/// Why a batch was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    /// It failed once more than it may be retried.
    RetryAttemptsExhausted,
    /// Its records became older than they may.
    RecordAgeExceeded,
}

/// What the last invocation answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResponseContext {
    /// The status of `Invoke` itself: 200 also for a function's own error.
    pub status_code: u16,
    /// The function's version: `$LATEST`.
    pub executed_version: String,
    /// `Unhandled` when the invocation failed; absent when the function reported failed items.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_error: Option<String>,
}

/// Which records a letter is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchInfo {
    /// The shard they are in.
    pub shard_id: String,
    /// The first of them.
    pub start_sequence_number: String,
    /// The last of them.
    pub end_sequence_number: String,
    /// When the first was written: RFC 3339, UTC.
    pub approximate_arrival_of_first_record: String,
    /// When the last was written: RFC 3339, UTC.
    pub approximate_arrival_of_last_record: String,
    /// How many there are.
    pub batch_size: usize,
    /// The stream they are in.
    pub stream_arn: String,
}

/// What AWS does not say about a batch that was given up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LocalDetails {
    /// The mapping's name.
    pub mapping: String,
    /// What the last attempt failed with; absent when there was none.
    pub last_error: Option<String>,
    /// The records themselves.
    pub records: Vec<Value>,
}

/// The destination. Clones are the same one.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    letters: Mutex<Vec<Kept>>,
    directory: Option<PathBuf>,
}

#[derive(Debug)]
struct Kept {
    letter: DeadLetter,
    file: Option<PathBuf>,
}

/// What became of a letter that was played again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replayed {
    /// Its records are done, and it is gone.
    Done,
    /// They failed again, and it stays.
    Failed {
        /// What they failed with.
        reason: String,
    },
}

impl DeadLetters {
    /// A destination that lasts as long as the process.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::holding(Vec::new(), None)
    }

    /// A destination that keeps one JSON file per letter in `directory`, and starts with those already there.
    ///
    /// # Errors
    /// When the directory cannot be made or read, or holds a letter that is none.
    pub fn in_directory(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let entries = fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path()));
        let mut files = entries.collect::<io::Result<Vec<_>>>()?;
        files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
        // A letter's name is an id that is greater than those before it.
        files.sort();
        let read = |file: PathBuf| Ok(Kept { letter: serde_json::from_slice(&fs::read(&file)?)?, file: Some(file) });
        let letters = files.into_iter().map(read).collect::<io::Result<_>>()?;
        Ok(Self::holding(letters, Some(directory.to_owned())))
    }

    /// Every letter, oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<DeadLetter> {
        lock(&self.inner.letters).iter().map(|kept| kept.letter.clone()).collect()
    }

    /// Hands a letter's records to its function once more, and takes the letter out if they are all done. Played by
    /// two at a time, its records are handed over twice, as a stream's may be anyway.
    ///
    /// # Errors
    /// When the letter's file cannot be removed: it would be back after the next start.
    pub async fn replay(&self, letter: &DeadLetter, invoke: &Invoke) -> io::Result<Replayed> {
        let answer = invoke(json!({ "Records": letter.local.records })).await;
        let records: Vec<Record> = letter.local.records.iter().cloned().filter_map(Record::read).collect();
        match response::read(answer, &records) {
            Outcome::Succeeded => self.take_out(&letter.request_context.request_id).map(|()| Replayed::Done),
            Outcome::Failed { error, .. } => Ok(Replayed::Failed { reason: error.to_string() }),
        }
    }

    fn take_out(&self, request_id: &str) -> io::Result<()> {
        let mut letters = lock(&self.inner.letters);
        let Some(at) = letters.iter().position(|kept| kept.letter.request_context.request_id == request_id) else {
            return Ok(());
        };
        if let Some(file) = &letters[at].file {
            fs::remove_file(file)?;
        }
        letters.remove(at);
        Ok(())
    }

    /// Takes a letter. Lambda goes on when its destination refuses (metric `DestinationDeliveryFailures`), and
    /// so does this: a letter that cannot be written is logged, and listed until the process ends.
    pub(crate) fn push(&self, letter: DeadLetter) {
        let file = self.inner.directory.as_deref().and_then(|directory| match write(directory, &letter) {
            Ok(file) => Some(file),
            Err(error) => {
                tracing::error!(%error, mapping = letter.local.mapping, "cannot keep a dead letter");
                None
            }
        });
        lock(&self.inner.letters).push(Kept { letter, file });
    }

    fn holding(letters: Vec<Kept>, directory: Option<PathBuf>) -> Self {
        Self { inner: Arc::new(Inner { letters: Mutex::new(letters), directory }) }
    }
}

fn write(directory: &Path, letter: &DeadLetter) -> io::Result<PathBuf> {
    let name = &letter.request_context.request_id;
    let (beside, file) = (directory.join(format!("{name}.tmp")), directory.join(format!("{name}.json")));
    fs::write(&beside, serde_json::to_vec_pretty(letter)?)?;
    fs::rename(beside, &file)?;
    Ok(file)
}
