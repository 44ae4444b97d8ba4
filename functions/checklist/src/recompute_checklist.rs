//! Folds a tenant's state into its checklist whenever something the checklist depends on has changed.
//!
//! A record only says *whose* state changed. The facts are read as one snapshot with the checklist, and the result is written
//! on the condition that the checklist is still the one that was read. A batch could pair old facts with a newer checklist.
//!
//! That alone is not enough: a fold that finds nothing to change leaves the checklist's version as it is, so an instance that
//! stood still in between could write what it saw before the state went back. Therefore whoever writes looks again, until
//! there is nothing to write: every write is followed by a snapshot that agrees with it, or by the stream's retry.

use common::error::{Code, Problem, Result};
use common::function::Function;
use common::keys::{self, Item, Kind, Range, Whose};
use common::store::{Access, Order, Stored};
use common::trigger::{Event, Failures, Listen, Record, StreamTrigger, TriggerCx};
use domain::checklist::{Checklist, Facts, fold};
use domain::id::TenantId;
use domain::invite::{OpenInvite, UndeliveredInvite};
use domain::tenant::Counters;
use std::collections::BTreeSet;

pub static FUNCTION: Function = Function::stream::<RecomputeChecklist>();

pub struct RecomputeChecklist;

/// How often a fold is done again, because it wrote or because somebody else's overtook it, before the stream's retry takes over.
const TRIES: usize = 8;

impl StreamTrigger for RecomputeChecklist {
    const NAME: &'static str = "recompute-checklist";
    const SUMMARY: &'static str = "Folds a tenant's state into its checklist.";
    const LISTENS: Listen = Listen {
        kinds: &[Kind::Tenant, Kind::Counters, Kind::Billing, Kind::OpenInvite, Kind::UndeliveredInvite],
        events: &[Event::Insert, Event::Modify, Event::Remove],
    };
    const ACCESS: &'static [Access] = &[
        Access::Get(Kind::Checklist),
        Access::Get(Kind::Tenant),
        Access::Get(Kind::Counters),
        Access::Get(Kind::Billing),
        Access::Query(Kind::OpenInvite),
        Access::Query(Kind::UndeliveredInvite),
        Access::Replace(Kind::Checklist),
    ];

    async fn handle(cx: &TriggerCx, records: &[Record]) -> Failures {
        let mut failures = Failures::default();
        for tenant in tenants_of(records) {
            if let Err(problem) = recompute(cx, tenant).await {
                tracing::warn!(%tenant, %problem, "a checklist was not recomputed; it will be tried again");
                records
                    .iter()
                    .filter(|record| record.whose == Whose::Tenant(tenant))
                    .for_each(|record| failures.add(record));
            }
        }
        failures
    }
}

/// Each tenant once, however many of its records a batch holds.
fn tenants_of(records: &[Record]) -> BTreeSet<TenantId> {
    let tenant = |record: &Record| match &record.whose {
        Whose::Tenant(tenant) => Some(*tenant),
        Whose::User(_) | Whose::Email(_) => None,
    };
    records.iter().filter_map(tenant).collect()
}

/// Folds until there is nothing to write. `Written` if there was.
pub(crate) async fn recompute(cx: &TriggerCx, tenant: TenantId) -> Result<Recomputed> {
    let mut outcome = Recomputed::AsKept;
    for _ in 0..TRIES {
        match recompute_once(cx, tenant).await {
            Ok(Recomputed::AsKept) => return Ok(outcome),
            Ok(Recomputed::Written) => outcome = Recomputed::Written,
            Err(problem) if problem.code == Code::VersionStale => {}
            Err(problem) => return Err(problem),
        }
    }
    Err(Problem::try_again())
}

/// What a fold came to.
pub(crate) enum Recomputed {
    /// The kept checklist is what the state amounts to.
    AsKept,
    /// It was not, and has been written.
    Written,
}

async fn recompute_once(cx: &TriggerCx, tenant: TenantId) -> Result<Recomputed> {
    let wanted = (keys::checklist(tenant), keys::tenant(tenant), keys::counters(tenant), keys::billing(tenant));
    let (checklist, settings, counters, billing) = cx.store().snapshot(wanted).await?;
    // A tenant's items come to be in one transaction: where one is missing, the tenant is gone.
    let (Some(checklist), Some(settings), Some(counters), Some(billing)) = (checklist, settings, counters, billing)
    else {
        return Ok(Recomputed::AsKept);
    };
    let (open, undelivered) = last_invites_out(cx, tenant, &counters).await?;
    let facts = Facts {
        tenant: &settings,
        counters: &counters,
        billing: &billing,
        last_open_invite: open.as_ref(),
        last_undelivered_invite: undelivered.as_ref(),
    };
    write_if_changed(cx, &checklist, fold(facts, Some(&checklist), cx.now())).await
}

/// Read after the snapshot, so it is no older than the checklist; and only while it can matter.
async fn last_invites_out(
    cx: &TriggerCx,
    tenant: TenantId,
    counters: &Counters,
) -> Result<(Option<OpenInvite>, Option<UndeliveredInvite>)> {
    if counters.first_accepted.is_some() {
        return Ok((None, None));
    }
    futures::try_join!(last_of(cx, keys::open_invites(tenant)), last_of(cx, keys::undelivered_invites(tenant)))
}

async fn last_of<T: Item>(cx: &TriggerCx, range: Range<T>) -> Result<Option<T>> {
    let page = cx.store().query(range, Order::Descending, 1, None).await?;
    Ok(page.items.into_iter().next().map(|last| last.item))
}

async fn write_if_changed(cx: &TriggerCx, before: &Stored<Checklist>, next: Checklist) -> Result<Recomputed> {
    if before.item == next {
        return Ok(Recomputed::AsKept);
    }
    cx.store().transaction().replace(before, &next, Problem::version_stale()).commit().await?;
    Ok(Recomputed::Written)
}
