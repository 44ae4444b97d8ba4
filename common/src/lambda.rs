//! The way into a Lambda: what every binary in `src/bin` calls.

use crate::app::App;
use crate::clock::Clock;
use crate::config;
use crate::function::{Function, Http, Source, Stream};
use lambda_http::lambda_runtime::{self, LambdaEvent};
use lambda_http::{Request, service_fn};
use serde_json::Value;
use std::convert::Infallible;
use std::process::ExitCode;
use std::sync::Arc;

/// Runs `function` until Lambda ends the process. A function without its configuration ends at once, saying what it lacks.
pub fn main(function: &'static Function) -> ExitCode {
    lambda_http::tracing::init_default_subscriber();
    let app = match App::from(&config::process_environment, function.signs, Clock::system()) {
        Ok(app) => Arc::new(app),
        Err(error) => {
            eprintln!("{} cannot start: {error}", function.name);
            return ExitCode::from(78); // EX_CONFIG of sysexits.h
        }
    };
    // One event at a time is all a Lambda environment gets: one thread does, and starts sooner.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("{} cannot start: {error}", function.name);
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        match &function.source {
            Source::Http(http) => serve(app, http).await,
            Source::Stream(stream) => run(app, stream).await,
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{} ended: {error}", function.name);
            ExitCode::FAILURE
        }
    }
}

async fn serve(app: Arc<App>, http: &'static Http) -> Result<(), lambda_http::Error> {
    let handler = service_fn(move |request: Request| {
        let answer = (http.serve)(app.clone(), request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    lambda_http::run(handler).await
}

async fn run(app: Arc<App>, stream: &'static Stream) -> Result<(), lambda_http::Error> {
    let handler = lambda_runtime::service_fn(move |event: LambdaEvent<Value>| (stream.run)(app.clone(), event.payload));
    lambda_runtime::run(handler).await
}
