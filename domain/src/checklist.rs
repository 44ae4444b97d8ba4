//! The Getting-started checklist: a pure function of a tenant's state.
//!
//! [`fold`] looks at a bounded set of [`Facts`] and says where each step of a [`Definition`] stands, with evidence or with what is
//! missing. Nobody ticks a box. Only *when* a step was first complete, and when it fell back, depends on what was there before.

use crate::id::{TenantId, UserId};
use crate::tenant::Mark;
use crate::text::Reason;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub mod definition;
mod fold;
mod rules;

pub use definition::{CURRENT, Definition, Need, StepDefinition, StepId};
pub use fold::{Folded, Reopened, fold};
pub use rules::Facts;

/// The checklist as it is kept: no clock in it, so that the same facts always give the same checklist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checklist {
    pub tenant: TenantId,
    /// The version of the definition that it was folded by.
    pub definition: u32,
    pub steps: Vec<Step>,
    /// Who dismissed it, and when; absent while it is open.
    #[serde(default)]
    pub dismissed: Option<Mark>,
    /// When each step was first found complete: steps too that are not in the definition any more, since they may come back.
    #[serde(default)]
    pub first_completed: BTreeMap<StepId, Timestamp>,
    /// When all required steps were first found complete together. It stays, whatever falls back and however the steps change.
    #[serde(default)]
    pub first_completed_at: Option<Timestamp>,
    /// When it was last found different from what was kept.
    pub as_of: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub id: StepId,
    pub standing: Standing,
    /// Who leaves it out, and why. A step that is complete all the same is complete.
    #[serde(default)]
    pub skip: Option<Skip>,
    /// When it was last complete and then no more.
    pub regressed_at: Option<Timestamp>,
}

/// Where a step stands. Complete carries its evidence; the others carry what is missing: never both, never neither.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Standing {
    Complete {
        evidence: Evidence,
    },
    /// Something is under way until then; `afterwards` is how the step stands from there on, if nothing else happens.
    InProgress {
        why: Why,
        until: Timestamp,
        afterwards: Box<Standing>,
    },
    Incomplete {
        why: Why,
    },
}

/// The record that shows a step is complete, who made it so, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// The id of the record.
    pub record: String,
    /// In words.
    pub detail: String,
    pub by: UserId,
    pub at: Timestamp,
}

/// What is missing: a stable code for programs, a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Why {
    pub code: String,
    pub detail: String,
}

/// What people decided about the checklist: a fact like any other, so that a checklist that was lost can be made again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choices {
    pub tenant: TenantId,
    /// The steps that are left out.
    pub skips: BTreeMap<StepId, Skip>,
    pub dismissal: Option<Dismissal>,
}

/// That somebody leaves an optional step out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Skip {
    pub reason: Reason,
    pub by: UserId,
    pub at: Timestamp,
}

/// That somebody put the checklist away, all required steps being complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dismissal {
    pub mark: Mark,
    /// The version of the definition whose required steps were complete.
    pub definition: u32,
}

/// X of Y.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Count {
    pub done: usize,
    pub total: usize,
}

impl Count {
    pub fn is_all(self) -> bool {
        self.done == self.total
    }
}

/// A step's state, for whoever looks now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    Incomplete,
    InProgress,
    Complete,
    Skipped,
}

/// Where a step stands at a moment: what is in progress may have run out since it was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandingNow<'a> {
    Complete(&'a Evidence),
    InProgress(&'a Why),
    Incomplete(&'a Why),
}

impl StepState {
    /// As it is shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            StepState::Incomplete => "incomplete",
            StepState::InProgress => "in_progress",
            StepState::Complete => "complete",
            StepState::Skipped => "skipped",
        }
    }
}

impl Why {
    pub fn new(code: &str, detail: impl Into<String>) -> Why {
        Why { code: code.to_owned(), detail: detail.into() }
    }
}

impl Standing {
    pub fn at(&self, now: Timestamp) -> StandingNow<'_> {
        match self {
            Standing::Complete { evidence } => StandingNow::Complete(evidence),
            Standing::InProgress { until, afterwards, .. } if *until <= now => afterwards.at(now),
            Standing::InProgress { why, .. } => StandingNow::InProgress(why),
            Standing::Incomplete { why } => StandingNow::Incomplete(why),
        }
    }

    pub fn is_complete_at(&self, now: Timestamp) -> bool {
        matches!(self.at(now), StandingNow::Complete(_))
    }

    /// Since when it has been complete by nothing but the passing of time, if it is that now.
    fn ran_out_complete_at(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Standing::InProgress { until, afterwards, .. } if *until <= now => match **afterwards {
                Standing::Complete { .. } => Some(*until),
                _ => afterwards.ran_out_complete_at(now),
            },
            _ => None,
        }
    }

    /// How many of the moments at which it stands differently without anybody doing anything are over.
    fn moments_over_at(&self, now: Timestamp) -> u64 {
        match self {
            Standing::InProgress { until, afterwards, .. } if *until <= now => 1 + afterwards.moments_over_at(now),
            _ => 0,
        }
    }
}

