//! `GET /v1/me/tenants`: the workspaces I belong to, for a switcher.

use crate::me;
use common::auth::caller::{Auth, SignedIn};
use common::error::{Code, Result};
use common::function::Function;
use common::keys::Kind;
use common::paging::List;
use common::reply::Reply;
use common::route::{Cx, Method, NoInput, Route};
use common::store::Access;
use common::view::TenantView;
use domain::Timestamp;
use domain::role::Role;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<ListMyTenants>();

pub struct ListMyTenants;

#[derive(Debug, Serialize, JsonSchema)]
pub struct MyTenant {
    tenant: TenantView,
    role: Role,
    last_used_at: Timestamp,
}

impl Route for ListMyTenants {
    const NAME: &'static str = "list-my-tenants";
    const SUMMARY: &'static str = "The workspaces I belong to, for a switcher.";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/me/tenants";
    const AUTH: Auth = Auth::User;
    const ACCESS: &'static [Access] = &[Access::QueryIndex(Kind::Member), Access::BatchGet(Kind::Tenant)];
    const REFUSES: &'static [Code] = &[];
    type Caller = SignedIn;
    type Input = NoInput;
    type Output = List<MyTenant>;

    fn example() -> Value {
        json!({})
    }

    async fn handle(cx: &Cx, caller: SignedIn, _: NoInput) -> Result<Reply<List<MyTenant>>> {
        let memberships = me::read_memberships(cx, &caller).await?;
        let data = memberships.iter().map(|membership| MyTenant {
            tenant: (&membership.tenant).into(),
            role: membership.member.role,
            last_used_at: membership.member.last_seen_at,
        });
        Ok(List { data: data.collect(), next_cursor: None }.into())
    }
}
