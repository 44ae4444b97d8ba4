//! `PUT /v1/checklist/steps/{step}/skip`: leaves an optional step out, and says why.

use crate::checklist_view::ChecklistView;
use crate::choosing::{self, step_named};
use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::keys::Kind;
use common::reply::Reply;
use common::route::{Cx, Method, Route};
use common::store::Access;
use domain::audit::Action;
use domain::checklist::{Checklist, Choices, Need, Skip, StepDefinition};
use domain::role::Permission;
use domain::text::Reason;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<SkipChecklistStep>();

pub struct SkipChecklistStep;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    step: String,
    /// Why it is left out, for whoever wonders later.
    reason: Reason,
}

impl Route for SkipChecklistStep {
    const NAME: &'static str = "skip-checklist-step";
    const SUMMARY: &'static str = "Leave an optional step out, with a reason.";
    const METHOD: Method = Method::Put;
    const PATH: &'static str = "/v1/checklist/steps/{step}/skip";
    const AUTH: Auth = Auth::Member(Permission::ManageChecklist);
    const ACCESS: &'static [Access] = &[
        Access::BatchGet(Kind::Checklist),
        Access::BatchGet(Kind::ChecklistChoices),
        Access::Replace(Kind::Checklist),
        Access::Create(Kind::ChecklistChoices),
        Access::Replace(Kind::ChecklistChoices),
        Access::Create(Kind::Audit),
        Access::Check(Kind::Member),
    ];
    const REFUSES: &'static [Code] = &[Code::StepRequired];
    type Caller = InTenant;
    type Input = Input;
    type Output = ChecklistView;

    fn example() -> Value {
        json!({ "reason": "We call from the numbers of our carrier." })
    }

    async fn handle(cx: &Cx, caller: InTenant, input: Input) -> Result<Reply<ChecklistView>> {
        let step = step_named(&input.step)?;
        require_optional(step)?;
        let skip = Skip { reason: input.reason, by: caller.user, at: cx.now() };
        let skip = |_: &Checklist, choices: &Choices| Ok(skipped(choices, step, &skip));
        let audit = || cx.audit(caller.tenant, caller.user, Action::ChecklistStepSkipped, &step.id);
        choosing::choose(cx, &caller, skip, audit).await
    }
}

fn require_optional(step: &StepDefinition) -> Result<()> {
    match step.need {
        Need::Optional => Ok(()),
        Need::Required => {
            let detail = format!(
                "{} is required for a launch, so it cannot be skipped. GET /v1/checklist says what is missing.",
                step.title
            );
            Err(Problem::new(Code::StepRequired, detail))
        }
    }
}

/// Whoever skips a step again for the same reason changes nothing.
fn skipped(choices: &Choices, step: &StepDefinition, skip: &Skip) -> Choices {
    let mut next = choices.clone();
    if choices.skips.get(&step.id).is_none_or(|before| before.reason != skip.reason) {
        next.skips.insert(step.id.clone(), skip.clone());
    }
    next
}
