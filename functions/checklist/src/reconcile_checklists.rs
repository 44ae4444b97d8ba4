//! Goes through all tenants and mends every checklist that is not what its tenant's state amounts to.
//!
//! There should be none: the stream keeps them so. It keeps records for a day only, though, and what was given up on is in a queue
//! that somebody has to look at. Whatever was lost that way is made good here.

use crate::recompute_checklist::{Recomputed, recompute};
use common::error::{Problem, Result};
use common::function::Function;
use common::keys::{Kind, Partition, Whose};
use common::schedule::{Hours, ScheduledTrigger};
use common::store::Access;
use common::trigger::TriggerCx;
use domain::id::TenantId;
use jiff::SignedDuration;

pub static FUNCTION: Function = Function::schedule::<ReconcileChecklists>();

pub struct ReconcileChecklists;

/// The most items that one call looks through. A call returns at most a megabyte in any case
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html>).
const LOOKED_THROUGH: u16 = 1000;

/// How long a run may take: a minute less than Lambda lets it.
const LONGEST: SignedDuration = SignedDuration::from_mins(14);

impl ScheduledTrigger for ReconcileChecklists {
    const NAME: &'static str = "reconcile-checklists";
    const SUMMARY: &'static str = "Mends every checklist that is not what its tenant's state amounts to.";
    const ACCESS: &'static [Access] = &[
        Access::Scan(Kind::Tenant),
        Access::Get(Kind::Checklist),
        Access::Get(Kind::Tenant),
        Access::Get(Kind::Counters),
        Access::Get(Kind::Billing),
        Access::Get(Kind::TestUser),
        Access::Get(Kind::ChecklistChoices),
        Access::Query(Kind::OpenInvite),
        Access::Query(Kind::UndeliveredInvite),
        Access::Check(Kind::Counters),
        Access::Replace(Kind::Checklist),
        Access::Replace(Kind::ChecklistChoices),
        Access::CreateIn(Kind::Outbox, Partition::Tenant),
        Access::Create(Kind::Audit),
    ];
    const EVERY: Hours = Hours(6);

    async fn handle(cx: &TriggerCx) -> Result<()> {
        let until = cx.now().saturating_add(LONGEST).map_err(Problem::internal)?;
        let (mut tenants, mut mended, mut failed) = (0_u64, 0_u64, 0_u64);
        let mut after = None;
        loop {
            let part = cx.store().scan(Kind::Tenant, LOOKED_THROUGH, after).await?;
            for tenant in part.found.iter().filter_map(tenant_of) {
                tenants += 1;
                match recompute(cx, tenant).await {
                    Ok(Recomputed::AsKept) => {}
                    Ok(Recomputed::Written) => {
                        mended += 1;
                        tracing::warn!(%tenant, "a checklist was not what its tenant's state amounts to; mended");
                    }
                    // One tenant's trouble is not the others'.
                    Err(problem) => {
                        failed += 1;
                        tracing::error!(%tenant, %problem, "a checklist was not reconciled");
                    }
                }
            }
            after = part.next;
            if after.is_none() || cx.now() >= until {
                break;
            }
        }
        tracing::info!(tenants, mended, failed, "reconciled");
        match (failed, after) {
            (0, None) => Ok(()),
            (0, Some(_)) => Err(Problem::internal("there are more tenants than one run gets through")),
            _ => Err(Problem::internal(format!("{failed} checklists were not reconciled"))),
        }
    }
}

fn tenant_of(whose: &Whose) -> Option<TenantId> {
    match whose {
        Whose::Tenant(tenant) => Some(*tenant),
        Whose::User(_) | Whose::Email(_) => None,
    }
}
