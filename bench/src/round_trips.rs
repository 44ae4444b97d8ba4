//! How many calls to DynamoDB a request waits for one after the other: by how much it takes longer when DynamoDB is further
//! away. Calls that are made side by side are waited for once, so this is what a number of calls cannot tell.

use crate::Result;
use crate::delay::Delay;
use crate::sample::Sample;
use crate::scene::Scene;
use crate::valid::Cast;
use aws_local::http_event::Gateway;
use aws_local::lambda_runtime_api::Bootstraps;
use common::config;
use common::function::Function;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Long beside what a call takes here, and what hashing a password varies by.
const FURTHER_AWAY: Duration = Duration::from_millis(40);
const ROUNDS: usize = 7;
const DEADLINE: Duration = Duration::from_secs(30);

/// The functions' real binaries, on the table of a scene, with a pause before it.
pub struct RoundTrips {
    bootstraps: Bootstraps,
    gateway: Gateway,
    delay: Delay,
}

impl RoundTrips {
    pub async fn on(scene: &Scene, binaries: &Path) -> Result<RoundTrips> {
        let delay = Delay::before(scene.stack.dynamo_endpoint()).await?;
        let environments: HashMap<_, _> =
            functions::all().map(|function| (function.name, environment(scene, function, &delay.url))).collect();
        let environment_of = move |name: &str| environments.get(name).cloned().unwrap_or_default();
        let bootstraps =
            Bootstraps::new(binaries.to_owned(), Arc::new(environment_of)).with_log_sink(Arc::new(|_, _| {}));
        Ok(RoundTrips { bootstraps, gateway: Gateway::at(scene.stack.address().to_string()), delay })
    }

    /// The mean number of pauses that a request to `function` waits for.
    pub async fn of(&self, scene: &Scene, cast: &Cast, function: &'static Function) -> Result<f64> {
        // The first starts the process and opens its connections.
        self.time(scene, cast, function, Duration::ZERO).await?;
        let (mut near, mut far) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            near.push(self.time(scene, cast, function, Duration::ZERO).await?);
            far.push(self.time(scene, cast, function, FURTHER_AWAY).await?);
        }
        let longer = Sample::of_millis(&far).median() - Sample::of_millis(&near).median();
        Ok(longer / (FURTHER_AWAY.as_secs_f64() * 1000.0))
    }

    async fn time(&self, scene: &Scene, cast: &Cast, function: &'static Function, pause: Duration) -> Result<Duration> {
        let request = cast.request(scene, function).await?;
        let event = request.as_event(&self.gateway)?;
        scene.settle().await?;
        self.delay.set(pause);
        let started = Instant::now();
        let answer = self.bootstraps.invoke(function.name, event, DEADLINE).await?;
        let took = started.elapsed();
        match answer["statusCode"] == request.success() {
            true => Ok(took),
            false => Err(format!("{} answered {answer}", function.name).into()),
        }
    }
}

fn environment(scene: &Scene, function: &Function, dynamo: &str) -> Vec<(String, String)> {
    let mut variables = scene.stack.environment(function.name);
    variables.retain(|(name, _)| name != config::AWS_ENDPOINT_URL_DYNAMODB);
    variables.push((config::AWS_ENDPOINT_URL_DYNAMODB.to_owned(), dynamo.to_owned()));
    variables
}
