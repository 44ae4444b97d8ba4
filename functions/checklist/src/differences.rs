//! In what a checklist is not what was kept of it, for the log: the names of steps and their states, and nothing that people wrote.

use common::store::Found;
use domain::Timestamp;
use domain::checklist::{Checklist, Step};
use std::fmt;

#[derive(Debug, PartialEq, Eq)]
pub struct Differences {
    kept: Kept,
    steps: Vec<String>,
}

/// In which way something was kept.
#[derive(Debug, PartialEq, Eq)]
enum Kept {
    Readable,
    Unreadable,
    Missing,
}

impl Differences {
    pub fn between(found: &Found<Checklist>, checklist: &Checklist, now: Timestamp) -> Differences {
        let (kept, before) = match found {
            Found::Sound(before) => (Kept::Readable, Some(&before.item)),
            Found::Wreck(_) => (Kept::Unreadable, None),
            Found::Nothing => (Kept::Missing, None),
        };
        Differences { kept, steps: before.map(|before| steps(before, checklist, now)).unwrap_or_default() }
    }
}

fn steps(before: &Checklist, after: &Checklist, now: Timestamp) -> Vec<String> {
    let state = |step: Option<&Step>| step.map_or("absent", |step| step.state_at(now).as_str());
    let say = |id, was, is| format!("{id} is {} and was {}", state(is), state(was));
    let gone = before.steps.iter().filter(|step| after.step(&step.id).is_none());
    let gone = gone.map(|step| say(&step.id, Some(step), None));
    let different = after.steps.iter().filter(|step| before.step(&step.id) != Some(step));
    different.map(|step| say(&step.id, before.step(&step.id), Some(step))).chain(gone).collect()
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.kept, self.steps.as_slice()) {
            (Kept::Unreadable, _) => f.write_str("it could not be read"),
            (Kept::Missing, _) => f.write_str("there was none"),
            (Kept::Readable, []) => f.write_str("no step, but what is said of them all"),
            (Kept::Readable, steps) => f.write_str(&steps.join(", ")),
        }
    }
}
