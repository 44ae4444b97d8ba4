//! For those who stand between the table and its users.

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

/// Sends a call on to the table, and its answer back.
pub async fn forward(http: &reqwest::Client, table: &str, headers: &HeaderMap, body: Bytes) -> Response {
    let mut request = http.post(table).body(body);
    for (name, value) in headers.iter().filter(|(name, _)| *name != "host" && *name != "content-length") {
        request = request.header(name, value);
    }
    let answer = request.send().await.unwrap();
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap();
    let content_type = answer.headers()["content-type"].clone();
    (status, [("content-type", content_type)], answer.bytes().await.unwrap()).into_response()
}
