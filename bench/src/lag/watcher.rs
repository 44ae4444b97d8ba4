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

/// Between two rounds of looks, and how many times as long as a round took: the table is everybody's, and must not be kept busy by
/// being watched.
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);
const PAUSE_PER_LOOK: u32 = 9;

pub struct Watcher {
    expected: Expected,
    stopped: Arc<AtomicBool>,
    watching: JoinHandle<Result<Watched>>,
}

/// Whose checklists are looked at: only those that a change is expected in, so that looking costs little.
#[derive(Clone, Default)]
pub struct Expected(Arc<Mutex<HashMap<TenantId, Awaited>>>);

/// What a checklist is to show.
#[derive(Clone, Copy)]
enum Awaited {
    /// Something that was sent then, or later.
    SentAt(Timestamp),
    Nothing,
}

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

    /// Looks a last time, at all of them.
    pub async fn stop(self) -> Result<Watched> {
        self.stopped.store(true, Ordering::Relaxed);
        self.watching.await?
    }
}

impl Expected {
    /// That a checklist shows what was sent then, or later, is expected from now on.
    pub fn from(&self, tenant: TenantId, sent: Timestamp) {
        let mut all = self.lock();
        let latest = match all.get(&tenant) {
            Some(Awaited::SentAt(other)) => sent.max(*other),
            Some(Awaited::Nothing) | None => sent,
        };
        all.insert(tenant, Awaited::SentAt(latest));
    }

    fn awaited(&self) -> Vec<TenantId> {
        let all = self.lock();
        let awaited = all.iter().filter(|(_, awaited)| matches!(awaited, Awaited::SentAt(_)));
        awaited.map(|(tenant, _)| *tenant).collect()
    }

    fn all(&self) -> Vec<TenantId> {
        self.lock().keys().copied().collect()
    }

    /// A checklist shows this change. Of two that are on their way at once the later one may be missed so, until the next is expected
    /// or the last look: that makes its lag longer than it was, never shorter.
    fn seen(&self, tenant: TenantId, folded: Timestamp) {
        if let Some(awaited) = self.lock().get_mut(&tenant)
            && matches!(awaited, Awaited::SentAt(sent) if *sent <= folded)
        {
            *awaited = Awaited::Nothing;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Awaited>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn watch(table: &RawTable, expected: &Expected, stopped: &AtomicBool) -> Result<Watched> {
    let (started, mut looking) = (Instant::now(), Duration::ZERO);
    let (mut looks, mut latest) = (Vec::new(), HashMap::new());
    loop {
        let is_last = stopped.load(Ordering::Relaxed);
        let began = Instant::now();
        let tenants = match is_last {
            true => expected.all(),
            false => expected.awaited(),
        };
        for tenant in tenants {
            let item = table.get(&keys::checklist(tenant))?.ok_or("a workspace without a checklist")?;
            let at = Instant::now();
            let version = item.get("v").cloned();
            let folded = match latest.get(&tenant) {
                Some((before, folded)) if *before == version => *folded,
                _ => {
                    let folded = folded(item)?;
                    latest.insert(tenant, (version, folded));
                    looks.push(Look { tenant, at, folded });
                    folded
                }
            };
            expected.seen(tenant, folded);
        }
        let took = began.elapsed();
        looking += took;
        if is_last {
            return Ok(Watched { looks, looking, took: started.elapsed() });
        }
        thread::sleep(BETWEEN_LOOKS.max(took * PAUSE_PER_LOOK));
    }
}

/// When the change was made that the checklist's evidence names: that a reviewer is assigned is shown by the latest change to the
/// viewers.
fn folded(mut checklist: dynoxide::Item) -> Result<Timestamp> {
    let steps = serde_json::to_value(checklist.remove("steps"))?;
    let steps = steps["L"].as_array().ok_or("a checklist without steps")?;
    let step = steps
        .iter()
        .find(|step| step["M"]["id"]["S"] == StepId::REVIEWER_ASSIGNED.as_str())
        .ok_or("no reviewer's step")?;
    let at = step.pointer("/M/standing/M/evidence/M/at/S").and_then(Value::as_str);
    Ok(at.ok_or("no viewer is there")?.parse()?)
}
