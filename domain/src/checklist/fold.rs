//! From a tenant's facts to its checklist.

use super::{Checklist, Definition, Facts, Need, Step, StepDefinition, StepId};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What the facts amount to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    pub checklist: Checklist,
    /// That the checklist was dismissed and is open again.
    pub reopened: Option<Reopened>,
}

/// Why a dismissed checklist is open again. Whoever keeps the checklist takes the dismissal back with it, and tells the admins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reopened {
    /// The required steps that are not complete any more.
    pub steps: Vec<StepId>,
}

/// The checklist that `facts` amount to by `definition`. `before` is what was kept, `now` the time to stamp a change with.
///
/// Where nothing changed the result equals `before`, `as_of` included, so there is nothing to write. What a later definition made is
/// left as it is: it knows better.
pub fn fold(definition: &Definition, facts: Facts<'_>, before: Option<&Checklist>, now: Timestamp) -> Folded {
    if let Some(later) = before.filter(|before| before.definition > definition.version) {
        return Folded { checklist: later.clone(), reopened: None };
    }
    let folding = Folding { definition, facts, before, now };
    let steps: Vec<_> = definition.steps.iter().map(|step| folding.step(step)).collect();
    let fallen = folding.fallen(&steps);
    let dismissal = facts.choices.and_then(|choices| choices.dismissal);
    let (dismissed, reopened) = match (dismissal, fallen.is_empty()) {
        (Some(dismissal), true) => (Some(dismissal.mark), None),
        (Some(_), false) => (None, Some(Reopened { steps: fallen })),
        (None, _) => (None, None),
    };
    let next = Checklist {
        tenant: facts.tenant.id,
        definition: definition.version,
        first_completed: folding.first_completed(&steps),
        first_completed_at: folding.first_completed_at(&steps),
        steps,
        dismissed,
        as_of: now,
    };
    let checklist = match before {
        Some(before) => before.or_as_kept(next),
        None => next,
    };
    Folded { checklist, reopened }
}

struct Folding<'a> {
    definition: &'a Definition,
    facts: Facts<'a>,
    before: Option<&'a Checklist>,
    now: Timestamp,
}

impl Folding<'_> {
    fn step(&self, definition: &StepDefinition) -> Step {
        let standing = (definition.rule)(self.facts);
        let chosen = self.facts.choices.and_then(|choices| choices.skips.get(&definition.id));
        let skip = chosen.filter(|_| definition.need == Need::Optional).cloned();
        let step = Step { id: definition.id.clone(), standing, skip, regressed_at: None };
        Step { regressed_at: self.regressed_at(definition, &step), ..step }
    }

    fn kept(&self, id: &StepId) -> Option<&Step> {
        self.before.and_then(|before| before.step(id))
    }

    /// A step that stands as it stood has no news, whatever ran out meanwhile: else time alone would change what is kept.
    fn regressed_at(&self, definition: &StepDefinition, step: &Step) -> Option<Timestamp> {
        match self.kept(&step.id) {
            Some(kept) if kept.standing == step.standing => kept.regressed_at,
            _ if step.standing.is_complete_at(self.now) => None,
            Some(_) if self.falls_back(definition, step) => Some(self.now),
            kept => kept.and_then(|kept| kept.regressed_at),
        }
    }

    /// Whether it was complete, by what is asked for now, and is not any more. A definition that asks for more is nobody's regression.
    fn falls_back(&self, definition: &StepDefinition, step: &Step) -> bool {
        let by_this_measure = self.before.is_some_and(|before| before.definition >= definition.since);
        let was_complete = self.kept(&step.id).is_some_and(|kept| kept.standing.is_complete_at(self.now));
        by_this_measure && was_complete && !step.standing.is_complete_at(self.now)
    }

    /// The required steps for which a dismissal cannot stand: they fall back now, or are among those that were complete when it was
    /// made.
    fn fallen(&self, steps: &[Step]) -> Vec<StepId> {
        let dismissal = self.facts.choices.and_then(|choices| choices.dismissal);
        let was_complete_then = |step: &StepDefinition| dismissal.is_some_and(|then| then.definition >= step.since);
        self.required(steps)
            .filter(|(_, step)| !step.standing.is_complete_at(self.now))
            .filter(|(definition, step)| was_complete_then(definition) || self.falls_back(definition, step))
            .map(|(_, step)| step.id.clone())
            .collect()
    }

    /// The required steps, each with what is fixed about it.
    fn required<'s>(&self, steps: &'s [Step]) -> impl Iterator<Item = (&'static StepDefinition, &'s Step)> {
        let both = self.definition.steps.iter().zip(steps);
        both.filter(|(definition, _)| definition.need == Need::Required)
    }

    fn first_completed(&self, steps: &[Step]) -> BTreeMap<StepId, Timestamp> {
        let mut first = self.before.map(|before| before.first_completed.clone()).unwrap_or_default();
        for step in steps {
            let kept = self.kept(&step.id).filter(|kept| kept.standing != step.standing);
            // What was complete by time alone was never written down; now that it is about to be lost, it is.
            let ran_out = kept.and_then(|kept| kept.standing.ran_out_complete_at(self.now));
            let complete = matches!(step.standing, super::Standing::Complete { .. }).then_some(self.now);
            if let Some(at) = ran_out.or(complete) {
                first.entry(step.id.clone()).or_insert(at);
            }
        }
        first
    }

    fn first_completed_at(&self, steps: &[Step]) -> Option<Timestamp> {
        let all = self.required(steps).all(|(_, step)| step.standing.is_complete_at(self.now));
        self.before.and_then(|before| before.first_completed_at).or(all.then_some(self.now))
    }
}
