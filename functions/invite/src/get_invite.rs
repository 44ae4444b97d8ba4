//! `GET /v1/invites/{invite}`: one invite, and what became of it.

use crate::invite_view::{self, InviteView};
use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::keys::{self, Kind};
use common::reply::Reply;
use common::route::{Cx, Method, Route};
use common::store::Access;
use domain::id::InviteId;
use domain::role::Permission;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<GetInvite>();

pub struct GetInvite;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    invite: String,
}

impl Route for GetInvite {
    const NAME: &'static str = "get-invite";
    const SUMMARY: &'static str = "One invite, and what became of it.";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/invites/{invite}";
    const AUTH: Auth = Auth::Member(Permission::ManageInvites);
    const ACCESS: &'static [Access] = &[Access::Get(Kind::Invite), Access::Get(Kind::User)];
    const REFUSES: &'static [Code] = &[];
    type Caller = InTenant;
    type Input = Input;
    type Output = InviteView;

    fn example() -> Value {
        json!({})
    }

    async fn handle(cx: &Cx, caller: InTenant, input: Input) -> Result<Reply<InviteView>> {
        let id: InviteId = input.invite.parse().map_err(|_| Problem::not_found())?;
        let invite = cx.store().get(keys::invite(caller.tenant, id)).await?.ok_or_else(Problem::not_found)?;
        let inviter = cx.store().get(keys::user(invite.invited_by)).await?;
        Ok(invite_view::show(&invite, inviter.as_deref(), cx.now()).into())
    }
}
