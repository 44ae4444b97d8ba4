//! The table past every rule: filled in a moment, and looked into without a request.

use crate::Result;
use crate::scene::Scene;
use aws_sdk_dynamodb::types::AttributeValue;
use common::keys::{Item, Key};
use common::store::{self, Attributes};
use dynoxide::actions::get_item::GetItemRequest;
use dynoxide::{Database, ImportOptions};

/// The first version of what is put.
const VERSION: u64 = 1;

#[derive(Clone)]
pub struct RawTable {
    database: Database,
    name: &'static str,
}

impl RawTable {
    pub fn of(scene: &Scene) -> RawTable {
        RawTable { database: scene.stack.database().clone(), name: scene.stack.table() }
    }

    /// Puts all of them at once, and tells no trigger.
    pub fn put(&self, items: Vec<dynoxide::Item>) -> Result<()> {
        self.database.import_items(self.name, items, ImportOptions::default())?;
        Ok(())
    }

    pub fn get<T>(&self, key: &Key<T>) -> Result<Option<dynoxide::Item>> {
        let request = GetItemRequest {
            table_name: self.name.to_owned(),
            key: as_the_table_has(store::attributes(key))?,
            consistent_read: Some(true),
            ..GetItemRequest::default()
        };
        Ok(self.database.get_item(request)?.item)
    }
}

/// What [`RawTable::put`] takes.
pub fn new<T: Item>(item: &T) -> Result<dynoxide::Item> {
    as_the_table_has(store::encode(item, VERSION).map_err(|problem| problem.to_string())?)
}

fn as_the_table_has(attributes: Attributes) -> Result<dynoxide::Item> {
    attributes.into_iter().map(|(name, value)| Ok((name, converted(value)?))).collect()
}

fn converted(value: AttributeValue) -> Result<dynoxide::AttributeValue> {
    Ok(match value {
        AttributeValue::S(text) => dynoxide::AttributeValue::S(text),
        AttributeValue::N(number) => dynoxide::AttributeValue::N(number),
        AttributeValue::Bool(truth) => dynoxide::AttributeValue::BOOL(truth),
        AttributeValue::Null(null) => dynoxide::AttributeValue::NULL(null),
        AttributeValue::L(list) => dynoxide::AttributeValue::L(list.into_iter().map(converted).collect::<Result<_>>()?),
        AttributeValue::M(map) => dynoxide::AttributeValue::M(as_the_table_has(map)?),
        other => return Err(format!("no item of ours has {other:?}").into()),
    })
}
