//! `GET /v1/integrations`: the workspace's CRMs and calendars, planned and connected.

use crate::integration_view::IntegrationView;
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

pub static FUNCTION: Function = Function::route::<ListIntegrations>();

pub struct ListIntegrations;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    #[serde(default)]
    limit: Limit,
    #[serde(default)]
    cursor: Option<String>,
}

impl Route for ListIntegrations {
    const NAME: &'static str = "list-integrations";
    const SUMMARY: &'static str = "The workspace's CRMs and calendars, planned and connected, oldest first.";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/integrations";
    const AUTH: Auth = Auth::Member(Permission::ReadConnections);
    const ACCESS: &'static [Access] = &[Access::Query(Kind::Integration)];
    const REFUSES: &'static [Code] = &[];
    type Caller = InTenant;
    type Input = Input;
    type Output = List<IntegrationView>;

    fn example() -> Value {
        json!({})
    }

    async fn handle(cx: &Cx, caller: InTenant, input: Input) -> Result<Reply<List<IntegrationView>>> {
        let range = keys::integrations(caller.tenant);
        let (page, next_cursor) = paging::page_of(cx.store(), range, input.limit, input.cursor.as_deref()).await?;
        let data = page.iter().map(|integration| IntegrationView::from(&integration.item)).collect();
        Ok(List { data, next_cursor }.into())
    }
}
