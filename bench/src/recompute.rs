//! What recomputing a checklist costs in workspaces of different sizes. It must not depend on the size.

use crate::Result;
use crate::lag::toggle_confirmation;
use crate::markdown::Table;
use crate::sample::Sample;
use crate::scene::{Person, Scene};
use crate::warm::{costs, range};
use common::app::{App, Observation};
use common::clock::Clock;
use common::error::Problem;
use common::keys::{self, Kind};
use common::random;
use common::store::{Access, Change, Guard, Store};
use domain::Timestamp;
use domain::id::{InviteId, TenantId, UserId};
use domain::member::{InvitedBy, Member, MemberStatus};
use domain::role::Role;
use domain::tenant::Accepted;
use local::Target;
use uuid::Uuid;

const CHANGES: usize = 30;
const ACCESS: &[Access] = &[Access::Create(Kind::Member), Access::Update(Kind::Counters)];
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>: at most 100 writes. One of
/// them is the counters'.
const AT_ONCE: usize = 99;

/// How many members are where.
struct Size {
    in_the_tenant: usize,
    /// In another tenant of the same table: what the table's size does, apart from the tenant's.
    elsewhere: usize,
}

const SIZES: [Size; 4] = [
    Size { in_the_tenant: 10, elsewhere: 1 },
    Size { in_the_tenant: 1_000, elsewhere: 1 },
    Size { in_the_tenant: 10_000, elsewhere: 1 },
    Size { in_the_tenant: 10, elsewhere: 9_990 },
];

pub async fn report() -> Result<String> {
    let mut table =
        Table::new(&["members", "members of other tenants", "calls", "capacity units", "p50 ms", "slowest ms"]);
    for size in SIZES {
        eprintln!("  {} members, {} elsewhere", size.in_the_tenant, size.elsewhere);
        let observed = measure(&size).await?;
        let (took, (calls, units)) =
            (Sample::of_millis(observed.iter().map(|observation| &observation.took)), costs(&observed));
        table.row([
            size.in_the_tenant.to_string(),
            size.elsewhere.to_string(),
            range(&calls, 0),
            range(&units, 1),
            format!("{:.1}", took.median()),
            format!("{:.1}", took.most()),
        ]);
    }
    Ok(format!(
        "### Recomputing a checklist\n\nrecompute-checklist after a change through `PATCH /v1/tenant` that its checklist shows: \
         {CHANGES} changes for each size, in process, on a table of its own. Goal: the same at every size.\n\n{table}"
    ))
}

async fn measure(size: &Size) -> Result<Vec<Observation>> {
    let scene = Scene::start(Target::InProcess).await?;
    let (admin, other) = (scene.signed_up().await?, scene.signed_up().await?);
    settle_in(&scene, &admin, size.in_the_tenant.saturating_sub(1)).await?;
    settle_in(&scene, &other, size.elsewhere.saturating_sub(1)).await?;
    scene.settle().await?;
    drop(scene.observed());
    for _ in 0..CHANGES {
        toggle_confirmation(&scene, &admin).await?;
        scene.settle().await?;
    }
    let mut observed = scene.observed();
    observed.retain(|observation| observation.function == "recompute-checklist");
    scene.stack.shutdown().await;
    Ok(observed)
}

/// Lets `count` people be members of the admin's workspace, as if they had accepted invites.
async fn settle_in(scene: &Scene, admin: &Person, count: usize) -> Result<()> {
    let (tenant, inviter): (TenantId, UserId) = (admin.tenant.parse()?, admin.id.parse()?);
    let (store, now) = (store(scene)?, Clock::system().now());
    let mut left = count;
    while left > 0 {
        let some = left.min(AT_ONCE);
        let members = (0..some).map(|_| member(tenant, inviter, now)).collect::<Result<Vec<_>>>()?;
        write(&store, tenant, &members, now).await?;
        left -= some;
    }
    Ok(())
}

fn store(scene: &Scene) -> Result<Store> {
    let variables = scene.stack.environment("get-checklist");
    let lookup = |name: &str| variables.iter().find(|(variable, _)| variable == name).map(|(_, value)| value.clone());
    let app = App::from(&lookup, &[], Clock::system())?;
    Ok(Store::new(&app, "bench", [ACCESS, &[], &[]]))
}

fn member(tenant: TenantId, inviter: UserId, now: Timestamp) -> Result<Member> {
    Ok(Member {
        tenant,
        user: UserId::from_uuid(new_id(now)?),
        role: Role::Operator,
        status: MemberStatus::Active,
        joined_at: now,
        first_seen_at: now,
        last_seen_at: now,
        invited: Some(InvitedBy { user: inviter, invite: InviteId::from_uuid(new_id(now)?) }),
        plans_owned: 0,
    })
}

fn new_id(now: Timestamp) -> Result<Uuid> {
    Ok(random::uuid(now).map_err(|problem| problem.to_string())?)
}

async fn write(store: &Store, tenant: TenantId, members: &[Member], now: Timestamp) -> Result<()> {
    let count = i64::try_from(members.len())?;
    let counted = Change::new().add("members", count).add("invited_members", count);
    let first =
        members.first().and_then(|member| Some(Accepted { invite: member.invited?.invite, by: member.user, at: now }));
    let counted = counted.set_once("first_accepted", first.ok_or("nobody to write")?);
    let counters = keys::counters(tenant);
    let transaction = store.transaction().update(counters, counted, Guard::present(), Problem::try_again());
    let all = members.iter().fold(transaction, |transaction, member| transaction.create(member, Problem::try_again()));
    Ok(all.commit().await.map_err(|problem| problem.to_string())?)
}
