//! The rules that the manifest has to keep and that the compiler cannot see. Each finding is one sentence.

use crate::deployment;
use crate::input::Input;
use common::function::{Function, Http, Stream};
use common::keys::Kind;
use common::reply::Content;
use common::store::Access;
use functions::Area;
use jsonschema::Validator;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The most filters of one event source mapping
/// (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html>).
const MOST_FILTERS: usize = 5;

/// The most readers of a shard that DynamoDB serves without throttling
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html#Streams.Processing>).
const MOST_READERS: usize = 2;

/// Kinds that no function reads, each with its reason.
const READ_BY_NO_FUNCTION: [Kind; 1] = [
    // A bucket is counted up where it is not full yet: the condition of its own write reads it.
    Kind::Limit,
];

/// Everything that is wrong with the manifest `areas`.
pub fn findings(areas: &[Area]) -> Vec<String> {
    let functions: Vec<_> = areas.iter().flat_map(|area| area.functions.iter().copied()).collect();
    let mut findings = Vec::new();
    findings.extend(names(&functions));
    findings.extend(routes(&functions));
    findings.extend(functions.iter().flat_map(|function| input(function)));
    findings.extend(functions.iter().flat_map(|function| trigger(function)));
    findings.extend(readers(&functions));
    findings.extend(deployment::findings(areas));
    findings.extend(Kind::ALL.into_iter().flat_map(|kind| unused(kind, &functions)));
    findings
}

fn names(functions: &[&Function]) -> Vec<String> {
    let malformed = functions.iter().map(|function| function.name).filter(|name| !is_kebab_case(name));
    let malformed = malformed.map(|name| {
        format!(
            "{name}: a function's name is words of small letters and digits, hyphens between them, like accept-invite."
        )
    });
    let repeated = repeated(functions.iter().map(|function| (function.name, function.name)));
    let repeated = repeated.into_iter().map(|(name, users)| {
        format!("{name}: {} functions have this name; a binary and a Lambda function need one each.", users.len())
    });
    malformed.chain(repeated).collect()
}

fn is_kebab_case(name: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    name.starts_with(|first: char| first.is_ascii_lowercase()) && name.split('-').all(is_word)
}

fn routes(functions: &[&Function]) -> Vec<String> {
    let routes = functions.iter().filter_map(|function| Some((route(function.http()?), function.name)));
    let repeated = repeated(routes).into_iter();
    repeated
        .map(|(route, names)| format!("{}: all of them serve {route}; a request can go to one only.", names.join(", ")))
        .collect()
}

