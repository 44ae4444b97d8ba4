//! The Getting-started checklist: a pure function of a tenant's state.
//!
//! [`fold`] looks at a bounded set of [`Facts`] and says where each step stands, with evidence or with what is missing.
//! Nobody ticks a box. Only *when a step fell back* depends on what was there before.

use crate::billing::Billing;
use crate::id::TenantId;
use crate::invite::{Delivery, OpenInvite, UndeliveredInvite};
use crate::tenant::{AdminChange, Counters, Mark, Tenant};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of [`STEPS`]. It changes with every change to which steps there are or when one is complete.
pub const DEFINITION: u32 = 1;

/// The steps, in the order a person meets them.
pub const STEPS: [StepDefinition; 5] = [
    StepDefinition { id: StepId::CompanyDetails, need: Need::Required, action: "/settings/workspace" },
    StepDefinition { id: StepId::DefaultTimezone, need: Need::Required, action: "/settings/workspace#time-zone" },
    StepDefinition { id: StepId::BillingOwner, need: Need::Required, action: "/billing" },
    StepDefinition { id: StepId::BackupAdmin, need: Need::Required, action: "/users" },
    StepDefinition { id: StepId::InviteTeam, need: Need::Required, action: "/users/invite" },
];

/// What is fixed about a step.
#[derive(Debug, Clone, Copy)]
pub struct StepDefinition {
    pub id: StepId,
    pub need: Need,
    /// The console page that fixes it, relative to the console.
    pub action: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    Required,
    Optional,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepId {
    CompanyDetails,
    DefaultTimezone,
    BillingOwner,
    BackupAdmin,
    InviteTeam,
}

/// All that the checklist depends on. Its size does not grow with the tenant.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub tenant: &'a Tenant,
    pub counters: &'a Counters,
    pub billing: &'a Billing,
    /// Of the invites that are out, the one that ends last.
    pub last_open_invite: Option<&'a OpenInvite>,
    /// Of the invites that are out and whose mail went wrong, the one that ends last.
    pub last_undelivered_invite: Option<&'a UndeliveredInvite>,
}

/// The checklist as it is kept: no clock in it, so that the same facts always give the same checklist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checklist {
    pub tenant: TenantId,
    pub definition: u32,
    pub steps: Vec<Step>,
    /// When it was last found different from what was kept.
    pub as_of: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub id: StepId,
    pub standing: Standing,
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
    pub by: crate::id::UserId,
    pub at: Timestamp,
}

/// What is missing: a stable code for programs, a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Why {
    pub code: String,
    pub detail: String,
}

impl Why {
    fn new(code: &str, detail: impl Into<String>) -> Why {
        Why { code: code.to_owned(), detail: detail.into() }
    }
}

/// The checklist that `facts` amount to. `before` is what was kept, `now` the time to stamp a change with.
///
/// Where nothing changed the result equals `before`, `as_of` included, so there is nothing to write.
pub fn fold(facts: Facts<'_>, before: Option<&Checklist>, now: Timestamp) -> Checklist {
    let steps = STEPS.iter().map(|definition| fold_step(definition.id, facts, before, now)).collect();
    let next = Checklist { tenant: facts.tenant.id, definition: DEFINITION, steps, as_of: now };
    match before {
        Some(before) if before.steps == next.steps && before.definition == next.definition => before.clone(),
        _ => next,
    }
}

fn fold_step(id: StepId, facts: Facts<'_>, before: Option<&Checklist>, now: Timestamp) -> Step {
    let standing = standing(id, facts);
    let kept = before.and_then(|checklist| checklist.steps.iter().find(|step| step.id == id));
    let regressed_at = match (&standing, kept) {
        (Standing::Complete { .. }, _) | (_, None) => None,
        (_, Some(Step { standing: Standing::Complete { .. }, .. })) => Some(now),
        (_, Some(kept)) => kept.regressed_at,
    };
    Step { id, standing, regressed_at }
}

