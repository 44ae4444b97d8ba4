//! `PATCH /v1/members/{user}`: changes a member's role. There is never a workspace without an admin: the counter that says so
//! is a condition of the same transaction.

use crate::member_view::{self, MemberView};
use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::keys::{self, Kind};
use common::reply::Reply;
use common::route::{Cx, Method, Route};
use common::store::{Access, Change, Guard, Stored, Transaction};
use domain::audit::Action;
use domain::id::UserId;
use domain::member::Member;
use domain::role::{Permission, Role};
use domain::tenant::{AdminChange, AdminsChanged};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<UpdateMember>();

pub struct UpdateMember;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Whose role.
    user: String,
    role: Role,
}

impl Route for UpdateMember {
    const NAME: &'static str = "update-member";
    const SUMMARY: &'static str = "Change a member's role.";
    const METHOD: Method = Method::Patch;
    const PATH: &'static str = "/v1/members/{user}";
    const AUTH: Auth = Auth::Member(Permission::ManageMembers);
    const ACCESS: &'static [Access] = &[
        Access::BatchGet(Kind::Member),
        Access::BatchGet(Kind::User),
        Access::Replace(Kind::Member),
        Access::Update(Kind::Counters),
        Access::Check(Kind::Billing),
        Access::Create(Kind::Audit),
    ];
    const REFUSES: &'static [Code] = &[Code::LastAdmin, Code::BillingOwner, Code::Conflict];
    type Caller = InTenant;
    type Input = Input;
    type Output = MemberView;

    fn example() -> Value {
        json!({ "role": "viewer" })
    }

    async fn handle(cx: &Cx, caller: InTenant, input: Input) -> Result<Reply<MemberView>> {
        let user: UserId = input.user.parse().map_err(|_| Problem::not_found())?;
        let (member, user) = cx.store().get_all((keys::member(caller.tenant, user), keys::user(user))).await?;
        let (Some(member), Some(user)) = (member, user) else {
            return Err(Problem::not_found());
        };
        if member.role == input.role {
            return Ok(member_view::show(&member, &user).into());
        }
        let next = Member { role: input.role, ..member.item.clone() };
        change_role(cx, &caller, &member, &next)?.commit().await?;
        Ok(member_view::show(&next, &user).into())
    }
}

fn change_role(cx: &Cx, caller: &InTenant, member: &Stored<Member>, next: &Member) -> Result<Transaction> {
    let audit = cx.audit(caller.tenant, caller.user, Action::MemberRoleChanged, member.user)?;
    let transaction = cx.store().transaction();
    let transaction = match (member.role, next.role) {
        (Role::Admin, _) => demote(transaction, cx, caller, member),
        (_, Role::Admin) => promote(transaction, cx, caller, member),
        _ => transaction,
    };
    Ok(transaction.replace(member, next, changed_meanwhile()).create(&audit, Problem::try_again()))
}

fn demote(transaction: Transaction, cx: &Cx, caller: &InTenant, member: &Member) -> Transaction {
    let change =
        Change::new().add("admins", -1).set("admins_changed", changed(cx, caller, member, AdminChange::Removed));
    let another = Guard::present().and_at_least("admins", 2);
    let pays_not = Guard::present().and_not_equals("owner", member.user).and_not_equals("backup", member.user);
    transaction.update(keys::counters(caller.tenant), change, another, last_admin()).check(
        keys::billing(caller.tenant),
        pays_not,
        billing_owner(),
    )
}

fn promote(transaction: Transaction, cx: &Cx, caller: &InTenant, member: &Member) -> Transaction {
    let change = Change::new().add("admins", 1).set("admins_changed", changed(cx, caller, member, AdminChange::Added));
    transaction.update(keys::counters(caller.tenant), change, Guard::present(), Problem::try_again())
}

fn changed(cx: &Cx, caller: &InTenant, member: &Member, change: AdminChange) -> AdminsChanged {
    AdminsChanged { member: member.user, change, by: caller.user, at: cx.now() }
}

fn last_admin() -> Problem {
    Problem::new(
        Code::LastAdmin,
        "This is the only admin, and a workspace needs one. Make somebody else an admin first.",
    )
}

fn billing_owner() -> Problem {
    Problem::new(
        Code::BillingOwner,
        "This person is the billing owner or their backup, and has to be an admin for that. Name somebody else in the billing settings first.",
    )
}

fn changed_meanwhile() -> Problem {
    Problem::new(
        Code::Conflict,
        "This member was changed at the same moment, so nothing was saved. Read the list again, then decide.",
    )
}
