//! How long after the answer to a change its checklist shows it.

use crate::Result;
use crate::markdown::Table;
use crate::request::Request;
use crate::sample::Sample;
use crate::scene::{Person, Scene};
use local::Target;
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

const CHANGES: usize = 30;
const BETWEEN_LOOKS: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(10);

pub async fn report(binaries: &Path) -> Result<String> {
    let mut table = Table::new(&["functions", "p50 ms", "p99 ms"]);
    for (name, target) in [("in process", Target::InProcess), ("as binaries", Target::Bootstraps(binaries.to_owned()))]
    {
        let lags = Sample::of_millis(&measure(target).await?);
        table.row([name.to_owned(), format!("{:.0}", lags.median()), format!("{:.0}", lags.p99())]);
    }
    Ok(format!(
        "### From a change to its checklist\n\nFrom the answer to `PATCH /v1/tenant` to the first `GET /v1/checklist` that shows \
         the change, asked again and again: {CHANGES} changes, so the p99 is the slowest. Goal: 2000 ms.\n\n{table}"
    ))
}

async fn measure(target: Target) -> Result<Vec<Duration>> {
    let scene = Scene::start(target).await?;
    let admin = scene.signed_up().await?;
    // The first change starts what has to be started.
    toggle_confirmation(&scene, &admin).await?;
    scene.settle().await?;
    let mut lags = Vec::new();
    for _ in 0..CHANGES {
        let wanted = toggle_confirmation(&scene, &admin).await?;
        lags.push(time_until(&scene, &admin, wanted).await?);
        scene.settle().await?;
    }
    scene.stack.shutdown().await;
    Ok(lags)
}

/// Confirms the default time zone, or takes that back; the state that the checklist's step has to come to.
pub async fn toggle_confirmation(scene: &Scene, admin: &Person) -> Result<&'static str> {
    let now = scene.send(&Request::to("get-tenant")?.by(admin)?).await?;
    let (confirmed, state) = match now.body["default_time_zone_confirmed"] == true {
        true => (false, "incomplete"),
        false => (true, "complete"),
    };
    let change = Request::to("update-tenant")?.by(admin)?.header("if-match", now.header("etag")?)?;
    scene.send(&change.json(&json!({ "default_time_zone_confirmed": confirmed }))?).await?;
    Ok(state)
}

async fn time_until(scene: &Scene, admin: &Person, wanted: &str) -> Result<Duration> {
    let started = Instant::now();
    let look = Request::to("get-checklist")?.by(admin)?;
    while started.elapsed() < PATIENCE {
        let checklist = scene.send(&look).await?;
        let steps = checklist.body["steps"].as_array().ok_or("a checklist without steps")?;
        if steps.iter().any(|step| step["id"] == "default-timezone" && step["state"] == wanted) {
            return Ok(started.elapsed());
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    Err("the checklist never showed the change".into())
}
