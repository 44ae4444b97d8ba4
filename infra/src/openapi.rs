//! The OpenAPI 3.1 document of the manifest (<https://spec.openapis.org/oas/v3.1.0.html>).

mod operation;
mod responses;
mod schemas;

use common::auth::api_key::PREFIX;
use common::auth::caller::TENANT_HEADER;
use common::auth::session::REFRESH_COOKIE;
use common::error::Code;
use common::function::{Function, Http};
use common::json::sorted;
use common::request::MAX_BODY;
use common::route::Revalidation;
use functions::{AREAS, Area};
use operation::Operation;
use schemas::Schemas;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The document of everything that is deployed.
pub fn document() -> Value {
    document_of(&AREAS)
}

/// The document of the functions of `areas` that HTTP runs.
pub fn document_of(areas: &[Area]) -> Value {
    let mut schemas = Schemas::new();
    let paths = paths(areas, &mut schemas);
    schemas.settle(json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Callaro workspace API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": description(),
        },
        "servers": [{ "url": "/" }],
        "tags": tags(areas),
        "paths": paths,
        "components": {
            "headers": responses::shared_headers(),
            "securitySchemes": security_schemes(),
        },
    }))
}

/// The document as it is kept in a file: the same bytes whatever order `serde_json` keeps members in.
pub fn render(document: &Value) -> String {
    format!("{:#}\n", sorted(document))
}

fn paths(areas: &[Area], schemas: &mut Schemas) -> Map<String, Value> {
    let versioned = versioned_paths(areas);
    let mut paths = Map::new();
    for (area, function, http) in routes(areas) {
        let has_etag = versioned.contains(http.path) || http.revalidation == Revalidation::ByEtag;
        let etag = if has_etag { operation::Etag::Answered } else { operation::Etag::Unknown };
        let operation = Operation { area: area.name, function, http, etag }.describe(schemas);
        let item = paths.entry(http.path).or_insert_with(|| json!({}));
        item[http.method.as_str().to_lowercase()] = operation;
    }
    paths
}

fn routes(areas: &[Area]) -> impl Iterator<Item = (&Area, &'static Function, &'static Http)> {
    let functions = areas.iter().flat_map(|area| area.functions.iter().map(move |function| (area, *function)));
    functions.filter_map(|(area, function)| Some((area, function, function.http()?)))
}

/// The paths of what is changed with `If-Match`: whatever shows such a thing says its version.
fn versioned_paths(areas: &[Area]) -> BTreeSet<&'static str> {
    let versioned = routes(areas).filter(|(_, _, http)| http.refusals().contains(&Code::IfMatchRequired));
    versioned.map(|(_, _, http)| http.path).collect()
}

fn tags(areas: &[Area]) -> Vec<Value> {
    let names: Vec<_> = routes(areas).map(|(area, _, _)| area.name).collect();
    names
        .chunk_by(|name, next| name == next)
        .filter_map(|run| run.first())
        .map(|name| json!({ "name": name }))
        .collect()
}

fn security_schemes() -> Value {
    json!({
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The access token of a signed-in user.",
        },
        "apiKey": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": format!("{PREFIX}…"),
            "description": "An API key of a workspace, for programs. It names its workspace.",
        },
        "refreshCookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": REFRESH_COOKIE,
            "description": "The refresh token. Browsers keep it out of reach of scripts; every use replaces it.",
        },
    })
}

fn description() -> String {
    let kib = MAX_BODY / 1024;
    [
        "Workspaces of Callaro: sign-up, invitations, members, settings, billing and the Getting-started checklist.",
        "**Who asks.** Send `Authorization: Bearer` and the access token that a sign-up, a sign-in or an accepted \
         invitation answered. It is good for minutes; the refresh cookie, set with it, gets the next one.",
        "**Programs.** An operation under `apiKey` is for programs: send an API key as the bearer token. An operation takes an \
         access token or an API key, never either.",
        &format!(
            "**Which workspace.** An operation with `x-permission` is about one workspace and needs that permission in \
             it. Name the workspace by its id in `{TENANT_HEADER}`; whoever belongs to one only may leave it out. What \
             is in another workspace and what does not exist are the same 404."
        ),
        &format!(
            "**Requests.** Bodies are JSON objects of at most {kib} KiB. Names are snake_case, times RFC 3339 in UTC, \
             ids carry their kind (`usr_`, `ten_`, `inv_`). A field that is not described here is refused, not \
             ignored. In a PATCH, what is absent stays as it is and `null` clears."
        ),
        "**Problems.** Every refusal is `application/problem+json` (RFC 9457). Decide on `code`, never on the \
         sentences: codes are stable, and each operation lists those it can answer. `errors` points at the fields that \
         are wrong, and `request_id` names the request when you ask us about it. Where there is a `Retry-After`, \
         wait for so many seconds.",
        "**Repeats.** An operation that takes an `Idempotency-Key` can be sent again when its answer did not come: make \
         a key for each request, such as a UUID, and send it with every try. The request is carried out once, and for 24 \
         hours each repeat gets the first answer, marked `Idempotency-Replayed: true`. A request that was refused changed \
         nothing and leaves its key free; after a 500 send the same request again.",
        "**Lists.** `limit` is 1 to 100, 25 unless given. `next_cursor` is null on the last page; otherwise send it as \
         `cursor` for the next one.",
        "**Changes.** What several people may edit is answered with an `ETag`. Send it back as `If-Match` with a \
         change: if somebody else was faster you get 412 `version_stale`, and nothing is saved; without it, 428 \
         `if_match_required`.",
        "**Looking again.** An operation that takes `If-None-Match` answers 304 without a body while what you have, by its \
         `ETag`, is still what there is. That is the cheap way to wait for a change.",
    ]
    .join("\n\n")
}

#[cfg(test)]
mod tests;
