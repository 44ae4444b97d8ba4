//! An HTTP server that runs beside others until it is told to stop.

use axum::Router;
use dynoxide::Database;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long requests under way may take when a server stops. Longer than any function may.
const GRACE: Duration = Duration::from_secs(35);

/// Dropped, it stops by itself, and nobody waits for it.
pub(crate) struct Server {
    name: &'static str,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), String>>,
}

impl Server {
    pub(crate) fn of_router(name: &'static str, listener: TcpListener, router: Router) -> Server {
        Server::start(name, |stopped| async move {
            let service = router.into_make_service_with_connect_info::<SocketAddr>();
            let served = axum::serve(listener, service).with_graceful_shutdown(stopped).await;
            served.map_err(|error| error.to_string())
        })
    }

    pub(crate) fn of_database(name: &'static str, listener: TcpListener, database: Database) -> Server {
        Server::start(name, |stopped| dynoxide::server::serve_with_shutdown(listener, database, stopped))
    }

    fn start<F>(name: &'static str, serve: impl FnOnce(BoxFuture<'static, ()>) -> F) -> Server
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let (stop, stopped) = oneshot::channel();
        // Told to stop and dropped are the same.
        let serving = tokio::spawn(serve(stopped.map(|_| ()).boxed()));
        Server { name, stop, serving }
    }

    /// Takes no more connections, and waits for the requests under way.
    pub(crate) async fn stop(self) {
        let Server { name, stop, mut serving } = self;
        drop(stop);
        match tokio::time::timeout(GRACE, &mut serving).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::error!(name, error, "a server failed"),
            Ok(Err(error)) => tracing::error!(name, %error, "a server broke"),
            Err(_) => {
                tracing::warn!(name, "a request is not done after all this time; cutting it off");
                serving.abort();
            }
        }
    }
}

/// A listener on a loopback port that is free, and its URL.
pub(crate) async fn any_port() -> io::Result<(TcpListener, String)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    Ok((listener, url))
}
