//! `GET /v1/checklist`: where the workspace stands, with evidence or with what is missing.

use crate::checklist_view::{ChecklistView, answer};
use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::keys::{self, Kind};
use common::reply::Reply;
use common::route::{Cx, Method, NoInput, Revalidation, Route};
use common::store::Access;
use domain::role::Permission;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<GetChecklist>();

pub struct GetChecklist;

impl Route for GetChecklist {
    const NAME: &'static str = "get-checklist";
    const SUMMARY: &'static str = "Getting started: what is done, with evidence, and what is missing.";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/checklist";
    const AUTH: Auth = Auth::Member(Permission::ReadChecklist);
    const ACCESS: &'static [Access] = &[Access::Get(Kind::Checklist)];
    const REFUSES: &'static [Code] = &[];
    const REVALIDATION: Revalidation = Revalidation::ByEtag;
    type Caller = InTenant;
    type Input = NoInput;
    type Output = ChecklistView;

    fn example() -> Value {
        json!({})
    }

    async fn handle(cx: &Cx, caller: InTenant, _: NoInput) -> Result<Reply<ChecklistView>> {
        let checklist = cx.store().get(keys::checklist(caller.tenant)).await?;
        // Every workspace has one. One that was lost is made again by the next change, or within hours.
        let checklist = checklist.ok_or_else(Problem::try_again)?;
        Ok(answer(&checklist, cx.now()))
    }
}
