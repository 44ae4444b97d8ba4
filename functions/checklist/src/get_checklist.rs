//! `GET /v1/checklist`: where the workspace stands, with evidence or with what is missing.

use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::keys::{self, Kind};
use common::reply::Reply;
use common::route::{Cx, Method, NoInput, Route};
use common::store::{Access, Stored};
use domain::Timestamp;
use domain::checklist::{Checklist, Count, Evidence, Need, Standing, StandingNow, Step, StepId, StepState, Why};
use domain::role::Permission;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<GetChecklist>();

pub struct GetChecklist;

#[derive(Debug, Serialize, JsonSchema)]
pub struct ChecklistView {
    /// Changes with every change of the checklist.
    version: u64,
    progress: Progress,
    /// Whether every required step is complete.
    dismissible: bool,
    dismissed_at: Option<Timestamp>,
    steps: Vec<StepView>,
    /// When it last changed.
    as_of: Timestamp,
}

/// X of Y.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Progress {
    required: Count,
    all: Count,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct StepView {
    id: StepId,
    required: bool,
    state: StepState,
    /// What shows that it is complete. Present exactly when it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Evidence>,
    /// What is missing. Present exactly when it is not complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<Why>,
    /// The console's page that fixes it: a path under wherever the console is.
    action: &'static str,
    /// When it was last complete and then no more.
    regressed_at: Option<Timestamp>,
}

impl Route for GetChecklist {
    const NAME: &'static str = "get-checklist";
    const SUMMARY: &'static str = "Getting started: what is done, with evidence, and what is missing.";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/checklist";
    const AUTH: Auth = Auth::Member(Permission::ReadChecklist);
    const ACCESS: &'static [Access] = &[Access::Get(Kind::Checklist)];
    const REFUSES: &'static [Code] = &[];
    type Caller = InTenant;
    type Input = NoInput;
    type Output = ChecklistView;

    fn example() -> Value {
        json!({})
    }

    async fn handle(cx: &Cx, caller: InTenant, _: NoInput) -> Result<Reply<ChecklistView>> {
        let checklist = cx.store().get(keys::checklist(caller.tenant)).await?.ok_or_else(Problem::not_found)?;
        Ok(Reply::from(show(&checklist, cx)).etag(checklist.version))
    }
}

fn show(checklist: &Stored<Checklist>, cx: &Cx) -> ChecklistView {
    let required = checklist.required_progress();
    ChecklistView {
        version: checklist.version,
        dismissible: required.done == required.total,
        progress: Progress { required, all: checklist.progress() },
        dismissed_at: None,
        steps: checklist.steps.iter().map(|step| show_step(step, cx)).collect(),
        as_of: checklist.as_of,
    }
}

fn show_step(step: &Step, cx: &Cx) -> StepView {
    let definition = step.id.definition();
    let (state, evidence, why) = show_standing(&step.standing, cx.now());
    StepView {
        id: step.id,
        required: definition.need == Need::Required,
        state,
        evidence,
        why,
        action: definition.action,
        regressed_at: step.regressed_at,
    }
}

fn show_standing(standing: &Standing, now: Timestamp) -> (StepState, Option<Evidence>, Option<Why>) {
    match standing.at(now) {
        StandingNow::Complete(evidence) => (StepState::Complete, Some(evidence.clone()), None),
        StandingNow::InProgress(why) => (StepState::InProgress, None, Some(why.clone())),
        StandingNow::Incomplete(why) => (StepState::Incomplete, None, Some(why.clone())),
    }
}
