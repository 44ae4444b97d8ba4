//! The signed-in person, as `/v1/me` shows them.

use common::auth::caller::{SignedIn, TENANT_COOKIE, TENANT_HEADER};
use common::error::{Problem, Result};
use common::keys;
use common::route::Cx;
use common::store::Stored;
use common::view::TenantView;
use domain::email::Email;
use domain::id::{TenantId, UserId};
use domain::member::Member;
use domain::role::Role;
use domain::tenant::Tenant;
use domain::text::DisplayName;
use domain::time_zone::TimeZoneName;
use domain::user::{EffectiveTimeZone, User, effective_time_zone};
use schemars::JsonSchema;
use serde::Serialize;

/// The most tenants of one person that are listed.
const MOST_TENANTS: u16 = 100;

#[derive(Debug, Serialize, JsonSchema)]
pub struct Me {
    id: UserId,
    email: Email,
    display_name: Option<DisplayName>,
    /// Their own choice; null where they follow the workspace.
    time_zone: Option<TimeZoneName>,
    /// What is in force, in the workspace that the request names or in their only one.
    effective_time_zone: EffectiveTimeZone,
    memberships: Vec<MembershipView>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct MembershipView {
    tenant: TenantView,
    role: Role,
}

/// A membership and its tenant.
pub struct Membership {
    pub member: Member,
    pub tenant: Tenant,
}

pub async fn read_user(cx: &Cx, caller: &SignedIn) -> Result<Stored<User>> {
    cx.store().get(keys::user(caller.user)).await?.ok_or_else(Problem::unauthenticated)
}

/// The caller's active memberships, in two round trips however many there are.
pub async fn read_memberships(cx: &Cx, caller: &SignedIn) -> Result<Vec<Membership>> {
    let mut members = cx.store().query_index::<Member>(caller.user, MOST_TENANTS).await?;
    members.retain(|member| member.is_active());
    let wanted: Vec<_> = members.iter().map(|member| keys::tenant(member.tenant)).collect();
    let tenants = cx.store().get_each(&wanted).await?;
    let both = members.into_iter().zip(tenants);
    Ok(both.filter_map(|(member, tenant)| Some(Membership { member: member.item, tenant: tenant?.item })).collect())
}

pub fn show(cx: &Cx, user: &User, memberships: &[Membership]) -> Me {
    let zone = current_tenant(cx, memberships).map(|tenant| &tenant.default_time_zone);
    Me {
        id: user.id,
        email: user.email.clone(),
        display_name: user.display_name.clone(),
        time_zone: user.time_zone.clone(),
        effective_time_zone: effective_time_zone(user.time_zone.as_ref(), zone),
        memberships: memberships.iter().map(MembershipView::from).collect(),
    }
}

fn current_tenant<'a>(cx: &Cx, memberships: &'a [Membership]) -> Option<&'a Tenant> {
    let named =
        cx.header(TENANT_HEADER).or_else(|| cx.cookie(TENANT_COOKIE)).and_then(|id| id.parse::<TenantId>().ok());
    let found = match (named, memberships) {
        (Some(named), all) => all.iter().find(|membership| membership.tenant.id == named),
        (None, [only]) => Some(only),
        (None, _) => None,
    };
    found.map(|membership| &membership.tenant)
}

impl From<&Membership> for MembershipView {
    fn from(membership: &Membership) -> MembershipView {
        MembershipView { tenant: (&membership.tenant).into(), role: membership.member.role }
    }
}
