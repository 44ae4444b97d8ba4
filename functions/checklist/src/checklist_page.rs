//! `GET /getting-started`: the page that the mail about a reopened checklist leads to, where no console stands in front of the API.
//! Which workspace it is about is in the fragment; the page signs in and reads the checklist as any client does.

use common::auth::caller::{Auth, Nobody};
use common::error::{Code, Result};
use common::function::Function;
use common::page;
use common::reply::{Html, Reply};
use common::route::{AnyQuery, Cx, Method, Route};
use common::store::Access;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<ChecklistPage>();

pub struct ChecklistPage;

impl Route for ChecklistPage {
    const NAME: &'static str = "checklist-page";
    const SUMMARY: &'static str = "The page that the mail about a reopened checklist leads to.";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/getting-started";
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
        page::page(include_str!("../pages/getting_started.html"))
    }
}
