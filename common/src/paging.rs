//! Lists, a page at a time: `?limit=` and an opaque `cursor`, bound to the list it came from.

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

/// Reads a page of `range`, newest keys last.
pub async fn page_of<T: Item>(
    store: &Store,
    range: Range<T>,
    limit: Limit,
    cursor: Option<&str>,
) -> Result<(Vec<Stored<T>>, Option<String>)> {
    let list = format!("{}/{}", range.pk, range.prefix);
    let after = cursor.map(|cursor| decode(cursor, &list)).transpose()?;
    let page = store.query(range, Order::Ascending, limit.0, after).await?;
    let next = page.next.map(|after| encode(&Cursor { list, after })).transpose()?;
    Ok((page.items, next))
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
