//! The table, as a route may use it: typed items, declared access, conditions that carry their own refusal.
//!
//! A [`Store`] belongs to one request. It refuses what its function's ACCESS did not declare, and every tenant's partition
//! but the caller's. It counts round trips and consumed capacity, so that a route's price is measured where it is paid.

use crate::app::{self, App};
use crate::config::{self, AwsAccount, ConfigError, Lookup};
use crate::error::{Code, Problem, Result};
use crate::keys::{self, Item, Key, Kind, Partition, Range, SortKey, Whose};
use crate::random;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{DisplayErrorContext, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ConditionCheck, ConsumedCapacity, Delete, Get, KeysAndAttributes, Put,
    ReturnConsumedCapacity, TransactGetItem, TransactWriteItem, Update,
};
use domain::Timestamp;
use domain::id::TenantId;
use domain::invalid;
use domain::tenant::{CountedSet, LastChange};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What the table has of an item, by the attributes' names.
pub type Attributes = HashMap<String, AttributeValue>;

/// What a function may do to which kind of item. Declared once in its manifest entry; the store refuses the rest at run
/// time and the deployment template grants just this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Access {
    /// Read by key, alone or in a snapshot.
    Get(Kind),
    /// Read by key together with others. Apart from [`Access::Get`] because AWS grants it apart: `dynamodb:BatchGetItem`.
    BatchGet(Kind),
    /// Read a range of one partition.
    Query(Kind),
    /// Read throughout the table, whosever it is. For work on all tenants, never for a request.
    Scan(Kind),
    /// Read through the index `gsi1`.
    QueryIndex(Kind),
    /// Put where nothing was.
    Create(Kind),
    /// The same for a kind that lives in several partitions: in one of them.
    CreateIn(Kind, Partition),
    /// Put over what was read, if it is still the same.
    Replace(Kind),
    /// Change attributes in place.
    Update(Kind),
    /// The same for a kind that lives in several partitions: in one of them.
    UpdateIn(Kind, Partition),
    Delete(Kind),
    /// Hold a transaction to a condition on an item that it does not write.
    Check(Kind),
}

/// What a function declares: for itself, for its caller, and for the keys that clients give their requests.
pub type Declared = [&'static [Access]; 3];

/// An item and the version it was read at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored<T> {
    pub item: T,
    pub version: u64,
}

impl<T> Deref for Stored<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.item
    }
}

/// What is under a key, whether it can be read or not: for whoever can put something sound in its place.
#[derive(Debug, Clone)]
pub enum Found<T> {
    Sound(Stored<T>),
    Wreck(Wreck),
    Nothing,
}

/// An item that is not of the shape its kind has: it lacks something, or something in it is another type.
#[derive(Debug, Clone)]
pub struct Wreck(Attributes);

impl Wreck {
    /// An attribute of it, where that can still be read by itself.
    pub fn part<P: DeserializeOwned>(&self, attribute: &str) -> Option<P> {
        self.0.get(attribute).and_then(|value| serde_dynamo::from_attribute_value(value.clone()).ok())
    }
}

impl<T> Found<T> {
    /// It is still what was found.
    pub fn unchanged(&self) -> Guard {
        match self {
            Found::Sound(stored) => Guard::unchanged(stored),
            // Whatever it has for a version, a number or not.
            Found::Wreck(Wreck(attributes)) => match attributes.get("v") {
                Some(version) => Guard::default().with(Clause::Equals("v", version.clone())),
                None => Guard::present().and_lacks("v"),
            },
            Found::Nothing => Guard::absent(),
        }
    }

    /// The version of what is put in its place.
    pub fn next_version(&self) -> u64 {
        let version = match self {
            Found::Sound(stored) => Some(stored.version),
            Found::Wreck(Wreck(attributes)) => version_of(attributes),
            Found::Nothing => None,
        };
        version.map_or(1, |version| version.saturating_add(1))
    }
}

impl<T: Item> Found<T> {
    fn of(item: Option<Attributes>) -> Found<T> {
        match item {
            Some(attributes) => decode(attributes.clone()).map_or(Found::Wreck(Wreck(attributes)), Found::Sound),
            None => Found::Nothing,
        }
    }
}

/// What a request did to the table, and what it cost.
#[derive(Debug, Default)]
pub struct Meter {
    tally: Mutex<Tally>,
}

/// See [`Meter`].
#[derive(Debug, Default, Clone)]
pub struct Tally {
    /// Calls to DynamoDB. Calls made side by side count each.
    pub calls: u32,
    /// Consumed read and write capacity units, as DynamoDB reports them.
    pub capacity_units: f64,
    /// Those of them that writes consumed: they cost more.
    pub write_units: f64,
    pub used: BTreeSet<Access>,
}

impl Meter {
    pub fn tally(&self) -> Tally {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Tally> {
        // A tally is plain numbers: it is sound whatever a panicking thread left.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count<'a>(&self, consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) {
        let mut tally = self.lock();
        tally.calls += 1;
        tally.capacity_units += units(consumed);
    }

    fn count_write<'a>(&self, consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) {
        let units = units(consumed);
        let mut tally = self.lock();
        tally.calls += 1;
        tally.capacity_units += units;
        tally.write_units += units;
    }
}

fn units<'a>(consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) -> f64 {
    consumed.into_iter().filter_map(ConsumedCapacity::capacity_units).sum()
}

