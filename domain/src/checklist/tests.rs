use super::*;
use crate::billing::Billing;
use crate::email::Email;
use crate::id::InviteId;
use crate::invite::{Delivery, OpenInvite, UndeliveredInvite};
use crate::member::{Finding, Rehearsal, TestUser};
use crate::role::Role;
use crate::tenant::{Accepted, Counters, LastChange, Tenant};
use crate::text::CompanyName;
use crate::time_zone::TimeZoneName;
use uuid::Uuid;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn user(n: u128) -> UserId {
    UserId::from_uuid(Uuid::from_u128(n))
}

fn mark(second: i64) -> Mark {
    Mark { by: user(1), at: at(second) }
}

struct World {
    tenant: Tenant,
    counters: Counters,
    billing: Billing,
    test_user: Option<TestUser>,
    choices: Option<Choices>,
    open: Option<OpenInvite>,
    open_operator: Option<OpenInvite>,
    undelivered: Option<UndeliveredInvite>,
}

impl World {
    fn new() -> World {
        let id = TenantId::from_uuid(Uuid::from_u128(1));
        let zone = TimeZoneName::parse("Europe/Berlin").unwrap();
        World {
            tenant: Tenant::new(id, CompanyName::parse("Acme Inc.").unwrap(), zone, mark(0)),
            counters: Counters::new(id, mark(0)),
            billing: Billing::new(id),
            test_user: None,
            choices: None,
            open: None,
            open_operator: None,
            undelivered: None,
        }
    }

    /// Everything that is required is done.
    fn launch_ready() -> World {
        let mut world = World::new();
        world.tenant.details_completed = Some(mark(1));
        world.tenant.default_time_zone_confirmed = Some(mark(1));
        world.billing.owner = Some(user(1));
        world.billing.owner_named = Some(mark(1));
        world.admins(2);
        world.counters.first_accepted = Some(Accepted { invite: invite(1), by: user(2), at: at(1) });
        world.counters.invited_members = 1;
        world.test_user = Some(test_user(Some(Finding::AsExpected)));
        world.counters.integrations = 1;
        world.counters.integrations_changed = Some(LastChange::added("con_1", mark(1)));
        world
    }

    fn admins(&mut self, count: u64) {
        let change = if count > self.counters.admins { LastChange::added } else { LastChange::removed };
        self.counters.admins = count;
        self.counters.admins_changed = Some(change(user(2).to_string(), mark(2)));
    }

    fn dismissed(&mut self) {
        let dismissal = Some(Dismissal { mark: mark(9), definition: CURRENT.version });
        self.choices = Some(Choices { dismissal, ..Choices::none(self.tenant.id) });
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            tenant: &self.tenant,
            counters: &self.counters,
            billing: &self.billing,
            test_user: self.test_user.as_ref(),
            choices: self.choices.as_ref(),
            last_open_invite: self.open.as_ref(),
            last_open_operator_invite: self.open_operator.as_ref(),
            last_undelivered_invite: self.undelivered.as_ref(),
        }
    }

    fn folded(&self, before: Option<&Checklist>, now: i64) -> Folded {
        fold(&CURRENT, self.facts(), before, at(now))
    }

    fn fold(&self, before: Option<&Checklist>, now: i64) -> Checklist {
        self.folded(before, now).checklist
    }
}

fn invite(n: u128) -> InviteId {
    InviteId::from_uuid(Uuid::from_u128(n))
}

fn open(world: &World, role: Role, until: i64) -> OpenInvite {
    let (tenant, invited_by) = (world.tenant.id, user(1));
    OpenInvite { tenant, invite: invite(5), expires_at: at(until), role, invited_by }
}

fn test_user(found: Option<Finding>) -> TestUser {
    let rehearsal = found.map(|finding| Rehearsal {
        at: at(3),
        role: Role::Operator,
        allowed: Vec::new(),
        refused: Vec::new(),
        finding,
    });
    TestUser { tenant: TenantId::from_uuid(Uuid::from_u128(1)), user: user(7), marked: mark(2), rehearsal }
}

