//! One execution environment: a process, and the runtime API that it alone talks to.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>; the environment variables are
//! those of <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html> that a custom runtime reads.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::api::{Invocation, RuntimeApi};
use super::{LogSink, unavailable};
use crate::InvokeError;

/// What a function is told it has, and is not held to here.
const MEMORY_MB: &str = "256";
/// How long an answer that was sent before the process ended may take to be read.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// An execution environment. Its process is killed when it is dropped.
pub(super) struct Environment {
    function: String,
    process: Child,
    events: mpsc::UnboundedSender<Invocation>,
    api: RuntimeApi,
}

/// An environment, and the moment in which it will have asked for its first event.
pub(super) struct Started {
    pub(super) environment: Environment,
    pub(super) spawned: Instant,
    pub(super) first_next: oneshot::Receiver<Instant>,
}

impl Environment {
    pub(super) async fn start(
        function: &str,
        binary: &Path,
        variables: Vec<(String, String)>,
        log: LogSink,
    ) -> Result<Self, InvokeError> {
        Ok(Self::start_timed(function, binary, variables, log).await?.environment)
    }

    pub(super) async fn start_timed(
        function: &str,
        binary: &Path,
        variables: Vec<(String, String)>,
        log: LogSink,
    ) -> Result<Started, InvokeError> {
        let (events, receiver) = mpsc::unbounded_channel();
        let (asked, first_next) = oneshot::channel();
        let api = RuntimeApi::open(function, receiver, asked).await.map_err(|error| unavailable(function, &error))?;
        let spawned = Instant::now();
        let mut process =
            spawn(function, binary, variables, api.address()).map_err(|error| unavailable(function, &error))?;
        forward(function, process.stdout.take(), &log);
        forward(function, process.stderr.take(), &log);
        let environment = Self { function: function.to_owned(), process, events, api };
        Ok(Started { environment, spawned, first_next })
    }

    /// Whether the process still runs.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// The process's id, while it runs.
    pub(super) fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Hands over an event and waits for the answer.
    pub(super) async fn invoke(&mut self, event: Value, deadline: Duration) -> Result<Value, InvokeError> {
        let (answer, mut answered) = oneshot::channel();
        let invocation = Invocation { event, timeout: deadline, answer };
        self.events.send(invocation).map_err(|_| unavailable(&self.function, &"its runtime API is closed"))?;
        let ended = tokio::select! {
            biased;
            answer = &mut answered => return answer.unwrap_or_else(|_| Err(unavailable(&self.function, &"its runtime API is closed"))),
            ended = self.process.wait() => ended,
            () = tokio::time::sleep(deadline) => return Err(self.time_out(deadline).await),
        };
        match timeout(LAST_WORDS, answered).await {
            Ok(Ok(answer)) => answer,
            _ => Err(self.api.init_error().unwrap_or_else(|| exited(ended))),
        }
    }

    /// Waits for the process to end without having asked for an event, and says why it did.
    pub(super) async fn end_before_first_next(&mut self) -> InvokeError {
        let ended = self.process.wait().await;
        self.api.init_error().unwrap_or_else(|| exited(ended))
    }

    async fn time_out(&mut self, after: Duration) -> InvokeError {
        match self.process.kill().await {
            Ok(()) => InvokeError::TimedOut { after },
            Err(error) => unavailable(&self.function, &format!("cannot kill it after its timeout: {error}")),
        }
    }
}

fn spawn(function: &str, binary: &Path, variables: Vec<(String, String)>, runtime_api: &str) -> std::io::Result<Child> {
    let task_root = binary.parent().unwrap_or(Path::new("/"));
    Command::new(binary)
        .current_dir(task_root)
        .env_clear()
        .envs(variables)
        .env("AWS_LAMBDA_RUNTIME_API", runtime_api)
        .env("AWS_LAMBDA_FUNCTION_NAME", function)
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", MEMORY_MB)
        .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{function}"))
        .env("AWS_LAMBDA_LOG_STREAM_NAME", "local")
        .env("LAMBDA_TASK_ROOT", task_root)
        .env("TZ", ":UTC")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// Passes a stream of the process on, line by line, until the process closes it.
fn forward(function: &str, stream: Option<impl AsyncRead + Send + Unpin + 'static>, log: &LogSink) {
    let Some(stream) = stream else { return };
    let (function, log) = (function.to_owned(), std::sync::Arc::clone(log));
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).split(b'\n');
        loop {
            match lines.next_segment().await {
                Ok(Some(line)) => log(&function, &String::from_utf8_lossy(&line)),
                Ok(None) => return,
                Err(error) => return tracing::warn!(function, %error, "cannot read a function's output"),
            }
        }
    });
}

fn exited(ended: std::io::Result<ExitStatus>) -> InvokeError {
    let status = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
    InvokeError::Exited { status }
}
