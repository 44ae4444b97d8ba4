//! The stack as a whole, with two functions of its own: what real ones do is tested in the `tests` crate.

use crate::environment;
use crate::request_body::MAX_BYTES;
use crate::{DataError, Demo, DemoTenant, Options, Stack, StartError, Storage, Target};
use axum::body::Bytes;
use common::auth::caller::{Auth, Nobody};
use common::auth::token::{AccessClaims, TokenKeys, TokenKind};
use common::clock::Clock;
use common::error::{Code, Result};
use common::function::Function;
use common::keys::Kind;
use common::reply::{NoContent, Reply};
use common::route::{Cx, Method, NoInput, Route};
use common::store::Access;
use common::trigger::{Event, Failures, Listen, Record, StreamTrigger, TriggerCx};
use dynoxide::Database;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::Notify;

struct Knock;

impl Route for Knock {
    const NAME: &'static str = "knock";
    const SUMMARY: &'static str = "Does nothing <well>";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/doors/{door}";
    const AUTH: Auth = Auth::Nobody;
    const ACCESS: &'static [Access] = &[];
    const REFUSES: &'static [Code] = &[];
    const SUCCESS: u16 = 204;
    const SIGNS: &'static [TokenKind] = &[TokenKind::Invite];
    type Caller = Nobody;
    type Input = NoInput;
    type Output = NoContent;

    fn example() -> Value {
        json!({})
    }

    async fn handle(_: &Cx, _: Nobody, _: NoInput) -> Result<Reply<NoContent>> {
        Ok(NoContent.into())
    }
}

struct Linger;

static LINGERS: Notify = Notify::const_new();

impl Route for Linger {
    const NAME: &'static str = "linger";
    const SUMMARY: &'static str = "Takes its time";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/linger";
    const AUTH: Auth = Auth::Nobody;
    const ACCESS: &'static [Access] = &[];
    const REFUSES: &'static [Code] = &[];
    const SUCCESS: u16 = 204;
    type Caller = Nobody;
    type Input = NoInput;
    type Output = NoContent;

    fn example() -> Value {
        json!({})
    }

    async fn handle(_: &Cx, _: Nobody, _: NoInput) -> Result<Reply<NoContent>> {
        LINGERS.notify_one();
        tokio::time::sleep(Duration::from_millis(100)).await;
        Ok(NoContent.into())
    }
}

struct Watch;

impl StreamTrigger for Watch {
    const NAME: &'static str = "watch";
    const SUMMARY: &'static str = "Sees checklists come";
    const LISTENS: Listen = Listen { kinds: &[Kind::Checklist], events: &[Event::Insert] };
    const ACCESS: &'static [Access] = &[];

    async fn handle(_: &TriggerCx, _: &[Record]) -> Failures {
        Failures::default()
    }
}

static KNOCK: Function = Function::route::<Knock>();
static LINGER: Function = Function::route::<Linger>();
static WATCH: Function = Function::stream::<Watch>();

fn options() -> Options {
    Options { functions: vec![&KNOCK, &LINGER, &WATCH], ..Options::ephemeral() }
}