fn skip(reason: &str) -> Skip {
    Skip { reason: reason.parse().unwrap(), by: user(1), at: at(4) }
}

#[track_caller]
fn step<'c>(checklist: &'c Checklist, id: &StepId) -> &'c Step {
    checklist.step(id).unwrap()
}

/// What is missing, by its code, or the record that shows there is nothing.
fn said(checklist: &Checklist, id: &StepId, now: i64) -> String {
    match step(checklist, id).standing.at(at(now)) {
        StandingNow::Complete(evidence) => format!("complete by {}", evidence.record),
        StandingNow::InProgress(why) => format!("in progress: {}", why.code),
        StandingNow::Incomplete(why) => why.code.clone(),
    }
}

#[test]
fn a_new_tenant_has_nothing_done_and_every_step_says_why() {
    let checklist = World::new().fold(None, 1);
    assert_eq!(checklist.required_progress(&CURRENT, at(1)), Count { done: 0, total: 7 });
    assert_eq!(checklist.progress(&CURRENT, at(1)), Count { done: 0, total: 11 });
    let codes: Vec<_> = CURRENT.steps.iter().map(|step| said(&checklist, &step.id, 1)).collect();
    assert_eq!(
        codes,
        [
            "company_details_missing",
            "time_zone_unconfirmed",
            "billing_owner_missing",
            "one_admin_only",
            "no_invite_open",
            "test_user_missing",
            "integration_missing",
            "operator_missing",
            "reviewer_missing",
            "phone_number_missing",
            "api_key_unused"
        ]
    );
}

#[test]
fn the_same_facts_give_the_same_checklist_whenever_they_are_folded() {
    let world = World::launch_ready();
    let first = world.fold(None, 5);
    assert_eq!(world.fold(Some(&first), 99), first);
    let other = world.fold(None, 99);
    assert_eq!(other.steps, first.steps, "only when it was found out differs");
}

#[test]
fn a_step_by_a_count_shows_the_record_that_came_last_while_that_is_the_latest_there_is_to_say() {
    let counted = [
        (StepId::BACKUP_ADMIN, "2 active admins have signed in."),
        (StepId::CRM_OR_CALENDAR, "1 CRM or calendar is connected or planned."),
        (StepId::REVIEWER_ASSIGNED, "1 viewer has signed in."),
        (StepId::OPERATORS_SIGNED_IN, "1 operator has signed in, and no operator is awaited."),
        (StepId::PHONE_NUMBER, "1 phone number is active."),
        (StepId::API_KEY, "1 live API key has been used."),
    ];
    let of = |change: LastChange| {
        let mut world = World::new();
        let counters = &mut world.counters;
        counters.admins = 2;
        for size in [
            &mut counters.integrations,
            &mut counters.viewers,
            &mut counters.operators,
            &mut counters.phone_numbers,
            &mut counters.used_api_keys,
        ] {
            *size = 1;
        }
        for changed in [
            &mut counters.admins_changed,
            &mut counters.integrations_changed,
            &mut counters.viewers_changed,
            &mut counters.operators_changed,
            &mut counters.phone_numbers_changed,
            &mut counters.used_api_keys_changed,
        ] {
            *changed = Some(change.clone());
        }
        world.fold(None, 9)
    };
    let by = Mark { by: user(3), at: at(8) };
    let (after_one_came, after_one_went) = (of(LastChange::added("rec_1", by)), of(LastChange::removed("rec_2", by)));
    for (id, detail) in counted {
        let evidence =
            |record: &str| Evidence { record: record.to_owned(), detail: detail.to_owned(), by: user(3), at: at(8) };
        let complete = |record: &str| Standing::Complete { evidence: evidence(record) };
        assert_eq!(step(&after_one_came, &id).standing, complete("rec_1"), "{id}");
        let tenant = TenantId::from_uuid(Uuid::from_u128(1)).to_string();
        assert_eq!(step(&after_one_went, &id).standing, complete(&tenant), "{id}");
    }
}

