//! What another definition of the steps would do to workspaces that are there: said before it is published.

use crate::world::{Crowd, Inhabitant, StandingClock, World};
use domain::checklist::{CURRENT, Definition, Facts, Need, Standing, StepDefinition, StepId, Why};
use infra::checklist_dry_run::{self, Report, dry_run};
use jiff::Timestamp;
use std::collections::BTreeMap;

fn three_admins(facts: Facts<'_>) -> Standing {
    match facts.counters.admins {
        0..3 => Standing::Incomplete { why: Why::new("three_admins", "Three admins are asked for.") },
        _ => (CURRENT.step("backup-admin").unwrap().rule)(facts),
    }
}

fn never(_: Facts<'_>) -> Standing {
    Standing::Incomplete { why: Why::new("never", "Nobody does this.") }
}

/// The definition of today, but that three admins are asked for, and one required step more.
fn asking_for_more() -> Definition {
    let since = CURRENT.version + 1;
    let stricter = |step: &StepDefinition| match step.id == StepId::BACKUP_ADMIN {
        true => StepDefinition { rule: three_admins, since, ..step.clone() },
        false => step.clone(),
    };
    let id = StepId::named("tea");
    let tea = StepDefinition { id, title: "Tea", need: Need::Required, since, action: "/tea", rule: never };
    let steps: Vec<_> = CURRENT.steps.iter().map(stricter).chain([tea]).collect();
    Definition { version: CURRENT.version + 1, steps: Vec::leak(steps) }
}

/// Of ten, five are new, three launch-ready with two admins, and two with three.
fn ten(inhabitant: &mut Inhabitant) {
    match inhabitant.number {
        0..5 => {}
        5..8 => inhabitant.launch_ready(),
        _ => {
            inhabitant.launch_ready();
            inhabitant.admins(3);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_that_asks_for_more_is_said_to_set_back_just_those_that_it_does_and_nothing_is_written() {
    let world = World::without(&["recompute-checklist"]).await;
    let crowd = Crowd::of(&world, 10, ten).await;
    crowd.wreck_checklist(&crowd.inhabitants[0]).await;
    crowd.lose_checklist(&crowd.inhabitants[1]).await;
    crowd.wreck_counters(&crowd.inhabitants[2]).await;
    let kept = world.everything_kept().await;
    let table = checklist_dry_run::table(&crowd.lookup()).unwrap();
    let clock = StandingClock::at(Timestamp::constant(1_800_000_000, 0));

    let report = dry_run(&asking_for_more(), &table, &clock.clock()).await.unwrap();
    let expected = Report {
        definition: CURRENT.version + 1,
        tenants: 10,
        older: 7,
        newer: 0,
        unreadable: 2,
        missing: 1,
        regressing: 3,
        lost_steps: BTreeMap::from([(StepId::BACKUP_ADMIN, 3)]),
        launch_ready: 5,
        no_longer_launch_ready: 5,
    };
    assert_eq!(report, expected);
    assert!(clock.elapsed().as_millis() >= 9 * 20, "not more than 50 a second: {:?}", clock.elapsed());

    let of_today = dry_run(&CURRENT, &table, &clock.clock()).await.unwrap();
    let nothing = Report {
        definition: CURRENT.version,
        older: 0,
        regressing: 0,
        lost_steps: BTreeMap::new(),
        no_longer_launch_ready: 0,
        ..expected
    };
    assert_eq!(of_today, nothing);
    assert_eq!(world.everything_kept().await, kept);
}

#[test]
fn the_report_is_a_table_for_people() {
    let report = Report {
        definition: 3,
        tenants: 1204,
        older: 1190,
        newer: 0,
        unreadable: 2,
        missing: 1,
        regressing: 17,
        lost_steps: BTreeMap::from([(StepId::BACKUP_ADMIN, 12), (StepId::BILLING_OWNER, 6)]),
        launch_ready: 200,
        no_longer_launch_ready: 40,
    };
    let expected = "By definition 3 of this build; nothing was written.

     1204  tenants
     1190  with a checklist by an older definition
        0  with one by a newer definition, which this build leaves alone
        1  without one
        2  that cannot be read
       17  would have a step open that is complete now:
       12      backup-admin
        6      billing-owner
       40  of 200 that are launch-ready would not be any more
";
    assert_eq!(report.to_string(), expected);
}

#[test]
fn without_a_table_it_says_which_variable_it_needs() {
    let nothing = |_: &str| None;
    let error = checklist_dry_run::table(&nothing).err().unwrap();
    assert_eq!(error.to_string(), "TABLE_NAME is not set; it should hold the name of the DynamoDB table");
}