/// Which tenant's data a request may touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Any,
    Only(TenantId),
}

/// The table, for one request of one function.
#[derive(Clone)]
pub struct Store {
    client: Client,
    table: Arc<str>,
    function: &'static str,
    access: Declared,
    scope: Scope,
    meter: Arc<Meter>,
}

/// One page of a range, and where the next begins.
#[derive(Debug)]
pub struct Page<T> {
    pub items: Vec<Stored<T>>,
    /// The sort key to go on after; absent on the last page.
    pub next: Option<String>,
}

/// Part of a look through the table, and where the next part begins.
#[derive(Debug)]
pub struct Scanned {
    pub found: Vec<Whose>,
    /// Absent at the table's end.
    pub next: Option<Place>,
}

/// A place in the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pk: String,
    sk: String,
}

/// In which direction of the sort key to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Ascending,
    Descending,
}

impl Store {
    /// The table for one request of `function`, which declared `access`.
    pub fn new(app: &App, function: &'static str, access: Declared) -> Store {
        let table = app.config.table.as_str().into();
        Store { client: app.dynamo.clone(), table, function, access, scope: Scope::Any, meter: Arc::default() }
    }

    /// The table that the environment names, for a `program` that is none of the functions.
    pub fn of_program(
        lookup: Lookup<'_>,
        program: &'static str,
        access: &'static [Access],
    ) -> Result<Store, ConfigError> {
        let table = config::required(lookup, config::TABLE_NAME, "the name of the DynamoDB table")?.into();
        let client = app::dynamo_client(&AwsAccount::from(lookup)?, &app::http_client()?);
        let access = [access, &[], &[]];
        Ok(Store { client, table, function: program, access, scope: Scope::Any, meter: Arc::default() })
    }

    /// The same store, held to one tenant's partition.
    pub fn scoped_to(&self, tenant: TenantId) -> Store {
        Store { scope: Scope::Only(tenant), ..self.clone() }
    }

    pub fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    fn permit(&self, access: Access, pk: &str) -> Result<()> {
        if !self.access.iter().any(|declared| declared.contains(&access)) {
            return Err(Problem::internal(format!("{} did not declare {access:?}", self.function)));
        }
        if let Scope::Only(own) = self.scope
            && keys::is_foreign_tenant(pk, own)
        {
            return Err(Problem::internal(format!("{} reached for another tenant's {access:?}", self.function)));
        }
        self.meter.lock().used.insert(access);
        Ok(())
    }

    /// The item under `key`, read consistently.
    pub async fn get<T: Item>(&self, key: Key<T>) -> Result<Option<Stored<T>>> {
        self.get_attributes(key).await?.map(decode).transpose()
    }

    /// What is under `key`, read consistently, even if that is no item that can be read.
    pub async fn find<T: Item>(&self, key: Key<T>) -> Result<Found<T>> {
        self.get_attributes(key).await.map(Found::of)
    }

    async fn get_attributes<T: Item>(&self, key: Key<T>) -> Result<Option<Attributes>> {
        self.permit(Access::Get(T::KIND), &key.pk)?;
        let sent = self
            .client
            .get_item()
            .table_name(&*self.table)
            .set_key(Some(attributes(&key)))
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        let output = sent.map_err(failed)?;
        self.meter.count(output.consumed_capacity());
        Ok(output.item)
    }

    /// Several items of different kinds in one round trip, each read consistently, but not as one snapshot.
    pub async fn get_all<K: Keys>(&self, wanted: K) -> Result<K::Items> {
        let raw = wanted.raw();
        for key in &raw {
            self.permit(Access::BatchGet(key.kind), &key.pk)?;
        }
        let found = self.batch_get(&raw).await?;
        K::decode(raw.iter().map(|key| found.get(&key.id()).cloned()))
    }

    /// Any number of items of one kind, in the order of `wanted`, in as few round trips as DynamoDB allows (100 a call).
    pub async fn get_each<T: Item>(&self, wanted: &[Key<T>]) -> Result<Vec<Option<Stored<T>>>> {
        let raw: Vec<_> = wanted.iter().map(RawKey::of).collect();
        for key in &raw {
            self.permit(Access::BatchGet(T::KIND), &key.pk)?;
        }
        let found = self.batch_get(&raw).await?;
        raw.iter().map(|key| found.get(&key.id()).cloned().map(decode).transpose()).collect()
    }

    async fn batch_get(&self, wanted: &[RawKey]) -> Result<HashMap<(String, String), Attributes>> {
        let distinct: BTreeSet<_> = wanted.iter().map(RawKey::id).collect();
        let distinct: Vec<_> = distinct.into_iter().collect();
        let mut found = HashMap::new();
        // https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html: at most 100 keys a call.
        for chunk in distinct.chunks(100) {
            let mut pending: Vec<Attributes> = chunk.iter().map(|(pk, sk)| key_attributes(pk, sk)).collect();
            for attempt in 0.. {
                let request = KeysAndAttributes::builder().set_keys(Some(pending)).consistent_read(true).build();
                let request = request.map_err(Problem::internal)?;
                let sent = self
                    .client
                    .batch_get_item()
                    .request_items(&*self.table, request)
                    .return_consumed_capacity(ReturnConsumedCapacity::Total)
                    .send()
                    .await;
                let output = sent.map_err(failed)?;
                self.meter.count(output.consumed_capacity());
                for item in output.responses.unwrap_or_default().into_values().flatten() {
                    found.insert(item_id(&item)?, item);
                }
                let left = output.unprocessed_keys.unwrap_or_default().into_values().next();
                pending = left.map(|left| left.keys).unwrap_or_default();
                if pending.is_empty() {
                    break;
                }
                backoff(attempt).await?;
            }
        }
        Ok(found)
    }

