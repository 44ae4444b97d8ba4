//! A stream record as the event source mapping sees it: opaque JSON, its place in the stream, its item, its age.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html>

use crate::stamp;
use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

/// A record's place in its shard: 21 to 40 decimal digits, ordered as a number.
#[derive(Debug, Clone)]
pub(crate) struct SequenceNumber(String);

impl SequenceNumber {
    pub(crate) fn new(digits: impl Into<String>) -> Self {
        Self(digits.into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    fn magnitude(&self) -> (usize, &str) {
        let significant = self.0.trim_start_matches('0');
        (significant.len(), significant)
    }
}

impl Ord for SequenceNumber {
    fn cmp(&self, other: &Self) -> Ordering {
        self.magnitude().cmp(&other.magnitude())
    }
}

impl PartialOrd for SequenceNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for SequenceNumber {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for SequenceNumber {}

/// A stream record, and when it was read.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) json: Value,
    pub(crate) sequence: SequenceNumber,
    /// Seconds since the epoch at which the item was written.
    pub(crate) created: Option<f64>,
    read_at: Instant,
    age_when_read: Duration,
}

impl Record {
    /// Reads what the mapping needs off a record; `None` for one without a sequence number, which no stream sends.
    pub(crate) fn read(json: Value) -> Option<Self> {
        let sequence = SequenceNumber::new(json.pointer("/dynamodb/SequenceNumber")?.as_str()?);
        let created = json.pointer("/dynamodb/ApproximateCreationDateTime").and_then(Value::as_f64);
        Some(Self {
            sequence,
            created,
            read_at: Instant::now(),
            age_when_read: created.map_or(Duration::ZERO, age_now),
            json,
        })
    }

    /// How long ago the item was written, as far as the stream's one-second clock tells.
    pub(crate) fn age(&self) -> Duration {
        self.age_when_read + self.read_at.elapsed()
    }

    /// Which of `lanes` this record's item belongs to: always the same one, so an item's records stay in order.
    pub(crate) fn lane(&self, lanes: usize) -> usize {
        let keys = self.json.pointer("/dynamodb/Keys").map(Value::to_string).unwrap_or_default();
        let mut hasher = DefaultHasher::new();
        keys.hash(&mut hasher);
        let lanes = lanes.max(1) as u64;
        (hasher.finish() % lanes) as usize
    }
}

fn age_now(created: f64) -> Duration {
    let now = stamp::since_epoch();
    Duration::try_from_secs_f64(now.as_secs_f64() - created).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_are_ordered_as_numbers_whatever_their_width() {
        let nine = SequenceNumber::new("9");
        let ten = SequenceNumber::new("10");
        let padded_ten = SequenceNumber::new("0000010");
        assert!(nine < ten);
        assert_eq!(ten, padded_ten);
        assert!(SequenceNumber::new("4".repeat(40)) > SequenceNumber::new("9".repeat(39)));
    }
}
