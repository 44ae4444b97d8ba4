//! `POST /v1/invites/preview`: who invites me to what, as what. Changes nothing, so a mail scanner may do it too.

use crate::invite_link;
use common::auth::caller::{Auth, Nobody};
use common::error::{Code, Result};
use common::function::Function;
use common::keys::{self, Kind};
use common::reply::Reply;
use common::route::{Cx, Method, Route};
use common::store::Access;
use common::view::TenantView;
use domain::Timestamp;
use domain::email::Email;
use domain::role::Role;
use domain::text::DisplayName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<PreviewInvite>();

pub struct PreviewInvite;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// From the link's fragment.
    token: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Preview {
    tenant: TenantView,
    email: Email,
    role: Role,
    invited_by: Option<PreviewedInviter>,
    expires_at: Timestamp,
    account: Account,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct PreviewedInviter {
    display_name: Option<DisplayName>,
    email: Email,
}

/// Whether the invited address has an account: then its owner signs in to accept.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    New,
    Existing,
}

impl Route for PreviewInvite {
    const NAME: &'static str = "preview-invite";
    const SUMMARY: &'static str = "Who invites me to what, as what. Changes nothing.";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/invites/preview";
    const AUTH: Auth = Auth::Nobody;
    const ACCESS: &'static [Access] = &[
        Access::BatchGet(Kind::Invite),
        Access::BatchGet(Kind::Tenant),
        Access::BatchGet(Kind::EmailOwner),
        Access::Get(Kind::User),
    ];
    const REFUSES: &'static [Code] = &[Code::InviteInvalid, Code::InviteGone];
    type Caller = Nobody;
    type Input = Input;
    type Output = Preview;

    fn example() -> Value {
        json!({ "token": "eyJ…" })
    }

    async fn handle(cx: &Cx, _: Nobody, input: Input) -> Result<Reply<Preview>> {
        let link = invite_link::open(cx, &input.token).await?;
        let inviter = cx.store().get(keys::user(link.invite.invited_by)).await?;
        let preview = Preview {
            tenant: (&link.tenant).into(),
            email: link.invite.email,
            role: link.invite.role,
            invited_by: inviter
                .map(|inviter| PreviewedInviter { display_name: inviter.item.display_name, email: inviter.item.email }),
            expires_at: link.invite.expires_at,
            account: match link.owner {
                Some(_) => Account::Existing,
                None => Account::New,
            },
        };
        Ok(preview.into())
    }
}
