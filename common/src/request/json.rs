//! JSON text to a value, with an eye on names that are given twice.
//!
//! RFC 8259 §4 leaves open what a repeated name means: some readers take the first, some the last. Whoever checked or logged
//! the request on its way may have seen another value than we would act on, so we must know.

use super::pointer::token;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::fmt;

/// A whole text is read before anything is said of its names: text that is not JSON is told to be just that.
pub struct Parsed {
    pub value: Value,
    /// A JSON pointer to the first member whose name its object had before.
    pub repeated: Option<String>,
}

impl<'de> Deserialize<'de> for Parsed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Parsed, D::Error> {
        deserializer.deserialize_any(ParsedVisitor)
    }
}

struct ParsedVisitor;

impl<'de> Visitor<'de> for ParsedVisitor {
    type Value = Parsed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Parsed, E> {
        Ok(without_members(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Parsed, E> {
        Ok(without_members(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Parsed, E> {
        Ok(without_members(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Parsed, E> {
        Ok(without_members(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Parsed, E> {
        Ok(without_members(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Parsed, E> {
        Ok(without_members(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Parsed, E> {
        Ok(without_members(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Parsed, A::Error> {
        let mut list = Vec::new();
        let mut repeated = None;
        while let Some(element) = access.next_element::<Parsed>()? {
            let inside = element.repeated.map(|inside| format!("/{}{inside}", list.len()));
            repeated = repeated.or(inside);
            list.push(element.value);
        }
        Ok(Parsed { value: Value::Array(list), repeated })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Parsed, A::Error> {
        let mut object = Map::new();
        let mut repeated = None;
        while let Some((name, member)) = access.next_entry::<String, Parsed>()? {
            let again = object.contains_key(&name).then(|| token(&name));
            let inside = member.repeated.map(|inside| token(&name) + &inside);
            repeated = repeated.or(again).or(inside);
            object.insert(name, member.value);
        }
        Ok(Parsed { value: Value::Object(object), repeated })
    }
}

fn without_members(value: impl Into<Value>) -> Parsed {
    Parsed { value: value.into(), repeated: None }
}
