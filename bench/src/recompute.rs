//! What recomputing a checklist, and looking at it, costs in workspaces of different sizes. It must not depend on the size.

use crate::Result;
use crate::delay::Delay;
use crate::filling::{self, Filling};
use crate::markdown::Table;
use crate::request::Request;
use crate::sample::Sample;
use crate::scene::{Person, Scene};
use crate::warm::{costs, range};
use common::app::Observation;
use serde_json::{Value, json};
use std::time::Duration;

const ROUNDS: usize = 30;
/// Long beside what a recompute takes here.
const FURTHER_AWAY: Duration = Duration::from_millis(80);
const FAR_ROUNDS: usize = 5;
const SIZES: [usize; 3] = [10, 1_000, 100_000];
/// No workspace has more of each: they are made one by one.
const MOST_CONNECTIONS: usize = 1_000;

/// A workspace that is measured.
struct Subject {
    about: &'static str,
    admin: Person,
    members: usize,
    out: usize,
    items: usize,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// Recomputing after a change that the checklist shows.
    ChangeThatShows,
    /// Recomputing after a change that it does not show: nothing is written.
    ChangeThatDoesNot,
    /// Looking at the checklist.
    Look,
    /// Looking again, with the tag of what was seen: 304.
    LookAgain,
}

const ALL_WORK: [Work; 4] = [Work::ChangeThatShows, Work::ChangeThatDoesNot, Work::Look, Work::LookAgain];

pub async fn report() -> Result<String> {
    let mut rows = Vec::new();
    for size in SIZES {
        rows.extend(at(size).await?);
    }
    let [shows, does_not, look, again] = ALL_WORK.map(|work| table(&rows, work));
    Ok(format!(
        "### Recomputing a checklist\n\n{ROUNDS} times each, in process. A workspace that people have come to looks for the last open \
         invite of an operator; while nobody has come, four are looked for side by side: the last open one of each role, and the \
         last one whose mail went wrong. Of the invites that are out one in ten is over and one in twenty came back; of integrations, \
         numbers and used API keys there are as many as invites, at most {MOST_CONNECTIONS} each. The two workspaces of a size \
         share a table; so do the largest and two small ones, which show what the table's own size does. Round trips: by how \
         much it takes longer when each call is held back, in units of that pause. Units: as the stand-in for DynamoDB counts them. \
         Times: through the relay that can hold calls back, which adds a few tenths of a millisecond a call. Goal: the same calls, round trips and units at every size.\n\n\
         recompute-checklist, after a change through `PATCH /v1/tenant` that the checklist shows:\n\n{shows}\n\
         The same, after a change that it does not show:\n\n{does_not}\n\
         `GET /v1/checklist`, answered 200:\n\n{look}\n\
         The same with `If-None-Match`, answered 304:\n\n{again}"
    ))
}

fn table(rows: &[(Work, [String; 10])], work: Work) -> Table {
    let mut table = Table::new(&[
        "workspace",
        "members",
        "invites out",
        "items of others",
        "calls",
        "round trips",
        "read units",
        "write units",
        "p50 ms",
        "slowest ms",
    ]);
    rows.iter().filter(|(of, _)| *of == work).for_each(|(_, row)| table.row(row.clone()));
    table
}

/// On a table of their own: two workspaces of a size, and beside the largest two small ones.
async fn at(size: usize) -> Result<Vec<(Work, [String; 10])>> {
    let delay = Delay::listening().await?;
    let scene = Scene::behind(&delay).await?;
    let mut subjects = Vec::from(of_size(&scene, size).await?);
    if SIZES.last() == Some(&size) {
        subjects.extend(of_size(&scene, SIZES[0]).await?);
    }
    scene.settle().await?;
    let everything: usize = subjects.iter().map(|subject| subject.items).sum();
    let mut rows = Vec::new();
    for subject in &subjects {
        for work in ALL_WORK {
            eprintln!("  {}, {} members, {} invites out: {work:?}", subject.about, subject.members, subject.out);
            let measured = Measured::of(&scene, &delay, subject, work).await?;
            rows.push((work, row(subject, everything - subject.items, &measured)));
        }
    }
    scene.stack.shutdown().await;
    Ok(rows)
}

