//! `DELETE /v1/checklist/steps/{step}/skip`: takes a step that was left out in again.

use crate::checklist_view::ChecklistView;
use crate::choosing::{self, step_named};
use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Result};
use common::function::Function;
use common::keys::Kind;
use common::reply::Reply;
use common::route::{Cx, Method, Route};
use common::store::Access;
use domain::audit::Action;
use domain::checklist::{Checklist, Choices};
use domain::role::Permission;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<UnskipChecklistStep>();

pub struct UnskipChecklistStep;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    step: String,
}

impl Route for UnskipChecklistStep {
    const NAME: &'static str = "unskip-checklist-step";
    const SUMMARY: &'static str = "Take a step that was left out in again.";
    const METHOD: Method = Method::Delete;
    const PATH: &'static str = "/v1/checklist/steps/{step}/skip";
    const AUTH: Auth = Auth::Member(Permission::ManageChecklist);
    const ACCESS: &'static [Access] = &[
        Access::BatchGet(Kind::Checklist),
        Access::BatchGet(Kind::ChecklistChoices),
        Access::Replace(Kind::Checklist),
        Access::Replace(Kind::ChecklistChoices),
        Access::Create(Kind::Audit),
        Access::Check(Kind::Member),
    ];
    const REFUSES: &'static [Code] = &[];
    type Caller = InTenant;
    type Input = Input;
    type Output = ChecklistView;

    fn example() -> Value {
        json!({})
    }

    async fn handle(cx: &Cx, caller: InTenant, input: Input) -> Result<Reply<ChecklistView>> {
        let step = step_named(&input.step)?;
        let unskip = |_: &Checklist, choices: &Choices| {
            let mut next = choices.clone();
            next.skips.remove(&step.id);
            Ok(next)
        };
        let audit = || cx.audit(caller.tenant, caller.user, Action::ChecklistStepUnskipped, &step.id);
        choosing::choose(cx, &caller, unskip, audit).await
    }
}
