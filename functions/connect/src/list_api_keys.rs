//! `GET /v1/api-keys`: the keys by which programs call, without the keys themselves, which are kept nowhere. The oldest first.

use crate::api_key_view::ApiKeyView;
use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Result};
use common::function::Function;
use common::keys::{self, Kind};
use common::paging::{self, Limit, List};
use common::reply::Reply;
use common::route::{Cx, Method, Route};
use common::store::Access;
use domain::role::Permission;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<ListApiKeys>();

pub struct ListApiKeys;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    #[serde(default)]
    limit: Limit,
    #[serde(default)]
    cursor: Option<String>,
}

impl Route for ListApiKeys {
    const NAME: &'static str = "list-api-keys";
    const SUMMARY: &'static str = "The live API keys: who made them, and whether they have been used.";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/api-keys";
    const AUTH: Auth = Auth::Member(Permission::ManageApiKeys);
    const ACCESS: &'static [Access] = &[Access::Query(Kind::ApiKey)];
    const REFUSES: &'static [Code] = &[];
    type Caller = InTenant;
    type Input = Input;
    type Output = List<ApiKeyView>;

    fn example() -> Value {
        json!({})
    }

    async fn handle(cx: &Cx, caller: InTenant, input: Input) -> Result<Reply<List<ApiKeyView>>> {
        let range = keys::api_keys(caller.tenant);
        let (found, next_cursor) = paging::page_of(cx.store(), range, input.limit, input.cursor.as_deref()).await?;
        let data = found.iter().map(|key| (&key.item).into()).collect();
        Ok(List { data, next_cursor }.into())
    }
}