fn kept_in(directory: &Path) -> Options {
    Options { storage: Storage::Directory(directory.to_owned()), ..options() }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

async fn send(stack: &Stack, method: &str, path: &str, body: Vec<u8>) -> Answer {
    send_to(format!("{}{path}", stack.url()), method, body).await
}

async fn send_to(url: String, method: &str, body: Vec<u8>) -> Answer {
    let request = http::Request::builder().method(method).uri(url);
    let request = request.header("content-type", "application/json").header("accept", "application/json");
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request.body(Full::new(Bytes::from(body))).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    Answer { status: head.status, headers: head.headers, body: body.collect().await.unwrap().to_bytes() }
}

async fn refused(options: Options) -> StartError {
    match Stack::start(options).await {
        Ok(_) => panic!("it started"),
        Err(error) => error,
    }
}

fn assert_is_problem(answer: &Answer, status: u16, code: &str) {
    let body = answer.json();
    assert_eq!((answer.status.as_u16(), body["status"].as_u64()), (status, Some(status.into())));
    assert_eq!(body["code"], code);
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    assert!(!body["request_id"].as_str().unwrap().is_empty());
    assert_eq!(body["request_id"], answer.headers["request-id"].to_str().unwrap());
}

#[tokio::test]
async fn it_is_ready_once_it_has_started() {
    let stack = Stack::start(options()).await.unwrap();
    let answer = send(&stack, "GET", "/local/health", vec![]).await;
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({ "status": "ok" })));
    assert_eq!(send(&stack, "GET", "/local/dead-letters", vec![]).await.json(), json!([]));
    assert_eq!(send(&stack, "GET", "/mailbox/messages", vec![]).await.json(), json!([]));
    stack.shutdown().await;
}

#[tokio::test]
async fn a_request_goes_through_the_functions_own_adapter() {
    let stack = Stack::start(options()).await.unwrap();
    let answer = send(&stack, "POST", "/v1/doors/a", b"{}".to_vec()).await;
    // The path's parameter is in the event: this route has no such field.
    assert_is_problem(&answer, 422, "validation_failed");
    assert_eq!(answer.json()["errors"][0]["pointer"], "/door");
    stack.shutdown().await;
}

#[tokio::test]
async fn what_has_no_route_is_a_problem_of_the_same_form() {
    let stack = Stack::start(options()).await.unwrap();
    assert_is_problem(&send(&stack, "GET", "/v1/windows", vec![]).await, 404, "not_found");
    assert_is_problem(&send(&stack, "GET", "/v1/doors", vec![]).await, 404, "not_found");
    let answer = send(&stack, "DELETE", "/v1/doors/a", vec![]).await;
    assert_is_problem(&answer, 405, "method_not_allowed");
    assert_eq!(answer.headers["allow"], "POST");
    let answer = send(&stack, "HEAD", "/v1/doors/a", vec![]).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (405, 0));
    assert_eq!(answer.headers["allow"], "POST");
    stack.shutdown().await;
}

#[tokio::test]
async fn a_body_is_bounded_by_the_gateway_and_its_sender_hears_of_it() {
    let stack = Stack::start(options()).await.unwrap();
    let answer = send(&stack, "POST", "/v1/doors/a", vec![b' '; MAX_BYTES + 1]).await;
    assert_is_problem(&answer, 413, "body_too_large");
    assert!(answer.json()["detail"].as_str().unwrap().contains("10 MiB"));
    stack.shutdown().await;
}

