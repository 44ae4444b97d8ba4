//! `GET /v1/invites`: who was invited, and what became of it, newest first.

use crate::invite_view::{self, InviteView};
use crate::users;
use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Result};
use common::function::Function;
use common::keys::{self, Kind};
use common::paging::{self, Limit, List};
use common::reply::Reply;
use common::route::{Cx, Method, Route};
use common::store::{Access, Order, Stored};
use domain::invite::{Invite, InviteStatus};
use domain::role::Permission;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<ListInvites>();

pub struct ListInvites;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Only these. A page may then hold fewer rows than its limit, or none, although more follow: `next_cursor` says so.
    #[serde(default)]
    status: Option<InviteStatus>,
    #[serde(default)]
    limit: Limit,
    #[serde(default)]
    cursor: Option<String>,
}

impl Route for ListInvites {
    const NAME: &'static str = "list-invites";
    const SUMMARY: &'static str = "Who was invited, and what became of it, newest first.";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/invites";
    const AUTH: Auth = Auth::Member(Permission::ManageInvites);
    const ACCESS: &'static [Access] = &[Access::Query(Kind::Invite), Access::BatchGet(Kind::User)];
    const REFUSES: &'static [Code] = &[];
    type Caller = InTenant;
    type Input = Input;
    type Output = List<InviteView>;

    fn example() -> Value {
        json!({})
    }

    async fn handle(cx: &Cx, caller: InTenant, input: Input) -> Result<Reply<List<InviteView>>> {
        let range = keys::invites(caller.tenant);
        let matches = |invite: &Invite| input.status.is_none_or(|status| invite.status(cx.now()) == status);
        let cursor = input.cursor.as_deref();
        let page = paging::page_of_matching(cx.store(), range, Order::Descending, input.limit, cursor, matches);
        let (invites, next_cursor) = page.await?;
        let inviters = users::by_id(cx, invites.iter().map(|invite| invite.invited_by)).await?;
        let show = |invite: &Stored<Invite>| invite_view::show(invite, inviters.get(&invite.invited_by), cx.now());
        Ok(List { data: invites.iter().map(show).collect(), next_cursor }.into())
    }
}
