//! API Gateway's HTTP API: finds the function of a request, hands it the event, answers with what it says.

use crate::options::Options;
use crate::problem;
use crate::request_body::{self, BodyError, MAX_BYTES};
use crate::runner::Functions;
use aws_local::InvokeError;
use aws_local::http_event::{self, Found, Match, RouteConflict, RouteTable, from_response};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use common::clock::Clock;
use common::error::{Code, Problem};
use common::function::Function;
use common::random;
use http::header::{ALLOW, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use std::net::SocketAddr;
use std::sync::Arc;

pub(crate) struct Gateway {
    routes: RouteTable<&'static Function>,
    events: http_event::Gateway,
    functions: Functions,
    clock: Clock,
}

impl Gateway {
    pub(crate) fn new(authority: String, functions: Functions, options: &Options) -> Result<Gateway, RouteConflict> {
        let (routes, clock) = (routes(&options.functions)?, options.clock.clone());
        Ok(Gateway { routes, events: http_event::Gateway::at(authority), functions, clock })
    }

    /// Answers whatever no other route does.
    pub(crate) fn router(self) -> Router {
        Router::new().fallback(answer).with_state(Arc::new(self))
    }

    fn problem(&self, code: Code, detail: impl Into<String>) -> Response {
        let request_id = random::uuid(self.clock.now()).map(|id| id.to_string()).unwrap_or_default();
        problem::response(&Problem::new(code, detail), &request_id)
    }
}

fn routes(functions: &[&'static Function]) -> Result<RouteTable<&'static Function>, RouteConflict> {
    let mut routes = RouteTable::new();
    for function in functions.iter().copied() {
        if let Some(http) = function.http() {
            routes.add(method(http.method), http.path, function)?;
        }
    }
    Ok(routes)
}

fn method(method: common::route::Method) -> Method {
    use common::route::Method as Declared;
    match method {
        Declared::Get => Method::GET,
        Declared::Post => Method::POST,
        Declared::Put => Method::PUT,
        Declared::Patch => Method::PATCH,
        Declared::Delete => Method::DELETE,
    }
}

async fn answer(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    // A HEAD is no GET here: an HTTP API routes the method that was sent.
    match gateway.routes.find(&head.method, head.uri.path()) {
        Found::Match(found) => match request_body::read(body).await {
            Ok(body) => gateway.invoke(&found, &head, peer, &body).await,
            Err(error) => gateway.refuse(error),
        },
        Found::MethodNotAllowed { allow } => gateway.method_not_allowed(&head.method, &allow),
        Found::NotFound => gateway.not_found(),
    }
}

impl Gateway {
    async fn invoke(
        &self,
        found: &Match<'_, &'static Function>,
        head: &Parts,
        peer: SocketAddr,
        body: &Bytes,
    ) -> Response {
        let event = self.events.to_event(&http_event::Request {
            method: &head.method,
            path: head.uri.path(),
            raw_query: head.uri.query().unwrap_or_default(),
            headers: &head.headers,
            body,
            source_ip: peer.ip(),
            route_key: found.route_key,
            path_parameters: &found.params,
        });
        match self.functions.invoke(found.value, event).await {
            Ok(answer) => match from_response(answer) {
                Ok(response) => response.map(Body::from),
                Err(error) => {
                    tracing::error!(function = found.value.name, %error, "no answer");
                    error.into_response().map(Body::from)
                }
            },
            Err(error) => crashed(found.value, &error),
        }
    }

    fn refuse(&self, error: BodyError) -> Response {
        match error {
            BodyError::TooLarge => {
                let mib = MAX_BYTES / 1024 / 1024;
                self.problem(
                    Code::BodyTooLarge,
                    format!("The body is larger than {mib} MiB, the most there may be. Send less."),
                )
            }
            BodyError::Broken => message(StatusCode::BAD_REQUEST, "Bad Request"),
        }
    }

    fn not_found(&self) -> Response {
        self.problem(
            Code::NotFound,
            "No operation has this address. Check the path; /v1/openapi.json lists all there are.",
        )
    }

    fn method_not_allowed(&self, method: &Method, allow: &[Method]) -> Response {
        let allow = allow.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
        let detail = format!("This address does not take {method}. It takes {allow}: check the method.");
        let mut response = self.problem(Code::MethodNotAllowed, detail);
        if let Ok(allow) = HeaderValue::from_str(&allow) {
            response.headers_mut().insert(ALLOW, allow);
        }
        response
    }
}

/// A client learns nothing of a crash
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html>).
fn crashed(function: &Function, error: &InvokeError) -> Response {
    tracing::error!(function = function.name, %error, "crashed");
    message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
}

/// An answer of API Gateway's own.
fn message(status: StatusCode, message: &str) -> Response {
    let body = serde_json::json!({ "message": message }).to_string();
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}
