//! `GET /accept`: the page that the link of an invite opens. The token is in the fragment, which no server sees, and which
//! a mail scanner's GET cannot use up.

use common::auth::caller::{Auth, Nobody};
use common::error::{Code, Result};
use common::function::Function;
use common::page;
use common::reply::{Html, Reply};
use common::route::{AnyQuery, Cx, Method, Route};
use common::store::Access;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<AcceptPage>();

pub struct AcceptPage;

impl Route for AcceptPage {
    const NAME: &'static str = "accept-page";
    const SUMMARY: &'static str = "The page that the link of an invite opens.";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/accept";
    const AUTH: Auth = Auth::Nobody;
    const ACCESS: &'static [Access] = &[];
    const REFUSES: &'static [Code] = &[];
    type Caller = Nobody;
    type Input = AnyQuery;
    type Output = Html;

    fn example() -> Value {
        json!({})
    }

    async fn handle(_: &Cx, _: Nobody, _: AnyQuery) -> Result<Reply<Html>> {
        page::page(include_str!("../pages/accept.html"))
    }
}
