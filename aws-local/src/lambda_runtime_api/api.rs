//! The runtime API of one execution environment, served on a loopback port of its own.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>. A runtime knows only host and port, so the
//! port is what tells environments apart.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::InvokeError;
use crate::locking::lock;
use crate::stamp;

/// What Lambda takes as an answer at most:
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
const MAX_ANSWER_BYTES: usize = 6_291_556;
/// What is read of an answer at most. One that is too large is read to its end before it is refused: a runtime
/// whose connection breaks while it sends would take that for the end of the service, and exit.
const MAX_READ_BYTES: usize = 256 * 1024 * 1024;

/// An event, and where its answer goes.
pub(super) struct Invocation {
    pub(super) event: Value,
    pub(super) timeout: Duration,
    pub(super) answer: oneshot::Sender<Result<Value, InvokeError>>,
}

/// What a runtime reports about itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    #[serde(default)]
    error_type: String,
    #[serde(default)]
    error_message: String,
}

/// The runtime API of one environment; closed when dropped.
pub(super) struct RuntimeApi {
    address: String,
    shared: Arc<Shared>,
    server: AbortHandle,
}

struct Shared {
    function_arn: String,
    events: AsyncMutex<mpsc::UnboundedReceiver<Invocation>>,
    in_flight: Mutex<Option<InFlight>>,
    init_error: Mutex<Option<Report>>,
    first_next: Mutex<Option<oneshot::Sender<Instant>>>,
}

struct InFlight {
    request_id: String,
    answer: oneshot::Sender<Result<Value, InvokeError>>,
}

