//! What invoking a function means, whoever runs it: an event in, a JSON answer or an error out.
//!
//! Reproduces what a caller of Lambda's `Invoke` can tell apart:
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>,
//! <https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html>.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::Value;

/// Invokes one function with an event.
pub type Invoke = Arc<dyn Fn(Value) -> BoxFuture<'static, Result<Value, InvokeError>> + Send + Sync>;

/// Why an invocation gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// The function ran and reported an error (`X-Amz-Function-Error: Unhandled`).
    #[error("{error_type}: {message}")]
    Function {
        /// The error's type, as the function named it.
        error_type: String,
        /// The error's message.
        message: String,
    },
    /// The function panicked inside this process.
    #[error("the function panicked: {message}")]
    Panicked {
        /// What it panicked with.
        message: String,
    },
    /// The function reported that it could not start, and exited.
    #[error("the function could not start: {error_type}: {message}")]
    Init {
        /// The error's type, as the function named it.
        error_type: String,
        /// The error's message.
        message: String,
    },
    /// The function's process ended without an answer.
    #[error("the function's process ended without an answer: {status}")]
    Exited {
        /// How it ended, e.g. `exit status: 1` or `signal: 9 (SIGKILL)`.
        status: String,
    },
    /// The function took longer than it may, and was killed.
    #[error("Task timed out after {:.2} seconds", after.as_secs_f64())]
    TimedOut {
        /// How long it may take.
        after: Duration,
    },
    /// There was nothing to run, or the machine could not run it.
    #[error("cannot run {function}: {reason}")]
    Unavailable {
        /// The function's name.
        function: String,
        /// What was in the way.
        reason: String,
    },
}
