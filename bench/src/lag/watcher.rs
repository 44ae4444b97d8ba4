//! Looks for checklists that changed, in the table itself: a look is one read of one item, by nobody's request.

use crate::Result;
use crate::raw_table::RawTable;
use common::keys;
use domain::Timestamp;
use domain::checklist::StepId;
use domain::id::TenantId;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

const BETWEEN_LOOKS: Duration = Duration::from_millis(2);

pub struct Watcher {
    expected: Expected,
    stopped: Arc<AtomicBool>,
    watching: JoinHandle<Result<Watched>>,
}

/// Whose checklists are looked at, and since when a change is expected in each: only those, so that looking costs little.
#[derive(Clone, Default)]
pub struct Expected(Arc<Mutex<HashMap<TenantId, Timestamp>>>);

/// What was seen, oldest first.
pub struct Watched {
    pub looks: Vec<Look>,
    /// How long the table was looked into, of how long there was a watch.
    pub looking: Duration,
    pub took: Duration,
}

/// The first sight of a checklist.
pub struct Look {
    pub tenant: TenantId,
    pub at: Instant,
    pub folded: Timestamp,
}

impl Watcher {
    pub fn start(table: RawTable) -> Watcher {
        let (expected, stopped) = (Expected::default(), Arc::new(AtomicBool::new(false)));
        let (expecting, until) = (expected.clone(), stopped.clone());
        let watching = tokio::task::spawn_blocking(move || watch(&table, &expecting, &until));
        Watcher { expected, stopped, watching }
    }

    pub fn expected(&self) -> Expected {
        self.expected.clone()
    }

    /// Looks a last time.
    pub async fn stop(self) -> Result<Watched> {
        self.stopped.store(true, Ordering::Relaxed);
        self.watching.await?
    }
}

impl Expected {
    /// That a checklist shows what was sent then, or later, is expected from now on.
    pub fn from(&self, tenant: TenantId, sent: Timestamp) {
        self.lock().insert(tenant, sent);
    }

    fn all(&self) -> Vec<TenantId> {
        self.lock().keys().copied().collect()
    }

    /// A checklist shows this change. Of two that are on their way at once the later one may be missed so, until the next is expected:
    /// that makes its lag longer than it was, never shorter.
    fn seen(&self, tenant: TenantId, folded: Timestamp) {
        self.lock().retain(|expecting, sent| *expecting != tenant || folded < *sent);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn watch(table: &RawTable, expected: &Expected, stopped: &AtomicBool) -> Result<Watched> {
    let (started, mut looking) = (Instant::now(), Duration::ZERO);
    let (mut looks, mut latest) = (Vec::new(), HashMap::new());
    loop {
        let is_last = stopped.load(Ordering::Relaxed);
        let began = Instant::now();
        for tenant in expected.all() {
            let (folded, at) = (folded(table, tenant)?, Instant::now());
            if latest.insert(tenant, folded) != Some(folded) {
                looks.push(Look { tenant, at, folded });
            }
            expected.seen(tenant, folded);
        }
        looking += began.elapsed();
        if is_last {
            return Ok(Watched { looks, looking, took: started.elapsed() });
        }
        thread::sleep(BETWEEN_LOOKS);
    }
}

/// When the change was made that the checklist's evidence names: that a reviewer is assigned is shown by the latest change to the
/// viewers.
fn folded(table: &RawTable, tenant: TenantId) -> Result<Timestamp> {
    let mut checklist = table.get(&keys::checklist(tenant))?.ok_or("a workspace without a checklist")?;
    let steps = serde_json::to_value(checklist.remove("steps"))?;
    let steps = steps["L"].as_array().ok_or("a checklist without steps")?;
    let step = steps
        .iter()
        .find(|step| step["M"]["id"]["S"] == StepId::REVIEWER_ASSIGNED.as_str())
        .ok_or("no reviewer's step")?;
    let at = step.pointer("/M/standing/M/evidence/M/at/S").and_then(Value::as_str);
    Ok(at.ok_or("no viewer is there")?.parse()?)
}
