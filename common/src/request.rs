//! From an HTTP request to a route's typed input, or to the problem that says what is wrong with it.
//!
//! A route's input is one object: the path's parameters, and the body's members or, where there is no body, the query's.
//! No field may be named twice or be unknown.

use crate::error::{Code, FieldError, Problem, Result};
use domain::invalid;
use lambda_http::{Body, Request, RequestExt};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_path_to_error::{Path, Segment};

/// The largest body we read, in bytes.
pub const MAX_BODY: usize = 64 * 1024;

/// Where a route's members come from beside the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MembersFrom {
    Body,
    Query,
}

/// Refuses a body that is larger than anything we read, before anything else is done for it.
pub fn require_small(request: &Request) -> Result<()> {
    match request.body().len() > MAX_BODY {
        false => Ok(()),
        true => {
            let detail = format!("The body is larger than {} KiB, the most we read. Send less at a time.", MAX_BODY / 1024);
            Err(Problem::new(Code::BodyTooLarge, detail))
        }
    }
}

/// Reads a route's input.
pub fn read<T: DeserializeOwned>(request: &Request, from: MembersFrom) -> Result<T> {
    let mut members = match from {
        MembersFrom::Body => body_members(request)?,
        MembersFrom::Query => query_members(request)?,
    };
    for (name, value) in request.path_parameters().iter() {
        if members.insert(name.to_owned(), Value::String(value.to_owned())).is_some() {
            return Err(unknown_field(&format!("/{name}")));
        }
    }
    typed(Value::Object(members), from)
}

fn body_members(request: &Request) -> Result<Map<String, Value>> {
    let bytes = match request.body() {
        Body::Empty => return Ok(Map::new()),
        Body::Text(text) => text.as_bytes(),
        Body::Binary(bytes) => bytes,
        _ => return Err(Problem::internal("a body of a kind that API Gateway does not send")),
    };
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    require_json(request)?;
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        Problem::new(Code::MalformedJson, format!("The body is not JSON: it goes wrong at {place}. Correct it and send it again."))
    })?;
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(Problem::field("", "wrong_type", "The body has to be a JSON object.")),
    }
}

fn require_json(request: &Request) -> Result<()> {
    let content_type = request.headers().get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next()).map(str::trim);
    match essence {
        Some(essence) if essence.eq_ignore_ascii_case("application/json") => Ok(()),
        _ => Err(Problem::new(Code::MediaType, "The body has to be JSON. Send it with Content-Type: application/json.")),
    }
}

fn query_members(request: &Request) -> Result<Map<String, Value>> {
    let mut members = Map::new();
    for (name, value) in request.query_string_parameters_ref().into_iter().flat_map(|query| query.iter()) {
        if members.insert(name.to_owned(), Value::String(value.to_owned())).is_some() {
            return Err(Problem::field(format!("?{name}"), "repeated", "This parameter is given twice. Give it once."));
        }
    }
    Ok(members)
}

fn typed<T: DeserializeOwned>(value: Value, from: MembersFrom) -> Result<T> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let pointer = pointer(error.path(), from);
        Problem::fields(vec![field_error(&pointer, &error.inner().to_string())])
    })
}

/// RFC 6901.
fn pointer(path: &Path, from: MembersFrom) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    match from {
        MembersFrom::Body => pointer,
        MembersFrom::Query => pointer.replacen('/', "?", 1),
    }
}

/// What our own types say carries its code; what serde says of shapes is told by its wording.
fn field_error(pointer: &str, message: &str) -> FieldError {
    if let Some((code, detail)) = invalid::from_wire(message) {
        return FieldError { pointer: pointer.to_owned(), code: code.to_owned(), detail: detail.to_owned() };
    }
    let quoted = message.split('`').nth(1).unwrap_or_default();
    let field = |code: &str, pointer: String, detail: &str| FieldError { pointer, code: code.to_owned(), detail: detail.to_owned() };
    if message.starts_with("missing field") {
        return field("missing", format!("{pointer}/{quoted}"), "This field is required. Add it.");
    }
    if message.starts_with("unknown field") {
        let here = pointer.rsplit(['/', '?']).next() == Some(quoted);
        let pointer = if here { pointer.to_owned() } else { format!("{pointer}/{quoted}") };
        return field("unknown_field", pointer, "There is no such field here. Remove it, or correct its name.");
    }
    if message.starts_with("unknown variant") {
        let known: Vec<_> = message.split('`').skip(3).step_by(2).collect();
        return field("unknown_value", pointer.to_owned(), &format!("This is not one of: {}.", known.join(", ")));
    }
    if message.starts_with("invalid type") || message.starts_with("invalid value") {
        let expected = message.split("expected ").nth(1).unwrap_or("something else");
        return field("wrong_type", pointer.to_owned(), &format!("This is of the wrong type: expected {expected}."));
    }
    field("invalid", pointer.to_owned(), "This is not valid.")
}

fn unknown_field(pointer: &str) -> Problem {
    Problem::field(pointer, "unknown_field", "This is named in the path already. Remove it from the body.")
}
