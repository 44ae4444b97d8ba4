//! The on-failure destination: what became of records that were given up.
//!
//! The shape is the one AWS sends to an SQS queue for a DynamoDB stream, which names the records and does not
//! contain them: <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>. The records and
//! the last error are added under a key that AWS would never use, so that one can look into it here without a
//! function coming to rely on it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::locking::lock;
use crate::stamp;

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
    /// The id of the last request.
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
    letters: Mutex<Vec<DeadLetter>>,
    directory: Option<PathBuf>,
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
        let letters =
            files.iter().map(|file| Ok(serde_json::from_slice(&fs::read(file)?)?)).collect::<io::Result<_>>()?;
        Ok(Self::holding(letters, Some(directory.to_owned())))
    }

    /// Every letter, oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<DeadLetter> {
        lock(&self.inner.letters).clone()
    }

    /// Takes a letter. Lambda goes on when its destination refuses (metric `DestinationDeliveryFailures`), and
    /// so does this: a letter that cannot be written is logged, and listed until the process ends.
    pub(crate) fn push(&self, letter: DeadLetter) {
        if let Some(directory) = &self.inner.directory
            && let Err(error) = write(directory, &letter)
        {
            tracing::error!(%error, mapping = letter.local.mapping, "cannot keep a dead letter");
        }
        lock(&self.inner.letters).push(letter);
    }

    fn holding(letters: Vec<DeadLetter>, directory: Option<PathBuf>) -> Self {
        Self { inner: Arc::new(Inner { letters: Mutex::new(letters), directory }) }
    }
}

fn write(directory: &Path, letter: &DeadLetter) -> io::Result<()> {
    let name = stamp::unique_id();
    let beside = directory.join(format!("{name}.tmp"));
    fs::write(&beside, serde_json::to_vec_pretty(letter)?)?;
    fs::rename(beside, directory.join(format!("{name}.json")))
}
