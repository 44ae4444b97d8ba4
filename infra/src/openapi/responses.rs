//! What an operation answers: its success, and one response for each status that it can refuse with.

use super::operation::{Etag, Operation};
use super::schemas::Schemas;
use common::error::Code;
use common::idempotency::REPLAYED_HEADER;
use common::reply::Content;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A header of our answers, by its name in `components.headers`.
#[derive(Clone, Copy)]
enum Header {
    RequestId,
    Etag,
    Replayed,
    RetryAfter,
}

impl Header {
    const ALL: [Header; 4] = [Header::RequestId, Header::Etag, Header::Replayed, Header::RetryAfter];

    const fn name(self) -> &'static str {
        match self {
            Header::RequestId => "Request-Id",
            Header::Etag => "ETag",
            Header::Replayed => REPLAYED_HEADER,
            Header::RetryAfter => "Retry-After",
        }
    }

    fn describe(self) -> Value {
        match self {
            Header::RequestId => json!({
                "description": "Names this request in our logs.",
                "schema": { "type": "string" },
            }),
            Header::Etag => json!({
                "description": "The version of what is answered. Send it as If-Match with a change, or as If-None-Match to look again, where the operation takes that.",
                "schema": { "type": "string" },
            }),
            Header::Replayed => json!({
                "description": "There, and `true`, where this is the answer that the first request with this key got.",
                "schema": { "type": "string", "const": "true" },
            }),
            Header::RetryAfter => json!({
                "description": "How many seconds to wait before the next try.",
                "schema": { "type": "integer", "minimum": 0 },
            }),
        }
    }
}

pub(super) fn shared_headers() -> Map<String, Value> {
    Header::ALL.into_iter().map(|header| (header.name().to_owned(), header.describe())).collect()
}

fn headers(of: impl IntoIterator<Item = Header>) -> Map<String, Value> {
    let reference = |header: Header| json!({ "$ref": format!("#/components/headers/{}", header.name()) });
    of.into_iter().map(|header| (header.name().to_owned(), reference(header))).collect()
}

pub(super) fn responses(operation: &Operation, schemas: &mut Schemas) -> Map<String, Value> {
    let mut responses = Map::new();
    responses.insert(operation.http.success.to_string(), success(operation, schemas));
    if operation.can_be_revalidated() {
        let headers = headers([Header::RequestId, Header::Etag]);
        responses
            .insert("304".to_owned(), json!({ "description": "What you have is what there is.", "headers": headers }));
    }
    for (status, codes) in by_status(operation) {
        responses.insert(status.to_string(), refusal(&codes, schemas));
    }
    responses
}

fn success(operation: &Operation, schemas: &mut Schemas) -> Value {
    let mut plain = vec![Header::RequestId];
    plain.extend(operation.takes_a_key().then_some(Header::Replayed));
    match schemas.output(operation.http.output) {
        Content::Json(schema) => {
            let etag = match operation.etag {
                Etag::Answered => Some(Header::Etag),
                Etag::Unknown => None,
            };
            let headers = headers(plain.into_iter().chain(etag));
            let content = json!({ "application/json": { "schema": schema } });
            json!({ "description": "Done.", "headers": headers, "content": content })
        }
        Content::Document(media_type) => {
            json!({ "description": "The document.", "headers": headers(plain), "content": { media_type: {} } })
        }
        Content::Nothing => json!({ "description": "Done; there is nothing to say.", "headers": headers(plain) }),
    }
}

fn by_status(operation: &Operation) -> BTreeMap<u16, Vec<Code>> {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in operation.http.refusals() {
        by_status.entry(code.status()).or_default().push(code);
    }
    by_status
}

fn refusal(codes: &[Code], schemas: &mut Schemas) -> Value {
    let names: Vec<_> = codes.iter().map(|code| code.as_str()).collect();
    let lines: Vec<_> = codes.iter().map(|code| format!("- `{}`: {}", code.as_str(), code.title())).collect();
    let retry_after = codes.iter().any(|code| says_when_to_try_again(*code)).then_some(Header::RetryAfter);
    json!({
        "description": lines.join("\n"),
        "headers": headers([Header::RequestId].into_iter().chain(retry_after)),
        "content": {
            "application/problem+json": {
                "schema": { "allOf": [schemas.problem(), { "properties": { "code": { "enum": names } } }] },
            },
        },
    })
}

fn says_when_to_try_again(code: Code) -> bool {
    matches!(code, Code::RateLimited | Code::TryAgain | Code::IdempotencyInFlight)
}