#[test]
fn the_test_user_step_asks_for_a_person_then_for_their_rehearsal_then_for_a_good_one() {
    let mut world = World::new();
    world.test_user = Some(test_user(None));
    assert_eq!(said(&world.fold(None, 9), &StepId::TEST_USER, 9), "access_unconfirmed");
    world.test_user = Some(test_user(Some(Finding::NotAsExpected)));
    assert_eq!(said(&world.fold(None, 9), &StepId::TEST_USER, 9), "access_not_as_expected");
    let mut of_admin = test_user(Some(Finding::NotAsExpected));
    of_admin.rehearsal.as_mut().unwrap().role = Role::Admin;
    world.test_user = Some(of_admin);
    assert_eq!(said(&world.fold(None, 9), &StepId::TEST_USER, 9), "test_user_is_admin", "they could try for ever");
    world.test_user = Some(test_user(Some(Finding::AsExpected)));
    let checklist = world.fold(None, 9);
    let Standing::Complete { evidence } = &step(&checklist, &StepId::TEST_USER).standing else { panic!() };
    assert_eq!((evidence.record.as_str(), evidence.by, evidence.at), (user(7).to_string().as_str(), user(7), at(3)));
}

#[test]
fn a_step_that_falls_back_says_when_and_forgets_it_once_it_is_complete_again() {
    let mut world = World::new();
    let incomplete = world.fold(None, 1);
    assert_eq!(step(&incomplete, &StepId::BACKUP_ADMIN).regressed_at, None);
    world.admins(2);
    let complete = world.fold(Some(&incomplete), 3);
    world.admins(1);
    let fallen = world.fold(Some(&complete), 4);
    assert_eq!(step(&fallen, &StepId::BACKUP_ADMIN).regressed_at, Some(at(4)));
    assert_eq!(world.fold(Some(&fallen), 5), fallen);
    world.admins(2);
    let again = world.fold(Some(&fallen), 6);
    assert_eq!(step(&again, &StepId::BACKUP_ADMIN).regressed_at, None);
    assert_eq!(again.first_completed.get(&StepId::BACKUP_ADMIN), Some(&at(3)), "the first time stays");
}

#[test]
fn an_open_invite_is_in_progress_to_the_second_it_expires() {
    let mut world = World::new();
    world.open = Some(open(&world, Role::Viewer, 100));
    let checklist = world.fold(None, 1);
    assert_eq!(said(&checklist, &StepId::INVITE_TEAM, 99), "in progress: invite_open");
    assert_eq!(said(&checklist, &StepId::INVITE_TEAM, 100), "invites_expired");

    world.open = None;
    world.counters.invited_members = 1;
    world.counters.first_accepted = Some(Accepted { invite: invite(5), by: user(3), at: at(50) });
    let accepted = world.fold(Some(&checklist), 51);
    assert_eq!(said(&accepted, &StepId::INVITE_TEAM, 999), format!("complete by {}", invite(5)));
}

#[test]
fn an_invite_whose_mail_went_wrong_is_named_until_it_ends_and_then_the_others_count() {
    let mut world = World::new();
    world.open = Some(open(&world, Role::Viewer, 200));
    world.undelivered = Some(UndeliveredInvite {
        tenant: world.tenant.id,
        invite: invite(6),
        email: Email::parse("grace@acme.example").unwrap(),
        delivery: Delivery::Bounced,
        expires_at: at(100),
    });
    let checklist = world.fold(None, 1);
    let standing = &step(&checklist, &StepId::INVITE_TEAM).standing;
    let StandingNow::InProgress(why) = standing.at(at(99)) else { panic!("{standing:?}") };
    assert_eq!(why.code, "invite_bounced");
    assert!(why.detail.contains("grace@acme.example"), "{}", why.detail);
    assert_eq!(said(&checklist, &StepId::INVITE_TEAM, 100), "in progress: invite_open");
    assert_eq!(said(&checklist, &StepId::INVITE_TEAM, 200), "invites_expired");
    let moments = [99, 100, 199, 200, 999].map(|second| checklist.moments_over_at(at(second)));
    assert_eq!(moments, [0, 1, 1, 2, 2], "whoever has seen one of these has not seen the next");
}

