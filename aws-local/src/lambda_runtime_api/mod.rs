//! The Lambda service around a function's real binary: starts it, hands it events, takes its answers.
//!
//! Reproduces the runtime API of <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html> and the life of
//! an execution environment of <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>: an
//! environment handles one event at a time, a warm one is used again, events that arrive meanwhile start further
//! ones, and an environment that breaks or takes too long is thrown away.

mod api;
mod cold_start;
mod environment;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Semaphore, watch};

pub use cold_start::{ColdStart, time_to_first_next};

use crate::InvokeError;
use crate::locking::lock;
use environment::Environment;

/// The environment variables of a function, by its name. Nothing else of this process's environment gets to it.
pub type EnvironmentOf = Arc<dyn Fn(&str) -> Vec<(String, String)> + Send + Sync>;

/// Takes what a function writes: its name, and a line of its standard output or error.
pub type LogSink = Arc<dyn Fn(&str, &str) + Send + Sync>;

/// How many environments of one function run at a time, unless told otherwise.
const DEFAULT_CONCURRENCY: usize = 4;

/// Functions' binaries, run as Lambda would run them. Clones share them; when the last clone is gone, so are the
/// processes.
#[derive(Clone)]
pub struct Bootstraps {
    pool: Arc<Pool>,
    /// Dropped with the last clone, which ends invocations that are still under way.
    alive: Arc<watch::Sender<()>>,
}

struct Pool {
    directory: PathBuf,
    environment: EnvironmentOf,
    log: LogSink,
    concurrency: usize,
    functions: Mutex<HashMap<String, Arc<Function>>>,
}

struct Function {
    slots: Semaphore,
    warm: Mutex<Vec<Environment>>,
}

impl Bootstraps {
    /// Functions whose binaries are `directory/<function>`. At most four environments of each run at a time;
    /// their output goes to `tracing`.
    #[must_use]
    pub fn new(directory: PathBuf, environment: EnvironmentOf) -> Self {
        let log: LogSink = Arc::new(|function, line| tracing::info!(target: "lambda", function, "{line}"));
        Self::with(Pool { directory, environment, log, concurrency: DEFAULT_CONCURRENCY, functions: Mutex::default() })
    }

    /// The same functions, not started yet, with their output going to `log`.
    #[must_use]
    pub fn with_log_sink(self, log: LogSink) -> Self {
        Self::with(Pool { log, ..self.pool.not_started() })
    }

    /// The same functions, not started yet, with at most `concurrency` environments of each.
    #[must_use]
    pub fn with_concurrency(self, concurrency: std::num::NonZeroUsize) -> Self {
        Self::with(Pool { concurrency: concurrency.get(), ..self.pool.not_started() })
    }

    /// Hands `event` to `function` and waits for its answer, at most `deadline`, the start of a new environment
    /// included. Waits longer only for one of its environments to become free.
    ///
    /// As in Lambda, the function runs to its end even if the caller stops waiting.
    ///
    /// # Errors
    /// When the function reports an error, cannot be started, ends without an answer, or takes too long.
    pub async fn invoke(&self, function: &str, event: Value, deadline: Duration) -> Result<Value, InvokeError> {
        let (pool, ended) = (Arc::clone(&self.pool), self.alive.subscribe());
        let name = function.to_owned();
        let invocation = tokio::spawn(async move { pool.invoke(&name, event, deadline, ended).await });
        invocation.await.unwrap_or_else(|error| Err(unavailable(function, &error)))
    }

    fn with(pool: Pool) -> Self {
        Self { pool: Arc::new(pool), alive: Arc::new(watch::Sender::new(())) }
    }
}

impl Pool {
    fn not_started(&self) -> Pool {
        Pool {
            directory: self.directory.clone(),
            environment: Arc::clone(&self.environment),
            log: Arc::clone(&self.log),
            concurrency: self.concurrency,
            functions: Mutex::default(),
        }
    }

    async fn invoke(
        &self,
        name: &str,
        event: Value,
        deadline: Duration,
        mut ended: watch::Receiver<()>,
    ) -> Result<Value, InvokeError> {
        let function = self.function(name);
        tokio::select! {
            biased;
            _ = ended.changed() => Err(unavailable(name, &"shutting down")),
            answer = self.invoke_in_a_slot(name, &function, event, deadline) => answer,
        }
    }

    async fn invoke_in_a_slot(
        &self,
        name: &str,
        function: &Function,
        event: Value,
        deadline: Duration,
    ) -> Result<Value, InvokeError> {
        let _slot = function.slots.acquire().await.map_err(|error| unavailable(name, &error))?;
        let mut environment = match function.take_warm() {
            Some(environment) => environment,
            None => {
                Environment::start(name, &self.binary(name)?, (self.environment)(name), Arc::clone(&self.log)).await?
            }
        };
        let answer = environment.invoke(event, deadline).await;
        // A function's own error leaves its environment fit for the next event; all else does not.
        if matches!(answer, Ok(_) | Err(InvokeError::Function { .. })) {
            lock(&function.warm).push(environment);
        }
        answer
    }

    fn function(&self, name: &str) -> Arc<Function> {
        let mut functions = lock(&self.functions);
        let function = functions
            .entry(name.to_owned())
            .or_insert_with(|| Arc::new(Function { slots: Semaphore::new(self.concurrency), warm: Mutex::default() }));
        Arc::clone(function)
    }

    /// The function's binary. A name is a file of the directory, and no path out of it.
    fn binary(&self, name: &str) -> Result<PathBuf, InvokeError> {
        if Path::new(name).file_name().is_some_and(|file| file == name) {
            Ok(self.directory.join(name))
        } else {
            Err(unavailable(name, &"no such function"))
        }
    }
}

impl Function {
    /// A warm environment that is still alive, the most recently used first.
    fn take_warm(&self) -> Option<Environment> {
        let mut warm = lock(&self.warm);
        while let Some(mut environment) = warm.pop() {
            if environment.is_alive() {
                return Some(environment);
            }
        }
        None
    }
}

fn unavailable(function: &str, reason: &dyn std::fmt::Display) -> InvokeError {
    InvokeError::Unavailable { function: function.to_owned(), reason: reason.to_string() }
}
