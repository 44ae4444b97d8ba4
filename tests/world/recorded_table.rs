//! A table between which and its users somebody stands who writes down every call.

use super::forward::forward;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// Passes every call on to the table, and remembers it.
#[derive(Clone, Default)]
pub struct RecordedTable {
    calls: Arc<Mutex<Vec<RecordedCall>>>,
}

/// One call.
#[derive(Debug, Clone)]
pub struct RecordedCall {
    /// The access key that signed it: on one machine, the function's name.
    pub caller: String,
    pub operation: String,
    pub body: Value,
}

#[derive(Clone)]
struct Shared {
    table: String,
    http: reqwest::Client,
    calls: Arc<Mutex<Vec<RecordedCall>>>,
}

impl RecordedTable {
    /// Stands before the table at `table`, and says where.
    pub async fn stand_before(&self, table: String) -> String {
        let shared = Shared { table, http: reqwest::Client::new(), calls: self.calls.clone() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(pass_on).with_state(shared);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        endpoint
    }

    pub fn recorded(&self) -> Vec<RecordedCall> {
        self.calls.lock().unwrap().clone()
    }
}

async fn pass_on(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default();
    shared.calls.lock().unwrap().push(RecordedCall {
        caller: signer(header("authorization")).to_owned(),
        operation: header("x-amz-target").rsplit('.').next().unwrap_or_default().to_owned(),
        body: serde_json::from_slice(&body).unwrap(),
    });
    forward(&shared.http, &shared.table, &headers, body).await
}

/// Who signed: `AWS4-HMAC-SHA256 Credential=KEY/date/region/service/aws4_request, ...`
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).
fn signer(authorization: &str) -> &str {
    let credential = authorization.split("Credential=").nth(1).unwrap_or_default();
    credential.split('/').next().unwrap_or_default()
}
