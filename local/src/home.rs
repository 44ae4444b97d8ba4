//! What this machine says of itself: `GET /`, `/local/health`.

use crate::dead_letters::{self, REPLAY};
use crate::demo::DemoTenant;
use crate::options::{Options, Storage, Target};
use askama::Template;
use aws_local::event_source::DeadLetters;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use common::function::{Function, Source};
use common::trigger::Listen;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};

pub(crate) const OPENAPI: &str = "/v1/openapi.json";
pub(crate) const MAILBOX: &str = "/mailbox";
pub(crate) const HEALTH: &str = "/local/health";

/// What the page tells.
pub(crate) struct Home {
    about: About,
    dead_letters: DeadLetters,
    /// Set once the stack is ready.
    demo: OnceLock<Arc<DemoTenant>>,
}

#[derive(Serialize)]
struct About {
    api: String,
    links: Links,
    /// Where the table, `callaro`, answers as DynamoDB does.
    dynamodb: String,
    sesv2: String,
    data: String,
    functions_run: String,
    routes: Vec<Route>,
    triggers: Vec<Trigger>,
}

#[derive(Serialize)]
struct Links {
    openapi: &'static str,
    mailbox: &'static str,
    dead_letters: &'static str,
    health: &'static str,
}

#[derive(Serialize)]
struct Route {
    name: &'static str,
    summary: &'static str,
    method: &'static str,
    path: &'static str,
}

#[derive(Serialize)]
struct Trigger {
    name: &'static str,
    summary: &'static str,
    listens: String,
}

#[derive(Template)]
#[template(path = "home.html")]
struct Page<'a> {
    about: &'a About,
    demo: &'a DemoTenant,
    given_up: usize,
    replay: &'static str,
}

impl Home {
    pub(crate) fn new(api: &str, dynamodb: &str, sesv2: &str, options: &Options, dead_letters: DeadLetters) -> Home {
        let about = About {
            api: api.to_owned(),
            links: Links { openapi: OPENAPI, mailbox: MAILBOX, dead_letters: dead_letters::PATH, health: HEALTH },
            dynamodb: dynamodb.to_owned(),
            sesv2: sesv2.to_owned(),
            data: kept(&options.storage),
            functions_run: run(&options.target),
            routes: options.functions.iter().filter_map(|function| route(function)).collect(),
            triggers: options.functions.iter().filter_map(|function| trigger(function)).collect(),
        };
        Home { about, dead_letters, demo: OnceLock::new() }
    }

    pub(crate) fn ready(&self, demo: Arc<DemoTenant>) {
        if self.demo.set(demo).is_err() {
            tracing::error!("a stack was ready twice");
        }
    }

    pub(crate) fn router(home: Arc<Home>) -> Router {
        Router::new().route("/", get(index)).route(HEALTH, get(health)).with_state(home)
    }
}

async fn index(State(home): State<Arc<Home>>, headers: HeaderMap) -> Response {
    let demo = home.demo.get().map_or(&DemoTenant::None, |demo| demo.as_ref());
    if prefers_json(&headers) {
        let mut json = json!(home.about);
        json["demo"] = demo_as_json(demo);
        return Json(json).into_response();
    }
    let page = Page { about: &home.about, demo, given_up: home.dead_letters.list().len(), replay: REPLAY };
    match page.render() {
        Ok(html) => (page_headers(), Html(html)).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Ready once everything runs and the demo tenant is there.
async fn health(State(home): State<Arc<Home>>) -> Response {
    match home.demo.get() {
        Some(_) => Json(json!({ "status": "ok" })).into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "starting" }))).into_response(),
    }
}

fn prefers_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accept.contains("application/json") && !accept.contains("text/html")
}

fn demo_as_json(demo: &DemoTenant) -> Value {
    match demo {
        DemoTenant::Ready(sign_in) => json!(sign_in),
        DemoTenant::Failed(error) => json!({ "error": error.to_string() }),
        DemoTenant::None => Value::Null,
    }
}

fn page_headers() -> [(http::HeaderName, &'static str); 4] {
    [
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
        ),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-store"),
    ]
}

fn kept(storage: &Storage) -> String {
    match storage {
        Storage::Memory => "in memory, until this stops".to_owned(),
        Storage::Directory(path) => format!("in {}", path.display()),
    }
}

fn run(target: &Target) -> String {
    match target {
        Target::InProcess => "in this process".to_owned(),
        Target::Bootstraps(path) => format!("as the binaries in {}", path.display()),
    }
}

fn route(function: &'static Function) -> Option<Route> {
    let http = function.http()?;
    Some(Route { name: function.name, summary: function.summary, method: http.method.as_str(), path: http.path })
}

fn trigger(function: &'static Function) -> Option<Trigger> {
    match &function.source {
        Source::Stream(stream) => {
            Some(Trigger { name: function.name, summary: function.summary, listens: in_words(stream.listens) })
        }
        Source::Feedback(_) => {
            let listens = "what becomes of mail".to_owned();
            Some(Trigger { name: function.name, summary: function.summary, listens })
        }
        Source::Schedule(schedule) => {
            let listens = format!("every {} hours", schedule.every.0);
            Some(Trigger { name: function.name, summary: function.summary, listens })
        }
        Source::Http(_) => None,
    }
}

fn in_words(listens: Listen) -> String {
    let events: Vec<_> = listens.events.iter().map(|event| event.as_str()).collect();
    let kinds: Vec<_> = listens.kinds.iter().map(|kind| format!("{kind:?}")).collect();
    format!("{} of {}", events.join(", "), kinds.join(", "))
}
