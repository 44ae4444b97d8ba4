//! `POST /v1/checklist/dismiss`: puts the checklist away, once every required step is complete. A required step that falls back later
//! opens it again.

use crate::checklist_view::ChecklistView;
use crate::choosing;
use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::keys::Kind;
use common::reply::Reply;
use common::route::{Cx, Method, NoInput, Route};
use common::store::Access;
use domain::Timestamp;
use domain::audit::Action;
use domain::checklist::{CURRENT, Checklist, Choices, Dismissal, Need, StepState};
use domain::role::Permission;
use domain::tenant::Mark;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<DismissChecklist>();

pub struct DismissChecklist;

impl Route for DismissChecklist {
    const NAME: &'static str = "dismiss-checklist";
    const SUMMARY: &'static str = "Put the checklist away, once every required step is complete.";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/checklist/dismiss";
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
    const REFUSES: &'static [Code] = &[Code::StepsRequired];
    type Caller = InTenant;
    type Input = NoInput;
    type Output = ChecklistView;

    fn example() -> Value {
        json!({})
    }

    async fn handle(cx: &Cx, caller: InTenant, _: NoInput) -> Result<Reply<ChecklistView>> {
        let mark = Mark { by: caller.user, at: cx.now() };
        let dismiss = |checklist: &Checklist, choices: &Choices| dismissed(checklist, choices, mark);
        let audit = || cx.audit(caller.tenant, caller.user, Action::ChecklistDismissed, caller.tenant);
        choosing::choose(cx, &caller, dismiss, audit).await
    }
}

fn dismissed(checklist: &Checklist, choices: &Choices, mark: Mark) -> Result<Choices> {
    let open = open_required_steps(checklist, mark.at);
    if !open.is_empty() {
        return Err(steps_required(&open));
    }
    let dismissal = choices.dismissal.unwrap_or(Dismissal { mark, definition: checklist.definition });
    Ok(Choices { dismissal: Some(dismissal), ..choices.clone() })
}

fn open_required_steps(checklist: &Checklist, now: Timestamp) -> Vec<&'static str> {
    let is_complete = |id| checklist.step(id).is_some_and(|step| step.state_at(now) == StepState::Complete);
    let required = CURRENT.steps.iter().filter(|step| step.need == Need::Required);
    required.filter(|step| !is_complete(&step.id)).map(|step| step.title).collect()
}

fn steps_required(open: &[&str]) -> Problem {
    let open = open.join(", ");
    let detail = format!("The checklist can be dismissed once every required step is complete. Still open: {open}.");
    Problem::new(Code::StepsRequired, detail)
}