impl Step {
    /// A step that is newer than what is kept. The tenant's next change, or the next reconciling, looks at it.
    pub fn not_looked_at(id: StepId) -> Step {
        let why = Why::new(
            "not_looked_at_yet",
            "This step is new. Whether it is done is found out with the workspace's next change, or within hours.",
        );
        Step { id, standing: Standing::Incomplete { why }, skip: None, regressed_at: None }
    }

    pub fn state_at(&self, now: Timestamp) -> StepState {
        match (self.standing.at(now), &self.skip) {
            (StandingNow::Complete(_), _) => StepState::Complete,
            (_, Some(_)) => StepState::Skipped,
            (StandingNow::InProgress(_), None) => StepState::InProgress,
            (StandingNow::Incomplete(_), None) => StepState::Incomplete,
        }
    }

    /// When it fell back, while it is not complete again.
    pub fn regressed_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.regressed_at.filter(|_| !self.standing.is_complete_at(now))
    }
}

impl Checklist {
    /// What is kept of a step; nothing where the definition has it only since.
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == *id)
    }

    /// How many of the definition's required steps are complete.
    pub fn required_progress(&self, definition: &Definition, now: Timestamp) -> Count {
        self.progress_of(definition.steps.iter().filter(|step| step.need == Need::Required), now)
    }

    /// How many of all its steps are complete. What is left out does not count, unless it is complete all the same.
    pub fn progress(&self, definition: &Definition, now: Timestamp) -> Count {
        self.progress_of(definition.steps.iter(), now)
    }

    fn progress_of<'a>(&self, steps: impl Iterator<Item = &'a StepDefinition>, now: Timestamp) -> Count {
        let states = steps.map(|step| self.step(&step.id).map(|step| step.state_at(now)));
        states.fold(Count { done: 0, total: 0 }, |Count { done, total }, state| match state {
            Some(StepState::Complete) => Count { done: done + 1, total: total + 1 },
            Some(StepState::Skipped) => Count { done, total },
            Some(StepState::Incomplete | StepState::InProgress) | None => Count { done, total: total + 1 },
        })
    }

    /// When a step was first complete, for whoever looks now.
    pub fn first_completed(&self, step: &Step, now: Timestamp) -> Option<Timestamp> {
        self.first_completed.get(&step.id).copied().or_else(|| step.standing.ran_out_complete_at(now))
    }

    /// Changes with everything that the passing of time alone makes different, and with nothing else.
    pub fn moments_over_at(&self, now: Timestamp) -> u64 {
        self.steps.iter().map(|step| step.standing.moments_over_at(now)).sum()
    }

    /// The same checklist after people chose otherwise, as the next fold by `definition` will have it.
    pub fn with_choices(&self, definition: &Definition, choices: &Choices, now: Timestamp) -> Checklist {
        let optional = |id: &StepId| definition.step(id.as_str()).is_some_and(|step| step.need == Need::Optional);
        let skip = |id: &StepId| choices.skips.get(id).filter(|_| optional(id)).cloned();
        let chosen = self.steps.iter().map(|step| Step { skip: skip(&step.id), ..step.clone() });
        let is_new = |step: &&StepDefinition| self.step(&step.id).is_none();
        let new = definition.steps.iter().filter(is_new).filter_map(|step| Some((&step.id, skip(&step.id)?)));
        let new = new.map(|(id, skip)| Step { skip: Some(skip), ..Step::not_looked_at(id.clone()) });
        let steps = chosen.chain(new).collect();
        let dismissed = choices.dismissal.map(|dismissal| dismissal.mark);
        self.or_as_kept(Checklist { steps, dismissed, as_of: now, ..self.clone() })
    }

    /// `next`, or this one where nothing is different but when it was made.
    fn or_as_kept(&self, next: Checklist) -> Checklist {
        let same = Checklist { as_of: next.as_of, ..self.clone() } == next;
        if same { self.clone() } else { next }
    }
}

impl Choices {
    /// Nobody has chosen anything.
    pub fn none(tenant: TenantId) -> Choices {
        Choices { tenant, skips: BTreeMap::new(), dismissal: None }
    }
}

#[cfg(test)]
mod tests;