#[test]
fn operators_are_awaited_until_their_last_invite_ends_and_then_those_who_came_are_enough() {
    let mut world = World::new();
    world.open_operator = Some(open(&world, Role::Operator, 100));
    let nobody_came = world.fold(None, 1);
    assert_eq!(said(&nobody_came, &StepId::OPERATORS_SIGNED_IN, 99), "in progress: operator_invite_open");
    assert_eq!(said(&nobody_came, &StepId::OPERATORS_SIGNED_IN, 100), "operator_missing");

    world.counters.operators = 1;
    world.counters.operators_changed = Some(LastChange::added(user(4), mark(2)));
    let one_came = world.fold(Some(&nobody_came), 3);
    assert_eq!(said(&one_came, &StepId::OPERATORS_SIGNED_IN, 99), "in progress: operator_invite_open");
    assert_eq!(said(&one_came, &StepId::OPERATORS_SIGNED_IN, 100), format!("complete by {}", user(4)));
    assert_eq!(one_came.progress(&CURRENT, at(99)).done + 1, one_came.progress(&CURRENT, at(100)).done);
    let of = |second| one_came.first_completed(step(&one_came, &StepId::OPERATORS_SIGNED_IN), at(second));
    assert_eq!((of(99), of(100), of(500)), (None, Some(at(100)), Some(at(100))), "by time alone, and not kept");
    assert_eq!(world.fold(Some(&one_came), 500), one_came, "time alone changes nothing that is kept");

    world.open_operator = Some(open(&world, Role::Operator, 900));
    let another = world.fold(Some(&one_came), 500);
    assert_eq!(step(&another, &StepId::OPERATORS_SIGNED_IN).regressed_at, Some(at(500)));
    assert_eq!(another.first_completed.get(&StepId::OPERATORS_SIGNED_IN), Some(&at(100)), "now it would be lost");
    let shown = |second| step(&another, &StepId::OPERATORS_SIGNED_IN).regressed_at(at(second));
    assert_eq!((shown(899), shown(900)), (Some(at(500)), None));
}

#[test]
fn a_skipped_step_is_left_out_of_the_progress_and_complete_wins_over_skipped() {
    let mut world = World::new();
    let skips = [(StepId::PHONE_NUMBER, skip("Our carrier's.")), (StepId::COMPANY_DETAILS, skip("Forged."))];
    world.choices = Some(Choices { skips: skips.into(), ..Choices::none(world.tenant.id) });
    let skipped = world.fold(None, 1);
    assert_eq!(step(&skipped, &StepId::PHONE_NUMBER).state_at(at(1)), StepState::Skipped);
    assert_eq!(
        step(&skipped, &StepId::COMPANY_DETAILS).skip,
        None,
        "a required step cannot be skipped, whatever is kept"
    );
    assert_eq!(skipped.progress(&CURRENT, at(1)), Count { done: 0, total: 10 });
    assert_eq!(skipped.required_progress(&CURRENT, at(1)), Count { done: 0, total: 7 });

    world.counters.phone_numbers = 1;
    world.counters.phone_numbers_changed = Some(LastChange::added("num_1", mark(2)));
    let complete = world.fold(Some(&skipped), 2);
    assert_eq!(step(&complete, &StepId::PHONE_NUMBER).state_at(at(2)), StepState::Complete);
    assert_eq!(complete.progress(&CURRENT, at(2)), Count { done: 1, total: 11 });
}

#[test]
fn choices_show_at_once_as_the_next_fold_will_have_them() {
    let mut world = World::launch_ready();
    let before = world.fold(None, 1);
    world.dismissed();
    let mut choices = world.choices.clone().unwrap();
    choices.skips.insert(StepId::API_KEY, skip("No programs of ours."));
    world.choices = Some(choices.clone());
    let shown = before.with_choices(&CURRENT, &choices, at(10));
    assert_eq!((shown.dismissed, shown.as_of), (Some(mark(9)), at(10)));
    assert_eq!(world.folded(Some(&shown), 11), Folded { checklist: shown.clone(), reopened: None });
    assert_eq!(shown.with_choices(&CURRENT, &choices, at(12)), shown);
}