/// One that as many have come to as are invited still, and one that nobody has come to.
async fn of_size(scene: &Scene, size: usize) -> Result<[Subject; 2]> {
    let connections = size.min(MOST_CONNECTIONS);
    Ok([
        subject(scene, "people have come", Filling { joined: size - 1, out: size, connections }).await?,
        subject(scene, "nobody has come", Filling { joined: 0, out: size, connections }).await?,
    ])
}

async fn subject(scene: &Scene, about: &'static str, filling: Filling) -> Result<Subject> {
    eprintln!("  filling: {about}, {filling:?}");
    let admin = scene.signed_up().await?;
    let filled = filling::fill(scene, &admin, filling).await?;
    Ok(Subject { about, admin, members: filled.members.len() + 1, out: filling.out, items: filled.items })
}

struct Measured {
    near: Vec<Observation>,
    far: Vec<Observation>,
}

impl Measured {
    async fn of(scene: &Scene, delay: &Delay, subject: &Subject, work: Work) -> Result<Measured> {
        // The first, which opens connections, is not measured.
        observe(scene, subject, work).await?;
        let (mut near, mut far) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            near.extend(observe(scene, subject, work).await?);
        }
        delay.set(FURTHER_AWAY);
        for _ in 0..FAR_ROUNDS {
            far.extend(observe(scene, subject, work).await?);
        }
        delay.set(Duration::ZERO);
        Ok(Measured { near, far })
    }

    /// By how many pauses the fastest is slower: what else the machine does then only ever adds.
    fn round_trips(&self) -> f64 {
        let fastest = |observed: &[Observation]| Sample::of_millis(observed.iter().map(|one| &one.took)).least();
        (fastest(&self.far) - fastest(&self.near)) / (FURTHER_AWAY.as_secs_f64() * 1000.0)
    }
}

/// What the function did whose work this is.
async fn observe(scene: &Scene, subject: &Subject, work: Work) -> Result<Vec<Observation>> {
    let admin = &subject.admin;
    let function = match work {
        Work::ChangeThatShows | Work::ChangeThatDoesNot => "recompute-checklist",
        Work::Look | Work::LookAgain => "get-checklist",
    };
    let tag = scene.send(&Request::to("get-checklist")?.by(admin)?).await?.header("etag")?.to_owned();
    drop(scene.observed());
    match work {
        Work::ChangeThatShows => toggle_confirmation(scene, admin).await?,
        Work::ChangeThatDoesNot => change(scene, admin, |_| json!({ "labels": [scene.number().to_string()] })).await?,
        Work::Look => drop(scene.send(&Request::to(function)?.by(admin)?).await?),
        Work::LookAgain => {
            drop(scene.send_for(&Request::to(function)?.by(admin)?.header("if-none-match", &tag)?, 304).await?)
        }
    }
    scene.settle().await?;
    let mut observed = scene.observed();
    observed.retain(|observation| observation.function == function);
    match observed.len() {
        1 => Ok(observed),
        times => Err(format!("{function} ran {times} times for {work:?}").into()),
    }
}

/// Confirms the default time zone, or takes that back.
async fn toggle_confirmation(scene: &Scene, admin: &Person) -> Result<()> {
    let toggled = |now: &Value| json!({ "default_time_zone_confirmed": now["default_time_zone_confirmed"] != true });
    change(scene, admin, toggled).await
}

/// Changes the settings to what is made of them.
async fn change(scene: &Scene, admin: &Person, make: impl Fn(&Value) -> Value) -> Result<()> {
    let now = scene.send(&Request::to("get-tenant")?.by(admin)?).await?;
    let change = Request::to("update-tenant")?.by(admin)?.header("if-match", now.header("etag")?)?;
    scene.send(&change.json(&make(&now.body))?).await?;
    Ok(())
}

fn row(subject: &Subject, elsewhere: usize, measured: &Measured) -> [String; 10] {
    let took = Sample::of_millis(measured.near.iter().map(|observation| &observation.took));
    let (calls, _) = costs(&measured.near);
    let units = |of: fn(&Observation) -> f64| range(&Sample::of(measured.near.iter().map(of)), 1);
    [
        subject.about.to_owned(),
        subject.members.to_string(),
        subject.out.to_string(),
        elsewhere.to_string(),
        range(&calls, 0),
        format!("{:.0}", measured.round_trips().abs()),
        units(|observation| observation.tally.capacity_units - observation.tally.write_units),
        units(|observation| observation.tally.write_units),
        format!("{:.1}", took.median()),
        format!("{:.1}", took.most()),
    ]
}
