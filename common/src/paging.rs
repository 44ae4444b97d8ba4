//! Lists, a page at a time: `?limit=` and an opaque `cursor`, bound to the list it came from.
//!
//! A list that is filtered reads on until its page is full, but looks at [`MOST_LOOKED_AT`] items at most for one page. Such a page
//! may hold fewer rows than its limit, or none, although more follow: `next_cursor` alone says whether that was all. A cursor is a
//! place in the list and says nothing of a filter, so one that was made under another filter goes on from there under this one.

use crate::error::{Problem, Result};
use crate::keys::{Item, Range};
use crate::store::{Order, Store, Stored};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;

const DEFAULT_LIMIT: u16 = 25;
const MAX_LIMIT: u16 = 100;
/// In bytes (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>).
const MAX_SORT_KEY: usize = 1024;

/// The most items that are looked at for a page, whatever few of them match.
const MOST_LOOKED_AT: u16 = 500;
/// The most that are read at once.
const MOST_AT_ONCE: u16 = 100;

/// A page of a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ListOf{T}")]
pub struct List<T> {
    pub data: Vec<T>,
    /// Send as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}

/// How many rows to answer at most: 1 to 100.
#[derive(Debug, Clone, Copy)]
pub struct Limit(u16);

impl Default for Limit {
    fn default() -> Limit {
        Limit(DEFAULT_LIMIT)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Limit, D::Error> {
        let text = String::deserialize(deserializer)?;
        let limit = text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
        let invalid = domain::invalid::Invalid::new(
            "limit_invalid",
            format!("This has to be a whole number from 1 to {MAX_LIMIT}."),
        );
        limit.map(Limit).ok_or_else(|| serde::de::Error::custom(invalid.to_wire()))
    }
}

impl JsonSchema for Limit {
    fn schema_name() -> Cow<'static, str> {
        "Limit".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT })
    }
}

/// Where the next page begins. It names its list, so that one list's cursor is not taken by another.
#[derive(Serialize, Deserialize)]
struct Cursor {
    list: String,
    after: String,
}

/// Rows, and the cursor of the page after them.
type Rows<T> = (Vec<Stored<T>>, Option<String>);

/// Reads a page of all of `range`, newest keys last.
pub async fn page_of<T: Item>(store: &Store, range: Range<T>, limit: Limit, cursor: Option<&str>) -> Result<Rows<T>> {
    page_of_matching(store, range, Order::Ascending, limit, cursor, |_| true).await
}

/// Reads a page of what `matches` in `range`.
pub async fn page_of_matching<T: Item>(
    store: &Store,
    range: Range<T>,
    order: Order,
    limit: Limit,
    cursor: Option<&str>,
    matches: impl Fn(&T) -> bool,
) -> Result<Rows<T>> {
    let list = format!("{}/{}", range.pk, range.prefix);
    let after = cursor.map(|cursor| decode(cursor, &list)).transpose()?;
    let (mut page, rest) = look(store, range, order, limit, after, matches).await?;
    let after = cut(&mut page, limit).or(rest);
    let next = after.map(|after| encode(&Cursor { list, after })).transpose()?;
    Ok((page, next))
}

/// What matches, at least as much as makes a page if there is as much within reach; and after which key nobody looked yet.
async fn look<T: Item>(
    store: &Store,
    range: Range<T>,
    order: Order,
    limit: Limit,
    mut after: Option<String>,
    matches: impl Fn(&T) -> bool,
) -> Result<Rows<T>> {
    let mut found = Vec::new();
    let mut left = MOST_LOOKED_AT;
    // As many as make the page if all of them match; where they do not, as many at once as is of use.
    let mut at_once = limit.0;
    loop {
        let part = store.query(range.clone(), order, at_once, after).await?;
        found.extend(part.items.into_iter().filter(|item| matches(item)));
        after = part.next;
        left -= at_once;
        at_once = MOST_AT_ONCE.min(left);
        if after.is_none() || left == 0 || found.len() >= usize::from(limit.0) {
            return Ok((found, after));
        }
    }
}

/// Cuts off what a page has no room for, and says after which key that follows; nothing where all of it has room.
fn cut<T: Item>(page: &mut Vec<Stored<T>>, limit: Limit) -> Option<String> {
    let limit = usize::from(limit.0);
    if page.len() <= limit {
        return None;
    }
    page.truncate(limit);
    page.last().map(|last| last.key().sk)
}

fn encode(cursor: &Cursor) -> Result<String> {
    let json = serde_json::to_vec(cursor).map_err(Problem::internal)?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

fn decode(text: &str, list: &str) -> Result<String> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let cursor: Option<Cursor> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    // The key it names stays inside the list's range: DynamoDB refuses another partition's.
    let prefix = list.split_once('/').map(|(_, prefix)| prefix).unwrap_or_default();
    let is_key = |after: &str| after.starts_with(prefix) && after.len() <= MAX_SORT_KEY;
    let cursor = cursor.filter(|cursor| cursor.list == list && is_key(&cursor.after));
    cursor.map(|cursor| cursor.after).ok_or_else(|| {
        Problem::field(
            "?cursor",
            "cursor_invalid",
            "This is not a cursor of this list. Begin without one, then use next_cursor.",
        )
    })
}