#[test]
fn a_required_step_that_falls_back_opens_a_dismissed_checklist_once() {
    let mut world = World::launch_ready();
    world.dismissed();
    let dismissed = world.fold(None, 10);
    assert_eq!((dismissed.dismissed, dismissed.first_completed_at), (Some(mark(9)), Some(at(10))));

    world.admins(1);
    world.test_user = None;
    let Folded { checklist, reopened } = world.folded(Some(&dismissed), 11);
    assert_eq!(reopened, Some(Reopened { steps: vec![StepId::BACKUP_ADMIN, StepId::TEST_USER] }));
    assert_eq!((checklist.dismissed, checklist.first_completed_at), (None, Some(at(10))));

    // Whoever keeps it takes the dismissal back.
    world.choices = Some(Choices::none(world.tenant.id));
    assert_eq!(world.folded(Some(&checklist), 12), Folded { checklist: checklist.clone(), reopened: None });
    world.billing.owner = None;
    world.billing.owner_named = None;
    assert_eq!(world.folded(Some(&checklist), 13).reopened, None, "it is open already");
}

#[test]
fn a_dismissal_that_what_is_kept_says_nothing_about_still_does_not_stand_where_a_required_step_is_open() {
    let mut world = World::launch_ready();
    world.dismissed();
    world.admins(1);
    assert_eq!(world.folded(None, 10).reopened, Some(Reopened { steps: vec![StepId::BACKUP_ADMIN] }));
}

#[test]
fn an_optional_step_that_falls_back_leaves_a_dismissed_checklist_dismissed() {
    let mut world = World::launch_ready();
    world.counters.viewers = 1;
    world.dismissed();
    let dismissed = world.fold(None, 10);
    world.counters.viewers = 0;
    let Folded { checklist, reopened } = world.folded(Some(&dismissed), 11);
    assert_eq!((checklist.dismissed, reopened), (Some(mark(9)), None));
    assert_eq!(step(&checklist, &StepId::REVIEWER_ASSIGNED).regressed_at, Some(at(11)));
}

fn three_admins(facts: Facts<'_>) -> Standing {
    match facts.counters.admins {
        0..3 => Standing::Incomplete { why: Why::new("three_admins", "Three admins are asked for.") },
        _ => (CURRENT.step("backup-admin").unwrap().rule)(facts),
    }
}

fn never(_: Facts<'_>) -> Standing {
    Standing::Incomplete { why: Why::new("never", "Nobody does this.") }
}

/// A later definition: three admins, a new required step, and no API key any more.
static LATER: Definition = Definition {
    version: CURRENT.version + 1,
    steps: &[
        StepDefinition {
            id: StepId::BACKUP_ADMIN,
            title: "Backup admins",
            need: Need::Required,
            since: CURRENT.version + 1,
            action: "/users",
            rule: three_admins,
        },
        StepDefinition {
            id: StepId::named("tea"),
            title: "Tea",
            need: Need::Required,
            since: CURRENT.version + 1,
            action: "/tea",
            rule: never,
        },
        StepDefinition {
            id: StepId::BILLING_OWNER,
            title: "Billing owner",
            need: Need::Required,
            since: 1,
            action: "/billing",
            rule: rules::billing_owner,
        },
        StepDefinition {
            id: StepId::PHONE_NUMBER,
            title: "Phone number",
            need: Need::Optional,
            since: 2,
            action: "/phone-numbers",
            rule: rules::phone_number,
        },
    ],
};

#[test]
fn a_definition_that_asks_for_more_is_nobodys_regression_and_wipes_no_progress() {
    let mut world = World::launch_ready();
    world.counters.used_api_keys = 1;
    world.dismissed();
    let before = world.fold(None, 10);
    let Folded { checklist: later, reopened } = fold(&LATER, world.facts(), Some(&before), at(20));
    assert_eq!(reopened, None, "nothing came undone");
    assert_eq!(later.dismissed, Some(mark(9)));
    assert_eq!(later.first_completed_at, Some(at(10)));
    assert_eq!(said(&later, &StepId::BACKUP_ADMIN, 20), "three_admins");
    assert_eq!(step(&later, &StepId::BACKUP_ADMIN).regressed_at, None);
    assert_eq!(later.first_completed, before.first_completed, "of steps too that are gone");
    assert_eq!(later.required_progress(&LATER, at(20)), Count { done: 1, total: 3 });
    assert_eq!(fold(&LATER, world.facts(), Some(&later), at(30)).checklist, later);
}

