//! Changes sent by the clock.

use super::{A_SECOND, Change, FIRST_SECONDS, SECONDS, Workspace};
use crate::Result;
use crate::lag::watcher::Watcher;
use crate::request::Request;
use crate::scene::Scene;
use common::clock::Clock;
use domain::id::UserId;
use domain::role::Role;
use serde_json::json;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// The changes that were answered with success, but for those of the first seconds and of anybody who was refused one: which of
/// their changes were made is not known.
pub struct Load {
    pub changes: Vec<Change>,
    pub refused: usize,
    answered: usize,
    took: Duration,
}

/// What became of a change.
struct Sent {
    change: Change,
    scheduled: Scheduled,
    refusal: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheduled {
    First,
    Measured,
}

impl Load {
    pub async fn run(scene: &Arc<Scene>, workspaces: &[Workspace], watcher: &Watcher) -> Result<Load> {
        let mut sending = JoinSet::new();
        let started = Instant::now();
        for number in 0..A_SECOND * (FIRST_SECONDS + SECONDS) {
            tokio::time::sleep_until((started + due(number)).into()).await;
            let workspace = &workspaces[number % workspaces.len()];
            let turn = number / workspaces.len();
            let (user, earlier) = (workspace.movers[turn % workspace.movers.len()], turn / workspace.movers.len());
            let request = change_of_role(workspace, user, earlier)?;
            let scheduled = match number < A_SECOND * FIRST_SECONDS {
                true => Scheduled::First,
                false => Scheduled::Measured,
            };
            let (scene, expected, tenant) = (scene.clone(), watcher.expected(), workspace.tenant);
            sending.spawn(async move {
                let sent = Clock::system().now();
                let refusal = scene.send(&request).await.err().map(|refusal| refusal.to_string());
                let answered = Instant::now();
                expected.from(tenant, sent);
                Sent { change: Change { tenant, user, earlier, answered }, scheduled, refusal }
            });
        }
        Load::of(sending.join_all().await, started + due(A_SECOND * FIRST_SECONDS))
    }

    fn of(sent: Vec<Sent>, measured_from: Instant) -> Result<Load> {
        let refused: Vec<_> = sent.iter().filter(|sent| sent.refusal.is_some()).collect();
        refused
            .iter()
            .filter_map(|sent| sent.refusal.as_ref())
            .take(3)
            .for_each(|refusal| eprintln!("  refused: {refusal}"));
        let (refused, untold) =
            (refused.len(), refused.iter().map(|sent| sent.change.user).collect::<HashSet<UserId>>());
        let measured = sent.into_iter().filter(|sent| sent.scheduled == Scheduled::Measured && sent.refusal.is_none());
        let changes: Vec<_> = measured.map(|sent| sent.change).collect();
        let last = changes.iter().map(|change| change.answered).max().ok_or("no change was made")?;
        Ok(Load {
            answered: changes.len(),
            changes: changes.into_iter().filter(|change| !untold.contains(&change.user)).collect(),
            refused,
            took: last - measured_from,
        })
    }

    /// Changes that were made, a second.
    pub fn achieved(&self) -> f64 {
        self.answered as f64 / self.took.as_secs_f64()
    }
}

/// When a change is sent, from the start.
fn due(number: usize) -> Duration {
    Duration::from_secs_f64(number as f64 / A_SECOND as f64)
}

/// From operator to viewer, and back.
fn change_of_role(workspace: &Workspace, user: UserId, earlier: usize) -> Result<Request> {
    let role = match earlier % 2 {
        0 => Role::Viewer,
        _ => Role::Operator,
    };
    let request = Request::to("update-member")?.parameter("user", &user.to_string()).by(&workspace.admin)?;
    request.json(&json!({ "role": role.to_string() }))
}
