//! What a request costs once its function is warm: time over HTTP on both targets, calls and capacity of the table.

use crate::Result;
use crate::markdown::{Table, against_goal};
use crate::round_trips::RoundTrips;
use crate::sample::Sample;
use crate::scene::Scene;
use crate::valid::{Cast, IN_LISTS, INVITED_AT_ONCE};
use common::app::Observation;
use common::function::Function;
use local::Target;
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

const ROUNDS: usize = 100;
/// Not measured: connections are opened and processes started in these.
const FIRST: usize = 10;
const MOST_ROUND_TRIPS: f64 = 3.0;

pub async fn report(binaries: &Path) -> Result<String> {
    let in_process = on(Target::InProcess).await?;
    let as_binaries = on(Target::Bootstraps(binaries.to_owned())).await?;
    let trips = round_trips(binaries).await?;
    let mut table = Table::new(&[
        "route",
        "in process, p50 ms",
        "p99 ms",
        "as binary, p50 ms",
        "p99 ms",
        "calls",
        "round trips",
        "capacity units",
    ]);
    for route in routes() {
        table.row(row(route.name, &in_process[route.name], &as_binaries[route.name], trips[route.name]));
    }
    Ok(format!(
        "### Warm\n\n{ROUNDS} requests to each route over HTTP, one at a time, triggers at rest, hashing of passwords included, \
         each route on a table of its own. \
         Calls: to DynamoDB in one request, those made side by side too. Round trips: how many of them are waited for one after \
         the other, measured as the time a binary's answer takes longer when each call is held back, in units of that pause. \
         Goal: at most {MOST_ROUND_TRIPS}. Capacity units: as the stand-in for DynamoDB counts them, reads and writes together. \
         create-invites invites {INVITED_AT_ONCE} people; lists have {IN_LISTS} rows.\n\n{table}\n{}",
        send_mail().await?
    ))
}

fn routes() -> impl Iterator<Item = &'static Function> {
    functions::all().filter(|function| function.http().is_some())
}

/// What was measured of a route.
#[derive(Default)]
struct Measured {
    took: Vec<Duration>,
    observed: Vec<Observation>,
}

async fn on(target: Target) -> Result<HashMap<&'static str, Measured>> {
    let mut measured = HashMap::new();
    for route in routes() {
        measured.insert(route.name, measure(target.clone(), route).await?);
    }
    Ok(measured)
}

/// On a table of its own: the stand-in for DynamoDB gets slower the more was written to it, and the route that comes last
/// would look the worst.
async fn measure(target: Target, route: &'static Function) -> Result<Measured> {
    eprintln!("  {}", route.name);
    let scene = Scene::start(target).await?;
    let cast = Cast::gather(&scene).await?;
    for _ in 0..FIRST {
        scene.send(&cast.request(&scene, route).await?).await?;
    }
    let mut measured = Measured::default();
    for _ in 0..ROUNDS {
        let request = cast.request(&scene, route).await?;
        scene.settle().await?;
        // What preparing it did is not this request's.
        drop(scene.observed());
        measured.took.push(scene.send(&request).await?.took);
        measured.observed.extend(scene.observed().into_iter().filter(|observation| observation.function == route.name));
    }
    scene.stack.shutdown().await;
    Ok(measured)
}

async fn round_trips(binaries: &Path) -> Result<HashMap<&'static str, f64>> {
    let scene = Scene::start(Target::InProcess).await?;
    let cast = Cast::gather(&scene).await?;
    let trips = RoundTrips::on(&scene, binaries).await?;
    let mut of_routes = HashMap::new();
    for route in routes() {
        of_routes.insert(route.name, trips.of(&scene, &cast, route).await?);
    }
    drop(trips);
    scene.stack.shutdown().await;
    Ok(of_routes)
}

fn row(route: &str, in_process: &Measured, as_binary: &Measured, trips: f64) -> [String; 8] {
    let (inside, outside) = (Sample::of_millis(&in_process.took), Sample::of_millis(&as_binary.took));
    let (calls, units) = costs(&in_process.observed);
    [
        route.to_owned(),
        format!("{:.1}", inside.median()),
        format!("{:.1}", inside.p99()),
        format!("{:.1}", outside.median()),
        format!("{:.1}", outside.p99()),
        range(&calls, 0),
        against_goal(trips.abs(), MOST_ROUND_TRIPS, 0),
        range(&units, 1),
    ]
}

/// Calls and capacity units.
pub fn costs(observed: &[Observation]) -> (Sample, Sample) {
    let calls = Sample::of(observed.iter().map(|observation| f64::from(observation.tally.calls)));
    let units = Sample::of(observed.iter().map(|observation| observation.tally.capacity_units));
    (calls, units)
}

/// The usual figure, and the highest where that is another.
pub fn range(sample: &Sample, decimals: usize) -> String {
    let (usual, most) = (sample.median(), sample.most());
    match usual == most {
        true => format!("{usual:.decimals$}"),
        false => format!("{usual:.decimals$} (at most {most:.decimals$})"),
    }
}

/// The other trigger has a table of its own: what it costs must not grow.
async fn send_mail() -> Result<String> {
    let scene = Scene::start(Target::InProcess).await?;
    let admin = scene.signed_up().await?;
    scene.settle().await?;
    drop(scene.observed());
    for _ in 0..ROUNDS {
        scene.invite(&admin, &[&scene.address()], "operator").await?;
        scene.settle().await?;
    }
    let mut observed = scene.observed();
    observed.retain(|observation| observation.function == "send-mail");
    scene.stack.shutdown().await;
    let (took, (calls, units)) =
        (Sample::of_millis(observed.iter().map(|observation| &observation.took)), costs(&observed));
    Ok(format!(
        "send-mail, for one invitation, its call to SES included: {:.1} ms at p50 and {:.1} ms at p99, {} calls one after the \
         other, {} capacity units.\n",
        took.median(),
        took.p99(),
        range(&calls, 0),
        range(&units, 1)
    ))
}
