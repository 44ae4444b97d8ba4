//! `GET /v1/phone-numbers`: the numbers that the workspace calls from.

use crate::phone_number_view::PhoneNumberView;
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

pub static FUNCTION: Function = Function::route::<ListPhoneNumbers>();

pub struct ListPhoneNumbers;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    #[serde(default)]
    limit: Limit,
    #[serde(default)]
    cursor: Option<String>,
}

impl Route for ListPhoneNumbers {
    const NAME: &'static str = "list-phone-numbers";
    const SUMMARY: &'static str = "The numbers that the workspace calls from, in no particular order.";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/phone-numbers";
    const AUTH: Auth = Auth::Member(Permission::ReadConnections);
    const ACCESS: &'static [Access] = &[Access::Query(Kind::PhoneNumber)];
    const REFUSES: &'static [Code] = &[];
    type Caller = InTenant;
    type Input = Input;
    type Output = List<PhoneNumberView>;

    fn example() -> Value {
        json!({})
    }

    async fn handle(cx: &Cx, caller: InTenant, input: Input) -> Result<Reply<List<PhoneNumberView>>> {
        let range = keys::phone_numbers(caller.tenant);
        let (page, next_cursor) = paging::page_of(cx.store(), range, input.limit, input.cursor.as_deref()).await?;
        let data = page.iter().map(|number| PhoneNumberView::from(&number.item)).collect();
        Ok(List { data, next_cursor }.into())
    }
}
