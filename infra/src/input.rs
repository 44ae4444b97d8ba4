//! A route's input as JSON Schema: one object, from which the path's parameters can be taken out.

use schemars::Schema;
use serde_json::{Map, Value};

/// What is wrong with a schema as a route's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotAnObject;

pub(crate) struct Input {
    properties: Map<String, Value>,
    required: Vec<String>,
    rest: Map<String, Value>,
}

/// One property of an input.
pub(crate) struct Property {
    pub(crate) name: String,
    pub(crate) schema: Value,
    pub(crate) presence: Presence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    Optional,
}

impl Input {
    /// # Errors
    ///
    /// The schema is not that of an object with these properties and no others.
    pub(crate) fn closed(schema: Schema) -> Result<Input, NotAnObject> {
        let closed = schema.get("type") == Some(&Value::from("object"))
            && schema.get("additionalProperties") == Some(&Value::Bool(false));
        match closed {
            true => Ok(Input::of(schema)),
            false => Err(NotAnObject),
        }
    }

    /// What of `schema` can be seen as an object; the rest stays as it is.
    pub(crate) fn of(mut schema: Schema) -> Input {
        let mut rest = std::mem::take(schema.ensure_object());
        let properties = match rest.remove("properties") {
            Some(Value::Object(properties)) => properties,
            _ => Map::new(),
        };
        let required = match rest.remove("required") {
            Some(Value::Array(names)) => names,
            _ => Vec::new(),
        };
        let required = required.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        Input { properties, required, rest }
    }

    /// Removes a property and answers what it was.
    pub(crate) fn take(&mut self, name: &str) -> Option<Property> {
        let schema = self.properties.remove(name)?;
        let presence = self.presence(name);
        self.required.retain(|required| required != name);
        Some(Property { name: name.to_owned(), schema, presence })
    }

    /// Removes every property that is left.
    pub(crate) fn take_all(&mut self) -> Vec<Property> {
        let names: Vec<_> = self.properties.keys().cloned().collect();
        names.iter().filter_map(|name| self.take(name)).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.properties.is_empty()
    }

    pub(crate) fn has_required(&self) -> bool {
        !self.required.is_empty()
    }

    fn presence(&self, name: &str) -> Presence {
        match self.required.iter().any(|required| required == name) {
            true => Presence::Required,
            false => Presence::Optional,
        }
    }

    /// The schema of what was not taken.
    pub(crate) fn into_schema(self) -> Value {
        let mut schema = self.rest;
        schema.insert("properties".to_owned(), Value::Object(self.properties));
        if !self.required.is_empty() {
            schema.insert("required".to_owned(), self.required.into());
        }
        Value::Object(schema)
    }
}
