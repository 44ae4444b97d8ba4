//! Folds a tenant's state into its checklist whenever something the checklist depends on has changed.
//!
//! A record only says *whose* state changed. The facts are read with the checklist ([`State`]), and the result is written on the
//! condition that the checklist is still the one that was read. One that is gone, or cannot be read, is made again from them.
//!
//! That alone is not enough: a fold that finds nothing to change leaves the checklist's version as it is, so an instance that
//! stood still in between could write what it saw before the state went back. Therefore whoever writes looks again, until
//! there is nothing to write: every write is followed by a snapshot that agrees with it, or by the stream's retry.

use crate::differences::Differences;
use crate::facts::State;
use crate::reopening;
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::keys::{Kind, Partition, Whose};
use common::store::Access;
use common::trigger::{Event, Failures, Listen, Record, StreamTrigger, TriggerCx};
use domain::checklist::CURRENT;
use domain::id::TenantId;
use std::collections::BTreeSet;

pub static FUNCTION: Function = Function::stream::<RecomputeChecklist>();

pub struct RecomputeChecklist;

/// How often a fold is done again, because it wrote or because somebody else's overtook it, before the stream's retry takes over.
const TRIES: usize = 8;

impl StreamTrigger for RecomputeChecklist {
    const NAME: &'static str = "recompute-checklist";
    const SUMMARY: &'static str = "Folds a tenant's state into its checklist.";
    const LISTENS: Listen = Listen {
        // Whatever changes the invites that are out moves the counters. The markers of undelivered ones also go by themselves. What
        // people choose is in the checklist with the write that says so.
        kinds: &[Kind::Tenant, Kind::Counters, Kind::Billing, Kind::TestUser, Kind::UndeliveredInvite],
        events: &[Event::Insert, Event::Modify, Event::Remove],
    };
    const ACCESS: &'static [Access] = &[
        Access::Get(Kind::Checklist),
        Access::Get(Kind::Tenant),
        Access::Get(Kind::Counters),
        Access::Get(Kind::Billing),
        Access::Get(Kind::TestUser),
        Access::Get(Kind::ChecklistChoices),
        Access::Query(Kind::OpenInvite),
        Access::Query(Kind::UndeliveredInvite),
        Access::Check(Kind::Counters),
        Access::Create(Kind::Checklist),
        Access::Replace(Kind::Checklist),
        Access::Replace(Kind::ChecklistChoices),
        Access::CreateIn(Kind::Outbox, Partition::Tenant),
        Access::Create(Kind::Audit),
    ];

    async fn handle(cx: &TriggerCx, records: &[Record]) -> Failures {
        let mut failures = Failures::default();
        for tenant in tenants_of(records) {
            if let Err(problem) = recompute(cx, tenant).await {
                records
                    .iter()
                    .filter(|record| record.whose == Whose::Tenant(tenant))
                    .for_each(|record| failures.add(record, &problem));
            }
        }
        failures
    }
}

/// Each tenant once, however many of its records a batch holds.
fn tenants_of(records: &[Record]) -> BTreeSet<TenantId> {
    records.iter().filter_map(|record| record.whose.tenant()).collect()
}

/// Folds until there is nothing to write.
pub(crate) async fn recompute(cx: &TriggerCx, tenant: TenantId) -> Result<Recomputed> {
    let mut outcome = Recomputed::AsKept;
    for _ in 0..TRIES {
        match recompute_once(cx, tenant).await {
            Ok(Recomputed::AsKept) => return Ok(outcome),
            Ok(written) => outcome = outcome.or(written),
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
    /// It was not, in this, and has been written.
    Written(Differences),
}

impl Recomputed {
    /// The first that was written: what came after is news.
    fn or(self, later: Recomputed) -> Recomputed {
        match self {
            Recomputed::AsKept => later,
            Recomputed::Written(_) => self,
        }
    }
}

async fn recompute_once(cx: &TriggerCx, tenant: TenantId) -> Result<Recomputed> {
    let Some(state) = State::read(cx.store(), tenant).await? else {
        return Ok(Recomputed::AsKept);
    };
    state.require_not_newer(&CURRENT)?;
    let folded = state.folded(&CURRENT, cx.now());
    if state.keeps(&folded.checklist) && folded.reopened.is_none() {
        return Ok(Recomputed::AsKept);
    }
    let differences = Differences::between(&state.checklist, &folded.checklist, cx.now());
    let transaction = cx.store().transaction();
    let transaction = transaction.put_over(&state.checklist, &folded.checklist, Problem::version_stale());
    let transaction = state.still_of_one_moment(transaction);
    let transaction = match &folded.reopened {
        Some(reopened) => reopening::reopen(cx, transaction, &state, &folded.checklist, reopened)?,
        None => transaction,
    };
    transaction.commit().await?;
    Ok(Recomputed::Written(differences))
}