#[test]
fn a_real_regression_after_a_change_of_definition_still_opens_the_checklist() {
    let mut world = World::launch_ready();
    world.admins(3);
    world.dismissed();
    let before = world.fold(None, 10);
    let later = fold(&LATER, world.facts(), Some(&before), at(20)).checklist;
    assert_eq!(later.dismissed, Some(mark(9)));
    world.admins(2);
    let Folded { checklist, reopened } = fold(&LATER, world.facts(), Some(&later), at(30));
    assert_eq!(reopened, Some(Reopened { steps: vec![StepId::BACKUP_ADMIN] }));
    assert_eq!(step(&checklist, &StepId::BACKUP_ADMIN).regressed_at, Some(at(30)));
}

#[test]
fn a_regression_that_comes_with_a_new_definition_is_not_lost_to_it() {
    let mut world = World::launch_ready();
    world.dismissed();
    let before = world.fold(None, 10);
    world.billing.owner = None;
    world.billing.owner_named = None;
    let Folded { checklist, reopened } = fold(&LATER, world.facts(), Some(&before), at(20));
    assert_eq!(reopened, Some(Reopened { steps: vec![StepId::BILLING_OWNER] }), "and not what is asked for only since");
    let regressed = |id: &StepId| step(&checklist, id).regressed_at;
    assert_eq!((regressed(&StepId::BILLING_OWNER), regressed(&StepId::BACKUP_ADMIN)), (Some(at(20)), None));
}

#[test]
fn a_choice_about_a_step_that_is_not_kept_yet_or_is_required_by_now_shows_as_the_next_fold_will_have_it() {
    let world = World::launch_ready();
    let mut kept = world.fold(None, 10);
    kept.definition = 1;
    kept.steps.retain(|step| step.id != StepId::PHONE_NUMBER);
    let skips = [(StepId::PHONE_NUMBER, skip("Our carrier's.")), (StepId::BILLING_OWNER, skip("Optional once."))];
    let choices = Choices { skips: skips.into(), ..Choices::none(world.tenant.id) };
    let shown = kept.with_choices(&CURRENT, &choices, at(20));
    assert_eq!(step(&shown, &StepId::PHONE_NUMBER).state_at(at(20)), StepState::Skipped);
    assert_eq!(step(&shown, &StepId::BILLING_OWNER).skip, None);
    assert_eq!(shown.progress(&CURRENT, at(20)), Count { done: 7, total: 10 });
}

#[test]
fn an_older_program_leaves_alone_what_a_newer_one_made_and_reads_it_all_the_same() {
    let world = World::launch_ready();
    let newer = fold(&LATER, world.facts(), None, at(20)).checklist;
    let read: Checklist = serde_json::from_value(serde_json::to_value(&newer).unwrap()).unwrap();
    assert_eq!(world.folded(Some(&read), 30), Folded { checklist: newer, reopened: None });
}

#[test]
fn a_checklist_kept_by_the_first_definition_is_read_and_carried_on() {
    let world = World::launch_ready();
    let mut kept = serde_json::to_value(world.fold(None, 10)).unwrap();
    kept["definition"] = 1.into();
    for added in ["dismissed", "first_completed", "first_completed_at"] {
        kept.as_object_mut().unwrap().remove(added);
    }
    let steps = kept["steps"].as_array_mut().unwrap();
    steps.truncate(5);
    steps.iter_mut().for_each(|step| drop(step.as_object_mut().unwrap().remove("skip")));
    let kept: Checklist = serde_json::from_value(kept).unwrap();
    let carried_on = world.fold(Some(&kept), 20);
    assert_eq!((carried_on.definition, carried_on.steps.len()), (2, 11));
    assert_eq!(carried_on.first_completed.len(), 7);
    assert!(carried_on.steps.iter().all(|step| step.regressed_at.is_none()));
}
