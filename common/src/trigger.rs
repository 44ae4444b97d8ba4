//! A trigger: a function that the table's stream runs.
//!
//! Records repeat, and order across keys is not given
//! (<https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>), so a trigger takes a record as a
//! hint of *what* changed and reads the table for *how it is*. It answers with the records that failed; the first of them is
//! reported, from which the event source mapping goes on.

use crate::app::{App, Observation};
use crate::auth::token::{Claims, TokenKind};
use crate::clock::Clock;
use crate::error::{Problem, Result};
use crate::keys::{self, Kind, SortKey, Whose};
use crate::store::{Access, Store};
use domain::Timestamp;
use domain::audit::{Action, Actor, Audit};
use domain::id::{AuditId, TenantId};
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;
use uuid::Uuid;

/// A change of an item, as DynamoDB names it in `eventName`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Event {
    Insert,
    Modify,
    Remove,
}

impl Event {
    pub const fn as_str(self) -> &'static str {
        match self {
            Event::Insert => "INSERT",
            Event::Modify => "MODIFY",
            Event::Remove => "REMOVE",
        }
    }
}

/// What a trigger hears of.
#[derive(Debug, Clone, Copy)]
pub struct Listen {
    pub kinds: &'static [Kind],
    pub events: &'static [Event],
}

impl Listen {
    /// As filter patterns of an event source mapping: one a kind, any of which lets a record through
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html>).
    pub fn filters(&self) -> Vec<Value> {
        let events: Vec<_> = self.events.iter().map(|event| event.as_str()).collect();
        let pattern = |kind: &Kind| match kind.sort_key() {
            SortKey::Exact(exact) => json!(exact),
            SortKey::Prefix(prefix) => json!({ "prefix": prefix }),
        };
        let filter = |kind| json!({ "eventName": events, "dynamodb": { "Keys": { "sk": { "S": [pattern(kind)] } } } });
        self.kinds.iter().map(filter).collect()
    }

    /// Whether it hears what `access` does: a trigger that did would run forever.
    pub fn hears(&self, access: Access) -> bool {
        let (kind, event) = match access {
            Access::Create(kind) | Access::CreateIn(kind, _) => (kind, Event::Insert),
            Access::Replace(kind) | Access::Update(kind) | Access::UpdateIn(kind, _) => (kind, Event::Modify),
            Access::Delete(kind) => (kind, Event::Remove),
            Access::Get(_)
            | Access::BatchGet(_)
            | Access::Query(_)
            | Access::QueryIndex(_)
            | Access::Scan(_)
            | Access::Check(_) => return false,
        };
        self.kinds.contains(&kind) && self.events.contains(&event)
    }
}

/// How long a record that fails is tried again before it goes to the on-failure destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// So many tries more, and no longer than an hour: for work that a later record does again anyway.
    Retries(u32),
    /// As long as the stream keeps it, 24 hours: for work that nobody else will do.
    AsLongAsTheStream,
}

/// Whether a function may hand mail to SES.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendsMail {
    No,
    Yes,
}

/// One function run by the stream.
pub trait StreamTrigger: Sized + 'static {
    const NAME: &'static str;
    const SUMMARY: &'static str;
    const LISTENS: Listen;
    const ACCESS: &'static [Access];
    const SIGNS: &'static [TokenKind] = &[];
    const SENDS_MAIL: SendsMail = SendsMail::No;
    const MEMORY_MB: u32 = 256;
    /// The most records a batch.
    const BATCH_SIZE: u32 = 100;
    /// How many batches of a shard run side by side, in order per item.
    const PARALLELIZATION: u32 = 4;

    const PATIENCE: Patience = Patience::Retries(10);

    fn handle(cx: &TriggerCx, records: &[Record]) -> impl Future<Output = Failures> + Send;
}

/// A record of the stream: whose item of which kind changed. No image: what an item was is not what it is.
#[derive(Debug, Clone)]
pub struct Record {
    pub sequence: String,
    pub whose: Whose,
    pub kind: Kind,
    pub sk: String,
}

/// The records of a batch that have to come again.
#[derive(Debug, Default)]
pub struct Failures(BTreeSet<String>);

impl Failures {
    pub fn add(&mut self, record: &Record) {
        self.0.insert(record.sequence.clone());
    }
}

/// What a trigger works with.
pub struct TriggerCx {
    pub(crate) app: Arc<App>,
    store: Store,
    pub(crate) function: &'static str,
    signs: &'static [TokenKind],
    sends_mail: SendsMail,
}