impl RuntimeApi {
    /// Opens the API for an environment of `function` that is given `events`; `first_next` is told when the
    /// runtime asks for its first event.
    pub(super) async fn open(
        function: &str,
        events: mpsc::UnboundedReceiver<Invocation>,
        first_next: oneshot::Sender<Instant>,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?.to_string();
        let shared = Arc::new(Shared {
            function_arn: format!("arn:aws:lambda:us-east-1:000000000000:function:{function}"),
            events: AsyncMutex::new(events),
            in_flight: Mutex::default(),
            init_error: Mutex::default(),
            first_next: Mutex::new(Some(first_next)),
        });
        let routes = routes(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                tracing::error!(%error, "a runtime API stopped");
            }
        });
        Ok(Self { address, shared, server: server.abort_handle() })
    }

    /// What a runtime finds in `AWS_LAMBDA_RUNTIME_API`.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// What the runtime reported when it could not start.
    pub(super) fn init_error(&self) -> Option<InvokeError> {
        let report = lock(&self.shared.init_error).clone()?;
        Some(InvokeError::Init { error_type: report.error_type, message: report.error_message })
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{request_id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{request_id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .layer(DefaultBodyLimit::max(MAX_READ_BYTES))
        .with_state(shared)
}

async fn next(State(shared): State<Arc<Shared>>) -> Response {
    if let Some(first) = lock(&shared.first_next).take()
        && first.send(Instant::now()).is_err()
    {
        tracing::trace!("nobody is timing this start");
    }
    shared.fail_unanswered();
    let Some(invocation) = shared.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let request_id = stamp::unique_id().to_string();
    let headers = [
        (HeaderName::from_static("content-type"), "application/json".to_owned()),
        (HeaderName::from_static("lambda-runtime-aws-request-id"), request_id.clone()),
        (HeaderName::from_static("lambda-runtime-deadline-ms"), deadline_ms(invocation.timeout)),
        (HeaderName::from_static("lambda-runtime-invoked-function-arn"), shared.function_arn.clone()),
    ];
    *lock(&shared.in_flight) = Some(InFlight { request_id, answer: invocation.answer });
    (headers, invocation.event.to_string()).into_response()
}

async fn response(State(shared): State<Arc<Shared>>, Path(request_id): Path<String>, body: Bytes) -> Response {
    if body.len() > MAX_ANSWER_BYTES {
        return shared.refuse_too_large(&request_id);
    }
    let answer = serde_json::from_slice(&body).map_err(|error| InvokeError::Function {
        error_type: "Runtime.InvalidResponse".to_owned(),
        message: format!("the answer is not JSON: {error}"),
    });
    shared.answer(&request_id, answer)
}

async fn error(State(shared): State<Arc<Shared>>, Path(request_id): Path<String>, body: Bytes) -> Response {
    let report = read_report(&body);
    shared.answer(
        &request_id,
        Err(InvokeError::Function { error_type: report.error_type, message: report.error_message }),
    )
}

async fn init_error(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    *lock(&shared.init_error) = Some(read_report(&body));
    accepted()
}

impl Shared {
    fn answer(&self, request_id: &str, answer: Result<Value, InvokeError>) -> Response {
        let mut in_flight = lock(&self.in_flight);
        match in_flight.take_if(|in_flight| in_flight.request_id == request_id) {
            Some(in_flight) => {
                in_flight.deliver(answer);
                accepted()
            }
            None => invalid_request_id(),
        }
    }

    fn refuse_too_large(&self, request_id: &str) -> Response {
        let error_type = "Function.ResponseSizeTooLarge".to_owned();
        let message =
            format!("Response payload size exceeded maximum allowed payload size ({MAX_ANSWER_BYTES} bytes).");
        let mut response = self.answer(request_id, Err(InvokeError::Function { error_type, message }));
        *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        response
    }

    /// A runtime that asks for the next event without having answered the last one never will.
    fn fail_unanswered(&self) {
        if let Some(in_flight) = lock(&self.in_flight).take() {
            let error_type = "Runtime.NoAnswer".to_owned();
            let message = "the runtime asked for the next event without having answered this one".to_owned();
            in_flight.deliver(Err(InvokeError::Function { error_type, message }));
        }
    }
}

impl InFlight {
    fn deliver(self, answer: Result<Value, InvokeError>) {
        if self.answer.send(answer).is_err() {
            tracing::debug!(request_id = self.request_id, "an answer came after nobody waited for it any more");
        }
    }
}

fn read_report(body: &[u8]) -> Report {
    serde_json::from_slice(body).unwrap_or_else(|_| Report {
        error_type: "Runtime.Unknown".to_owned(),
        error_message: String::from_utf8_lossy(body).into_owned(),
    })
}

fn deadline_ms(timeout: Duration) -> String {
    let now = stamp::since_epoch();
    (now + timeout).as_millis().to_string()
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, axum::Json(json!({"status": "OK"}))).into_response()
}

fn invalid_request_id() -> Response {
    let error = json!({"errorType": "InvalidRequestID", "errorMessage": "Invalid request ID"});
    (StatusCode::BAD_REQUEST, axum::Json(error)).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    const NEXT: &str = "/2018-06-01/runtime/invocation/next";

    async fn call(api: &RuntimeApi, request: Request<Body>) -> Response {
        routes(Arc::clone(&api.shared)).oneshot(request).await.unwrap()
    }

    async fn open() -> (RuntimeApi, mpsc::UnboundedSender<Invocation>) {
        let (events, receiver) = mpsc::unbounded_channel();
        (RuntimeApi::open("function", receiver, oneshot::channel().0).await.unwrap(), events)
    }

    fn invocation() -> (Invocation, oneshot::Receiver<Result<Value, InvokeError>>) {
        let (answer, answered) = oneshot::channel();
        (Invocation { event: json!({}), timeout: Duration::from_secs(3), answer }, answered)
    }

    #[tokio::test]
    async fn an_event_that_was_passed_over_has_failed() {
        let (api, events) = open().await;
        let (first, first_answered) = invocation();
        let (second, _second_answered) = invocation();
        events.send(first).ok().unwrap();
        events.send(second).ok().unwrap();
        for _ in 0..2 {
            call(&api, Request::get(NEXT).body(Body::empty()).unwrap()).await;
        }
        let error = first_answered.await.unwrap().unwrap_err();
        assert!(matches!(error, InvokeError::Function { error_type, .. } if error_type == "Runtime.NoAnswer"));
    }

    #[tokio::test]
    async fn an_event_says_whose_it_is_and_until_when_it_may_take() {
        let (api, events) = open().await;
        events.send(invocation().0).ok().unwrap();
        let next = call(&api, Request::get(NEXT).body(Body::empty()).unwrap()).await;
        let left = next.headers()["lambda-runtime-deadline-ms"].to_str().unwrap().parse::<u128>().unwrap()
            - crate::stamp::since_epoch().as_millis();
        assert!((2_000..=3_000).contains(&left), "{left}");
        assert!(!next.headers()["lambda-runtime-aws-request-id"].is_empty());
        let arn = "arn:aws:lambda:us-east-1:000000000000:function:function";
        assert_eq!(next.headers()["lambda-runtime-invoked-function-arn"], arn);
    }

    #[tokio::test]
    async fn an_answer_to_an_event_that_is_not_under_way_is_refused() {
        let (api, _events) = open().await;
        let answer = Request::post("/2018-06-01/runtime/invocation/unknown/response").body(Body::from("{}")).unwrap();
        assert_eq!(call(&api, answer).await.status(), StatusCode::BAD_REQUEST);
    }
}
