//! What a route answers when it succeeds.

use crate::error::{Problem, Result};
use http::{HeaderValue, header};
use lambda_http::Body;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

/// A body, and the headers that go with it.
pub struct Reply<T> {
    pub(crate) body: T,
    pub(crate) headers: Vec<(header::HeaderName, String)>,
    pub(crate) finality: Finality,
}

/// Whether an answer is what the same request, sent again under its `Idempotency-Key`, is to get too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finality {
    Final,
    /// Part of what was asked for could not be done now: sent again, the request goes on.
    Unfinished,
}

impl<T> From<T> for Reply<T> {
    fn from(body: T) -> Reply<T> {
        Reply { body, headers: Vec::new(), finality: Finality::Final }
    }
}

impl<T> Reply<T> {
    fn with(mut self, name: header::HeaderName, value: impl Into<String>) -> Reply<T> {
        self.headers.push((name, value.into()));
        self
    }

    /// Names the version of what is answered, for `If-Match`.
    pub fn etag(self, version: u64) -> Reply<T> {
        self.tagged(version.to_string())
    }

    /// Names the state of what is answered, where a version alone does not tell it, for `If-None-Match`.
    pub fn tagged(self, state: String) -> Reply<T> {
        self.with(header::ETAG, format!("\"{state}\""))
    }

    pub(crate) fn etag_named(&self) -> Option<&str> {
        self.headers.iter().find(|(name, _)| *name == header::ETAG).map(|(_, value)| value.as_str())
    }

    /// Says that part of what was asked for could not be done now, and may be done by the same request later.
    pub fn unfinished(self) -> Reply<T> {
        Reply { finality: Finality::Unfinished, ..self }
    }

    pub fn cookie(self, cookie: String) -> Reply<T> {
        self.with(header::SET_COOKIE, cookie)
    }

    pub(crate) fn header(self, name: header::HeaderName, value: impl Into<String>) -> Reply<T> {
        self.with(name, value)
    }
}

/// What kind of body a route answers, for the OpenAPI document.
pub enum Content {
    Json(Schema),
    /// Bytes of a media type.
    Document(&'static str),
    Nothing,
}

/// Anything that can be a route's answer: what serialises is JSON.
pub trait Output: Send {
    fn content(generator: &mut SchemaGenerator) -> Content;
    /// The body, and its media type where there is one.
    fn encode(self) -> Result<(Body, Option<&'static str>)>;
}

impl<T: Serialize + JsonSchema + Send> Output for T {
    fn content(generator: &mut SchemaGenerator) -> Content {
        Content::Json(generator.subschema_for::<T>())
    }

    fn encode(self) -> Result<(Body, Option<&'static str>)> {
        let text = serde_json::to_string(&self).map_err(Problem::internal)?;
        Ok((Body::Text(text), Some("application/json")))
    }
}

/// 204: there is nothing to say.
pub struct NoContent;

impl Output for NoContent {
    fn content(_: &mut SchemaGenerator) -> Content {
        Content::Nothing
    }

    fn encode(self) -> Result<(Body, Option<&'static str>)> {
        Ok((Body::Empty, None))
    }
}

/// A page for people.
pub struct Html(pub String);

impl Output for Html {
    fn content(_: &mut SchemaGenerator) -> Content {
        Content::Document("text/html")
    }

    fn encode(self) -> Result<(Body, Option<&'static str>)> {
        Ok((Body::Text(self.0), Some("text/html; charset=utf-8")))
    }
}

/// A JSON document that was written beforehand.
pub struct StaticJson(pub &'static str);

impl Output for StaticJson {
    fn content(_: &mut SchemaGenerator) -> Content {
        Content::Document("application/json")
    }

    fn encode(self) -> Result<(Body, Option<&'static str>)> {
        Ok((Body::Text(self.0.to_owned()), Some("application/json")))
    }
}

pub(crate) fn header_value(value: &str) -> HeaderValue {
    // Every header value of ours is printable ASCII; one that is not is dropped to an empty one rather than trusted.
    HeaderValue::from_str(value).unwrap_or_else(|_| HeaderValue::from_static(""))
}