/// Method and path, without the names of the parameters: two paths that differ in these only are one to a gateway.
fn route(http: &Http) -> String {
    let nameless = |segment: &'static str| if segment.starts_with('{') { "{}" } else { segment };
    let path: Vec<_> = http.path.split('/').map(nameless).collect();
    format!("{} {}", http.method.as_str(), path.join("/"))
}

/// The keys that come more than once, with their values.
fn repeated<K: Ord, V>(pairs: impl Iterator<Item = (K, V)>) -> BTreeMap<K, Vec<V>> {
    let mut groups: BTreeMap<K, Vec<V>> = BTreeMap::new();
    for (key, value) in pairs {
        groups.entry(key).or_default().push(value);
    }
    groups.retain(|_, values| values.len() > 1);
    groups
}

fn is_page(http: &Http) -> bool {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    matches!((http.output)(&mut generator), Content::Document("text/html"))
}

fn input(function: &Function) -> Vec<String> {
    let Some(http) = function.http() else { return Vec::new() };
    let name = function.name;
    let mut generator = SchemaSettings::draft2020_12().for_deserialize().into_generator();
    if is_page(http) {
        // People come to a page by links, and mail tools add parameters to those.
        return Vec::new();
    }
    let Ok(mut input) = Input::closed((http.input)(&mut generator)) else {
        return vec![format!(
            "{name}: its input is not an object that refuses unknown fields; derive it with deny_unknown_fields."
        )];
    };
    let mut findings = Vec::new();
    for parameter in http.path_parameters() {
        if input.take(parameter).is_none() {
            findings.push(format!("{name}: {{{parameter}}} of its path is not a field of its input."));
        }
    }
    let schema = self_contained(input, generator);
    findings.extend(open_objects(&schema, "its input").into_iter().map(|place| {
        format!("{name}: {place} has an object that takes unknown fields; derive it with deny_unknown_fields.")
    }));
    findings.extend(example(name, &schema, &(http.example)()));
    findings
}

/// The schema of the input with all that it refers to.
fn self_contained(input: Input, mut generator: SchemaGenerator) -> Value {
    let mut schema = input.into_schema();
    schema["$defs"] = Value::Object(generator.take_definitions(true));
    schema
}

/// Where in `schema` an object with named fields takes others too. `place` is the closest thing that has a name.
fn open_objects(schema: &Value, place: &str) -> Vec<String> {
    let Value::Object(members) = schema else {
        let values = schema.as_array().map(Vec::as_slice).unwrap_or_default();
        return values.iter().flat_map(|value| open_objects(value, place)).collect();
    };
    let mut found = Vec::new();
    if is_open_object(members) {
        found.push(place.to_owned());
    }
    for (name, member) in members {
        match (name.as_str(), member) {
            ("$defs" | "properties", Value::Object(named)) => {
                found.extend(named.iter().flat_map(|(name, schema)| open_objects(schema, name)));
            }
            _ => found.extend(open_objects(member, place)),
        }
    }
    found
}

fn is_open_object(schema: &Map<String, Value>) -> bool {
    schema.get("properties").is_some_and(Value::is_object)
        && schema.get("additionalProperties") != Some(&Value::Bool(false))
}

fn example(name: &str, schema: &Value, example: &Value) -> Vec<String> {
    let validator = match jsonschema::options().should_validate_formats(true).build(schema) {
        Ok(validator) => validator,
        Err(error) => return vec![format!("{name}: the schema of its input is not a JSON Schema: {error}.")],
    };
    violations(&validator, example).map(|why| format!("{name}: its example is not a valid input: {why}.")).collect()
}

fn violations<'a>(validator: &'a Validator, example: &'a Value) -> impl Iterator<Item = String> + 'a {
    validator.iter_errors(example).map(|error| match error.instance_path().as_str() {
        "" => error.to_string(),
        place => format!("at {place}, {error}"),
    })
}

fn trigger(function: &Function) -> Vec<String> {
    let Some(stream) = function.stream_source() else { return Vec::new() };
    let name = function.name;
    let mut findings = hears_itself(function, stream);
    if stream.listens.kinds.is_empty() || stream.listens.events.is_empty() {
        findings.push(format!("{name}: it listens to nothing, so it never runs."));
    }
    let filters = stream.listens.filters().len();
    if filters > MOST_FILTERS {
        findings.push(format!(
            "{name}: it needs {filters} filters, and an event source mapping takes {MOST_FILTERS} at most."
        ));
    }
    findings
}

fn hears_itself(function: &Function, stream: &Stream) -> Vec<String> {
    let heard = function.access().into_iter().filter(|access| stream.listens.hears(*access));
    heard
        .map(|access| format!("{}: it hears its own {access:?}, so it would run itself forever.", function.name))
        .collect()
}

fn readers(functions: &[&Function]) -> Option<String> {
    let triggers: Vec<_> = functions.iter().filter(|function| function.stream_source().is_some()).collect();
    let names: Vec<_> = triggers.iter().map(|function| function.name).collect();
    let names = names.join(", ");
    (triggers.len() > MOST_READERS)
        .then(|| format!("{names}: all of them read the stream, and a shard serves {MOST_READERS} readers at most."))
}

/// Whether anything writes, and anything reads, items of this kind.
fn unused(kind: Kind, functions: &[&Function]) -> Vec<String> {
    let mut findings = Vec::new();
    if !functions.iter().any(|function| writes(function, kind)) {
        findings.push(format!("{kind:?}: no function writes items of this kind."));
    }
    if !READ_BY_NO_FUNCTION.contains(&kind) && !functions.iter().any(|function| reads(function, kind)) {
        findings.push(format!("{kind:?}: no function reads items of this kind."));
    }
    findings
}

fn writes(function: &Function, kind: Kind) -> bool {
    let is_write = |access: &Access| match access {
        Access::Create(written)
        | Access::CreateIn(written, _)
        | Access::Replace(written)
        | Access::Update(written)
        | Access::UpdateIn(written, _) => *written == kind,
        _ => false,
    };
    function.access().iter().any(is_write)
}

fn reads(function: &Function, kind: Kind) -> bool {
    let reads = [
        Access::Get(kind),
        Access::BatchGet(kind),
        Access::Query(kind),
        Access::QueryIndex(kind),
        Access::Scan(kind),
        Access::Check(kind),
    ];
    let listens = function.stream_source().is_some_and(|stream| stream.listens.kinds.contains(&kind));
    listens || reads.iter().any(|access| function.access().contains(access))
}

#[cfg(test)]
mod tests;
