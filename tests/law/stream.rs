//! The stream of the table, read by somebody who wishes us ill: within what DynamoDB and Lambda promise, and no further.
//!
//! The records of one item keep their order. Everything else is anybody's guess: which items' records make a batch, how often it
//! comes, and whether it comes at all.

use aws_local::dynamo_stream::DynamoStream;
use aws_local::event_source::{Filter, RecordSource, passes};
use common::keys::{self, Kind};
use domain::id::TenantId;
use proptest::sample::Index;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};

pub struct Stream {
    source: DynamoStream,
    checkpoint: Option<String>,
    filters: Vec<Filter>,
    /// By item, oldest first: what has not been delivered.
    waiting: BTreeMap<String, VecDeque<Value>>,
    /// All that the trigger may hear of.
    pub heard: Vec<Value>,
}

/// Records that go to the trigger together.
#[derive(Debug, Clone)]
pub struct Batch(pub Vec<Value>);

/// As many as one invocation gets.
const BATCH_SIZE: usize = 100;

impl Stream {
    pub fn after(source: DynamoStream, checkpoint: Option<String>, filters: Vec<Filter>) -> Stream {
        Stream { source, checkpoint, filters, waiting: BTreeMap::new(), heard: Vec::new() }
    }

    /// Reads what is new, and lets what passes the filters wait. All that is new, the rest too.
    pub fn read(&mut self) -> Vec<Value> {
        let mut new = Vec::new();
        loop {
            let records = self.source.records_after(self.checkpoint.as_deref(), 1000).unwrap();
            let Some(last) = records.last() else { break };
            self.checkpoint = Some(sequence(last).to_owned());
            new.extend(records);
        }
        for record in new.iter().filter(|record| passes(&self.filters, record)) {
            self.waiting.entry(item(record)).or_default().push_back(record.clone());
            self.heard.push(record.clone());
        }
        new
    }

    /// Takes the oldest record of one item that waits, then of another or the same.
    pub fn take(&mut self, chosen: &[Index]) -> Batch {
        let mut records = Vec::new();
        for choice in chosen {
            let items: Vec<_> = self.waiting.keys().cloned().collect();
            if items.is_empty() {
                break;
            }
            records.push(self.take_of(&items[choice.index(items.len())]));
        }
        Batch(records)
    }

    fn take_of(&mut self, item: &str) -> Value {
        let waiting = self.waiting.get_mut(item).unwrap();
        let record = waiting.pop_front().unwrap();
        if waiting.is_empty() {
            self.waiting.remove(item);
        }
        record
    }

    /// They wait again, before those that are newer.
    pub fn put_back(&mut self, records: &[Value]) {
        for record in records.iter().rev() {
            self.waiting.entry(item(record)).or_default().push_front(record.clone());
        }
    }

    /// Takes those again that were put back.
    pub fn take_back(&mut self, batch: &Batch) -> Batch {
        Batch(batch.0.iter().map(|record| self.take_of(&item(record))).collect())
    }

    /// All that waits, item by item.
    pub fn take_all(&mut self) -> Vec<Batch> {
        let records = std::mem::take(&mut self.waiting).into_values().flatten().collect();
        Batch::of(records)
    }
}

impl Batch {
    pub fn of(records: Vec<Value>) -> Vec<Batch> {
        records.chunks(BATCH_SIZE).map(|chunk| Batch(chunk.to_vec())).collect()
    }

    pub fn event(&self) -> Value {
        json!({ "Records": self.0 })
    }

    pub fn halves(&self) -> [Batch; 2] {
        let (first, second) = self.0.split_at(self.0.len() / 2);
        [first, second].map(|half| Batch(half.to_vec()))
    }

    /// What has to come again, by what came of the invocation: from the first record that failed, or all of it.
    pub fn failed(&self, outcome: &Result<Value, String>) -> &[Value] {
        let Ok(answer) = outcome else { return &self.0 };
        let Some(failure) = answer["batchItemFailures"].as_array().unwrap().first() else { return &[] };
        let first = self.0.iter().position(|record| sequence(record) == failure["itemIdentifier"]).unwrap();
        &self.0[first..]
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether a record is about something of a tenant's.
pub fn is_of(record: &Value, tenant: TenantId) -> bool {
    key(record, "pk") == format!("TENANT#{tenant}")
}

/// How often a tenant's checklist was written.
pub fn checklist_writes(records: &[Value], tenant: TenantId) -> usize {
    let is_write = |record: &&Value| is_of(record, tenant) && kind(record) == Some(Kind::Checklist);
    records.iter().filter(is_write).count()
}

fn kind(record: &Value) -> Option<Kind> {
    keys::parse(key(record, "pk"), key(record, "sk")).map(|(_, kind)| kind)
}

fn key<'r>(record: &'r Value, name: &str) -> &'r str {
    record["dynamodb"]["Keys"][name]["S"].as_str().unwrap()
}

fn item(record: &Value) -> String {
    record["dynamodb"]["Keys"].to_string()
}

fn sequence(record: &Value) -> &str {
    record["dynamodb"]["SequenceNumber"].as_str().unwrap()
}
