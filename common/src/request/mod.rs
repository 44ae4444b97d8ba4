//! From an HTTP request to a route's typed input, or to the problem that says what is wrong with it.
//!
//! A route's input is one object: the path's parameters, and the body's members or, where there is no body, the query's.
//! No field may be named twice or be unknown.

mod fault;
mod json;
mod pointer;
mod shaped;
#[cfg(test)]
mod tests;

use crate::error::{Code, FieldError, Problem, Result};
use fault::Fault;
use json::Parsed;
use lambda_http::{Body, Request, RequestExt};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use serde_path_to_error::Path;
use shaped::Shaped;

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
            let detail =
                format!("The body is larger than {} KiB, the most we read. Send less at a time.", MAX_BODY / 1024);
            Err(Problem::new(Code::BodyTooLarge, detail))
        }
    }
}

/// A route's input as it was sent, one object of it all.
pub fn members(request: &Request, from: MembersFrom) -> Result<Value> {
    let mut members = match from {
        MembersFrom::Body => body_members(request)?,
        MembersFrom::Query => query_members(request)?,
    };
    for (name, value) in request.path_parameters().iter() {
        if members.insert(name.to_owned(), Value::String(value.to_owned())).is_some() {
            return Err(named_in_path(name, from));
        }
    }
    Ok(Value::Object(members))
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
    match json_value(bytes)? {
        Value::Object(members) => Ok(members),
        _ => Err(Problem::field("", "wrong_type", "The body has to be a JSON object.")),
    }
}

fn json_value(bytes: &[u8]) -> Result<Value> {
    let parsed: Parsed = serde_json::from_slice(bytes).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        Problem::new(
            Code::MalformedJson,
            format!("The body is not JSON: it goes wrong at {place}. Correct it and send it again."),
        )
    })?;
    match parsed.repeated {
        None => Ok(parsed.value),
        Some(pointer) => Err(Problem::field(pointer, "repeated", "This field is given twice. Give it once.")),
    }
}

fn require_json(request: &Request) -> Result<()> {
    let content_type = request.headers().get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next()).map(str::trim);
    match essence {
        Some(essence) if essence.eq_ignore_ascii_case("application/json") => Ok(()),
        _ => {
            Err(Problem::new(Code::MediaType, "The body has to be JSON. Send it with Content-Type: application/json."))
        }
    }
}

fn query_members(request: &Request) -> Result<Map<String, Value>> {
    let mut members = Map::new();
    for (name, value) in request.query_string_parameters_ref().into_iter().flat_map(|query| query.iter()) {
        if members.insert(name.to_owned(), Value::String(value.to_owned())).is_some() {
            return Err(Problem::field(
                pointer::to([name], MembersFrom::Query),
                "repeated",
                "This parameter is given twice. Give it once.",
            ));
        }
    }
    Ok(members)
}

/// The same as the route's type.
pub fn typed<T: DeserializeOwned>(members: Value, from: MembersFrom) -> Result<T> {
    serde_path_to_error::deserialize(Shaped(members))
        .map_err(|error| Problem::fields(vec![field_error(error.path(), error.inner(), from)]))
}

fn field_error(path: &Path, fault: &Fault, from: MembersFrom) -> FieldError {
    let mut names = pointer::names(path);
    if let Some(member) = fault.member_beyond(&names) {
        names.push(member.to_owned());
    }
    let pointer = pointer::to(names.iter().map(String::as_str), from);
    FieldError { pointer, code: fault.code().to_owned(), detail: fault.detail() }
}

/// For a field that may be left out but, where it is there, is a value: null is not one.
pub fn if_present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

fn named_in_path(name: &str, from: MembersFrom) -> Problem {
    let detail = match from {
        MembersFrom::Body => "This is named in the path already. Remove it from the body.",
        MembersFrom::Query => "This is named in the path already. Remove it from the query.",
    };
    Problem::field(pointer::to([name], from), "unknown_field", detail)
}
