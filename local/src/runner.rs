//! The functions, whoever runs them: an event in, an answer out, as from Lambda's `Invoke`.

use crate::environment::Environment;
use crate::in_process::InProcess;
use crate::options::{Options, Target};
use crate::start_error::StartError;
use aws_local::lambda_runtime_api::{Bootstraps, EnvironmentOf};
use aws_local::{Invoke, InvokeError};
use common::config::ConfigError;
use common::function::Function;
use futures::FutureExt;
use serde_json::Value;
use std::any::Any;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinError;

/// How many events are handled at a time; further ones wait.
const CONCURRENCY: u32 = 64;

/// Clones are the same functions.
#[derive(Clone)]
pub(crate) struct Functions {
    runner: Runner,
    slots: Arc<Semaphore>,
}

#[derive(Clone)]
enum Runner {
    InProcess(Arc<InProcess>),
    Bootstraps(Bootstraps),
}

impl Functions {
    pub(crate) fn start(environment: &Environment, options: &Options) -> Result<Functions, StartError> {
        let runner = match &options.target {
            Target::InProcess => Runner::InProcess(Arc::new(in_process(environment, options)?)),
            Target::Bootstraps(directory) => Runner::Bootstraps(bootstraps(directory, environment, options)?),
        };
        Ok(Functions { runner, slots: Arc::new(Semaphore::new(CONCURRENCY as usize)) })
    }

    /// Hands `event` to `function`. It runs to its end even if the caller stops waiting, as in Lambda.
    pub(crate) async fn invoke(&self, function: &'static Function, event: Value) -> Result<Value, InvokeError> {
        let Ok(slot) = self.slots.clone().acquire_owned().await else {
            return Err(unavailable(function, "shutting down"));
        };
        let runner = self.runner.clone();
        let invocation = tokio::spawn(async move {
            let answer = runner.run(function, event).await;
            drop(slot);
            answer
        });
        invocation.await.unwrap_or_else(|error| Err(broken(function, error)))
    }

    /// The same for one function, as an event source mapping wants it.
    pub(crate) fn invoker(&self, function: &'static Function) -> Invoke {
        let functions = self.clone();
        Arc::new(move |event| {
            let functions = functions.clone();
            async move { functions.invoke(function, event).await }.boxed()
        })
    }

    /// Waits for what still runs, and lets nothing new begin.
    pub(crate) async fn finish(&self) {
        // The semaphore is fair and closed nowhere else: once all slots are here, everything before has ended.
        if let Ok(all) = self.slots.acquire_many(CONCURRENCY).await {
            self.slots.close();
            drop(all);
        }
    }
}

impl Runner {
    async fn run(&self, function: &'static Function, event: Value) -> Result<Value, InvokeError> {
        let deadline = function.timeout();
        match self {
            Runner::InProcess(functions) => {
                let run = tokio::time::timeout(deadline, functions.run(function, event));
                run.await.unwrap_or(Err(InvokeError::TimedOut { after: deadline }))
            }
            Runner::Bootstraps(bootstraps) => bootstraps.invoke(function.name, event, deadline).await,
        }
    }
}

fn in_process(environment: &Environment, options: &Options) -> Result<InProcess, ConfigError> {
    InProcess::new(&options.functions, environment, &options.clock, options.observer.as_ref())
}

/// The functions' binaries, all of which have to be there: better now than at the first request.
fn bootstraps(directory: &Path, environment: &Environment, options: &Options) -> Result<Bootstraps, StartError> {
    // A relative path would be looked up from where each binary runs.
    let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    let missing = options.functions.iter().map(|function| directory.join(function.name)).find(|path| !path.is_file());
    if let Some(path) = missing {
        return Err(StartError::NoBinary { path });
    }
    let bootstraps = Bootstraps::new(directory, environment_of(environment.clone()));
    Ok(match &options.function_log {
        Some(log) => bootstraps.with_log_sink(log.clone()),
        None => bootstraps,
    })
}

fn environment_of(environment: Environment) -> EnvironmentOf {
    Arc::new(move |name| environment.of_name(name))
}

fn unavailable(function: &Function, reason: &str) -> InvokeError {
    InvokeError::Unavailable { function: function.name.to_owned(), reason: reason.to_owned() }
}

fn broken(function: &Function, error: JoinError) -> InvokeError {
    match error.try_into_panic() {
        Ok(panic) => InvokeError::Panicked { message: panic_message(panic.as_ref()) },
        Err(error) => unavailable(function, &error.to_string()),
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "not with words".to_owned())
}
