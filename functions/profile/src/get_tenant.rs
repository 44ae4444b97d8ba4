//! `GET /v1/tenant`: the workspace's settings.

use crate::tenant_settings::TenantSettings;
use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::keys::{self, Kind};
use common::reply::Reply;
use common::route::{Cx, Method, NoInput, Route};
use common::store::Access;
use domain::role::Permission;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<GetTenant>();

pub struct GetTenant;

impl Route for GetTenant {
    const NAME: &'static str = "get-tenant";
    const SUMMARY: &'static str = "The workspace's settings.";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/tenant";
    const AUTH: Auth = Auth::Member(Permission::ReadTenant);
    const ACCESS: &'static [Access] = &[Access::BatchGet(Kind::Tenant), Access::BatchGet(Kind::Counters)];
    const REFUSES: &'static [Code] = &[];
    type Caller = InTenant;
    type Input = NoInput;
    type Output = TenantSettings;

    fn example() -> Value {
        json!({})
    }

    async fn handle(cx: &Cx, caller: InTenant, _: NoInput) -> Result<Reply<TenantSettings>> {
        let both = cx.store().get_all((keys::tenant(caller.tenant), keys::counters(caller.tenant))).await?;
        let (Some(tenant), Some(counters)) = both else {
            return Err(Problem::not_found());
        };
        Ok(Reply::from(TenantSettings::show(&tenant, &counters)).etag(tenant.version))
    }
}
