//! The document's shared schemas.
//!
//! One type can look different in a request and in an answer: a field that may be left out of a request can be always
//! present in an answer. `schemars` fixes the side when a generator is made, so there are two, which refer to different
//! places until [`Schemas::settle`] joins them.

use common::error::ProblemDetails;
use common::reply::Content;
use domain::id::TenantId;
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

const SHARED: &str = "#/components/schemas/";
const REQUESTS: &str = "#/components/requests/";

pub(super) struct Schemas {
    requests: SchemaGenerator,
    answers: SchemaGenerator,
}

impl Schemas {
    pub(super) fn new() -> Schemas {
        let at = |path| SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = path);
        Schemas {
            requests: at(REQUESTS.into()).for_deserialize().into_generator(),
            answers: at(SHARED.into()).for_serialize().into_generator(),
        }
    }

    pub(super) fn input(&mut self, input: fn(&mut SchemaGenerator) -> Schema) -> Schema {
        input(&mut self.requests)
    }

    pub(super) fn output(&mut self, output: fn(&mut SchemaGenerator) -> Content) -> Content {
        output(&mut self.answers)
    }

    pub(super) fn tenant_id(&mut self) -> Value {
        self.requests.subschema_for::<TenantId>().to_value()
    }

    pub(super) fn problem(&mut self) -> Value {
        self.answers.subschema_for::<ProblemDetails>().to_value()
    }

    /// Adds the schemas to `document` and makes its references lead to them.
    pub(super) fn settle(mut self, mut document: Value) -> Value {
        let requests = self.requests.take_definitions(true);
        let mut schemas = self.answers.take_definitions(true);
        let names = names_of_requests(&requests, &schemas);
        for (name, mut schema) in requests {
            rename(&mut schema, &names);
            let name = names.get(&name).cloned().unwrap_or(name);
            schemas.insert(name, schema);
        }
        rename(&mut document, &names);
        document["components"]["schemas"] = Value::Object(schemas);
        document
    }
}

/// What each request's schema is called in the document: its own name, unless an answer's different one has it.
fn names_of_requests(requests: &Map<String, Value>, answers: &Map<String, Value>) -> BTreeMap<String, String> {
    let different = different(requests, answers);
    let name = |name: &String| match different.contains(name) {
        true => format!("{name}Input"),
        false => name.clone(),
    };
    requests.keys().map(|key| (key.clone(), name(key))).collect()
}

/// The names that mean one thing in requests and another in answers, be it only through what they refer to.
fn different(requests: &Map<String, Value>, answers: &Map<String, Value>) -> BTreeSet<String> {
    let both = || requests.iter().filter_map(|(name, request)| Some((name, request, answers.get(name)?)));
    let mut different = BTreeSet::new();
    loop {
        let more = both().filter(|(_, request, answer)| {
            let refers_to_different = references(request).iter().any(|name| different.contains(*name));
            refers_to_different || as_shared(request) != **answer
        });
        let more: BTreeSet<_> = more.map(|(name, ..)| name.clone()).collect();
        if more == different {
            return different;
        }
        different = more;
    }
}

fn as_shared(request: &Value) -> Value {
    let mut schema = request.clone();
    rename(&mut schema, &BTreeMap::new());
    schema
}

/// Makes references to requests' schemas lead to the shared place, under their new names where they have one.
fn rename(value: &mut Value, names: &BTreeMap<String, String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref")
                && let Some(name) = reference.strip_prefix(REQUESTS)
            {
                let name = names.get(name).map_or(name, String::as_str);
                *reference = format!("{SHARED}{name}");
            }
            members.values_mut().for_each(|member| rename(member, names));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| rename(value, names)),
        _ => {}
    }
}

/// The names of the requests' schemas that `value` refers to.
fn references(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(members) => {
            let own =
                members.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix(REQUESTS));
            own.into_iter().chain(members.values().flat_map(references)).collect()
        }
        Value::Array(values) => values.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn definitions(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn what_is_alike_on_both_sides_is_shared() {
        let same = definitions(json!({ "Name": { "type": "string" } }));
        assert!(different(&same, &same).is_empty());
    }

    #[test]
    fn what_refers_to_something_different_is_different_too() {
        let requests = definitions(json!({
            "Outer": { "properties": { "inner": { "$ref": "#/components/requests/Inner" } } },
            "Inner": { "required": [] },
            "OnlyHere": {},
        }));
        let answers = definitions(json!({
            "Outer": { "properties": { "inner": { "$ref": "#/components/schemas/Inner" } } },
            "Inner": { "required": ["x"] },
        }));
        let names = names_of_requests(&requests, &answers);
        let names: Vec<_> = names.values().map(String::as_str).collect();
        assert_eq!(names, ["InnerInput", "OnlyHere", "OuterInput"]);
    }
}
