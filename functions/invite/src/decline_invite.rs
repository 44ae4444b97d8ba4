//! `POST /v1/invites/decline`: the invited person does not want to join. Whoever holds the link may say so, signed in or not: the
//! link went to them alone, and saying no gives nobody anything.

use crate::invite_end;
use crate::invite_link;
use crate::moved::{moved, until_unmoved};
use common::auth::caller::{Auth, Nobody};
use common::error::{Code, Result};
use common::function::Function;
use common::keys::Kind;
use common::reply::{NoContent, Reply};
use common::route::{Cx, Method, Route};
use common::store::Access;
use domain::audit::{Action, Actor};
use domain::invite::Outcome;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<DeclineInvite>();

pub struct DeclineInvite;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// From the link's fragment.
    token: String,
}

impl Route for DeclineInvite {
    const NAME: &'static str = "decline-invite";
    const SUMMARY: &'static str = "Decline an invite, with its link.";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/invites/decline";
    const AUTH: Auth = Auth::Nobody;
    const ACCESS: &'static [Access] = &[
        Access::BatchGet(Kind::Invite),
        Access::BatchGet(Kind::Tenant),
        Access::BatchGet(Kind::EmailOwner),
        Access::Update(Kind::Invite),
        Access::Delete(Kind::InviteEmail),
        Access::Delete(Kind::OpenInvite),
        Access::Delete(Kind::UndeliveredInvite),
        Access::Update(Kind::Counters),
        Access::Create(Kind::Audit),
    ];
    const REFUSES: &'static [Code] = &[Code::InviteInvalid, Code::InviteGone];
    const SUCCESS: u16 = 204;
    type Caller = Nobody;
    type Input = Input;
    type Output = NoContent;

    fn example() -> Value {
        json!({ "token": "eyJ…" })
    }

    async fn handle(cx: &Cx, _: Nobody, input: Input) -> Result<Reply<NoContent>> {
        until_unmoved(|| decline(cx, &input.token)).await?;
        Ok(NoContent.into())
    }
}

async fn decline(cx: &Cx, token: &str) -> Result<()> {
    let invite = invite_link::open(cx, token).await?.invite;
    let audit = cx.audit(invite.tenant, Actor::LinkHolder, Action::InviteDeclined, invite.id)?;
    let audit = audit.with("email", &invite.email);
    invite_end::transaction(cx, &invite, Outcome::Declined { at: cx.now() }, &audit, &moved()).commit().await
}