impl TriggerCx {
    pub(crate) fn new(app: Arc<App>, function: &'static str, access: &'static [Access]) -> TriggerCx {
        TriggerCx {
            store: Store::new(&app, function, [access, &[], &[]]),
            app,
            function,
            signs: &[],
            sends_mail: SendsMail::No,
        }
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Reads the clock anew: a batch may take long.
    pub fn now(&self) -> Timestamp {
        self.app.clock.now()
    }

    pub fn new_id(&self) -> Result<Uuid> {
        crate::random::uuid(self.now())
    }

    /// A line for the tenant's audit log about what nobody asked for just now.
    pub fn audit(&self, tenant: TenantId, action: Action, target: impl ToString) -> Result<Audit> {
        let id = AuditId::from_uuid(self.new_id()?);
        let (actor, target, details) = (Actor::System, target.to_string(), BTreeMap::new());
        Ok(Audit { tenant, id, at: self.now(), actor, action, target, details })
    }

    /// The clock, for what waits by it.
    pub fn clock(&self) -> &Clock {
        &self.app.clock
    }

    /// Waits until `moment`, but no longer than `longest`.
    pub async fn wait_until(&self, moment: Timestamp, longest: SignedDuration) {
        self.app.clock.wait_until(moment, longest).await;
    }

    pub fn console_url(&self) -> &str {
        &self.app.config.console_url
    }

    /// Signs a token that is good until `expires_at`.
    pub fn sign<C: Claims>(&self, claims: C, jti: Uuid, expires_at: Timestamp) -> Result<String> {
        if !self.signs.contains(&C::KIND) {
            return Err(Problem::internal("a trigger that signs what it did not declare"));
        }
        self.app.keys.sign(claims, jti, self.now(), expires_at)
    }

    pub(crate) fn may_send_mail(&self) -> Result<()> {
        match self.sends_mail {
            SendsMail::Yes => Ok(()),
            SendsMail::No => Err(Problem::internal("a trigger that sends mail without declaring it")),
        }
    }

    /// One line in the log, and one word to whoever watches.
    pub(crate) fn report(&self, records: usize, failed: usize, started: Instant) {
        let tally = self.store.meter().tally();
        let took = started.elapsed();
        let (calls, capacity_units, millis) = (tally.calls, tally.capacity_units, took.as_secs_f64() * 1000.0);
        let function = self.function;
        tracing::info!(function, records, failed, calls, capacity_units, millis, "processed");
        if let Some(observer) = &self.app.observer {
            let status = if failed == 0 { 200 } else { 500 };
            observer(Observation { function, status, tally, took });
        }
    }
}

/// Runs a trigger on one batch, as the event source mapping hands it over.
pub(crate) fn run<T: StreamTrigger>(app: Arc<App>, event: Value) -> BoxFuture<'static, Result<Value, String>> {
    async move {
        let started = Instant::now();
        let raw: RawBatch =
            serde_json::from_value(event).map_err(|error| format!("not a batch of records: {error}"))?;
        let sequences: Vec<_> = raw.records.iter().map(|record| record.dynamodb.sequence_number.clone()).collect();
        let records: Vec<_> = raw.records.into_iter().filter_map(known).collect();
        let cx = TriggerCx { signs: T::SIGNS, sends_mail: T::SENDS_MAIL, ..TriggerCx::new(app, T::NAME, T::ACCESS) };
        let failures = T::handle(&cx, &records).await;
        cx.report(records.len(), failures.0.len(), started);
        Ok(response(&sequences, &failures))
    }
    .boxed()
}

/// A kind that this version does not know holds nobody up: it is skipped, and said.
fn known(raw: RawRecord) -> Option<Record> {
    let keys = &raw.dynamodb.keys;
    let Some((whose, kind)) = keys::parse(&keys.pk.s, &keys.sk.s) else {
        tracing::warn!(sequence = raw.dynamodb.sequence_number, "skipped a record of a kind that is not known");
        return None;
    };
    Some(Record { sequence: raw.dynamodb.sequence_number, whose, kind, sk: raw.dynamodb.keys.sk.s })
}

/// The first failed record, in the order of the batch: Lambda goes on from the lowest it is told of.
fn response(sequences: &[String], failures: &Failures) -> Value {
    let first = sequences.iter().find(|sequence| failures.0.contains(*sequence));
    let failures: Vec<_> = first.into_iter().map(|sequence| json!({ "itemIdentifier": sequence })).collect();
    json!({ "batchItemFailures": failures })
}

#[derive(Deserialize)]
struct RawBatch {
    #[serde(rename = "Records")]
    records: Vec<RawRecord>,
}

#[derive(Deserialize)]
struct RawRecord {
    dynamodb: RawChange,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawChange {
    keys: RawKeys,
    sequence_number: String,
}

#[derive(Deserialize)]
struct RawKeys {
    pk: RawText,
    sk: RawText,
}

#[derive(Deserialize)]
struct RawText {
    #[serde(rename = "S")]
    s: String,
}
