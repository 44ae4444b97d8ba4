//! A table between which and its users somebody stands who can lose the answers that are kept for repeats: what is left when a
//! process dies after all its work and before its last write.

use super::forward::forward;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::net::TcpListener;

/// Passes every call on to the table, but not, while it is told so, those that keep an answer.
#[derive(Clone, Default)]
pub struct LossyTable {
    loses_answers: Arc<AtomicBool>,
}

#[derive(Clone)]
struct Shared {
    table: String,
    http: reqwest::Client,
    loses_answers: Arc<AtomicBool>,
}

impl LossyTable {
    /// Stands before the table at `table`, and says where.
    pub async fn stand_before(&self, table: String) -> String {
        let shared = Shared { table, http: reqwest::Client::new(), loses_answers: self.loses_answers.clone() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(pass_on).with_state(shared);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        endpoint
    }

    pub fn lose_answers(&self) {
        self.loses_answers.store(true, Ordering::SeqCst);
    }

    pub fn keep_answers(&self) {
        self.loses_answers.store(false, Ordering::SeqCst);
    }
}

async fn pass_on(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    if shared.loses_answers.load(Ordering::SeqCst) && keeps_an_answer(&serde_json::from_slice(&body).unwrap()) {
        return lost();
    }
    forward(&shared.http, &shared.table, &headers, body).await
}

fn keeps_an_answer(call: &Value) -> bool {
    let mut writes = call["TransactItems"].as_array().into_iter().flatten();
    writes.any(|write| write["Put"]["Item"]["progress"]["M"]["state"]["S"] == "answered")
}

/// A refusal of the kind that the SDK does not answer with another try.
fn lost() -> Response {
    let body = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ValidationException","message":"lost by the test"}"#;
    (StatusCode::BAD_REQUEST, [("content-type", "application/x-amz-json-1.0")], body).into_response()
}
