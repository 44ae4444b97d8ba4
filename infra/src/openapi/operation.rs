//! One operation of the document: what it takes and who may call it.

use super::responses;
use super::schemas::Schemas;
use crate::input::{Input, Presence, Property};
use common::auth::caller::Auth;
use common::error::Code;
use common::function::{Function, Http};
use common::idempotency::{Idempotency, KEY_HEADER};
use common::route::Revalidation;
use serde_json::{Value, json};

pub(super) struct Operation<'a> {
    pub(super) area: &'a str,
    pub(super) function: &'a Function,
    pub(super) http: &'a Http,
    pub(super) etag: Etag,
}

/// Whether it is known that an operation's JSON answer comes with its version.
#[derive(Clone, Copy)]
pub(super) enum Etag {
    Answered,
    Unknown,
}

/// Where a property of the input is sent.
#[derive(Clone, Copy)]
enum Place {
    Path,
    Query,
}

impl Operation<'_> {
    pub(super) fn describe(&self, schemas: &mut Schemas) -> Value {
        let mut input = Input::of(schemas.input(self.http.input));
        let mut parameters = self.path_parameters(&mut input);
        if !self.http.method.has_body() {
            parameters.extend(input.take_all().into_iter().map(|property| parameter(Place::Query, property)));
        }
        parameters.extend(self.tenant_header(schemas));
        parameters.extend(self.if_match_header());
        parameters.extend(self.if_none_match_header());
        parameters.extend(self.key_header());

        let mut operation = json!({
            "operationId": self.function.name,
            "summary": self.function.summary,
            "tags": [self.area],
            "security": self.security(),
            "responses": responses::responses(self, schemas),
        });
        if !parameters.is_empty() {
            operation["parameters"] = parameters.into();
        }
        if !input.is_empty() {
            operation["requestBody"] = self.request_body(input);
        }
        if let Auth::Member(permission) = self.http.auth {
            operation["x-permission"] = permission.as_str().into();
        }
        operation
    }

    /// A parameter that the input does not have is described as any text: `manifest_check` is who complains.
    fn path_parameters(&self, input: &mut Input) -> Vec<Value> {
        let any_text = |name: &str| Property {
            name: name.to_owned(),
            schema: json!({ "type": "string" }),
            presence: Presence::Required,
        };
        let names = self.http.path_parameters();
        names.map(|name| parameter(Place::Path, input.take(name).unwrap_or_else(|| any_text(name)))).collect()
    }

    fn tenant_header(&self, schemas: &mut Schemas) -> Option<Value> {
        let Auth::Member(_) = self.http.auth else { return None };
        Some(json!({
            "name": "X-Tenant-Id",
            "in": "header",
            "required": false,
            "description": "The workspace this is about. Whoever belongs to one only may leave it out.",
            "schema": schemas.tenant_id(),
        }))
    }

    fn if_match_header(&self) -> Option<Value> {
        self.can_refuse(Code::IfMatchRequired).then(|| {
            json!({
                "name": "If-Match",
                "in": "header",
                "required": true,
                "description": "The ETag of what you read and now change.",
                "schema": { "type": "string" },
            })
        })
    }

    fn if_none_match_header(&self) -> Option<Value> {
        self.can_be_revalidated().then(|| {
            json!({
                "name": "If-None-Match",
                "in": "header",
                "required": false,
                "description": "The ETag of what you have. While that is what there is, the answer is 304.",
                "schema": { "type": "string" },
            })
        })
    }

    pub(super) fn can_be_revalidated(&self) -> bool {
        self.http.revalidation == Revalidation::ByEtag
    }

    fn key_header(&self) -> Option<Value> {
        self.takes_a_key().then(|| {
            json!({
                "name": KEY_HEADER,
                "in": "header",
                "required": false,
                "description": "Names this request among yours, for 24 hours: sent again with the same key it is not \
                                carried out again, and gets the first answer.",
                "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$" },
            })
        })
    }

    pub(super) fn takes_a_key(&self) -> bool {
        self.http.idempotency == Idempotency::ByKey
    }

    fn request_body(&self, input: Input) -> Value {
        json!({
            "required": input.has_required(),
            "content": {
                "application/json": {
                    "schema": input.into_schema(),
                    "example": (self.http.example)(),
                },
            },
        })
    }

    fn security(&self) -> Value {
        match self.http.auth {
            // What can find its session revoked without asking for an access token has it from the refresh cookie.
            Auth::Nobody if self.can_refuse(Code::SessionRevoked) => json!([{ "refreshCookie": [] }]),
            Auth::Nobody => json!([]),
            Auth::Visitor => json!([{}, { "bearer": [] }]),
            Auth::User | Auth::Member(_) => json!([{ "bearer": [] }]),
            Auth::ApiKey => json!([{ "apiKey": [] }]),
        }
    }

    fn can_refuse(&self, code: Code) -> bool {
        self.http.refusals().contains(&code)
    }
}

fn parameter(place: Place, property: Property) -> Value {
    let Property { name, mut schema, presence } = property;
    let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
    let (place, required) = match place {
        Place::Path => ("path", true),
        Place::Query => ("query", presence == Presence::Required),
    };
    let schema = without_null(schema);
    let mut parameter = json!({ "name": name, "in": place, "required": required, "schema": schema });
    if let Some(description) = description {
        parameter["description"] = description;
    }
    parameter
}

/// A parameter is text: an optional one is absent, it cannot be null.
fn without_null(mut schema: Value) -> Value {
    if let Some(members) = schema.as_object_mut() {
        members.retain(|name, value| name != "default" || !value.is_null());
    }
    match (schema["type"].as_array().map(Vec::as_slice), schema["anyOf"].as_array().map(Vec::as_slice)) {
        (Some([only, null]), _) if null == "null" => {
            schema["type"] = only.clone();
            schema
        }
        (_, Some([value, null])) if *null == json!({ "type": "null" }) => value.clone(),
        _ => schema,
    }
}
