//! `DELETE /v1/members/{user}`: removes a member. Their access ends with the answer: every request reads the membership, so no
//! session and no token outlives it. The answer is a receipt of what was taken and of what stays and has to be looked at.

use crate::membership_change::{Marking, MembershipChange};
use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::keys::{self, Kind};
use common::reply::Reply;
use common::route::{Cx, Method, Route};
use common::store::Access;
use common::view::UserView;
use domain::Timestamp;
use domain::connect::ApiKey;
use domain::email::Email;
use domain::id::{ApiKeyId, InviteId, TenantId, UserId};
use domain::member::Member;
use domain::role::{Permission, Role};
use domain::text::Label;
use futures::future::join;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<RemoveMember>();

pub struct RemoveMember;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    user: String,
}

/// What ended with a membership, and what did not.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Receipt {
    user: UserView,
    removed_at: Timestamp,
    removed_by: UserId,
    /// What they were.
    role: Role,
    /// What they may not do any more, in this workspace: all that their role included.
    revoked_permissions: Vec<&'static str>,
    /// Whether they were the workspace's test user. Then it has none now.
    was_test_user: bool,
    /// Invitations they sent that are still open. They stay good: revoke those that should not be. Null where they could not be
    /// read: the access review names them too.
    open_invites: Option<Vec<OpenInviteOfTheirs>>,
    /// API keys they made that are live. They stay live, for the programs that have them: remove those that should not be. Null where
    /// they could not be read: `GET /v1/api-keys` lists all.
    api_keys: Option<Vec<ApiKeyOfTheirs>>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct OpenInviteOfTheirs {
    id: InviteId,
    email: Email,
    role: Role,
    expires_at: Timestamp,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct ApiKeyOfTheirs {
    id: ApiKeyId,
    name: Label,
    last_four: String,
    created_at: Timestamp,
}

impl Route for RemoveMember {
    const NAME: &'static str = "remove-member";
    const SUMMARY: &'static str = "Remove a member. Their access ends at once.";
    const METHOD: Method = Method::Delete;
    const PATH: &'static str = "/v1/members/{user}";
    const AUTH: Auth = Auth::Member(Permission::ManageMembers);
    const ACCESS: &'static [Access] = &[
        Access::BatchGet(Kind::Member),
        Access::BatchGet(Kind::User),
        Access::BatchGet(Kind::TestUser),
        Access::Query(Kind::OpenInvite),
        Access::BatchGet(Kind::Invite),
        Access::Query(Kind::ApiKey),
        Access::Delete(Kind::Member),
        Access::Check(Kind::Member),
        Access::Update(Kind::Counters),
        Access::Check(Kind::Billing),
        Access::Delete(Kind::TestUser),
        Access::Check(Kind::TestUser),
        Access::Create(Kind::Audit),
    ];
    const REFUSES: &'static [Code] = &[Code::LastAdmin, Code::BillingOwner, Code::IntegrationOwner, Code::Conflict];
    type Caller = InTenant;
    type Input = Input;
    type Output = Receipt;

    fn example() -> Value {
        json!({})
    }

    async fn handle(cx: &Cx, caller: InTenant, input: Input) -> Result<Reply<Receipt>> {
        let user: UserId = input.user.parse().map_err(|_| Problem::not_found())?;
        let wanted = (keys::member(caller.tenant, user), keys::user(user), keys::test_user(caller.tenant));
        let (member, user, test_user) = cx.store().get_all(wanted).await?;
        let (Some(member), Some(user)) = (member, user) else {
            return Err(Problem::not_found());
        };
        let was_test_user = test_user.as_ref().is_some_and(|test_user| test_user.user == user.id);
        let change = MembershipChange {
            cx,
            caller: &caller,
            before: &member,
            after: None,
            test_user,
            marking: Marking::AsBefore,
        };
        change.commit().await?;
        let open_invites = open_invites_left_by(cx, caller.tenant, user.id);
        let (open_invites, api_keys) = join(open_invites, api_keys_left_by(cx, caller.tenant, user.id)).await;
        Ok(Receipt {
            user: (&user.item).into(),
            removed_at: cx.now(),
            removed_by: caller.user,
            role: member.role,
            revoked_permissions: permissions_of(&member),
            was_test_user,
            open_invites,
            api_keys,
        }
        .into())
    }
}

fn permissions_of(member: &Member) -> Vec<&'static str> {
    match member.is_active() {
        true => Permission::ALL.into_iter().filter(|it| member.role.may(*it)).map(Permission::as_str).collect(),
        false => Vec::new(),
    }
}

/// Read once they are gone: since then they can send none. They are gone whether this can be read or not.
async fn open_invites_left_by(cx: &Cx, tenant: TenantId, user: UserId) -> Option<Vec<OpenInviteOfTheirs>> {
    match open_invites_by(cx, tenant, user).await {
        Ok(open) => Some(open),
        Err(problem) => {
            tracing::warn!(%tenant, %problem, "the open invites of somebody who was removed were not read");
            None
        }
    }
}

/// Read once they are gone, as their invites are.
async fn api_keys_left_by(cx: &Cx, tenant: TenantId, user: UserId) -> Option<Vec<ApiKeyOfTheirs>> {
    match api_keys_by(cx, tenant, user).await {
        Ok(live) => Some(live),
        Err(problem) => {
            tracing::warn!(%tenant, %problem, "the API keys of somebody who was removed were not read");
            None
        }
    }
}

async fn open_invites_by(cx: &Cx, tenant: TenantId, user: UserId) -> Result<Vec<OpenInviteOfTheirs>> {
    let open = cx.store().query_all(keys::open_invites(tenant)).await?;
    let theirs = open.iter().filter(|open| open.invited_by == user && open.expires_at > cx.now());
    let theirs: Vec<_> = theirs.map(|open| keys::invite(tenant, open.invite)).collect();
    let invites = cx.store().get_each(&theirs).await?;
    let show = |invite: domain::invite::Invite| OpenInviteOfTheirs {
        id: invite.id,
        email: invite.email,
        role: invite.role,
        expires_at: invite.expires_at,
    };
    Ok(invites.into_iter().flatten().map(|invite| show(invite.item)).collect())
}

async fn api_keys_by(cx: &Cx, tenant: TenantId, user: UserId) -> Result<Vec<ApiKeyOfTheirs>> {
    let live = cx.store().query_all(keys::api_keys(tenant)).await?;
    Ok(live.into_iter().filter(|key| key.created.by == user).map(|key| show_key(key.item)).collect())
}

fn show_key(key: ApiKey) -> ApiKeyOfTheirs {
    ApiKeyOfTheirs { id: key.id, name: key.name, last_four: key.last_four, created_at: key.created.at }
}
