//! DynamoDB, further away: passes every call on after a pause that can be set.

use crate::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use http::{HeaderMap, StatusCode};
use local::TableFront;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Gone when it is dropped.
pub struct Delay {
    pub url: String,
    endpoint: Arc<OnceLock<String>>,
    pause: Arc<AtomicU64>,
    serving: JoinHandle<std::io::Result<()>>,
}

#[derive(Clone)]
struct Behind {
    /// Nothing until it is known.
    endpoint: Arc<OnceLock<String>>,
    client: reqwest::Client,
    pause: Arc<AtomicU64>,
}

impl Delay {
    pub async fn before(endpoint: &str) -> Result<Delay> {
        let delay = Delay::listening().await?;
        delay.endpoint.get_or_init(|| endpoint.to_owned());
        Ok(delay)
    }

    /// One that a stack is started with.
    pub async fn listening() -> Result<Delay> {
        let (pause, endpoint) = (Arc::new(AtomicU64::new(0)), Arc::new(OnceLock::new()));
        let behind = Behind { endpoint: endpoint.clone(), client: reqwest::Client::new(), pause: pause.clone() };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = Router::new().fallback(pass_on).with_state(behind);
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Delay { url, endpoint, pause, serving })
    }

    /// Stands between a stack's functions and its table.
    pub fn front(&self) -> TableFront {
        let (url, behind) = (self.url.clone(), self.endpoint.clone());
        Arc::new(move |endpoint| {
            behind.get_or_init(|| endpoint);
            std::future::ready(url.clone()).boxed()
        })
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
    async fn call(&self, headers: HeaderMap, body: Bytes) -> Result<(StatusCode, HeaderMap, Bytes)> {
        let endpoint = self.endpoint.get().ok_or("nothing stands behind the delay yet")?;
        let answer = self.client.post(endpoint).headers(headers).body(body).send().await?;
        Ok((answer.status(), answer.headers().clone(), answer.bytes().await?))
    }
}
