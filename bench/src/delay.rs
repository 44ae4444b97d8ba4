//! DynamoDB, further away: passes every call on after a pause that can be set.

use crate::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Gone when it is dropped.
pub struct Delay {
    pub url: String,
    pause: Arc<AtomicU64>,
    serving: JoinHandle<std::io::Result<()>>,
}

#[derive(Clone)]
struct Behind {
    endpoint: Arc<str>,
    client: reqwest::Client,
    pause: Arc<AtomicU64>,
}

impl Delay {
    pub async fn before(endpoint: &str) -> Result<Delay> {
        let pause = Arc::new(AtomicU64::new(0));
        let behind = Behind { endpoint: endpoint.into(), client: reqwest::Client::new(), pause: pause.clone() };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = Router::new().fallback(pass_on).with_state(behind);
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Delay { url, pause, serving })
    }

    /// How long each call is held from now on.
    pub fn set(&self, pause: Duration) {
        self.pause.store(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl Drop for Delay {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn pass_on(State(behind): State<Behind>, headers: HeaderMap, body: Bytes) -> Response {
    let pause = behind.pause.load(Ordering::Relaxed);
    if pause > 0 {
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    match behind.call(headers, body).await {
        Ok(answer) => answer.into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

impl Behind {
    async fn call(&self, headers: HeaderMap, body: Bytes) -> reqwest::Result<(StatusCode, HeaderMap, Bytes)> {
        let answer = self.client.post(&*self.endpoint).headers(headers).body(body).send().await?;
        Ok((answer.status(), answer.headers().clone(), answer.bytes().await?))
    }
}
