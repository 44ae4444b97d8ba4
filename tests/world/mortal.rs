//! A process that ends between two steps of what it does: while it waits for AWS, which is all that our functions wait for.

use super::forward::forward;
use super::{Answer, World};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use common::app::App;
use common::function::{Function, Source};
use serde_json::Value;
use std::fmt;
use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// The step at which a process ends. Its calls to the table and to SES count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// The call is made, and never arrives.
    BeforeCall(usize),
    /// The call is carried out, and nobody hears the answer.
    BeforeAnswer(usize),
}

impl Death {
    /// Not in any life we have seen.
    pub const NEVER: Death = Death::BeforeCall(usize::MAX);

    /// Every step at which a process can end, in the order of its life.
    pub fn every() -> impl Iterator<Item = Death> {
        (1..).flat_map(|call| [Death::BeforeCall(call), Death::BeforeAnswer(call)])
    }
}

/// Good as part of an address.
impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Death::BeforeCall(call) => write!(f, "before-call-{call}"),
            Death::BeforeAnswer(call) => write!(f, "before-answer-{call}"),
        }
    }
}

/// One instance of a function, which ends at a given step of its one event.
pub struct Mortal {
    function: &'static Function,
    app: Arc<App>,
    fate: Arc<Fate>,
}

/// Stands between the instance and AWS, and counts.
struct Fate {
    table: String,
    mail: String,
    http: reqwest::Client,
    death: Death,
    calls: AtomicUsize,
    over: Notify,
}

impl Mortal {
    pub async fn new(world: &World, function: &str, death: Death) -> Mortal {
        let function = functions::all().find(|other| other.name == function).unwrap();
        let mut environment = world.stack().environment_of(function);
        let fate = Arc::new(Fate {
            table: world.stack().dynamo_endpoint().to_owned(),
            mail: value(&environment, "AWS_ENDPOINT_URL_SESV2").unwrap(),
            http: reqwest::Client::new(),
            death,
            calls: AtomicUsize::new(0),
            over: Notify::new(),
        });
        let endpoint = fate.clone().stand_between().await;
        for (_, address) in environment.iter_mut().filter(|(name, _)| name.starts_with("AWS_ENDPOINT_URL_")) {
            address.clone_from(&endpoint);
        }
        let app = App::from(&|name| value(&environment, name), function.signs, world.clock()).unwrap();
        Mortal { function, app: Arc::new(app), fate }
    }

    /// What a route answers, if it lives that long.
    pub async fn serve(self, event: Value) -> Option<Answer> {
        let request = lambda_http::request::from_str(&event.to_string()).unwrap();
        let serve = self.function.http().unwrap().serve;
        let answer = until_the_end(&self.fate, serve(self.app, request)).await?;
        Some(Answer::read(answer.map(|body| body.to_vec()).into()).await)
    }

    /// What a trigger answers, if it lives that long.
    pub async fn run(self, event: Value) -> Option<Result<Value, String>> {
        let Source::Stream(stream) = &self.function.source else { panic!("{} has no stream", self.function.name) };
        until_the_end(&self.fate, (stream.run)(self.app, event)).await
    }
}

fn value(environment: &[(String, String)], name: &str) -> Option<String> {
    environment.iter().find(|(variable, _)| variable == name).map(|(_, value)| value.clone())
}

/// Drops `life` where it stands, with the clients it holds, as soon as its fate says so.
async fn until_the_end<T>(fate: &Fate, life: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        () = fate.over.notified() => None,
        done = life => Some(done),
    }
}

impl Fate {
    async fn stand_between(self: Arc<Fate>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(pass_on).with_state(self);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        endpoint
    }

    /// DynamoDB has one address for everything, SES one for each operation.
    async fn forward(&self, uri: &Uri, headers: &HeaderMap, body: Bytes) -> Response {
        let target = match uri.path() {
            "/" => self.table.clone(),
            operation => format!("{}{operation}", self.mail),
        };
        forward(&self.http, &target, headers, body).await
    }

    async fn end(&self) -> Response {
        self.over.notify_one();
        pending().await
    }
}

async fn pass_on(State(fate): State<Arc<Fate>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let call = fate.calls.fetch_add(1, Ordering::SeqCst) + 1;
    match fate.death {
        Death::BeforeCall(last) if call >= last => fate.end().await,
        Death::BeforeAnswer(last) if call == last => {
            fate.forward(&uri, &headers, body).await;
            fate.end().await
        }
        // The call next to the last one came before the end was noticed.
        Death::BeforeAnswer(last) if call > last => pending().await,
        Death::BeforeCall(_) | Death::BeforeAnswer(_) => fate.forward(&uri, &headers, body).await,
    }
}