/// A binary for every function of [`options`], which does what `script` says.
fn binaries(script: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for function in options().functions {
        let path = directory.path().join(function.name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    directory
}

#[test]
#[ignore = "no test: what the next one runs as the binary of `knock`"]
fn main_of_knock() {
    common::lambda::main(&KNOCK);
}

#[tokio::test]
async fn a_request_goes_to_the_functions_binary_and_back() {
    let this = std::env::current_exe().unwrap();
    let binaries = binaries(&format!("exec {} --ignored --exact tests::main_of_knock --nocapture", this.display()));
    let target = Target::Bootstraps(binaries.path().to_owned());
    let stack = Stack::start(Options { target, ..options() }).await.unwrap();
    let answer = send(&stack, "POST", "/v1/doors/a", b"{}".to_vec()).await;
    assert_is_problem(&answer, 422, "validation_failed");
    assert_eq!(answer.json()["errors"][0]["pointer"], "/door");
    stack.shutdown().await;
}

#[tokio::test]
async fn a_function_that_crashes_is_answered_for_as_api_gateway_does() {
    let binaries = binaries("exit 3");
    let target = Target::Bootstraps(binaries.path().to_owned());
    let stack = Stack::start(Options { target, ..options() }).await.unwrap();
    let answer = send(&stack, "POST", "/v1/doors/a", vec![]).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (500, json!({ "message": "Internal Server Error" })));
    stack.shutdown().await;
}

#[tokio::test]
async fn a_missing_binary_is_named_at_the_start() {
    let binaries = tempfile::tempdir().unwrap();
    let error = refused(Options { target: Target::Bootstraps(binaries.path().to_owned()), ..options() }).await;
    assert!(matches!(&error, StartError::NoBinary { path } if path.ends_with("knock")), "{error}");
}

#[tokio::test]
async fn the_first_page_says_what_runs_and_lets_nothing_become_markup() {
    let stack = Stack::start(options()).await.unwrap();
    let about = send(&stack, "GET", "/", vec![]).await.json();
    assert_eq!(about["api"], stack.url());
    assert_eq!(about["dynamodb"], stack.dynamo_endpoint());
    assert_eq!(about["routes"][0]["path"], "/v1/doors/{door}");
    assert_eq!(about["triggers"][0]["listens"], "INSERT of Checklist");
    assert_eq!(about["demo"], Value::Null);

    let request = http::Request::get(stack.url()).body(Full::new(Bytes::new())).unwrap();
    let page = Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
    let page = page.into_body().collect().await.unwrap().to_bytes();
    let page = String::from_utf8(page.to_vec()).unwrap();
    assert!(page.contains("/v1/openapi.json") && page.contains("POST /v1/doors/{door}"), "{page}");
    assert!(!page.contains("<well>"), "{page}");
    stack.shutdown().await;
}

#[tokio::test]
async fn settled_waits_for_what_the_stream_has_to_tell() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sees = seen.clone();
    let observer: common::app::Observer = Arc::new(move |observation| sees.lock().unwrap().push(observation.function));
    let stack = Stack::start(Options { observer: Some(observer), ..options() }).await.unwrap();
    stack.settled().await.unwrap();
    let item = json!({ "pk": { "S": "TENANT#ten_01890a5dac96774bbcceb302099a8057" }, "sk": { "S": "CHECKLIST" } });
    let put = json!({ "TableName": stack.table(), "Item": item });
    stack.database().put_item(serde_json::from_value(put).unwrap()).unwrap();
    stack.settled().await.unwrap();
    assert_eq!(*seen.lock().unwrap(), ["watch"]);
    stack.shutdown().await;
}

