//! `GET /v1/billing`: who pays, and where the invoices go.

use crate::billing_settings::BillingSettings;
use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::keys::{self, Kind};
use common::reply::Reply;
use common::route::{Cx, Method, NoInput, Route};
use common::store::Access;
use domain::role::Permission;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<GetBilling>();

pub struct GetBilling;

impl Route for GetBilling {
    const NAME: &'static str = "get-billing";
    const SUMMARY: &'static str = "Who pays, and where the invoices go.";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/billing";
    const AUTH: Auth = Auth::Member(Permission::ReadBilling);
    const ACCESS: &'static [Access] = &[Access::Get(Kind::Billing)];
    const REFUSES: &'static [Code] = &[];
    type Caller = InTenant;
    type Input = NoInput;
    type Output = BillingSettings;

    fn example() -> Value {
        json!({})
    }

    async fn handle(cx: &Cx, caller: InTenant, _: NoInput) -> Result<Reply<BillingSettings>> {
        let billing = cx.store().get(keys::billing(caller.tenant)).await?.ok_or_else(Problem::not_found)?;
        Ok(Reply::from(BillingSettings::from(&billing)).etag(billing.version))
    }
}
