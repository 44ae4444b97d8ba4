//! The clock that runs scheduled functions: first when their time has passed once, as in AWS.

use crate::runner::Functions;
use common::function::Function;
use serde_json::json;
use tokio::task::JoinSet;

/// Dropped, they stop by themselves.
pub(crate) struct Schedules(JoinSet<()>);

impl Schedules {
    pub(crate) fn start(functions: &[&'static Function], runner: &Functions) -> Schedules {
        let mut running = JoinSet::new();
        for function in functions.iter().copied() {
            if let Some(schedule) = function.schedule_source() {
                running.spawn(run(function, schedule.every.duration(), runner.clone()));
            }
        }
        Schedules(running)
    }

    /// What is under way goes on to its end with the functions.
    pub(crate) async fn stop(mut self) {
        self.0.shutdown().await;
    }
}

async fn run(function: &'static Function, every: std::time::Duration, runner: Functions) {
    loop {
        tokio::time::sleep(every).await;
        if let Err(error) = runner.invoke(function, json!({})).await {
            tracing::error!(function = function.name, %error, "a scheduled function failed");
        }
    }
}
