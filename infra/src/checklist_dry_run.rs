//! `infra checklist-dry-run`: what the steps of this build would make of every tenant's checklist, against what is kept of it. It may only
//! read.

use checklist::facts::State;
use checklist::reconcile_checklists::{LOOKED_THROUGH, MOST_A_SECOND};
use common::clock::Clock;
use common::config::{ConfigError, Lookup};
use common::error::Problem;
use common::keys::{Kind, Whose};
use common::schedule::Pace;
use common::store::{Access, Found, Place, Store};
use domain::Timestamp;
use domain::checklist::{Checklist, Definition, Need, StepId};
use domain::id::TenantId;
use std::collections::BTreeMap;
use std::fmt;

/// What it may do to the table. It is refused the rest, whatever its credentials are good for.
const ACCESS: &[Access] = &[
    Access::Scan(Kind::Tenant),
    Access::Get(Kind::Checklist),
    Access::Get(Kind::Tenant),
    Access::Get(Kind::Counters),
    Access::Get(Kind::Billing),
    Access::Get(Kind::TestUser),
    Access::Get(Kind::ChecklistChoices),
    Access::Query(Kind::OpenInvite),
    Access::Query(Kind::UndeliveredInvite),
];

/// What a definition would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The version of the definition.
    pub definition: u32,
    pub tenants: u64,
    /// Tenants whose checklist was folded by an older definition.
    pub older: u64,
    /// Tenants whose checklist was folded by a newer definition, which this one leaves alone.
    pub newer: u64,
    /// Tenants of whom something cannot be read, the kept checklist or what it depends on.
    pub unreadable: u64,
    /// Tenants of whom no checklist is kept.
    pub missing: u64,
    /// Tenants with a step that is complete as kept and would not be any more.
    pub regressing: u64,
    /// How many tenants lose each step.
    pub lost_steps: BTreeMap<StepId, u64>,
    /// Tenants all of whose required steps are complete as kept.
    pub launch_ready: u64,
    /// Those of them who would have a required step open.
    pub no_longer_launch_ready: u64,
}

/// The table that the environment names, to be read only.
///
/// # Errors
/// The variable that is missing.
pub fn table(lookup: Lookup<'_>) -> Result<Store, ConfigError> {
    Store::of_program(lookup, "checklist-dry-run", ACCESS)
}

/// Folds every tenant's state by `definition`, and writes nothing.
///
/// # Errors
/// The table cannot be looked through. A tenant that cannot be read is counted.
pub async fn dry_run(definition: &Definition, store: &Store, clock: &Clock) -> Result<Report, Problem> {
    let mut report = Report::new(definition);
    let mut pace = Pace::per_second(clock, MOST_A_SECOND);
    let mut after = None;
    loop {
        let (tenants, next) = part(store, after).await?;
        for tenant in tenants {
            pace.turn().await;
            match State::read(store, tenant).await {
                Ok(Some(state)) => report.add(definition, &state, clock.now()),
                Ok(None) => {}
                Err(_) => report.add_unreadable(),
            }
        }
        let Some(place) = next else { return Ok(report) };
        after = Some(place);
    }
}

async fn part(store: &Store, after: Option<Place>) -> Result<(Vec<TenantId>, Option<Place>), Problem> {
    let part = store.scan(Kind::Tenant, LOOKED_THROUGH, after).await?;
    Ok((part.found.iter().filter_map(Whose::tenant).collect(), part.next))
}

impl Report {
    pub fn new(definition: &Definition) -> Report {
        Report {
            definition: definition.version,
            tenants: 0,
            older: 0,
            newer: 0,
            unreadable: 0,
            missing: 0,
            regressing: 0,
            lost_steps: BTreeMap::new(),
            launch_ready: 0,
            no_longer_launch_ready: 0,
        }
    }

    /// One more tenant.
    pub fn add(&mut self, definition: &Definition, state: &State, now: Timestamp) {
        self.tenants += 1;
        let kept = match &state.checklist {
            Found::Sound(kept) => &kept.item,
            Found::Wreck(_) => return self.unreadable += 1,
            Found::Nothing => return self.missing += 1,
        };
        self.older += u64::from(kept.definition < definition.version);
        self.newer += u64::from(kept.definition > definition.version);
        let folded = state.folded(definition, now).checklist;
        let lost = lost_steps(kept, &folded, now);
        self.regressing += u64::from(!lost.is_empty());
        for step in lost {
            *self.lost_steps.entry(step).or_default() += 1;
        }
        if was_launch_ready(definition, kept, now) {
            self.launch_ready += 1;
            self.no_longer_launch_ready += u64::from(!folded.required_progress(definition, now).is_all());
        }
    }

    fn add_unreadable(&mut self) {
        self.tenants += 1;
        self.unreadable += 1;
    }
}

/// The steps that are complete as kept, and would not be any more.
fn lost_steps(kept: &Checklist, folded: &Checklist, now: Timestamp) -> Vec<StepId> {
    let is_open = |id: &StepId| folded.step(id).is_some_and(|step| !step.standing.is_complete_at(now));
    let complete = kept.steps.iter().filter(|step| step.standing.is_complete_at(now));
    complete.map(|step| step.id.clone()).filter(is_open).collect()
}

/// Which steps an older definition required is not kept. But all of them were complete when the checklist was first complete as a whole; so
/// it still is, where none of those that were ever complete, and are required now, has fallen back.
fn was_launch_ready(definition: &Definition, kept: &Checklist, now: Timestamp) -> bool {
    let is_required = |id: &StepId| definition.step(id.as_str()).is_some_and(|step| step.need == Need::Required);
    let mut required_once = kept
        .steps
        .iter()
        .filter(|step| is_required(&step.id))
        .filter(|step| kept.first_completed.contains_key(&step.id));
    kept.first_completed_at.is_some() && required_once.all(|step| step.standing.is_complete_at(now))
}

/// For people.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "By definition {} of this build; nothing was written.\n", self.definition)?;
        let lines = [
            (self.tenants, "tenants"),
            (self.older, "with a checklist by an older definition"),
            (self.newer, "with one by a newer definition, which this build leaves alone"),
            (self.missing, "without one"),
            (self.unreadable, "that cannot be read"),
            (self.regressing, "would have a step open that is complete now:"),
        ];
        for (count, what) in lines {
            writeln!(f, "{count:>9}  {what}")?;
        }
        for (step, count) in &self.lost_steps {
            writeln!(f, "{count:>9}      {step}")?;
        }
        writeln!(
            f,
            "{:>9}  of {} that are launch-ready would not be any more",
            self.no_longer_launch_ready, self.launch_ready
        )
    }
}
