//! A table between which and its users somebody stands who can hold one write back: the pause that a frozen instance makes.

use super::forward::forward;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// Passes every call on to the table, but holds the first `TransactWriteItems` until it is told to let go.
pub struct HeldTable {
    pub endpoint: String,
    shared: Arc<Shared>,
}

struct Shared {
    table: String,
    http: reqwest::Client,
    held_one: AtomicBool,
    holding: Notify,
    let_go: Notify,
}

impl HeldTable {
    pub async fn before(table: &str) -> HeldTable {
        let shared = Arc::new(Shared {
            table: table.to_owned(),
            http: reqwest::Client::new(),
            held_one: AtomicBool::new(false),
            holding: Notify::new(),
            let_go: Notify::new(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(pass_on).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        HeldTable { endpoint, shared }
    }

    /// Waits until a write is being held.
    pub async fn holding(&self) {
        self.shared.holding.notified().await;
    }

    pub fn let_go(&self) {
        self.shared.let_go.notify_one();
    }
}

async fn pass_on(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let is_write =
        headers.get("x-amz-target").is_some_and(|target| target.to_str().unwrap().ends_with(".TransactWriteItems"));
    if is_write && !shared.held_one.swap(true, Ordering::SeqCst) {
        shared.holding.notify_one();
        shared.let_go.notified().await;
    }
    forward(&shared.http, &shared.table, &headers, body).await
}
