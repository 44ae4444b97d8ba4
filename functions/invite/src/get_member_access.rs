//! `GET /v1/members/{user}/access`: what a member may do, operation by operation, and why. What it says is what they would be answered
//! if they tried now: the function that decides their requests decides this, on the membership as it is kept now.

use crate::operation::{Decision, Operation};
use crate::operations::OPERATIONS;
use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::keys::{self, Kind};
use common::reply::Reply;
use common::route::{Cx, Method, Route};
use common::store::Access;
use common::view::UserView;
use domain::id::UserId;
use domain::member::{Member, MemberStatus};
use domain::role::{Permission, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<GetMemberAccess>();

pub struct GetMemberAccess;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Whose access.
    user: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct MemberAccess {
    user: UserView,
    role: Role,
    status: MemberStatus,
    operations: Vec<OperationAccess>,
}

/// Whether a member may do one thing that the API can be asked to do.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OperationAccess {
    /// Its id in this document.
    operation: &'static str,
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    allowed: bool,
    /// What decides it; null where no membership is asked for.
    permission: Option<&'static str>,
    /// Why, as a sentence.
    detail: String,
}

impl Route for GetMemberAccess {
    const NAME: &'static str = "get-member-access";
    const SUMMARY: &'static str = "What a member may do, operation by operation, and why.";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/members/{user}/access";
    const AUTH: Auth = Auth::Member(Permission::ReviewAccess);
    const ACCESS: &'static [Access] = &[Access::BatchGet(Kind::Member), Access::BatchGet(Kind::User)];
    const REFUSES: &'static [Code] = &[];
    type Caller = InTenant;
    type Input = Input;
    type Output = MemberAccess;

    fn example() -> Value {
        json!({})
    }

    async fn handle(cx: &Cx, caller: InTenant, input: Input) -> Result<Reply<MemberAccess>> {
        let user: UserId = input.user.parse().map_err(|_| Problem::not_found())?;
        let (member, user) = cx.store().get_all((keys::member(caller.tenant, user), keys::user(user))).await?;
        let (Some(member), Some(user)) = (member, user) else {
            return Err(Problem::not_found());
        };
        let operations = OPERATIONS.iter().map(|operation| explain(operation, &member)).collect();
        Ok(MemberAccess { user: (&user.item).into(), role: member.role, status: member.status, operations }.into())
    }
}

fn explain(operation: &Operation, member: &Member) -> OperationAccess {
    let decision = operation.decide(member);
    OperationAccess {
        operation: operation.name,
        method: operation.method.as_str(),
        path: operation.path,
        summary: operation.summary,
        allowed: decision.lets_in(),
        permission: decision.permission().map(Permission::as_str),
        detail: why(decision, operation.needs, member.role),
    }
}

fn why(decision: Decision, needs: Auth, role: Role) -> String {
    let role = role.label();
    match decision {
        Decision::Allowed(permission) => format!("Their role, {role}, includes {permission}."),
        Decision::Lacks(permission) => format!("Their role, {role}, does not include {permission}."),
        Decision::NotActive(_) => "The membership is disabled.".to_owned(),
        Decision::ForPrograms => "Programs do this, by an API key.".to_owned(),
        Decision::NotAsked if needs == Auth::User => "Whoever is signed in may do this.".to_owned(),
        Decision::NotAsked => "Anybody may do this, signed in or not.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::member;

    /// What is said about an operation, with whether it is allowed.
    fn said(name: &str, member: &Member) -> (bool, Option<&'static str>, String) {
        let operation = OPERATIONS.iter().find(|operation| operation.name == name).unwrap();
        let access = explain(operation, member);
        (access.allowed, access.permission, access.detail)
    }

    #[test]
    fn what_a_role_includes_is_told_from_what_it_does_not_and_from_what_needs_none() {
        let viewer = member(Role::Viewer);
        let expected = [
            ("list-members", true, Some("members:read"), "Their role, Tenant Viewer, includes members:read."),
            (
                "create-invites",
                false,
                Some("invites:manage"),
                "Their role, Tenant Viewer, does not include invites:manage.",
            ),
            ("get-me", true, None, "Whoever is signed in may do this."),
            ("create-session", true, None, "Anybody may do this, signed in or not."),
            ("get-current-api-key", false, None, "Programs do this, by an API key."),
            ("accept-invite", true, None, "Anybody may do this, signed in or not."),
        ];
        for (name, allowed, permission, detail) in expected {
            assert_eq!(said(name, &viewer), (allowed, permission, detail.to_owned()), "{name}");
        }
    }

    #[test]
    fn somebody_disabled_keeps_what_needs_no_membership_and_nothing_else() {
        let disabled = Member { status: MemberStatus::Disabled, ..member(Role::Admin) };
        let refused = (false, Some("members:read"), "The membership is disabled.".to_owned());
        assert_eq!(said("list-members", &disabled), refused);
        assert!(said("get-me", &disabled).0);
        let allowed = OPERATIONS.iter().filter(|operation| operation.decide(&disabled).lets_in());
        assert!(allowed.into_iter().all(|operation| !matches!(operation.needs, Auth::Member(_))));
    }
}
