//! `GET /v1/openapi.json`: the OpenAPI 3.1 document, as `make sync` wrote it from the manifest.

use common::auth::caller::{Auth, Nobody};
use common::error::{Code, Result};
use common::function::Function;
use common::reply::{Reply, StaticJson};
use common::route::{Cx, Method, NoInput, Route};
use common::store::Access;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<GetOpenapi>();

pub struct GetOpenapi;

impl Route for GetOpenapi {
    const NAME: &'static str = "get-openapi";
    const SUMMARY: &'static str = "This document.";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/openapi.json";
    const AUTH: Auth = Auth::Nobody;
    const ACCESS: &'static [Access] = &[];
    const REFUSES: &'static [Code] = &[];
    type Caller = Nobody;
    type Input = NoInput;
    type Output = StaticJson;

    fn example() -> Value {
        json!({})
    }

    async fn handle(_: &Cx, _: Nobody, _: NoInput) -> Result<Reply<StaticJson>> {
        Ok(StaticJson(include_str!("../../../infra/openapi.json")).into())
    }
}
