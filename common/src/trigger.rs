//! A trigger: a function that the table's stream runs.
//!
//! Records repeat, and order across keys is not given
//! (<https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>), so a trigger takes a record as a
//! hint of *what* changed and reads the table for *how it is*. Every record of a batch is worked on, whatever became of those before
//! it; the first that failed is reported, from which the event source mapping goes on.
//!
//! A record that can be read by nobody, or whose item can, fails alone, and for as often as the mapping tries it; then it is in the
//! on-failure destination (docs/decisions/0018-poison-records.md).

use crate::app::{App, Observation};
use crate::auth::token::{Claims, TokenKind};
use crate::clock::Clock;
use crate::error::{Code, Problem, Result};
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
use std::collections::BTreeMap;
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

    /// Few: what comes behind a record in its lane waits for all its tries, and a try has tries of its own (the store's, the SDK's).
    const PATIENCE: Patience = Patience::Retries(5);

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

/// The records of a batch that have to come again, by their sequence numbers, and why.
#[derive(Debug, Default)]
pub struct Failures(BTreeMap<String, Problem>);

impl Failures {
    pub fn add(&mut self, record: &Record, problem: &Problem) {
        self.0.insert(record.sequence.clone(), problem.clone());
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
        let batch = Batch::read(event)?;
        let cx = TriggerCx { signs: T::SIGNS, sends_mail: T::SENDS_MAIL, ..TriggerCx::new(app, T::NAME, T::ACCESS) };
        let Failures(mut failures) = T::handle(&cx, &batch.records).await;
        failures.extend(batch.unreadable.clone());
        for (sequence, problem) in &failures {
            log_failure(T::NAME, &batch, sequence, problem);
        }
        cx.report(batch.sequences.len(), failures.len(), started);
        answer(&batch.sequences, &failures)
    }
    .boxed()
}

/// A batch, each of whose records was read on its own: one that cannot be is no trouble of the others.
struct Batch {
    /// Of all records, in the order of the batch.
    sequences: Vec<String>,
    records: Vec<Record>,
    unreadable: BTreeMap<String, Problem>,
}

impl Batch {
    fn read(event: Value) -> Result<Batch, String> {
        let raw: RawBatch =
            serde_json::from_value(event).map_err(|error| format!("not a batch of records: {error}"))?;
        let mut batch = Batch { sequences: Vec::new(), records: Vec::new(), unreadable: BTreeMap::new() };
        for raw in &raw.records {
            // What has no number cannot be reported. The batch fails, and is halved until nothing else does.
            let sequence = raw["dynamodb"]["SequenceNumber"].as_str().ok_or("a record without a sequence number")?;
            batch.sequences.push(sequence.to_owned());
            match Record::read(sequence, raw) {
                Ok(record) => batch.records.push(record),
                Err(problem) => drop(batch.unreadable.insert(sequence.to_owned(), problem)),
            }
        }
        Ok(batch)
    }
}

impl Record {
    /// Reads the key and nothing else: images may be large, and hold what this version does not know.
    fn read(sequence: &str, raw: &Value) -> Result<Record> {
        let keys = &raw["dynamodb"]["Keys"];
        let text = |name: &str| keys[name]["S"].as_str();
        let Some((pk, sk)) = text("pk").zip(text("sk")) else {
            return Err(Problem::internal("a record without the key of an item"));
        };
        let Some((whose, kind)) = keys::parse(pk, sk) else {
            return Err(Problem::internal("a record of a kind that is not known"));
        };
        Ok(Record { sequence: sequence.to_owned(), whose, kind, sk: sk.to_owned() })
    }
}

/// One line for a record that was not done, by which the reason is found of what is in the on-failure destination: that names the
/// sequence number and no reason. Of the item no more than its kind and its tenant.
fn log_failure(function: &str, batch: &Batch, sequence: &str, problem: &Problem) {
    let record = batch.records.iter().find(|record| record.sequence == sequence);
    let kind = record.map(|record| tracing::field::debug(record.kind));
    let tenant = record.and_then(|record| record.whose.tenant()).map(tracing::field::display);
    let reason = reason(problem);
    tracing::warn!(
        function,
        sequence,
        kind,
        tenant,
        reason,
        "a record was not done; it comes again until it is given up"
    );
}

/// A line of a log holds so many characters of a reason.
const LONGEST_REASON: usize = 500;

fn reason(problem: &Problem) -> String {
    problem.to_string().chars().take(LONGEST_REASON).collect()
}

/// The first failed record, in the order of the batch: Lambda goes on from the lowest it is told of.
///
/// A record that stands alone and fails for a reason that does not pass by itself ends in an error instead. To the mapping that is
/// the same failure; but it counts among the function's errors, of which an alarm tells at once, and the letter in the on-failure
/// destination says that there was one (`functionError`).
fn answer(sequences: &[String], failures: &BTreeMap<String, Problem>) -> Result<Value, String> {
    let first = sequences.iter().find_map(|sequence| failures.get_key_value(sequence));
    match (first, sequences.len()) {
        (None, _) => Ok(json!({ "batchItemFailures": [] })),
        (Some((_, problem)), 1) if !passes(problem) => Err(reason(problem)),
        (Some((sequence, _)), _) => Ok(json!({ "batchItemFailures": [{ "itemIdentifier": sequence }] })),
    }
}

