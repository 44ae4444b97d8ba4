//! A trigger that the clock runs: work that nobody asks for and nothing tells of.

use crate::app::App;
use crate::error::Result;
use crate::store::Access;
use crate::trigger::TriggerCx;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One function run by a schedule.
pub trait ScheduledTrigger: Sized + 'static {
    const NAME: &'static str;
    const SUMMARY: &'static str;
    const ACCESS: &'static [Access];
    const EVERY: Hours;
    const MEMORY_MB: u32 = 256;

    /// Does its work once. An error has Lambda try twice more
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>).
    fn handle(cx: &TriggerCx) -> impl Future<Output = Result<()>> + Send;
}

/// How often: a whole number of hours, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours(pub u32);

impl Hours {
    /// As EventBridge wants it, which minds the plural
    /// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>).
    pub fn expression(self) -> String {
        match self.0 {
            1 => "rate(1 hour)".to_owned(),
            hours => format!("rate({hours} hours)"),
        }
    }

    pub fn duration(self) -> Duration {
        Duration::from_secs(u64::from(self.0) * 60 * 60)
    }
}

/// Runs a trigger once. What the schedule says of itself is of no interest.
pub(crate) fn run<T: ScheduledTrigger>(app: Arc<App>, _: Value) -> BoxFuture<'static, Result<Value, String>> {
    async move {
        let started = Instant::now();
        let cx = TriggerCx::new(app, T::NAME, T::ACCESS);
        let outcome = T::handle(&cx).await;
        cx.report(1, usize::from(outcome.is_err()), started);
        outcome.map(|()| Value::Null).map_err(|problem| problem.to_string())
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_in_the_singular_and_the_plural() {
        assert_eq!(Hours(1).expression(), "rate(1 hour)");
        assert_eq!(Hours(6).expression(), "rate(6 hours)");
        assert_eq!(Hours(6).duration(), Duration::from_secs(21_600));
    }
}
