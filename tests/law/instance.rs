//! An instance of `recompute-checklist`, and the troubles that it meets between itself and the table.

use crate::world::forward::forward;
use crate::world::{Death, World};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use common::app::App;
use common::clock::Clock;
use common::function::Function;
use domain::id::TenantId;
use serde_json::{Value, json};
use std::future::{Future, pending};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// What stands in an instance's way.
#[derive(Debug, Clone, Copy)]
pub enum Trouble {
    Ends(Death),
    /// Every call that is about this tenant is refused.
    Refuses(TenantId),
    /// It stands still before its first write, until it is let go.
    Freezes(Afterwards),
}

/// What an instance does that wrote after it stood still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Afterwards {
    GoesOn,
    /// It ends with that write: what it would do if it never looked again.
    Ends,
}

/// An instance behind somebody who makes that trouble. It may be used again, but not at the same time.
pub struct Instance {
    function: &'static Function,
    app: Arc<App>,
    between: Arc<Between>,
}

struct Between {
    table: String,
    http: reqwest::Client,
    run: Mutex<Arc<Run>>,
}

/// One run, and how far it is.
struct Run {
    trouble: Trouble,
    calls: Mutex<usize>,
    over: Notify,
    writing: Notify,
    let_go: Notify,
}

/// A run that stands still, or will.
pub struct Frozen {
    run: Arc<Run>,
    task: tokio::task::JoinHandle<Option<Result<Value, String>>>,
}

impl Instance {
    pub async fn start(world: &World, function: &'static Function) -> Instance {
        let between = Arc::new(Between {
            table: world.stack().dynamo_endpoint().to_owned(),
            http: reqwest::Client::new(),
            run: Mutex::new(Run::new(Trouble::Ends(Death::NEVER))),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(pass_on).with_state(between.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let app = app(world, function, Some(&endpoint), world.clock());
        Instance { function, app, between }
    }

    /// What it answers, if it lives that long.
    pub async fn run(&self, trouble: Trouble, event: Value) -> Option<Result<Value, String>> {
        let run = self.begin(trouble);
        until_the_end(&run, invoke(self.function, self.app.clone(), event)).await
    }

    /// Lets it run until it is about to write, or is done without.
    pub async fn freeze(&self, afterwards: Afterwards, event: Value) -> Frozen {
        let run = self.begin(Trouble::Freezes(afterwards));
        let life = invoke(self.function, self.app.clone(), event);
        let task = tokio::spawn({
            let run = run.clone();
            async move { until_the_end(&run, life).await }
        });
        let mut frozen = Frozen { run, task };
        tokio::select! {
            () = frozen.run.writing.notified() => {}
            ended = &mut frozen.task => frozen.task = tokio::spawn(async move { ended.unwrap() }),
        }
        frozen
    }

    fn begin(&self, trouble: Trouble) -> Arc<Run> {
        let run = Run::new(trouble);
        *self.between.run.lock().unwrap() = run.clone();
        run
    }
}

impl Frozen {
    /// It goes on. What it answers nobody hears any more.
    pub async fn wakes(self) {
        self.run.let_go.notify_one();
        self.task.await.unwrap();
    }
}

impl Run {
    fn new(trouble: Trouble) -> Arc<Run> {
        Arc::new(Run {
            trouble,
            calls: Mutex::new(0),
            over: Notify::new(),
            writing: Notify::new(),
            let_go: Notify::new(),
        })
    }

    fn next_call(&self) -> usize {
        let mut calls = self.calls.lock().unwrap();
        *calls += 1;
        *calls
    }

    async fn end(&self) -> Response {
        self.over.notify_one();
        pending().await
    }
}

/// A function's process, which talks to the table at `endpoint`, or straight to it.
pub fn app(world: &World, function: &Function, endpoint: Option<&str>, clock: Clock) -> Arc<App> {
    let mut environment = world.stack().environment_of(function);
    for (name, value) in &mut environment {
        if name == "AWS_ENDPOINT_URL_DYNAMODB" {
            *value = endpoint.unwrap_or(value).to_owned();
        }
    }
    let lookup = |name: &str| environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    Arc::new(App::from(&lookup, function.signs, clock).unwrap())
}

pub fn invoke(
    function: &'static Function,
    app: Arc<App>,
    event: Value,
) -> impl Future<Output = Result<Value, String>> + Send {
    (function.stream_source().unwrap().run)(app, event)
}

/// Drops `life` where it stands as soon as its run is over.
async fn until_the_end<T>(run: &Run, life: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        () = run.over.notified() => None,
        done = life => Some(done),
    }
}

async fn pass_on(State(between): State<Arc<Between>>, headers: HeaderMap, body: Bytes) -> Response {
    let run = between.run.lock().unwrap().clone();
    let call = run.next_call();
    match run.trouble {
        Trouble::Ends(Death::BeforeCall(last)) if call >= last => run.end().await,
        Trouble::Ends(Death::BeforeAnswer(last)) if call == last => {
            between.forward(&headers, body).await;
            run.end().await
        }
        // The call next to the last one came before the end was noticed.
        Trouble::Ends(Death::BeforeAnswer(last)) if call > last => pending().await,
        Trouble::Refuses(tenant) if is_about(tenant, &body) => refusal(),
        Trouble::Freezes(afterwards) if is_write(&headers) => {
            run.writing.notify_one();
            run.let_go.notified().await;
            // Only the first write waits.
            run.let_go.notify_one();
            let answer = between.forward(&headers, body).await;
            match afterwards {
                Afterwards::GoesOn => answer,
                Afterwards::Ends => run.end().await,
            }
        }
        Trouble::Ends(_) | Trouble::Refuses(_) | Trouble::Freezes(_) => between.forward(&headers, body).await,
    }
}

impl Between {
    async fn forward(&self, headers: &HeaderMap, body: Bytes) -> Response {
        forward(&self.http, &self.table, headers, body).await
    }
}

fn is_about(tenant: TenantId, body: &[u8]) -> bool {
    String::from_utf8_lossy(body).contains(&tenant.to_string())
}

fn is_write(headers: &HeaderMap) -> bool {
    headers.get("x-amz-target").is_some_and(|target| target.as_bytes().ends_with(b".TransactWriteItems"))
}

/// One that the SDK does not try again.
fn refusal() -> Response {
    let problem = json!({ "__type": "com.amazon.coral.service#AccessDeniedException", "Message": "not today" });
    let content_type = ("content-type", "application/x-amz-json-1.0");
    (StatusCode::BAD_REQUEST, [content_type], problem.to_string()).into_response()
}
