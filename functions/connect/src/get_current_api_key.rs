//! `GET /v1/api-keys/current`: which key a program calls by, and for which workspace. The first call to try a new key with.

use common::auth::caller::{Auth, ByKey};
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::keys::{self, Kind};
use common::reply::Reply;
use common::route::{Cx, Method, NoInput, Route};
use common::store::Access;
use common::view::TenantView;
use domain::id::ApiKeyId;
use domain::text::Label;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<GetCurrentApiKey>();

pub struct GetCurrentApiKey;

#[derive(Debug, Serialize, JsonSchema)]
pub struct CurrentApiKey {
    id: ApiKeyId,
    name: Label,
    tenant: TenantView,
}

impl Route for GetCurrentApiKey {
    const NAME: &'static str = "get-current-api-key";
    const SUMMARY: &'static str = "The API key that this is called by, and its workspace.";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/api-keys/current";
    const AUTH: Auth = Auth::ApiKey;
    const ACCESS: &'static [Access] = &[Access::Get(Kind::Tenant)];
    const REFUSES: &'static [Code] = &[];
    type Caller = ByKey;
    type Input = NoInput;
    type Output = CurrentApiKey;

    fn example() -> Value {
        json!({})
    }

    async fn handle(cx: &Cx, caller: ByKey, _: NoInput) -> Result<Reply<CurrentApiKey>> {
        let tenant = cx.store().get(keys::tenant(caller.tenant)).await?;
        let tenant = tenant.ok_or_else(|| Problem::internal("an API key of a tenant without settings"))?;
        let key = caller.key.item;
        Ok(CurrentApiKey { id: key.id, name: key.name, tenant: (&tenant.item).into() }.into())
    }
}
