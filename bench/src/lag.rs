//! How long after the answer to a change the checklist that is kept shows it, while changes keep coming.
//!
//! Changes are sent by the clock, whatever became of those before. Each changes a member's role, which the checklist shows as
//! the evidence of a step: anybody's role may be changed at any time, so that one workspace, too, can be changed as often.
//!
//! Which change a checklist shows is found out afterwards, from the stream: it has every state of the counters in the order in
//! which they were written, and the evidence says which of them was folded. A checklist shows a change if it was folded from
//! the counters that the change made, or from later ones.

use crate::Result;
use crate::filling::{self, Filling};
use crate::markdown::{Table, against_goal};
use crate::raw_table::RawTable;
use crate::sample::Sample;
use crate::scene::{Person, Scene};
use domain::id::{TenantId, UserId};
use domain::role::Role;
use history::History;
use load::Load;
use local::Target;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use watcher::{Watched, Watcher};

mod history;
mod load;
mod watcher;

const A_SECOND: usize = 50;
const SECONDS: usize = 30;
/// Not measured: connections are opened and processes started meanwhile.
const FIRST_SECONDS: usize = 3;
const GOAL_MILLIS: f64 = 1000.0;

/// Over how many workspaces the changes are spread, and over how many people of each.
#[derive(Clone, Copy)]
struct Spread {
    workspaces: usize,
    /// Nobody's role is changed more often than every two seconds.
    movers: usize,
}

const SPREADS: [Spread; 2] = [Spread { workspaces: 50, movers: 2 }, Spread { workspaces: 1, movers: 100 }];

pub async fn report(binaries: &Path) -> Result<String> {
    let mut table = Table::new(&[
        "functions",
        "workspaces",
        "achieved a second",
        "refused",
        "p50 ms",
        "p99 ms",
        "slowest ms",
        "checklists written a change",
        "looks' share of the time, %",
    ]);
    for (name, target) in [("in process", Target::InProcess), ("as binaries", Target::Bootstraps(binaries.to_owned()))]
    {
        for spread in SPREADS {
            eprintln!("  {name}, {} workspaces", spread.workspaces);
            table.row(measure(target.clone(), spread).await?.row(name, spread));
        }
    }
    Ok(format!(
        "### From a change to its checklist\n\n{A_SECOND} changes a second for {SECONDS} s, sent by the clock and not waiting for each \
         other, after {FIRST_SECONDS} s that are not measured: each `PATCH /v1/members/{{user}}` with another role, spread over many \
         workspaces or all in one. From the answer to the first checklist in the table that shows the change, which is looked for \
         every few milliseconds in the table itself, without a request. Goal: a p99 of {GOAL_MILLIS} ms.\n\n{table}"
    ))
}

/// A workspace whose members' roles are changed.
struct Workspace {
    tenant: TenantId,
    admin: Person,
    movers: Vec<UserId>,
}

/// A change that was answered.
struct Change {
    tenant: TenantId,
    user: UserId,
    /// How many of this user's changes came before.
    earlier: usize,
    answered: Instant,
}

struct Measured {
    lags: Vec<Duration>,
    load: Load,
    checklists_a_change: f64,
    /// The part of the time in which the watcher looked.
    looking: f64,
}

impl Measured {
    fn of(load: Load, watched: &Watched, history: &History) -> Result<Measured> {
        let shown = history.shown(&load.changes, &watched.looks)?;
        let lags = load.changes.iter().zip(shown);
        Ok(Measured {
            lags: lags.map(|(change, shown)| shown.saturating_duration_since(change.answered)).collect(),
            load,
            checklists_a_change: history.checklists_a_change(),
            looking: watched.looking.as_secs_f64() / watched.took.as_secs_f64(),
        })
    }

    fn row(&self, functions: &str, spread: Spread) -> [String; 9] {
        let lags = Sample::of_millis(&self.lags);
        [
            functions.to_owned(),
            spread.workspaces.to_string(),
            format!("{:.1}", self.load.achieved()),
            self.load.refused.to_string(),
            format!("{:.0}", lags.median()),
            against_goal(lags.p99(), GOAL_MILLIS, 0),
            format!("{:.0}", lags.most()),
            format!("{:.2}", self.checklists_a_change),
            format!("{:.1}", self.looking * 100.0),
        ]
    }
}

async fn measure(target: Target, spread: Spread) -> Result<Measured> {
    let scene = Scene::start(target).await?;
    let mut workspaces = Vec::new();
    for _ in 0..spread.workspaces {
        workspaces.push(workspace(&scene, spread).await?);
    }
    scene.settle().await?;
    let watcher = Watcher::start(RawTable::of(&scene));
    let scene = Arc::new(scene);
    let load = Load::run(&scene, &workspaces, &watcher).await?;
    scene.settle().await?;
    let watched = watcher.stop().await?;
    let measured = Measured::of(load, &watched, &History::read(&scene)?)?;
    if let Some(scene) = Arc::into_inner(scene) {
        scene.stack.shutdown().await;
    }
    Ok(measured)
}

async fn workspace(scene: &Scene, spread: Spread) -> Result<Workspace> {
    let admin = scene.signed_up().await?;
    // Half of those who joined are operators; one of them stays that.
    let filling = Filling { joined: 2 * spread.movers + 2, out: 0, connections: 0 };
    let members = filling::fill(scene, &admin, filling).await?.members;
    let operators = members.iter().filter(|member| member.role == Role::Operator).map(|member| member.user);
    Ok(Workspace { tenant: admin.tenant.parse()?, movers: operators.skip(1).take(spread.movers).collect(), admin })
}
