//! Functions run in this process, on the same events and through the same adapter as in their binaries.

use crate::environment::{self, Environment};
use aws_local::InvokeError;
use common::app::{App, Observer};
use common::clock::Clock;
use common::config::ConfigError;
use common::function::{Function, Http, Run, Source};
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Context, LambdaEvent, Request, Service, service_fn};
use serde_json::Value;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

/// An [`App`] a function: it holds no key that the function does not declare, and calls AWS in the function's name.
pub(crate) struct InProcess {
    apps: BTreeMap<&'static str, Arc<App>>,
}

impl InProcess {
    pub(crate) fn new(
        functions: &[&'static Function],
        environment: &Environment,
        clock: &Clock,
        observer: Option<&Observer>,
    ) -> Result<InProcess, ConfigError> {
        let app =
            |function: &&'static Function| Ok((function.name, Arc::new(app(environment, function, clock, observer)?)));
        Ok(InProcess { apps: functions.iter().map(app).collect::<Result<_, ConfigError>>()? })
    }

    pub(crate) async fn run(&self, function: &'static Function, event: Value) -> Result<Value, InvokeError> {
        let Some(app) = self.apps.get(function.name).cloned() else {
            return Err(failed("Unknown", format!("{} is not in the manifest", function.name)));
        };
        match &function.source {
            Source::Http(http) => answer(http, app, event).await,
            Source::Stream(stream) => process(stream.run, app, event).await,
            Source::Feedback(feedback) => process(feedback.run, app, event).await,
            Source::Schedule(schedule) => process(schedule.run, app, event).await,
        }
    }
}

fn app(
    environment: &Environment,
    function: &Function,
    clock: &Clock,
    observer: Option<&Observer>,
) -> Result<App, ConfigError> {
    let variables = environment.of_function(function);
    let app = App::from(&environment::lookup(&variables), function.signs, clock.clone())?;
    Ok(match observer {
        Some(observer) => app.observed_by(observer.clone()),
        None => app,
    })
}

/// What `lambda_http::run` does around an event, without the runtime API.
async fn answer(http: &'static Http, app: Arc<App>, event: Value) -> Result<Value, InvokeError> {
    let request: LambdaRequest =
        serde_json::from_str(&event.to_string()).map_err(|error| failed("Deserialize", error.to_string()))?;
    let handler = service_fn(move |request: Request| {
        let answer = (http.serve)(app.clone(), request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let answered = Adapter::from(handler).call(LambdaEvent::new(request, Context::default())).await;
    match answered {
        Ok(answer) => serde_json::to_value(answer).map_err(|error| failed("Serialize", error.to_string())),
        Err(never) => match never {},
    }
}

async fn process(run: Run, app: Arc<App>, event: Value) -> Result<Value, InvokeError> {
    run(app, event).await.map_err(|message| failed("Error", message))
}

fn failed(error_type: &str, message: String) -> InvokeError {
    InvokeError::Function { error_type: error_type.to_owned(), message }
}