/// Whether another try may do better although nothing is mended.
fn passes(problem: &Problem) -> bool {
    matches!(problem.code, Code::TryAgain | Code::VersionStale)
}

#[derive(Deserialize)]
struct RawBatch {
    #[serde(rename = "Records")]
    records: Vec<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(sequence: &str, keys: Value) -> Value {
        json!({ "eventName": "MODIFY", "dynamodb": { "SequenceNumber": sequence, "Keys": keys } })
    }

    fn key(pk: &str, sk: &str) -> Value {
        json!({ "pk": { "S": pk }, "sk": { "S": sk } })
    }

    const TENANT: &str = "TENANT#ten_00000000000000000000000000000001";

    #[test]
    fn a_record_that_cannot_be_read_fails_alone_and_with_its_reason() {
        let no_key = "internal: a record without the key of an item";
        let no_kind = "internal: a record of a kind that is not known";
        let cases = [
            (Value::Null, no_key),
            (json!({ "pk": { "S": TENANT } }), no_key),
            (json!({ "pk": { "B": "AAAA" }, "sk": { "S": "COUNTERS" } }), no_key),
            (json!({ "pk": { "S": TENANT }, "sk": { "N": "1" } }), no_key),
            (key(TENANT, "NEWER#1"), no_kind),
            (key("PLANET#1", "COUNTERS"), no_kind),
            (key("TENANT#1", "COUNTERS"), no_kind),
            (key(TENANT, &"x".repeat(1024)), no_kind),
        ];
        for (keys, reason) in cases {
            let event = json!({ "Records": [raw("1", key(TENANT, "BILLING")), raw("2", keys), raw("3", key(TENANT, "TENANT"))] });
            let batch = Batch::read(event).unwrap();
            assert_eq!(batch.sequences, ["1", "2", "3"]);
            assert_eq!(
                batch.records.iter().map(|record| record.kind).collect::<Vec<_>>(),
                [Kind::Billing, Kind::Tenant]
            );
            let unreadable: Vec<_> =
                batch.unreadable.iter().map(|(sequence, problem)| (sequence.as_str(), problem.to_string())).collect();
            assert_eq!(unreadable, [("2", reason.to_owned())]);
        }
    }

    #[test]
    fn of_a_record_nothing_but_its_key_is_read() {
        let mut large = raw("1", key(TENANT, "COUNTERS"));
        let attributes: serde_json::Map<_, _> =
            (0..5000).map(|n| (format!("attribute {n}"), json!({ "M": { "n": { "N": "not a number" } } }))).collect();
        large["dynamodb"]["NewImage"] = Value::Object(attributes);
        large["dynamodb"]["OldImage"] = json!({ "text": { "S": "x".repeat(400 * 1024) } });
        large["userIdentity"] = json!({ "type": 7 });
        large["eventName"] = Value::Null;
        let batch = Batch::read(json!({ "Records": [large] })).unwrap();
        assert_eq!((batch.records.len(), batch.unreadable.len()), (1, 0));
    }

    #[test]
    fn what_cannot_be_reported_fails_with_its_batch() {
        let nameless = json!({ "dynamodb": { "Keys": key(TENANT, "COUNTERS") } });
        let event = json!({ "Records": [raw("1", key(TENANT, "COUNTERS")), nameless] });
        assert_eq!(Batch::read(event).err().as_deref(), Some("a record without a sequence number"));
        for event in [Value::Null, json!({}), json!({ "Records": 1 })] {
            assert!(Batch::read(event).err().unwrap().starts_with("not a batch of records: "));
        }
    }

    fn answered(sequences: &[&str], failures: &[(&str, Problem)]) -> Result<Value, String> {
        let sequences: Vec<_> = sequences.iter().map(ToString::to_string).collect();
        let failures = failures.iter().map(|(sequence, problem)| (sequence.to_string(), problem.clone())).collect();
        answer(&sequences, &failures)
    }

    #[test]
    fn the_first_that_failed_is_reported_in_the_order_of_the_batch() {
        let poison = || Problem::internal("poison");
        assert_eq!(answered(&["9", "10"], &[]), Ok(json!({ "batchItemFailures": [] })));
        let first = Ok(json!({ "batchItemFailures": [{ "itemIdentifier": "9" }] }));
        assert_eq!(answered(&["8", "9", "10"], &[("10", poison()), ("9", poison())]), first);
        assert_eq!(answered(&["9"], &[("9", Problem::try_again())]), first);
        assert_eq!(answered(&["9"], &[("9", Problem::version_stale())]), first);
    }

    #[test]
    fn one_that_stands_alone_and_fails_for_good_is_an_error_in_so_many_words() {
        let long = Problem::internal("x".repeat(10_000));
        assert_eq!(answered(&["9"], &[("9", Problem::internal("poison"))]), Err("internal: poison".to_owned()));
        assert_eq!(answered(&["9"], &[("9", long)]).err().map(|reason| reason.len()), Some(LONGEST_REASON));
    }
}