    /// Several items as they were at one moment.
    pub async fn snapshot<K: Keys>(&self, wanted: K) -> Result<K::Items> {
        let raw = wanted.raw();
        let mut gets = Vec::with_capacity(raw.len());
        for key in &raw {
            self.permit(Access::Get(key.kind), &key.pk)?;
            let get = Get::builder().table_name(&*self.table).set_key(Some(key_attributes(&key.pk, &key.sk))).build();
            gets.push(TransactGetItem::builder().get(get.map_err(Problem::internal)?).build());
        }
        for attempt in 0.. {
            let sent = self
                .client
                .transact_get_items()
                .set_transact_items(Some(gets.clone()))
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await;
            match sent {
                Ok(output) => {
                    self.meter.count(output.consumed_capacity());
                    let items = output.responses.unwrap_or_default();
                    return K::decode(items.into_iter().map(|response| response.item));
                }
                Err(error) if error.as_service_error().is_some_and(|e| e.is_transaction_canceled_exception()) => {
                    self.meter.count([]);
                    backoff(attempt).await?;
                }
                Err(error) => return Err(failed(error)),
            }
        }
        Err(Problem::try_again())
    }

    /// One page of a range, read consistently.
    pub async fn query<T: Item>(
        &self,
        range: Range<T>,
        order: Order,
        limit: u16,
        after: Option<String>,
    ) -> Result<Page<T>> {
        self.permit(Access::Query(T::KIND), &range.pk)?;
        let start = after.map(|sk| key_attributes(&range.pk, &sk));
        let sent = self
            .client
            .query()
            .table_name(&*self.table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", AttributeValue::S(range.pk))
            .expression_attribute_values(":prefix", AttributeValue::S(range.prefix))
            .consistent_read(true)
            .scan_index_forward(order == Order::Ascending)
            .limit(i32::from(limit))
            .set_exclusive_start_key(start)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        let output = sent.map_err(failed)?;
        self.meter.count(output.consumed_capacity());
        let next = output.last_evaluated_key.as_ref().map(item_id).transpose()?.map(|(_, sk)| sk);
        let items = output.items.unwrap_or_default().into_iter().map(decode).collect::<Result<_>>()?;
        Ok(Page { items, next })
    }

    /// All of a range, in its order, as many pages as that is. For what is looked at as a whole and cannot be long.
    pub async fn query_all<T: Item>(&self, range: Range<T>) -> Result<Vec<Stored<T>>> {
        const AT_A_TIME: u16 = 500;
        let (mut items, mut after) = (Vec::new(), None);
        loop {
            let page = self.query(range.clone(), Order::Ascending, AT_A_TIME, after).await?;
            items.extend(page.items);
            after = page.next;
            if after.is_none() {
                return Ok(items);
            }
        }
    }

    /// The items of kind `T` under one partition of the index: at most `limit`, eventually consistent.
    pub async fn query_index<T: Item>(&self, user: domain::id::UserId, limit: u16) -> Result<Vec<Stored<T>>> {
        let pk = keys::user_pk(user);
        self.permit(Access::QueryIndex(T::KIND), &pk)?;
        let sent = self
            .client
            .query()
            .table_name(&*self.table)
            .index_name("gsi1")
            .key_condition_expression("gsi1pk = :pk")
            .expression_attribute_values(":pk", AttributeValue::S(pk))
            .limit(i32::from(limit))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        let output = sent.map_err(failed)?;
        self.meter.count(output.consumed_capacity());
        output.items.unwrap_or_default().into_iter().map(decode).collect()
    }

    /// Whose items of `kind` there are among the next `limit` items of the table, eventually consistent.
    pub async fn scan(&self, kind: Kind, limit: u16, after: Option<Place>) -> Result<Scanned> {
        self.permit(Access::Scan(kind), "")?;
        if self.scope != Scope::Any {
            return Err(Problem::internal(format!("{} looked through all tenants for one", self.function)));
        }
        let (filter, sk) = match kind.sort_key() {
            SortKey::Exact(sk) => ("sk = :sk", sk.to_owned()),
            SortKey::Prefix(prefix) => ("begins_with(sk, :sk)", prefix),
        };
        let sent = self
            .client
            .scan()
            .table_name(&*self.table)
            // Keys alone: an item that cannot be read is whoever reads it's concern, and holds up no others.
            .projection_expression("pk, sk")
            .filter_expression(filter)
            .expression_attribute_values(":sk", AttributeValue::S(sk))
            .limit(i32::from(limit))
            .set_exclusive_start_key(after.map(|Place { pk, sk }| key_attributes(&pk, &sk)))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        let output = sent.map_err(failed)?;
        self.meter.count(output.consumed_capacity());
        let next = output.last_evaluated_key.as_ref().map(item_id).transpose()?;
        let keys = output.items.unwrap_or_default();
        let keys = keys.iter().map(item_id).collect::<Result<Vec<_>>>()?;
        let found = keys.iter().filter_map(|(pk, sk)| keys::parse(pk, sk)).map(|(whose, _)| whose).collect();
        Ok(Scanned { found, next: next.map(|(pk, sk)| Place { pk, sk }) })
    }

    /// Changes one item in place, where `guard` holds; where it does not, nothing happens and nobody is told.
    pub async fn update<T: Item>(&self, key: Key<T>, change: Change, guard: Guard) -> Result<()> {
        self.permit(update_access(T::KIND, &key.pk), &key.pk)?;
        let mut expression = Expression::default();
        let update = expression.update(change)?;
        let condition = expression.condition(guard);
        let sent = self
            .client
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(attributes(&key)))
            .update_expression(update)
            .set_condition_expression(condition)
            .set_expression_attribute_names(expression.names())
            .set_expression_attribute_values(expression.values())
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match sent {
            Ok(output) => self.meter.count_write(output.consumed_capacity()),
            Err(error)
                if error.as_service_error().is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                self.meter.count([]);
            }
            Err(error) => return Err(failed_write(error)),
        }
        Ok(())
    }

    /// Starts a transaction: all of what is added to it happens, or nothing.
    pub fn transaction(&self) -> Transaction {
        Transaction { store: self.clone(), writes: Ok(Vec::new()) }
    }
}

