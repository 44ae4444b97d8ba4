//! DynamoDB's time to live: removes what has expired, now and then
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html>). AWS takes days over it; this takes seconds,
//! so that a function which relies on either is found out.

use dynoxide::Database;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const EVERY: Duration = Duration::from_secs(10);

/// Dropped, it stops by itself.
pub(crate) struct Sweeper {
    stop: oneshot::Sender<()>,
    sweeping: JoinHandle<()>,
}

impl Sweeper {
    pub(crate) fn start(database: Database) -> Sweeper {
        let (stop, stopped) = oneshot::channel();
        Sweeper { stop, sweeping: tokio::spawn(sweep_until(stopped, database)) }
    }

    pub(crate) async fn stop(self) {
        drop(self.stop);
        if let Err(error) = self.sweeping.await {
            tracing::error!(%error, "the TTL sweep broke");
        }
    }
}

async fn sweep_until(mut stopped: oneshot::Receiver<()>, database: Database) {
    loop {
        tokio::select! {
            biased;
            _ = &mut stopped => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let database = database.clone();
        // A sweep walks the table, which must not hold up the requests on this thread.
        match tokio::task::spawn_blocking(move || database.sweep_ttl()).await {
            Ok(Ok(removed)) => tracing::debug!(removed, "swept"),
            Ok(Err(error)) => tracing::warn!(%error, "the TTL sweep failed; trying again later"),
            Err(error) => tracing::error!(%error, "the TTL sweep broke; trying again later"),
        }
    }
}
