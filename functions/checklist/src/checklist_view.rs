//! The checklist as clients see it.

use common::reply::Reply;
use common::store::Stored;
use domain::Timestamp;
use domain::checklist::{
    CURRENT, Checklist, Count, Evidence, Need, Skip, StandingNow, Step, StepDefinition, StepId, StepState, Why,
};
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Debug, Serialize, JsonSchema)]
pub struct ChecklistView {
    /// Changes with every change of the checklist.
    version: u64,
    progress: Progress,
    /// Whether every required step is complete.
    dismissible: bool,
    /// When an admin put it away; null while it is open. A required step that falls back opens it again.
    dismissed_at: Option<Timestamp>,
    /// When all required steps were first complete together. It stays, whatever falls back later.
    first_completed_at: Option<Timestamp>,
    steps: Vec<StepView>,
    /// When it last changed.
    as_of: Timestamp,
}

/// X of Y.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Progress {
    required: Count,
    /// Steps that are skipped are left out of it.
    all: Count,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct StepView {
    id: StepId,
    /// As a person reads it.
    title: &'static str,
    required: bool,
    state: StepState,
    /// What shows that it is complete. Present exactly when it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Evidence>,
    /// What is missing. Present exactly when it is neither complete nor skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<Why>,
    /// Who leaves it out, and why. Present exactly when it is skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<Skip>,
    /// The console's page that fixes it: a path under wherever the console is.
    action: &'static str,
    /// When it was last complete and then no more; null once it is complete again.
    regressed_at: Option<Timestamp>,
    /// When it was first complete. It stays, whatever becomes of the step later.
    first_completed_at: Option<Timestamp>,
}

/// The checklist as every route answers it.
pub fn answer(checklist: &Stored<Checklist>, now: Timestamp) -> Reply<ChecklistView> {
    Reply::from(show(checklist, now)).tagged(etag(checklist, now))
}

fn show(checklist: &Stored<Checklist>, now: Timestamp) -> ChecklistView {
    let required = checklist.required_progress(&CURRENT, now);
    ChecklistView {
        version: checklist.version,
        dismissible: required.is_all(),
        progress: Progress { required, all: checklist.progress(&CURRENT, now) },
        dismissed_at: checklist.dismissed.map(|mark| mark.at),
        first_completed_at: checklist.first_completed_at,
        steps: CURRENT.steps.iter().map(|definition| show_step(checklist, definition, now)).collect(),
        as_of: checklist.as_of,
    }
}

/// Whatever can be told apart in what is shown, is told apart by this.
fn etag(checklist: &Stored<Checklist>, now: Timestamp) -> String {
    // One that was made anew, because it was lost, begins with the first version again.
    let made = checklist.as_of.as_microsecond();
    format!("{}-{}-{made}-{}", checklist.version, CURRENT.version, checklist.moments_over_at(now))
}

fn show_step(checklist: &Checklist, definition: &StepDefinition, now: Timestamp) -> StepView {
    let kept = checklist.step(&definition.id).cloned();
    let step = kept.unwrap_or_else(|| Step::not_looked_at(definition.id.clone()));
    let state = step.state_at(now);
    let (evidence, why) = grounds(&step, now);
    StepView {
        id: definition.id.clone(),
        title: definition.title,
        required: definition.need == Need::Required,
        state,
        evidence,
        why: why.filter(|_| state != StepState::Skipped),
        regressed_at: step.regressed_at(now),
        first_completed_at: checklist.first_completed(&step, now),
        skipped: step.skip.filter(|_| state == StepState::Skipped),
        action: definition.action,
    }
}

fn grounds(step: &Step, now: Timestamp) -> (Option<Evidence>, Option<Why>) {
    match step.standing.at(now) {
        StandingNow::Complete(evidence) => (Some(evidence.clone()), None),
        StandingNow::InProgress(why) | StandingNow::Incomplete(why) => (None, Some(why.clone())),
    }
}
