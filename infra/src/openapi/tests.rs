use super::*;
use crate::fakes;
use std::slice;

fn fake_document() -> Value {
    document_of(slice::from_ref(&fakes::sound()))
}

fn problem(codes: &[Code]) -> Value {
    let lines: Vec<_> = codes.iter().map(|code| format!("- `{}`: {}", code.as_str(), code.title())).collect();
    let names: Vec<_> = codes.iter().map(|code| code.as_str()).collect();
    let mut headers = json!({ "Request-Id": { "$ref": "#/components/headers/Request-Id" } });
    if codes.iter().any(|code| [Code::RateLimited, Code::TryAgain, Code::IdempotencyInFlight].contains(code)) {
        headers["Retry-After"] = json!({ "$ref": "#/components/headers/Retry-After" });
    }
    json!({
        "description": lines.join("\n"),
        "headers": headers,
        "content": { "application/problem+json": { "schema": { "allOf": [
            { "$ref": "#/components/schemas/ProblemDetails" },
            { "properties": { "code": { "enum": names } } },
        ] } } },
    })
}

#[test]
fn an_operation_of_members_with_a_body() {
    let expected = json!({
        "operationId": "rename-thing",
        "summary": "Renames a thing.",
        "tags": ["fake"],
        "security": [{ "bearer": [] }],
        "x-permission": "tenant:update",
        "parameters": [
            {
                "name": "thing",
                "in": "path",
                "required": true,
                "description": "Which thing.",
                "schema": { "$ref": "#/components/schemas/InviteId" },
            },
            {
                "name": "X-Tenant-Id",
                "in": "header",
                "required": false,
                "description": "The workspace this is about. Whoever belongs to one only may leave it out.",
                "schema": { "$ref": "#/components/schemas/TenantId" },
            },
            {
                "name": "If-Match",
                "in": "header",
                "required": true,
                "description": "The ETag of what you read and now change.",
                "schema": { "type": "string" },
            },
        ],
        "requestBody": {
            "required": true,
            "content": { "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "name": { "type": "string" },
                        "size": {
                            "anyOf": [{ "$ref": "#/components/schemas/SizeInput" }, { "type": "null" }],
                            "default": null,
                        },
                    },
                    "required": ["name"],
                    "additionalProperties": false,
                },
                "example": { "name": "Ada" },
            } },
        },
        "responses": {
            "200": {
                "description": "Done.",
                "headers": {
                    "Request-Id": { "$ref": "#/components/headers/Request-Id" },
                    "ETag": { "$ref": "#/components/headers/ETag" },
                },
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Thing" } } },
            },
            "400": problem(&[Code::MalformedJson, Code::TenantRequired]),
            "401": problem(&[Code::Unauthenticated]),
            "403": problem(&[Code::Forbidden]),
            "404": problem(&[Code::NotFound]),
            "412": problem(&[Code::VersionStale]),
            "413": problem(&[Code::BodyTooLarge]),
            "415": problem(&[Code::MediaType]),
            "422": problem(&[Code::ValidationFailed]),
            "428": problem(&[Code::IfMatchRequired]),
            "429": problem(&[Code::RateLimited]),
            "500": problem(&[Code::Internal]),
            "503": problem(&[Code::TryAgain]),
        },
    });
    assert_eq!(fake_document()["paths"]["/v1/things/{thing}"]["patch"], expected);
}

#[test]
fn an_operation_of_anybody_with_a_query() {
    let expected = json!({
        "operationId": "list-things",
        "summary": "Lists things.",
        "tags": ["fake"],
        "security": [],
        "parameters": [
            { "name": "cursor", "in": "query", "required": false, "schema": { "type": "string" } },
            {
                "name": "limit",
                "in": "query",
                "required": false,
                "description": "How many.",
                "schema": { "$ref": "#/components/schemas/Limit" },
            },
        ],
        "responses": {
            "204": {
                "description": "Done; there is nothing to say.",
                "headers": { "Request-Id": { "$ref": "#/components/headers/Request-Id" } },
            },
            "413": problem(&[Code::BodyTooLarge]),
            "422": problem(&[Code::ValidationFailed]),
            "500": problem(&[Code::Internal]),
            "503": problem(&[Code::TryAgain]),
        },
    });
    assert_eq!(fake_document()["paths"]["/v1/things"]["get"], expected);
}

#[test]
fn an_operation_by_key_says_what_a_repeat_gets() {
    let document = document_of(&fakes::sound_and(Function::route::<fakes::MakeThing>()));
    let operation = &document["paths"]["/v1/things"]["post"];
    let parameters = operation["parameters"].as_array().unwrap();
    let names: Vec<_> = parameters.iter().map(|parameter| parameter["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["X-Tenant-Id", "Idempotency-Key"]);
    assert_eq!((&parameters[1]["in"], &parameters[1]["required"]), (&json!("header"), &json!(false)));

    let responses = &operation["responses"];
    let headers_of = |status: &str| {
        responses[status]["headers"].as_object().unwrap().keys().map(String::as_str).collect::<BTreeSet<_>>()
    };
    assert_eq!(headers_of("201"), ["Idempotency-Replayed", "Request-Id"].into());
    assert_eq!(headers_of("409"), ["Request-Id", "Retry-After"].into());
    assert_eq!(responses["409"], problem(&[Code::IdempotencyInFlight]));
    assert_eq!(responses["422"], problem(&[Code::ValidationFailed, Code::IdempotencyMismatch]));
}

#[test]
fn a_type_that_both_sides_see_differently_is_described_twice() {
    let schemas = &fake_document()["components"]["schemas"];
    assert_eq!(schemas["Size"]["required"], json!(["metres"]));
    assert_eq!(schemas["SizeInput"]["required"], Value::Null);
    assert_eq!(schemas["TenantIdInput"], Value::Null);
}

#[test]
fn every_reference_leads_somewhere() {
    fn references(value: &Value) -> Vec<String> {
        match value {
            Value::Object(members) => {
                let own = members.get("$ref").and_then(Value::as_str).map(str::to_owned);
                own.into_iter().chain(members.values().flat_map(references)).collect()
            }
            Value::Array(values) => values.iter().flat_map(references).collect(),
            _ => Vec::new(),
        }
    }
    for document in [fake_document(), document()] {
        for reference in references(&document) {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
    }
}

#[test]
fn the_document_is_written_with_its_members_in_order() {
    let rendered = render(&json!({ "b": [{ "d": 1, "c": 2 }], "a": {} }));
    assert_eq!(rendered, "{\n  \"a\": {},\n  \"b\": [\n    {\n      \"c\": 2,\n      \"d\": 1\n    }\n  ]\n}\n");
}