/// A key without its type.
pub struct RawKey {
    kind: Kind,
    pk: String,
    sk: String,
}

impl RawKey {
    fn of<T: Item>(key: &Key<T>) -> RawKey {
        RawKey { kind: T::KIND, pk: key.pk.clone(), sk: key.sk.clone() }
    }

    fn id(&self) -> (String, String) {
        (self.pk.clone(), self.sk.clone())
    }
}

/// A key, and what is made of what is under it.
pub trait Wanted {
    type Found;
    fn raw(&self) -> RawKey;
    fn decode(item: Option<Attributes>) -> Result<Self::Found>;
}

impl<T: Item> Wanted for Key<T> {
    type Found = Option<Stored<T>>;
    fn raw(&self) -> RawKey {
        RawKey::of(self)
    }
    fn decode(item: Option<Attributes>) -> Result<Self::Found> {
        item.map(decode).transpose()
    }
}

/// A key under which there may be something that cannot be read.
pub struct OrWreck<T>(Key<T>);

impl<T: Item> Key<T> {
    /// Asks for what is there even if it cannot be read. Without this, such an item fails the whole read.
    pub fn or_wreck(self) -> OrWreck<T> {
        OrWreck(self)
    }
}

impl<T: Item> Wanted for OrWreck<T> {
    type Found = Found<T>;
    fn raw(&self) -> RawKey {
        RawKey::of(&self.0)
    }
    fn decode(item: Option<Attributes>) -> Result<Self::Found> {
        Ok(Found::of(item))
    }
}

/// A tuple of keys of different kinds.
pub trait Keys {
    /// The same tuple of what was found under them.
    type Items;
    fn raw(&self) -> Vec<RawKey>;
    fn decode(found: impl Iterator<Item = Option<Attributes>>) -> Result<Self::Items>;
}

macro_rules! keys_of_tuple {
    ($($key:ident $at:tt),+) => {
        impl<$($key: Wanted),+> Keys for ($($key,)+) {
            type Items = ($($key::Found,)+);
            fn raw(&self) -> Vec<RawKey> {
                vec![$(self.$at.raw()),+]
            }
            fn decode(mut found: impl Iterator<Item = Option<Attributes>>) -> Result<Self::Items> {
                Ok(($($key::decode(found.next().flatten())?,)+))
            }
        }
    };
}
keys_of_tuple!(A 0, B 1);
keys_of_tuple!(A 0, B 1, C 2);
keys_of_tuple!(A 0, B 1, C 2, D 3);
keys_of_tuple!(A 0, B 1, C 2, D 3, E 4);
keys_of_tuple!(A 0, B 1, C 2, D 3, E 4, F 5);

/// What must hold of an item for a write to go through.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    clauses: Vec<Clause>,
}