fn standing(id: StepId, facts: Facts<'_>) -> Standing {
    match id {
        StepId::CompanyDetails => company_details(facts.tenant),
        StepId::DefaultTimezone => default_timezone(facts.tenant),
        StepId::BillingOwner => billing_owner(facts.billing),
        StepId::BackupAdmin => backup_admin(facts.counters),
        StepId::InviteTeam => invite_team(facts),
    }
}

fn complete(record: impl ToString, detail: impl Into<String>, mark: Mark) -> Standing {
    let evidence = Evidence { record: record.to_string(), detail: detail.into(), by: mark.by, at: mark.at };
    Standing::Complete { evidence }
}

fn incomplete(code: &str, detail: impl Into<String>) -> Standing {
    Standing::Incomplete { why: Why::new(code, detail) }
}

fn company_details(tenant: &Tenant) -> Standing {
    match tenant.details_completed {
        Some(mark) => complete(tenant.id, "Company name, business contact and country are set.", mark),
        None => {
            let missing = tenant.missing_details().join(" and ");
            incomplete("company_details_missing", format!("Set {missing} in the workspace settings."))
        }
    }
}

fn default_timezone(tenant: &Tenant) -> Standing {
    let zone = tenant.default_time_zone.as_str();
    match tenant.default_time_zone_confirmed {
        Some(mark) => complete(tenant.id, format!("{zone} is confirmed as the default time zone."), mark),
        None => incomplete(
            "time_zone_unconfirmed",
            format!("The default time zone is {zone}, but nobody has confirmed it. Confirm it, or choose another."),
        ),
    }
}

fn billing_owner(billing: &Billing) -> Standing {
    match (billing.owner, billing.owner_named) {
        (Some(owner), Some(mark)) => complete(owner, "A billing owner is named and is an active admin.", mark),
        _ => incomplete("billing_owner_missing", "Nobody receives the invoices. Name an admin as billing owner."),
    }
}

fn backup_admin(counters: &Counters) -> Standing {
    let changed = counters.admins_changed;
    match counters.admins {
        0 | 1 => incomplete(
            "one_admin_only",
            "There is one admin only. Invite a second one, so that nobody is locked out when the first is away.",
        ),
        admins => {
            let detail = format!("{admins} active admins have signed in.");
            let mark = Mark { by: changed.by, at: changed.at };
            // The newest admin is the evidence, while there is one; else what the members add up to.
            match changed.change {
                AdminChange::Added => complete(changed.member, detail, mark),
                AdminChange::Removed => complete(counters.tenant, detail, mark),
            }
        }
    }
}

fn invite_team(facts: Facts<'_>) -> Standing {
    match (facts.counters.first_accepted, facts.last_open_invite) {
        (Some(accepted), _) => complete(
            accepted.invite,
            match facts.counters.invited_members {
                1 => "1 invited person has joined.".to_owned(),
                joined => format!("{joined} invited people have joined."),
            },
            Mark { by: accepted.by, at: accepted.at },
        ),
        (None, Some(open)) => {
            let out = Standing::InProgress {
                why: Why::new("invite_open", "An invitation is out, and nobody has accepted one yet."),
                until: open.expires_at,
                afterwards: Box::new(incomplete(
                    "invites_expired",
                    "Every invitation has expired unused. Send new ones.",
                )),
            };
            facts.last_undelivered_invite.map_or(out.clone(), |undelivered| undelivered_until(undelivered, out))
        }
        (None, None) => incomplete(
            "no_invite_open",
            "No invitation is out and nobody has joined by one. Invite the people you launch with.",
        ),
    }
}

/// One of the invites that are out waits for an admin; once it is over too, the step stands as if it had not been.
fn undelivered_until(undelivered: &UndeliveredInvite, afterwards: Standing) -> Standing {
    let email = &undelivered.email;
    let (code, detail) = match undelivered.delivery {
        Delivery::Bounced => (
            "invite_bounced",
            format!("The invitation to {email} came back: there is no such mailbox. Correct the address."),
        ),
        Delivery::Complained => (
            "invite_complained",
            format!("{email} reported the invitation as spam. Talk to them, or invite another address of theirs."),
        ),
        _ => ("invite_failed", format!("The invitation to {email} could not be delivered. Send it again.")),
    };
    Standing::InProgress {
        why: Why::new(code, detail),
        until: undelivered.expires_at,
        afterwards: Box::new(afterwards),
    }
}

