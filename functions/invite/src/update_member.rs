//! `PATCH /v1/members/{user}`: changes a member's role, disables or enables them, marks them as the test user. There is never a
//! workspace without an admin: the counter that says so is a condition of the same transaction.

use crate::member_view::{self, MemberView};
use crate::membership_change::{Marking, MembershipChange};
use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::keys::{self, Kind};
use common::reply::Reply;
use common::request::if_present;
use common::route::{Cx, Method, Route};
use common::store::Access;
use domain::id::UserId;
use domain::member::{Member, MemberStatus};
use domain::role::{Permission, Role};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<UpdateMember>();

pub struct UpdateMember;

/// What is absent stays.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Whose membership.
    user: String,
    #[serde(default, deserialize_with = "if_present")]
    #[schemars(with = "Role")]
    role: Option<Role>,
    /// Whoever is disabled keeps their seat and has no access until they are enabled again.
    #[serde(default, deserialize_with = "if_present")]
    #[schemars(with = "bool")]
    disabled: Option<bool>,
    /// Whether this is the workspace's test user. There is one at most: marking somebody takes the mark from whoever had it.
    #[serde(default, deserialize_with = "if_present")]
    #[schemars(with = "bool")]
    test_user: Option<bool>,
}

impl Route for UpdateMember {
    const NAME: &'static str = "update-member";
    const SUMMARY: &'static str = "Change a member's role, disable or enable them, or mark them as the test user.";
    const METHOD: Method = Method::Patch;
    const PATH: &'static str = "/v1/members/{user}";
    const AUTH: Auth = Auth::Member(Permission::ManageMembers);
    const ACCESS: &'static [Access] = &[
        Access::BatchGet(Kind::Member),
        Access::BatchGet(Kind::User),
        Access::BatchGet(Kind::TestUser),
        Access::Replace(Kind::Member),
        Access::Check(Kind::Member),
        Access::Update(Kind::Counters),
        Access::Check(Kind::Billing),
        Access::Create(Kind::TestUser),
        Access::Replace(Kind::TestUser),
        Access::Delete(Kind::TestUser),
        Access::Check(Kind::TestUser),
        Access::Create(Kind::Audit),
    ];
    const REFUSES: &'static [Code] = &[Code::LastAdmin, Code::BillingOwner, Code::IntegrationOwner, Code::Conflict];
    type Caller = InTenant;
    type Input = Input;
    type Output = MemberView;

    fn example() -> Value {
        json!({ "role": "viewer" })
    }

    async fn handle(cx: &Cx, caller: InTenant, input: Input) -> Result<Reply<MemberView>> {
        let user: UserId = input.user.parse().map_err(|_| Problem::not_found())?;
        let wanted = (keys::member(caller.tenant, user), keys::user(user), keys::test_user(caller.tenant));
        let (member, user, test_user) = cx.store().get_all(wanted).await?;
        let (Some(member), Some(user)) = (member, user) else {
            return Err(Problem::not_found());
        };
        let after = input.applied_to(&member);
        let marking = input.marking(&after)?;
        let change =
            MembershipChange { cx, caller: &caller, before: &member, after: Some(after.clone()), test_user, marking };
        let test_user_after = change.test_user_after();
        if after != member.item || test_user_after.as_ref() != change.test_user.as_deref() {
            change.commit().await?;
        }
        Ok(member_view::show(&after, &user, test_user_after.as_ref()).into())
    }
}

impl Input {
    fn applied_to(&self, member: &Member) -> Member {
        let status = match self.disabled {
            None => member.status,
            Some(true) => MemberStatus::Disabled,
            Some(false) => MemberStatus::Active,
        };
        Member { role: self.role.unwrap_or(member.role), status, ..member.clone() }
    }

    fn marking(&self, after: &Member) -> Result<Marking> {
        match self.test_user {
            None => Ok(Marking::AsBefore),
            Some(false) => Ok(Marking::Unmarked),
            Some(true) if after.is_active() => Ok(Marking::Marked),
            Some(true) => Err(Problem::field(
                "/test_user",
                "disabled",
                "Somebody who is disabled can try nothing out. Enable them, or mark another member.",
            )),
        }
    }
}
