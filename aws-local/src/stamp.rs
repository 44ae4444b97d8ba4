//! What an AWS service makes up by itself: the time it says it is, and ids that nobody had before.
//!
//! Functions get time and chance handed in, so that tests can choose them; a stand-in plays the outside world,
//! which asks nobody. This is the one place in which it does not.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use uuid::Uuid;

/// The time.
pub(crate) fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
    let now = Timestamp::now();
    now
}

/// The time, as what has passed since the epoch.
pub(crate) fn since_epoch() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
    let now = SystemTime::now();
    now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// An id; greater than all those before it in this process.
pub(crate) fn unique_id() -> Uuid {
    #[expect(clippy::disallowed_methods, reason = "the one place that makes ids")]
    let id = Uuid::now_v7();
    id
}