/// X of Y.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Count {
    pub done: usize,
    pub total: usize,
}

/// A step's state, for whoever looks now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    Incomplete,
    InProgress,
    Complete,
}

/// Where a step stands at a moment: what is in progress may have run out since it was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandingNow<'a> {
    Complete(&'a Evidence),
    InProgress(&'a Why),
    Incomplete(&'a Why),
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

    fn is_complete(&self) -> bool {
        matches!(self, Standing::Complete { .. })
    }
}

impl StepId {
    pub fn definition(self) -> &'static StepDefinition {
        // Every id is in STEPS: `every_step_id_is_defined_once` below.
        STEPS.iter().find(|definition| definition.id == self).unwrap_or(&STEPS[0])
    }
}

impl Checklist {
    /// How many of the required steps are complete.
    pub fn required_progress(&self) -> Count {
        self.progress_of(|step| step.id.definition().need == Need::Required)
    }

    /// How many of all steps are complete.
    pub fn progress(&self) -> Count {
        self.progress_of(|_| true)
    }

    fn progress_of(&self, counted: impl Fn(&Step) -> bool) -> Count {
        let steps = self.steps.iter().filter(|step| counted(step));
        let (done, total) =
            steps.fold((0, 0), |(done, total), step| (done + usize::from(step.standing.is_complete()), total + 1));
        Count { done, total }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::email::Email;
    use crate::id::{InviteId, UserId};
    use crate::role::Role;
    use crate::tenant::{Accepted, AdminsChanged};
    use crate::text::CompanyName;
    use crate::time_zone::TimeZoneName;
    use uuid::Uuid;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn user(n: u128) -> UserId {
        UserId::from_uuid(Uuid::from_u128(n))
    }

    struct World {
        tenant: Tenant,
        counters: Counters,
        billing: Billing,
        open: Option<OpenInvite>,
        undelivered: Option<UndeliveredInvite>,
    }

    impl World {
        fn new() -> World {
            let id = TenantId::from_uuid(Uuid::from_u128(1));
            let created = Mark { by: user(1), at: at(0) };
            let zone = TimeZoneName::parse("Europe/Berlin").unwrap();
            World {
                tenant: Tenant::new(id, CompanyName::parse("Acme Inc.").unwrap(), zone, created),
                counters: Counters::new(id, created),
                billing: Billing::new(id),
                open: None,
                undelivered: None,
            }
        }

        fn fold(&self, before: Option<&Checklist>, now: i64) -> Checklist {
            let facts = Facts {
                tenant: &self.tenant,
                counters: &self.counters,
                billing: &self.billing,
                last_open_invite: self.open.as_ref(),
                last_undelivered_invite: self.undelivered.as_ref(),
            };
            fold(facts, before, at(now))
        }
    }

    fn open(world: &World, invite: InviteId, until: i64) -> OpenInvite {
        let (tenant, invited_by) = (world.tenant.id, user(1));
        OpenInvite { tenant, invite, expires_at: at(until), role: Role::Operator, invited_by }
    }

    fn step(checklist: &Checklist, id: StepId) -> &Step {
        checklist.steps.iter().find(|step| step.id == id).unwrap()
    }

    #[test]
    fn every_step_id_is_defined_once() {
        for definition in STEPS {
            assert_eq!(definition.id.definition().id, definition.id);
            assert_eq!(STEPS.iter().filter(|other| other.id == definition.id).count(), 1);
        }
    }

    #[test]
    fn a_new_tenant_has_nothing_done_and_every_step_says_why() {
        let checklist = World::new().fold(None, 1);
        assert_eq!(checklist.required_progress(), Count { done: 0, total: 5 });
        let codes: Vec<_> = checklist
            .steps
            .iter()
            .map(|step| match step.standing.at(at(1)) {
                StandingNow::Incomplete(why) => why.code.as_str(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(
            codes,
            [
                "company_details_missing",
                "time_zone_unconfirmed",
                "billing_owner_missing",
                "one_admin_only",
                "no_invite_open"
            ]
        );
    }

    #[test]
    fn the_same_facts_give_the_same_checklist_whenever_they_are_folded() {
        let world = World::new();
        let first = world.fold(None, 1);
        assert_eq!(world.fold(Some(&first), 99), first);
    }

    #[test]
    fn a_step_that_falls_back_says_when_and_forgets_it_once_it_is_complete_again() {
        let mut world = World::new();
        let incomplete = world.fold(None, 1);
        assert_eq!(step(&incomplete, StepId::BackupAdmin).regressed_at, None);

        world.counters.admins = 2;
        world.counters.admins_changed =
            AdminsChanged { member: user(2), change: AdminChange::Added, by: user(1), at: at(2) };
        let complete = world.fold(Some(&incomplete), 3);
        let expected = Evidence {
            record: user(2).to_string(),
            detail: "2 active admins have signed in.".to_owned(),
            by: user(1),
            at: at(2),
        };
        assert_eq!(step(&complete, StepId::BackupAdmin).standing, Standing::Complete { evidence: expected });

        world.counters.admins = 1;
        let fallen = world.fold(Some(&complete), 4);
        assert_eq!(step(&fallen, StepId::BackupAdmin).regressed_at, Some(at(4)));
        let still = world.fold(Some(&fallen), 5);
        assert_eq!(still, fallen);

        world.counters.admins = 2;
        let again = world.fold(Some(&still), 6);
        assert_eq!(step(&again, StepId::BackupAdmin).regressed_at, None);
    }

    #[test]
    fn an_open_invite_is_in_progress_to_the_second_it_expires() {
        let mut world = World::new();
        let invite = InviteId::from_uuid(Uuid::from_u128(5));
        world.open = Some(open(&world, invite, 100));
        let checklist = world.fold(None, 1);
        let standing = &step(&checklist, StepId::InviteTeam).standing;
        assert!(matches!(standing.at(at(99)), StandingNow::InProgress(why) if why.code == "invite_open"));
        assert!(matches!(standing.at(at(100)), StandingNow::Incomplete(why) if why.code == "invites_expired"));

        world.open = None;
        world.counters.invited_members = 1;
        world.counters.first_accepted = Some(Accepted { invite, by: user(3), at: at(50) });
        let accepted = world.fold(Some(&checklist), 51);
        assert!(matches!(step(&accepted, StepId::InviteTeam).standing.at(at(999)), StandingNow::Complete(_)));
    }

    #[test]
    fn an_invite_whose_mail_went_wrong_is_named_until_it_ends_and_then_the_others_count() {
        let mut world = World::new();
        let (bounced, other) = (InviteId::from_uuid(Uuid::from_u128(5)), InviteId::from_uuid(Uuid::from_u128(6)));
        world.open = Some(open(&world, other, 200));
        world.undelivered = Some(UndeliveredInvite {
            tenant: world.tenant.id,
            invite: bounced,
            email: Email::parse("grace@acme.example").unwrap(),
            delivery: Delivery::Bounced,
            expires_at: at(100),
        });
        let checklist = world.fold(None, 1);
        let standing = &step(&checklist, StepId::InviteTeam).standing;
        let StandingNow::InProgress(why) = standing.at(at(99)) else { panic!("{standing:?}") };
        assert_eq!(why.code, "invite_bounced");
        assert!(why.detail.contains("grace@acme.example"), "{}", why.detail);
        assert!(matches!(standing.at(at(100)), StandingNow::InProgress(why) if why.code == "invite_open"));
        assert!(matches!(standing.at(at(200)), StandingNow::Incomplete(why) if why.code == "invites_expired"));
    }
}