#[tokio::test]
async fn what_was_given_up_is_listed_with_its_reason_and_played_again_on_request() {
    let stack = Stack::start(options()).await.unwrap();
    let item = json!({ "pk": { "S": "PLANET#1" }, "sk": { "S": "CHECKLIST" } });
    let put = json!({ "TableName": stack.table(), "Item": item });
    stack.database().put_item(serde_json::from_value(put).unwrap()).unwrap();
    stack.settled().await.unwrap();

    let letters = send(&stack, "GET", "/local/dead-letters", vec![]).await.json();
    let reason = "Error: internal: a record of a kind that is not known";
    assert_eq!((letters.as_array().unwrap().len(), &letters[0]["__local"]["lastError"]), (1, &json!(reason)));
    let request = http::Request::get(stack.url()).body(Full::new(Bytes::new())).unwrap();
    let page = Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
    let page = String::from_utf8(page.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
    assert!(page.contains(r#"<form method="post" action="/local/dead-letters/replay">"#), "{page}");

    let played = send(&stack, "POST", "/local/dead-letters/replay", vec![]).await;
    let sequence = &letters[0]["DDBStreamBatchInfo"]["startSequenceNumber"];
    let attempt = json!({
        "request_id": letters[0]["requestContext"]["requestId"],
        "function": "watch",
        "records": [sequence, sequence],
        "failed": reason,
    });
    assert_eq!((played.status, played.json()), (StatusCode::OK, json!([attempt])));
    assert_eq!(send(&stack, "GET", "/local/dead-letters", vec![]).await.json(), letters, "it stays");
    stack.shutdown().await;
}

#[tokio::test]
async fn what_was_not_done_is_done_after_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    Stack::start(Options { functions: vec![&KNOCK], ..kept_in(directory.path()) }).await.unwrap().shutdown().await;
    let database = Database::new(directory.path().join("table.sqlite").to_str().unwrap()).unwrap();
    let item = json!({ "pk": { "S": "TENANT#ten_01890a5dac96774bbcceb302099a8057" }, "sk": { "S": "CHECKLIST" } });
    database.put_item(serde_json::from_value(json!({ "TableName": "callaro", "Item": item })).unwrap()).unwrap();
    drop(database);

    let seen = Arc::new(Mutex::new(0));
    for _ in 0..2 {
        let sees = seen.clone();
        let observer: common::app::Observer = Arc::new(move |_| *sees.lock().unwrap() += 1);
        let stack = Stack::start(Options { observer: Some(observer), ..kept_in(directory.path()) }).await.unwrap();
        stack.settled().await.unwrap();
        stack.shutdown().await;
    }
    assert_eq!(*seen.lock().unwrap(), 1, "once, and its checkpoint was kept");
}

#[test]
fn the_table_is_what_the_keys_need() {
    let database = Database::memory().unwrap();
    crate::table::ensure(&database).unwrap();
    crate::table::ensure(&database).unwrap();
    let request = || json!({ "TableName": "callaro" });
    let described = database.describe_table(serde_json::from_value(request()).unwrap()).unwrap();
    let table = &serde_json::to_value(described).unwrap()["Table"];
    assert_eq!(table["KeySchema"][1], json!({ "AttributeName": "sk", "KeyType": "RANGE" }));
    assert_eq!(table["BillingModeSummary"]["BillingMode"], "PAY_PER_REQUEST");
    assert_eq!(table["StreamSpecification"], json!({ "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" }));
    let index = &table["GlobalSecondaryIndexes"][0];
    assert_eq!((&index["IndexName"], &index["Projection"]["ProjectionType"]), (&json!("gsi1"), &json!("ALL")));
    let expiry = database.describe_time_to_live(serde_json::from_value(request()).unwrap()).unwrap();
    let expiry = serde_json::to_value(expiry).unwrap();
    assert_eq!(expiry["TimeToLiveDescription"], json!({ "TimeToLiveStatus": "ENABLED", "AttributeName": "expires" }));
}

#[tokio::test]
async fn keys_are_the_owners_alone_and_last_beyond_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let first = Stack::start(kept_in(directory.path())).await.unwrap();
    let before = first.environment("knock");
    first.shutdown().await;
    let second = Stack::start(kept_in(directory.path())).await.unwrap();
    let value = |variables: &[(String, String)], name| environment::lookup(variables)(name).unwrap();
    for variable in ["VERIFYING_KEYS", "SIGNING_KEY_INVITE"] {
        assert_eq!(value(&before, variable), value(&second.environment("knock"), variable));
    }
    second.shutdown().await;
    for kind in TokenKind::ALL {
        let key = fs::metadata(directory.path().join("keys").join(kind.signing_variable())).unwrap();
        assert_eq!(key.permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn a_function_is_told_the_keys_it_signs_with_and_no_others() {
    let stack = Stack::start(options()).await.unwrap();
    let signing = |name| {
        let names = stack.environment(name).into_iter().map(|(name, _)| name);
        names.filter(|name| name.starts_with("SIGNING_KEY")).collect::<Vec<_>>()
    };
    assert_eq!(signing("knock"), ["SIGNING_KEY_INVITE"]);
    assert_eq!(signing("watch"), [""; 0]);
    assert_eq!(signing("unknown"), [""; 0]);
    stack.shutdown().await;
}

#[tokio::test]
async fn the_keys_sign_what_a_function_accepts() {
    let stack = Stack::start(options()).await.unwrap();
    let now = Clock::system().now();
    let user = "usr_01890a5dac96774bbcceb302099a8057".parse().unwrap();
    let session = "ses_01890a5dac96774bbcceb302099a8057".parse().unwrap();
    let soon = now + Duration::from_secs(60);
    let token = stack.token_keys().sign_access(AccessClaims { user, session }, now, soon).unwrap();
    let variables = stack.environment("watch");
    let keys = TokenKeys::from(&environment::lookup(&variables), stack.url(), &[]).unwrap();
    assert_eq!(keys.verify::<AccessClaims>(&token, now).unwrap().claims.user, user);
    stack.shutdown().await;
}

#[tokio::test]
async fn two_do_not_share_a_directory_or_a_port_and_none_is_open_to_the_network() {
    let directory = tempfile::tempdir().unwrap();
    let stack = Stack::start(kept_in(directory.path())).await.unwrap();
    let error = refused(kept_in(directory.path())).await;
    assert!(matches!(error, StartError::Data(DataError::InUse { .. })), "{error}");
    let error = refused(Options { listen: stack.address(), ..options() }).await;
    assert!(matches!(error, StartError::AddressInUse { .. }), "{error}");
    let error = refused(Options { listen: ([0, 0, 0, 0], 0).into(), ..options() }).await;
    assert!(matches!(error, StartError::NotLoopback { .. }), "{error}");
    stack.shutdown().await;
}

#[tokio::test]
async fn a_request_under_way_is_finished_when_it_stops() {
    let stack = Stack::start(options()).await.unwrap();
    let address = stack.address();
    let under_way = tokio::spawn(send_to(format!("{}/v1/linger", stack.url()), "GET", vec![]));
    LINGERS.notified().await;
    stack.shutdown().await;
    assert_eq!(under_way.await.unwrap().status, StatusCode::NO_CONTENT);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn the_demo_tenant_is_signed_up_once() {
    let directory = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let demo = Options { functions: functions::all().collect(), demo: Demo::Seeded, ..kept_in(directory.path()) };
        let stack = Stack::start(demo).await.unwrap();
        assert!(matches!(stack.demo(), DemoTenant::Ready(_)), "{:?}", stack.demo());
        assert_eq!(stack.mailbox().messages().len(), 1);
        stack.shutdown().await;
    }
}

#[tokio::test]
async fn without_its_routes_the_demo_tenant_says_what_is_missing() {
    let stack = Stack::start(Options { demo: Demo::Seeded, ..options() }).await.unwrap();
    let DemoTenant::Failed(error) = stack.demo() else { panic!("{:?}", stack.demo()) };
    assert!(error.to_string().starts_with("POST /v1/sessions answered 404"), "{error}");
    assert_eq!(send(&stack, "GET", "/local/health", vec![]).await.status, StatusCode::OK);
    stack.shutdown().await;
}

#[tokio::test]
async fn it_listens_on_ipv6_too() {
    let listen = (std::net::Ipv6Addr::LOCALHOST, 0).into();
    let stack = Stack::start(Options { listen, ..options() }).await.unwrap();
    assert_eq!(send(&stack, "GET", "/v1/linger", vec![]).await.status, StatusCode::NO_CONTENT);
    stack.shutdown().await;
}

#[tokio::test]
async fn stopped_it_leaves_nothing_running() {
    let tasks = tokio::runtime::Handle::current().metrics();
    let before = tasks.num_alive_tasks();
    for _ in 0..2 {
        let stack = Stack::start(options()).await.unwrap();
        assert_eq!(send(&stack, "POST", "/v1/doors/a", vec![]).await.status.as_u16(), 422);
        stack.shutdown().await;
    }
    // A connection's task ends an instant after the server that it belongs to.
    let gone = async {
        while tasks.num_alive_tasks() > before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), gone).await.expect("tasks are left");
}
