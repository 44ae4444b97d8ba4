//! The time. Rules never ask for it: whoever calls them does, here, so that a test can hold the clock.

use domain::Timestamp;
use std::sync::Arc;

/// Tells the time, to the millisecond: what is kept and what is answered are then the same.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    pub fn system() -> Clock {
        #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
        Clock::from_fn(Timestamp::now)
    }

    /// A clock that says what `tell` says.
    pub fn from_fn(tell: impl Fn() -> Timestamp + Send + Sync + 'static) -> Clock {
        Clock(Arc::new(tell))
    }

    pub fn now(&self) -> Timestamp {
        let now = (self.0)();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}