#[derive(Debug, Clone)]
enum Clause {
    Absent,
    Present,
    AbsentOrAtMost(&'static str, i64),
    AtLeast(&'static str, i64),
    Lacks(&'static str),
    After(&'static str, Timestamp),
    Equals(&'static str, AttributeValue),
    NotEquals(&'static str, AttributeValue),
    AtMost(&'static str, i64),
    BelowOther(&'static str, &'static str),
    AtMostOther(&'static str, &'static str),
    AnyOf(Vec<Guard>),
}

impl Guard {
    fn with(mut self, clause: Clause) -> Guard {
        self.clauses.push(clause);
        self
    }

    pub fn absent() -> Guard {
        Guard::default().with(Clause::Absent)
    }

    pub fn present() -> Guard {
        Guard::default().with(Clause::Present)
    }

    /// Nothing is there, or its number `attribute` is no more than `bound`.
    pub fn absent_or_at_most(attribute: &'static str, bound: i64) -> Guard {
        Guard::default().with(Clause::AbsentOrAtMost(attribute, bound))
    }

    /// One of them holds.
    pub fn any_of(guards: impl Into<Vec<Guard>>) -> Guard {
        Guard::default().with(Clause::AnyOf(guards.into()))
    }

    /// The item is still the one that was read.
    pub fn unchanged<T>(read: &Stored<T>) -> Guard {
        Guard::version(read.version)
    }

    /// It is still the version that was read.
    pub(crate) fn version(version: u64) -> Guard {
        Guard::default().with(Clause::Equals("v", AttributeValue::N(version.to_string())))
    }

    pub fn and_at_least(self, attribute: &'static str, bound: i64) -> Guard {
        self.with(Clause::AtLeast(attribute, bound))
    }

    pub fn and_at_most(self, attribute: &'static str, bound: i64) -> Guard {
        self.with(Clause::AtMost(attribute, bound))
    }

    pub fn and_is(self, attribute: &'static str, number: u64) -> Guard {
        self.with(Clause::Equals(attribute, AttributeValue::N(number.to_string())))
    }

    /// One number of the item is less than another.
    pub fn and_below_other(self, attribute: &'static str, other: &'static str) -> Guard {
        self.with(Clause::BelowOther(attribute, other))
    }

    pub fn and_at_most_other(self, attribute: &'static str, other: &'static str) -> Guard {
        self.with(Clause::AtMostOther(attribute, other))
    }

    /// The item has no such attribute.
    pub fn and_lacks(self, attribute: &'static str) -> Guard {
        self.with(Clause::Lacks(attribute))
    }

    /// The whole second that `attribute` names is after the one of `moment`. RFC 3339 texts of whole seconds sort as time does.
    pub fn and_after(self, attribute: &'static str, moment: Timestamp) -> Guard {
        self.with(Clause::After(attribute, moment))
    }

    pub fn and_equals(self, attribute: &'static str, text: impl ToString) -> Guard {
        self.with(Clause::Equals(attribute, AttributeValue::S(text.to_string())))
    }

    pub fn and_not_equals(self, attribute: &'static str, text: impl ToString) -> Guard {
        self.with(Clause::NotEquals(attribute, AttributeValue::S(text.to_string())))
    }
}

/// A change of attributes in place.
#[derive(Debug, Clone, Default)]
pub struct Change {
    assignments: Vec<Assignment>,
}

#[derive(Debug, Clone)]
enum Assignment {
    Add(&'static str, i64),
    Set(&'static str, Result<AttributeValue, String>),
    SetOnce(&'static str, Result<AttributeValue, String>),
}

impl Change {
    pub fn new() -> Change {
        Change::default()
    }

    /// Adds to a number; an absent one counts as zero.
    pub fn add(mut self, attribute: &'static str, amount: i64) -> Change {
        self.assignments.push(Assignment::Add(attribute, amount));
        self
    }

    pub fn set(mut self, attribute: &'static str, value: impl Serialize) -> Change {
        self.assignments.push(Assignment::Set(attribute, to_attribute(value)));
        self
    }

    /// Moves the size of a set of the tenant's records by the one that `last` tells of, and keeps that as its latest change.
    pub fn count(self, set: CountedSet, last: &LastChange) -> Change {
        self.add(set.size_attribute(), last.change.amount()).set(set.changed_attribute(), last)
    }

    /// Sets what is absent.
    pub fn set_once(mut self, attribute: &'static str, value: impl Serialize) -> Change {
        self.assignments.push(Assignment::SetOnce(attribute, to_attribute(value)));
        self
    }
}

fn to_attribute(value: impl Serialize) -> Result<AttributeValue, String> {
    serde_dynamo::to_attribute_value(value).map_err(|error| error.to_string())
}

/// The text of DynamoDB expressions and the names and values they speak of.
#[derive(Default)]
struct Expression {
    names: HashMap<String, String>,
    values: Attributes,
}

impl Expression {
    fn name(&mut self, attribute: &str) -> String {
        let placeholder = format!("#{attribute}");
        self.names.insert(placeholder.clone(), attribute.to_owned());
        placeholder
    }

    fn value(&mut self, value: AttributeValue) -> String {
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        placeholder
    }

    fn number(&mut self, number: i64) -> String {
        self.value(AttributeValue::N(number.to_string()))
    }

    fn condition(&mut self, guard: Guard) -> Option<String> {
        (!guard.clauses.is_empty()).then(|| self.all_of(guard))
    }

    fn all_of(&mut self, guard: Guard) -> String {
        let clauses: Vec<_> = guard.clauses.into_iter().map(|clause| self.clause(clause)).collect();
        clauses.join(" AND ")
    }

    fn clause(&mut self, clause: Clause) -> String {
        match clause {
            Clause::Absent => "attribute_not_exists(pk)".to_owned(),
            Clause::Present => "attribute_exists(pk)".to_owned(),
            Clause::AbsentOrAtMost(attribute, bound) => {
                let (name, bound) = (self.name(attribute), self.number(bound));
                format!("(attribute_not_exists(pk) OR {name} <= {bound})")
            }
            Clause::AtLeast(attribute, bound) => format!("{} >= {}", self.name(attribute), self.number(bound)),
            Clause::AtMost(attribute, bound) => format!("{} <= {}", self.name(attribute), self.number(bound)),
            Clause::BelowOther(attribute, other) => format!("{} < {}", self.name(attribute), self.name(other)),
            Clause::AtMostOther(attribute, other) => format!("{} <= {}", self.name(attribute), self.name(other)),
            Clause::AnyOf(guards) => {
                let any: Vec<_> = guards.into_iter().map(|guard| self.all_of(guard)).collect();
                // AND binds closer than OR, and DynamoDB refuses parentheses that change nothing.
                format!("({})", any.join(" OR "))
            }
            Clause::After(attribute, moment) => {
                let moment = moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
                format!("{} > {}", self.name(attribute), self.value(AttributeValue::S(moment)))
            }
            Clause::Lacks(attribute) => format!("attribute_not_exists({})", self.name(attribute)),
            Clause::Equals(attribute, value) => format!("{} = {}", self.name(attribute), self.value(value)),
            Clause::NotEquals(attribute, value) => format!("{} <> {}", self.name(attribute), self.value(value)),
        }
    }

    fn update(&mut self, change: Change) -> Result<String> {
        let (mut set, mut add) = (Vec::new(), Vec::new());
        for assignment in change.assignments {
            match assignment {
                Assignment::Add(attribute, amount) => {
                    add.push(format!("{} {}", self.name(attribute), self.number(amount)));
                }
                Assignment::Set(attribute, value) => {
                    let value = value.map_err(Problem::internal)?;
                    set.push(format!("{} = {}", self.name(attribute), self.value(value)));
                }
                Assignment::SetOnce(attribute, value) => {
                    let (name, value) = (self.name(attribute), self.value(value.map_err(Problem::internal)?));
                    set.push(format!("{name} = if_not_exists({name}, {value})"));
                }
            }
        }
        let parts = [("SET", set), ("ADD", add)];
        let parts = parts.into_iter().filter(|(_, list)| !list.is_empty());
        Ok(parts.map(|(verb, list)| format!("{verb} {}", list.join(", "))).collect::<Vec<_>>().join(" "))
    }

    fn names(&self) -> Option<HashMap<String, String>> {
        (!self.names.is_empty()).then(|| self.names.clone())
    }

    fn values(self) -> Option<Attributes> {
        (!self.values.is_empty()).then_some(self.values)
    }
}

/// Writes that happen together or not at all. Each carries the problem to answer with when its condition does not hold.
pub struct Transaction {
    store: Store,
    writes: Result<Vec<(TransactWriteItem, Problem)>>,
}

impl Transaction {
    fn add(
        mut self,
        access: Access,
        pk: &str,
        refusal: Problem,
        write: impl FnOnce(&str) -> Result<TransactWriteItem>,
    ) -> Transaction {
        let added = self.store.permit(access, pk).and_then(|()| write(&self.store.table));
        self.writes = self.writes.and_then(|mut writes| {
            writes.push((added?, refusal));
            Ok(writes)
        });
        self
    }

    /// Puts `item` where nothing is.
    pub fn create<T: Item>(self, item: &T, refusal: Problem) -> Transaction {
        self.create_if(item, Guard::absent(), refusal)
    }

    /// Puts `item` where `guard` holds of what is there.
    pub fn create_if<T: Item>(self, item: &T, guard: Guard, refusal: Problem) -> Transaction {
        let pk = item.key().pk;
        self.add(create_access(T::KIND, &pk), &pk, refusal, |table| put(table, encode(item, 1)?, guard))
    }

    /// Puts `next` over `read`, if that is still what is there.
    pub fn replace<T: Item>(self, read: &Stored<T>, next: &T, refusal: Problem) -> Transaction {
        let pk = next.key().pk;
        let version = read.version + 1;
        let unchanged = Guard::version(read.version);
        self.add(Access::Replace(T::KIND), &pk, refusal, |table| put(table, encode(next, version)?, unchanged))
    }

    /// Puts `next` in the place of what was found, if that is still what is there.
    pub fn put_over<T: Item>(self, found: &Found<T>, next: &T, refusal: Problem) -> Transaction {
        let pk = next.key().pk;
        let access = match found {
            Found::Nothing => create_access(T::KIND, &pk),
            Found::Sound(_) | Found::Wreck(_) => Access::Replace(T::KIND),
        };
        let (version, unchanged) = (found.next_version(), found.unchanged());
        self.add(access, &pk, refusal, |table| put(table, encode(next, version)?, unchanged))
    }

    /// Changes attributes in place, where `guard` holds. The version stays unless `change` adds to it: counters are nobody's `ETag`.
    pub fn update<T: Item>(self, key: Key<T>, change: Change, guard: Guard, refusal: Problem) -> Transaction {
        self.add(update_access(T::KIND, &key.pk), &key.pk, refusal, |table| {
            let mut expression = Expression::default();
            let update = expression.update(change)?;
            let condition = expression.condition(guard);
            let update = Update::builder()
                .table_name(table)
                .set_key(Some(attributes(&key)))
                .update_expression(update)
                .set_condition_expression(condition)
                .set_expression_attribute_names(expression.names())
                .set_expression_attribute_values(expression.values())
                .build();
            Ok(TransactWriteItem::builder().update(update.map_err(Problem::internal)?).build())
        })
    }

    /// Deletes the item, where `guard` holds.
    pub fn delete<T: Item>(self, key: Key<T>, guard: Guard, refusal: Problem) -> Transaction {
        self.add(Access::Delete(T::KIND), &key.pk, refusal, |table| {
            let mut expression = Expression::default();
            let condition = expression.condition(guard);
            let delete = Delete::builder()
                .table_name(table)
                .set_key(Some(attributes(&key)))
                .set_condition_expression(condition)
                .set_expression_attribute_names(expression.names())
                .set_expression_attribute_values(expression.values())
                .build();
            Ok(TransactWriteItem::builder().delete(delete.map_err(Problem::internal)?).build())
        })
    }

    /// Lets the transaction through only where `guard` holds of an item that it does not write.
    pub fn check<T: Item>(self, key: Key<T>, guard: Guard, refusal: Problem) -> Transaction {
        self.add(Access::Check(T::KIND), &key.pk, refusal, |table| {
            let mut expression = Expression::default();
            let condition = expression.condition(guard);
            let check = ConditionCheck::builder()
                .table_name(table)
                .set_key(Some(attributes(&key)))
                .set_condition_expression(condition)
                .set_expression_attribute_names(expression.names())
                .set_expression_attribute_values(expression.values())
                .build();
            Ok(TransactWriteItem::builder().condition_check(check.map_err(Problem::internal)?).build())
        })
    }

    /// Does it. A condition that did not hold answers with its own refusal; contention is tried again a few times, then
    /// 503.
    ///
    /// The SDK sends a client token, so its own retry of a call whose answer was lost does not act twice:
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>.
    pub async fn commit(self) -> Result<()> {
        let (writes, refusals): (Vec<_>, Vec<_>) = self.writes?.into_iter().unzip();
        for attempt in 0.. {
            let sent = self
                .store
                .client
                .transact_write_items()
                .set_transact_items(Some(writes.clone()))
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await;
            match sent {
                Ok(output) => {
                    self.store.meter.count_write(output.consumed_capacity());
                    return Ok(());
                }
                Err(error) => {
                    self.store.meter.count([]);
                    match cancelled(&error) {
                        Some(Cancelled::ConditionOf(write)) => {
                            return Err(refusals.into_iter().nth(write).unwrap_or_else(Problem::try_again));
                        }
                        Some(Cancelled::Contention) => backoff(attempt).await?,
                        None => return Err(failed_write(error)),
                    }
                }
            }
        }
        Err(Problem::try_again())
    }
}

/// A kind that lives in one partition is created nowhere else; of the others it is said where.
fn create_access(kind: Kind, pk: &str) -> Access {
    one_of_several(kind, pk).map_or(Access::Create(kind), |partition| Access::CreateIn(kind, partition))
}

fn update_access(kind: Kind, pk: &str) -> Access {
    one_of_several(kind, pk).map_or(Access::Update(kind), |partition| Access::UpdateIn(kind, partition))
}

/// In which partition `pk` is, of a kind that lives in several.
fn one_of_several(kind: Kind, pk: &str) -> Option<Partition> {
    let several = kind.chart().partitions;
    let partition = several.iter().find(|partition| pk.starts_with(partition.prefix()))?;
    (several.len() > 1).then_some(*partition)
}

fn put(table: &str, item: Attributes, guard: Guard) -> Result<TransactWriteItem> {
    let mut expression = Expression::default();
    let condition = expression.condition(guard);
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(item))
        .set_condition_expression(condition)
        .set_expression_attribute_names(expression.names())
        .set_expression_attribute_values(expression.values())
        .build();
    Ok(TransactWriteItem::builder().put(put.map_err(Problem::internal)?).build())
}

enum Cancelled {
    /// The condition of the write with this number did not hold.
    ConditionOf(usize),
    /// Another transaction was at the same items, or the table asked for patience.
    Contention,
}

fn cancelled<R>(error: &SdkError<TransactWriteItemsError, R>) -> Option<Cancelled> {
    match error.as_service_error()? {
        TransactWriteItemsError::TransactionCanceledException(cancelled) => reason(cancelled.cancellation_reasons()),
        TransactWriteItemsError::TransactionInProgressException(_)
        | TransactWriteItemsError::ProvisionedThroughputExceededException(_)
        | TransactWriteItemsError::RequestLimitExceeded(_) => Some(Cancelled::Contention),
        _ => None,
    }
}

fn reason(reasons: &[CancellationReason]) -> Option<Cancelled> {
    let codes = || reasons.iter().map(|reason| reason.code().unwrap_or_default());
    if let Some(write) = codes().position(|code| code == "ConditionalCheckFailed") {
        return Some(Cancelled::ConditionOf(write));
    }
    let passing = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
    codes().any(|code| passing.contains(&code)).then_some(Cancelled::Contention)
}

/// How often contention is met with another try before the caller is asked to.
const RETRIES: u32 = 3;

/// Waits before try `attempt + 1`: full jitter over 20, 40, 80 ms
/// (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>); after [`RETRIES`], 503.
async fn backoff(attempt: u32) -> Result<()> {
    if attempt >= RETRIES {
        return Err(Problem::try_again());
    }
    let ceiling = 20_u64 << attempt;
    tokio::time::sleep(Duration::from_millis(random::below(ceiling)?)).await;
    Ok(())
}

/// What a caller is told of a write that failed. 503 `try_again` says that nothing was written; where the answer was lost on its
/// way, nobody knows, and that is a fault of ours.
fn failed_write<E, R>(error: SdkError<E, R>) -> Problem
where
    E: std::error::Error + aws_sdk_dynamodb::error::ProvideErrorMetadata + 'static,
    R: std::fmt::Debug,
{
    match error {
        SdkError::ServiceError(_) => failed(error),
        unanswered => Problem::internal(format!("a write without an answer: {}", DisplayErrorContext(&unanswered))),
    }
}

/// What a caller is told of a failed call: nothing of its inside.
fn failed<E, R>(error: SdkError<E, R>) -> Problem
where
    E: std::error::Error + aws_sdk_dynamodb::error::ProvideErrorMetadata + 'static,
    R: std::fmt::Debug,
{
    const PASSING: [&str; 5] = [
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "InternalServerError",
        "ServiceUnavailable",
    ];
    let passing = match &error {
        SdkError::ServiceError(service) => service.err().code().is_some_and(|code| PASSING.contains(&code)),
        _ => true,
    };
    let detail = DisplayErrorContext(&error).to_string();
    if passing {
        tracing::warn!(error = %detail, "the table did not answer");
        return Problem::try_again();
    }
    Problem::internal(detail)
}

/// A key as the table has it: for whoever looks into the table past a store.
pub fn attributes<T: ?Sized>(key: &Key<T>) -> Attributes {
    key_attributes(&key.pk, &key.sk)
}

fn key_attributes(pk: &str, sk: &str) -> Attributes {
    [("pk", pk), ("sk", sk)].map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned()))).into()
}

fn item_id(item: &Attributes) -> Result<(String, String)> {
    let text = |name| item.get(name).and_then(|value: &AttributeValue| value.as_s().ok()).cloned();
    text("pk").zip(text("sk")).ok_or_else(|| Problem::internal("an item without its key"))
}

/// An item as the table has it: for whoever fills a table past a store, which only a bench does.
pub fn encode<T: Item>(item: &T, version: u64) -> Result<Attributes> {
    let mut encoded: Attributes = serde_dynamo::to_item(item).map_err(Problem::internal)?;
    encoded.extend(attributes(&item.key()));
    encoded.insert("v".to_owned(), AttributeValue::N(version.to_string()));
    if let Some((pk, sk)) = item.index() {
        encoded.insert("gsi1pk".to_owned(), AttributeValue::S(pk));
        encoded.insert("gsi1sk".to_owned(), AttributeValue::S(sk));
    }
    if let Some(swept_at) = item.swept_at() {
        encoded.insert("expires".to_owned(), AttributeValue::N(swept_at.as_second().to_string()));
    }
    Ok(encoded)
}

fn decode<T: Item>(item: Attributes) -> Result<Stored<T>> {
    let version = version_of(&item).ok_or_else(|| unreadable(T::KIND, "it has no version"))?;
    let item = serde_dynamo::from_item(item).map_err(|error| unreadable(T::KIND, &error.to_string()))?;
    Ok(Stored { item, version })
}

fn version_of(item: &Attributes) -> Option<u64> {
    item.get("v").and_then(|value| value.as_n().ok()).and_then(|number| number.parse().ok())
}

/// An item that is not what its kind is. Of what is in it nothing is said: it may be an address, or large.
fn unreadable(kind: Kind, fault: &str) -> Problem {
    let fault = match invalid::from_wire(fault) {
        Some((_, detail)) => detail.to_owned(),
        None => without_values(fault),
    };
    Problem::internal(format!("an item of the kind {kind:?} cannot be read: {fault}"))
}

/// A deserialiser's message without the value that it repeats, which stands in quotes. A field that is missing has a name of ours.
fn without_values(fault: &str) -> String {
    if fault.starts_with("missing field") {
        return fault.to_owned();
    }
    let is_quote = |c| ['"', '`', '\''].contains(&c);
    match (fault.find(is_quote), fault.rfind(is_quote)) {
        (Some(first), Some(last)) => format!("{}…{}", &fault[..first], &fault[last + 1..]),
        _ => fault.to_owned(),
    }
}

/// Whether a refusal is the one a write was given: for callers that go on after it.
pub fn was_refused_with(outcome: &Result<()>, code: Code) -> bool {
    outcome.as_ref().is_err_and(|problem| problem.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::tenant::Counters;

    fn fault(item: Attributes) -> String {
        decode::<Counters>(item).err().unwrap().to_string()
    }

    #[test]
    fn an_item_that_cannot_be_read_is_said_by_its_kind_and_by_nothing_that_is_in_it() {
        let of_kind = |fault: &str| format!("internal: an item of the kind Counters cannot be read: {fault}");
        let version = ("v".to_owned(), AttributeValue::N("1".to_owned()));
        assert_eq!(fault(Attributes::new()), of_kind("it has no version"));
        assert_eq!(fault([version.clone()].into()), of_kind("missing field `tenant`"));
        let text = AttributeValue::S("ada@acme.example".to_owned());
        let told = fault([version, ("tenant".to_owned(), text)].into());
        assert!(told.starts_with(&of_kind("")) && !told.contains("ada"), "{told}");
    }

    #[test]
    fn what_stands_in_quotes_is_left_out_to_the_last_quote() {
        let of_serde = "invalid value: string \"a \\\" b `c`\", expected an id";
        assert_eq!(without_values(of_serde), "invalid value: string …, expected an id");
        assert_eq!(without_values("unknown variant `ada`, expected `x` or `y`"), "unknown variant …");
        assert_eq!(without_values("Failed to parse 'ada' as an integer: no"), "Failed to parse … as an integer: no");
        assert_eq!(without_values("Expected num"), "Expected num");
    }
}
