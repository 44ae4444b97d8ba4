//! The way into a Lambda: what every binary in `src/bin` calls.

use crate::app::App;
use crate::clock::Clock;
use crate::config::{self, ConfigError};
use crate::function::{Function, Http, Run, Source};
use futures::future::BoxFuture;
use lambda_http::lambda_runtime::{self, LambdaEvent};
use lambda_http::{Body, IntoResponse, Request, Response, service_fn};
use serde_json::Value;
use std::convert::Infallible;
use std::process::ExitCode;
use std::sync::Arc;
use tracing::Level;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::SubscriberBuilder;
use tracing_subscriber::fmt::format::{Format, Json, JsonFields};

/// Runs `function` until Lambda ends the process. A function without its configuration ends at once, saying what it lacks.
pub fn main(function: &'static Function) -> ExitCode {
    start_log();
    // One event at a time is all a Lambda environment gets: one thread does, and starts sooner.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(function = function.name, %error, "cannot start");
            return ExitCode::FAILURE;
        }
    };
    let app = match runtime.block_on(app(function)) {
        Ok(app) => Arc::new(app),
        Err(error) => {
            tracing::error!(function = function.name, %error, "cannot start");
            return ExitCode::from(78); // EX_CONFIG of sysexits.h
        }
    };
    let outcome = runtime.block_on(async {
        match &function.source {
            Source::Http(http) => serve(app, http).await,
            Source::Stream(stream) => run(app, stream.run).await,
            Source::Feedback(feedback) => run(app, feedback.run).await,
            Source::Schedule(schedule) => run(app, schedule.run).await,
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(function = function.name, %error, "ended");
            ExitCode::FAILURE
        }
    }
}

/// The log of a process.
fn start_log() {
    let level = config::process_environment("AWS_LAMBDA_LOG_LEVEL").and_then(|level| level.parse::<Level>().ok());
    log(level).init();
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "panicked")));
}

/// What writes the log: one JSON object a line, which CloudWatch takes apart. `level` is what the function's logging is set to
/// (`AWS_LAMBDA_LOG_LEVEL`, <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html>); a filter
/// language is not needed, and its regular expressions would be a twentieth of the binary.
///
/// Nothing below INFO, whatever is asked for: there the crates we stand on write down requests and answers whole, with passwords and
/// tokens in them. And nothing past this log: Lambda drops a line that has no level when it is set to WARN or ERROR.
pub fn log(level: Option<Level>) -> SubscriberBuilder<JsonFields, Format<Json>, LevelFilter> {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_target(false)
        .with_current_span(false)
        .with_span_list(false)
        .with_max_level(level.unwrap_or(Level::INFO).min(Level::INFO))
}

/// What the environment says, and the private keys that it only names.
async fn app(function: &'static Function) -> Result<App, ConfigError> {
    let keys = (function.signing_keys)(&config::process_environment, function.signs).await?;
    let lookup = |variable: &str| keys.get(variable).cloned().or_else(|| config::process_environment(variable));
    App::from(&lookup, function.signs, Clock::system())
}

async fn serve(app: Arc<App>, http: &'static Http) -> Result<(), lambda_http::Error> {
    let handler = service_fn(move |request: Request| {
        let answer = (http.serve)(app.clone(), request);
        async move { Ok::<_, Infallible>(Ready(answer.await)) }
    });
    lambda_http::run(handler).await
}

/// An answer whose body is all there. As a plain response it would be taken for one of any body in any charset, and the tables of all
/// charsets linked: a fifth of a megabyte in every binary.
struct Ready(Response<Body>);

impl IntoResponse for Ready {
    fn into_response(self) -> BoxFuture<'static, Response<Body>> {
        Box::pin(std::future::ready(self.0))
    }
}

async fn run(app: Arc<App>, trigger: Run) -> Result<(), lambda_http::Error> {
    let handler = lambda_runtime::service_fn(move |event: LambdaEvent<Value>| trigger(app.clone(), event.payload));
    lambda_runtime::run(handler).await
}
