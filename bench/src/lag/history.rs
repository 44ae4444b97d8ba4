//! What the table's stream says about the changes: in which order they were made.

use super::Change;
use crate::Result;
use crate::lag::watcher::Look;
use crate::scene::Scene;
use aws_local::dynamo_stream::DynamoStream;
use aws_local::event_source::RecordSource;
use common::keys::{self, Kind, Whose};
use domain::Timestamp;
use domain::id::{TenantId, UserId};
use serde_json::Value;
use std::collections::HashMap;
use std::time::Instant;

const AT_ONCE: usize = 1_000;

/// The changes to the viewers of each workspace, in the order in which they were written.
#[derive(Default)]
pub struct History {
    changes: HashMap<TenantId, Vec<Written>>,
    checklists: usize,
}

#[derive(PartialEq, Eq)]
struct Written {
    user: UserId,
    at: Timestamp,
}

impl History {
    pub fn read(scene: &Scene) -> Result<History> {
        let stream = DynamoStream::new(scene.stack.database().clone(), scene.stack.table());
        let (mut history, mut read) = (History::default(), None);
        loop {
            let records = stream.records_after(read.as_deref(), AT_ONCE)?;
            let Some(last) = records.last() else {
                return Ok(history);
            };
            read = Some(text(last, "/dynamodb/SequenceNumber")?.to_owned());
            records.iter().try_for_each(|record| history.add(record))?;
        }
    }

    fn add(&mut self, record: &Value) -> Result<()> {
        let keys = (text(record, "/dynamodb/Keys/pk/S")?, text(record, "/dynamodb/Keys/sk/S")?);
        match keys::parse(keys.0, keys.1) {
            Some((Whose::Tenant(tenant), Kind::Counters)) => self.add_counters(tenant, record),
            // What filling the workspaces came to is one change of each.
            Some((Whose::Tenant(_), Kind::Checklist)) if self.changes.values().any(|changes| changes.len() > 1) => {
                self.checklists += 1;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn add_counters(&mut self, tenant: TenantId, record: &Value) -> Result<()> {
        let Some(change) = record.pointer("/dynamodb/NewImage/viewers_changed/M") else {
            return Ok(());
        };
        let written = Written { user: text(change, "/record/S")?.parse()?, at: text(change, "/at/S")?.parse()? };
        let changes = self.changes.entry(tenant).or_default();
        if changes.last() != Some(&written) {
            changes.push(written);
        }
        Ok(())
    }

    /// When a checklist was first seen that was folded from what each of `changes` made, or from something later.
    pub fn shown(&self, changes: &[Change], looks: &[Look]) -> Result<Vec<Instant>> {
        let (made, seen) = (self.made(), self.seen(looks));
        let first = |change: &Change| {
            let made = made.get(&(change.tenant, change.user)).and_then(|made| made.get(change.earlier));
            let made = made.ok_or("a change that was answered was not written")?;
            let seen = seen.get(&change.tenant).ok_or("a workspace that nobody looked at")?;
            let first = seen.iter().find(|(folded, _)| folded >= made);
            Ok(first.ok_or("a change was never shown")?.1)
        };
        changes.iter().map(first).collect()
    }

    /// The places of each person's changes in the order of their workspace's.
    fn made(&self) -> HashMap<(TenantId, UserId), Vec<usize>> {
        let mut made: HashMap<_, Vec<_>> = HashMap::new();
        for (tenant, changes) in &self.changes {
            for (place, change) in changes.iter().enumerate() {
                made.entry((*tenant, change.user)).or_default().push(place);
            }
        }
        made
    }

    /// The places in that order of what was folded into the checklists that were seen, and when each was.
    fn seen(&self, looks: &[Look]) -> HashMap<TenantId, Vec<(usize, Instant)>> {
        let places = |changes: &Vec<Written>| -> HashMap<_, _> {
            changes.iter().enumerate().map(|(place, change)| (change.at, place)).collect()
        };
        let places: HashMap<_, _> = self.changes.iter().map(|(tenant, changes)| (*tenant, places(changes))).collect();
        let mut seen: HashMap<_, Vec<_>> = HashMap::new();
        for look in looks {
            if let Some(place) = places.get(&look.tenant).and_then(|places| places.get(&look.folded)) {
                seen.entry(look.tenant).or_default().push((*place, look.at));
            }
        }
        seen
    }

    pub fn checklists_a_change(&self) -> f64 {
        let changes: usize = self.changes.values().map(|changes| changes.len().saturating_sub(1)).sum();
        self.checklists as f64 / changes as f64
    }
}

fn text<'a>(record: &'a Value, pointer: &str) -> Result<&'a str> {
    let text = record.pointer(pointer).and_then(Value::as_str);
    text.ok_or_else(|| format!("a record without {pointer}").into())
}
