//! The time. Rules never ask for it: whoever calls them does, here, so that a test can hold the clock.

use domain::Timestamp;
use jiff::SignedDuration;
use std::sync::Arc;
use std::time::Duration;

/// Tells the time, to the millisecond: what is kept and what is answered are then the same. Waits by it, too.
#[derive(Clone)]
pub struct Clock {
    tell: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    waiting: Waiting,
}

/// What becomes of whoever waits.
#[derive(Clone)]
enum Waiting {
    /// They sleep.
    Sleep,
    /// This moves the clock instead.
    Pass(Arc<dyn Fn(Duration) + Send + Sync>),
}

impl Clock {
    pub fn system() -> Clock {
        #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
        Clock::from_fn(Timestamp::now)
    }

    /// A clock that says what `tell` says.
    pub fn from_fn(tell: impl Fn() -> Timestamp + Send + Sync + 'static) -> Clock {
        Clock { tell: Arc::new(tell), waiting: Waiting::Sleep }
    }

    /// The same clock, which nobody waits by: `pass` is told for how long somebody would have, and has the clock say a later time.
    pub fn passed_by(self, pass: impl Fn(Duration) + Send + Sync + 'static) -> Clock {
        Clock { waiting: Waiting::Pass(Arc::new(pass)), ..self }
    }

    pub fn now(&self) -> Timestamp {
        let now = (self.tell)();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    /// Waits until `moment`, but no longer than `longest`.
    pub async fn wait_until(&self, moment: Timestamp, longest: SignedDuration) {
        let left = moment.duration_since(self.now()).min(longest);
        // A moment that is over leaves nothing to wait for.
        let left = left.try_into().unwrap_or_default();
        match &self.waiting {
            Waiting::Sleep => tokio::time::sleep(left).await,
            Waiting::Pass(pass) => pass(left),
        }
    }
}
