//! A problem that the gateway itself answers with: for a client the same as one of a function's.

use axum::body::Body;
use axum::response::Response;
use common::error::Problem;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue};

pub(crate) fn response(problem: &Problem, request_id: &str) -> Response {
    // Plain fields of text and numbers always serialise.
    let body = serde_json::to_string(&problem.body(request_id)).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = problem.status();
    set_headers(response.headers_mut(), request_id);
    response
}

fn set_headers(headers: &mut HeaderMap, request_id: &str) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(request_id) = HeaderValue::from_str(request_id) {
        headers.insert("request-id", request_id);
    }
}
