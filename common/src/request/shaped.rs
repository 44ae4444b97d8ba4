//! A JSON value that is read only as what it is: an object as an object, a list as a list.
//!
//! `serde_json` would read a list as a struct too, field by field in the order of our source. That order is no part of the API.
//!
//! What serde buffers before it reads it (untagged and internally tagged enums, flattened fields) is read by serde itself, and
//! nothing here sees how.

use super::fault::{AN_OBJECT, Fault};
use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Number, Value};

pub struct Shaped(pub Value);

impl<'de> Deserializer<'de> for Shaped {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(number) => visit_number(&number, visitor),
            Value::String(text) => visitor.visit_string(text),
            Value::Array(list) => SeqDeserializer::new(list.into_iter().map(Shaped)).deserialize_any(visitor),
            Value::Object(object) => members(object).deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_map(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::Object(object) => members(object).deserialize_any(visitor),
            _ => Err(Fault::WrongType(Some(AN_OBJECT))),
        }
    }

    /// A variant is its name or, where it has content, an object of that one member.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.0 {
            Value::String(name) => visitor.visit_enum(name.into_deserializer()),
            Value::Object(object) if object.len() == 1 => {
                visitor.visit_enum(MapAccessDeserializer::new(members(object)))
            }
            _ => Err(Fault::WrongType(None)),
        }
    }

    /// By name only: derived types would take a number too, for the place of a field or variant in our source.
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::String(name) => visitor.visit_string(name),
            _ => Err(Fault::WrongType(None)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct
    }
}

impl<'de> IntoDeserializer<'de, Fault> for Shaped {
    type Deserializer = Shaped;

    fn into_deserializer(self) -> Shaped {
        self
    }
}

fn members<'de>(object: Map<String, Value>) -> MapDeserializer<'de, impl Iterator<Item = (Shaped, Shaped)>, Fault> {
    MapDeserializer::new(object.into_iter().map(|(name, value)| (Shaped(Value::String(name)), Shaped(value))))
}

fn visit_number<'de, V: Visitor<'de>>(number: &Number, visitor: V) -> Result<V::Value, Fault> {
    if let Some(value) = number.as_u64() {
        return visitor.visit_u64(value);
    }
    if let Some(value) = number.as_i64() {
        return visitor.visit_i64(value);
    }
    match number.as_f64() {
        Some(value) => visitor.visit_f64(value),
        None => Err(Fault::Invalid),
    }
}
