//! `DELETE /v1/invites/{invite}`: takes an open invite back. Its link is dead at once, its address and its seat are free.

use crate::invite_end;
use crate::invite_view::not_pending;
use crate::moved::{moved, until_unmoved};
use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::keys::{self, Kind};
use common::reply::{NoContent, Reply};
use common::route::{Cx, Method, Route};
use common::store::Access;
use domain::audit::Action;
use domain::id::InviteId;
use domain::invite::{InviteStatus, Outcome};
use domain::role::Permission;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<RevokeInvite>();

pub struct RevokeInvite;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    invite: String,
}

impl Route for RevokeInvite {
    const NAME: &'static str = "revoke-invite";
    const SUMMARY: &'static str = "Take an open invite back.";
    const METHOD: Method = Method::Delete;
    const PATH: &'static str = "/v1/invites/{invite}";
    const AUTH: Auth = Auth::Member(Permission::ManageInvites);
    const ACCESS: &'static [Access] = &[
        Access::Get(Kind::Invite),
        Access::Update(Kind::Invite),
        Access::Delete(Kind::InviteEmail),
        Access::Delete(Kind::OpenInvite),
        Access::Delete(Kind::UndeliveredInvite),
        Access::Update(Kind::Counters),
        Access::Create(Kind::Audit),
        Access::Check(Kind::Member),
    ];
    const REFUSES: &'static [Code] = &[Code::InviteNotPending];
    const SUCCESS: u16 = 204;
    type Caller = InTenant;
    type Input = Input;
    type Output = NoContent;

    fn example() -> Value {
        json!({})
    }

    async fn handle(cx: &Cx, caller: InTenant, input: Input) -> Result<Reply<NoContent>> {
        let id: InviteId = input.invite.parse().map_err(|_| Problem::not_found())?;
        until_unmoved(|| revoke(cx, &caller, id)).await?;
        Ok(NoContent.into())
    }
}

async fn revoke(cx: &Cx, caller: &InTenant, id: InviteId) -> Result<()> {
    let invite = cx.store().get(keys::invite(caller.tenant, id)).await?.ok_or_else(Problem::not_found)?;
    match invite.status(cx.now()) {
        InviteStatus::Pending => {}
        ended => return Err(not_pending(ended)),
    }
    let outcome = Outcome::Revoked { by: caller.user, at: cx.now() };
    let audit = cx.audit(caller.tenant, caller.user, Action::InviteRevoked, id)?.with("email", &invite.email);
    let transaction = invite_end::transaction(cx, &invite, outcome, &audit, &moved());
    caller.require_still(transaction).commit().await
}
