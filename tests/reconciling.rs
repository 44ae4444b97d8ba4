//! What reconcile-checklists does for many workspaces, and what it leaves alone.

use crate::world::{Crowd, Inhabitant, Logs, StandingClock, World};
use common::app::App;
use common::clock::Clock;
use common::keys;
use common::store::Found;
use domain::checklist::{Checklist, Evidence, Standing, Step, Why};
use domain::id::UserId;
use domain::tenant::Mark;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::runtime::Handle;
use uuid::Uuid;

const NAME: &str = "reconcile-checklists";

/// Longer ago than anything that functions do here, and later than what the workspaces did.
const BEGAN: Timestamp = Timestamp::constant(1_800_000_000, 0);

/// One run, and the line in which it says what it did.
async fn run(app: Arc<App>) -> Value {
    let function = functions::all().find(|function| function.name == NAME).unwrap();
    let (outcome, logs) = Logs::during((function.schedule_source().unwrap().run)(app, json!({}))).await;
    outcome.unwrap();
    said(&logs)
}

fn said(logs: &Logs) -> Value {
    let lines: Vec<Value> = logs.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut said: Vec<_> = lines.into_iter().filter(|line| line["message"] == "reconciled").collect();
    assert_eq!(said.len(), 1, "{said:?}");
    said.remove(0)
}

/// What a run says: how many workspaces it looked at, mended, brought to the current definition, could not look at; what ended it.
fn numbers(said: &Value) -> [u64; 4] {
    ["tenants", "mended", "renewed", "failed"].map(|field| said[field].as_u64().unwrap())
}

/// Every other one is launch-ready.
fn half_of_them_ready(inhabitant: &mut Inhabitant) {
    if inhabitant.number.is_multiple_of(2) {
        inhabitant.launch_ready();
    }
}

/// A world in which the stream mends nothing.
async fn world_without_stream() -> World {
    World::without(&["recompute-checklist"]).await
}

fn everything_swapped(checklist: &Checklist) -> Checklist {
    let evidence = || Evidence {
        record: "nothing".to_owned(),
        detail: "Made up.".to_owned(),
        by: UserId::from_uuid(Uuid::from_u128(9)),
        at: BEGAN,
    };
    let swapped = |step: &Step| match &step.standing {
        Standing::Complete { .. } => Standing::Incomplete { why: Why::new("lost", "Lost.") },
        _ => Standing::Complete { evidence: evidence() },
    };
    let steps = checklist.steps.iter().map(|step| Step { standing: swapped(step), ..step.clone() }).collect();
    Checklist { steps, ..checklist.clone() }
}

fn with_stale_evidence(checklist: &Checklist) -> Checklist {
    let mut stale = checklist.clone();
    for step in &mut stale.steps {
        if let Standing::Complete { evidence } = &mut step.standing {
            evidence.detail = "As it was long ago.".to_owned();
        }
    }
    stale
}

/// In one of ten ways, the last of which is none.
async fn corrupt(crowd: &Crowd, inhabitant: &Inhabitant) {
    let checklist = inhabitant.checklist();
    match way(inhabitant) {
        0 => crowd.change(inhabitant, "CHECKLIST", "SET steps = :none").await,
        1 => crowd.keep(inhabitant, &everything_swapped(&checklist)).await,
        2 => crowd.wreck_checklist(inhabitant).await,
        3 => crowd.change(inhabitant, "CHECKLIST", "REMOVE as_of").await,
        4 => crowd.change(inhabitant, "CHECKLIST", "REMOVE v").await,
        5 => crowd.change(inhabitant, "CHECKLIST", "SET v = :text").await,
        6 => crowd.lose_checklist(inhabitant).await,
        7 => {
            let dismissed = Some(Mark { by: UserId::from_uuid(Uuid::from_u128(9)), at: BEGAN });
            crowd.keep(inhabitant, &Checklist { dismissed, ..checklist }).await;
        }
        8 => crowd.keep(inhabitant, &with_stale_evidence(&checklist)).await,
        _ => {}
    }
}

/// Each of them for workspaces that are launch-ready and for those that are not.
fn way(inhabitant: &Inhabitant) -> usize {
    inhabitant.number / 2 % 10
}

/// All that the facts say; when things were first complete, and when they fell back, is history.
fn says(checklist: &Checklist) -> Value {
    let steps: Vec<_> = checklist.steps.iter().map(|step| json!([step.id, step.standing, step.skip])).collect();
    json!([checklist.tenant, checklist.definition, steps, checklist.dismissed])
}

#[tokio::test(flavor = "multi_thread")]
async fn after_one_run_1000_workspaces_corrupted_in_all_ways_are_as_they_should_be_and_the_others_as_they_were() {
    let world = world_without_stream().await;
    let crowd = Crowd::of(&world, 1110, half_of_them_ready).await;
    for inhabitant in &crowd.inhabitants {
        corrupt(&crowd, inhabitant).await;
    }
    let clock = StandingClock::at(BEGAN);

    let first = run(crowd.app(clock.clock())).await;
    assert_eq!(numbers(&first), [1110, 1000, 0, 0], "{first}");
    assert_eq!((&first["level"], &first["ended"]), (&json!("ERROR"), &json!("at the table's end")));
    let least = SignedDuration::from_millis(1110 * 20);
    assert!(clock.elapsed() >= least, "more than 50 a second: {:?}", clock.elapsed());
    for inhabitant in &crowd.inhabitants {
        let kept = crowd.kept(inhabitant).await.unwrap();
        assert_eq!(says(&kept), says(&inhabitant.checklist()), "{}", inhabitant.number);
        if way(inhabitant) == 9 {
            assert_eq!((kept.item, kept.version), (inhabitant.checklist(), 1), "it was as it should be");
        }
    }

    let kept = world.everything_kept().await;
    let second = run(crowd.app(clock.clock())).await;
    assert_eq!(numbers(&second), [1110, 0, 0, 0], "{second}");
    assert_eq!(second["level"], "INFO");
    assert_eq!(world.everything_kept().await, kept, "something was written although there was nothing to mend");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_wrecked_checklists_steps_were_first_complete_is_not_lost_with_it() {
    let world = world_without_stream().await;
    let crowd = Crowd::of(&world, 1, Inhabitant::launch_ready).await;
    let inhabitant = &crowd.inhabitants[0];
    let before = inhabitant.checklist();
    assert!(before.first_completed_at.is_some() && before.first_completed.len() >= 7);
    crowd.wreck_checklist(inhabitant).await;
    run(crowd.app(StandingClock::at(BEGAN).clock())).await;
    let kept = crowd.kept(inhabitant).await.unwrap();
    assert!(kept.as_of >= BEGAN + SignedDuration::from_secs(3), "the stream was given its time");
    assert_eq!(kept.item, Checklist { as_of: kept.as_of, ..before });
    assert_eq!(kept.version, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_out_of_time_is_gone_on_with_by_the_next_and_then_one_begins_anew() {
    let world = world_without_stream().await;
    let crowd = Crowd::of(&world, 300, |_| {}).await;
    // By four seconds a workspace 14 minutes are over before the first page is.
    let clock = StandingClock::at(BEGAN).clock_that(|_| SignedDuration::from_secs(4));
    let first = run(crowd.app(clock.clone())).await;
    let [looked_at, ..] = numbers(&first);
    assert_eq!(first["ended"], "out of time; the next run goes on");
    assert!((210..300).contains(&looked_at), "{first}");
    assert!(matches!(crowd.store.find(keys::cursor(NAME)).await.unwrap(), Found::Sound(_)));

    let second = run(crowd.app(clock.clone())).await;
    assert_eq!(second["ended"], "at the table's end");
    assert_eq!(numbers(&second), [300 - looked_at, 0, 0, 0], "{second}");
    assert!(matches!(crowd.store.find(keys::cursor(NAME)).await.unwrap(), Found::Nothing));

    let third = run(crowd.app(clock)).await;
    assert_eq!(numbers(&third), [looked_at, 0, 0, 0], "from the start");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_dies_is_gone_on_with_from_the_page_in_which_it_died() {
    let world = world_without_stream().await;
    let crowd = Crowd::of(&world, 300, |_| {}).await;
    for inhabitant in &crowd.inhabitants {
        crowd.change(inhabitant, "CHECKLIST", "SET steps = :none").await;
    }
    let standing = StandingClock::at(BEGAN);
    let elapsed = standing.clone();
    let mortal = standing.clock_that(move |_| {
        // Past the first page, its suspects and the pause for them, and short of the second.
        assert!(elapsed.elapsed() < SignedDuration::from_secs(15), "the function was killed");
        SignedDuration::ZERO
    });
    let died = tokio::spawn(run(crowd.app(mortal))).await;
    assert!(died.unwrap_err().is_panic());
    let Found::Sound(cursor) = crowd.store.find(keys::cursor(NAME)).await.unwrap() else { panic!("no cursor") };
    assert_eq!(cursor.function, NAME);

    let next = run(crowd.app(StandingClock::at(BEGAN).clock())).await;
    let [looked_at, mended, ..] = numbers(&next);
    assert!((1..300).contains(&looked_at) && (1..=looked_at).contains(&mended), "{next}");
    assert_eq!(next["ended"], "at the table's end");
    for inhabitant in &crowd.inhabitants {
        assert_eq!(says(&crowd.kept(inhabitant).await.unwrap()), says(&inhabitant.checklist()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_runs_at_once_one_gives_way_and_all_is_mended() {
    let world = world_without_stream().await;
    let crowd = Crowd::of(&world, 300, |_| {}).await;
    for inhabitant in &crowd.inhabitants {
        crowd.change(inhabitant, "CHECKLIST", "SET steps = :none").await;
    }
    let app = || crowd.app(StandingClock::at(BEGAN).clock());
    let (one, other) = tokio::join!(run(app()), run(app()));
    let mut ended = [one["ended"].as_str().unwrap(), other["ended"].as_str().unwrap()];
    ended.sort_unstable();
    assert_eq!(ended, ["at the table's end", "overtaken by another run, which goes on"]);
    assert_eq!((numbers(&one)[3], numbers(&other)[3]), (0, 0));
    for inhabitant in &crowd.inhabitants {
        assert_eq!(says(&crowd.kept(inhabitant).await.unwrap()), says(&inhabitant.checklist()));
    }
    assert!(matches!(crowd.store.find(keys::cursor(NAME)).await.unwrap(), Found::Nothing));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_that_cannot_be_read_is_counted_and_stops_no_others() {
    let world = world_without_stream().await;
    let crowd = Crowd::of(&world, 20, |_| {}).await;
    for (inhabitant, (sk, expression)) in crowd.inhabitants.iter().zip([
        ("COUNTERS", "SET admins = :text"),
        ("TENANT", "REMOVE default_time_zone"),
        ("BILLING", "REMOVE v"),
    ]) {
        crowd.change(inhabitant, sk, expression).await;
    }
    for inhabitant in &crowd.inhabitants[3..] {
        crowd.change(inhabitant, "CHECKLIST", "SET steps = :none").await;
    }
    let said = run(crowd.app(StandingClock::at(BEGAN).clock())).await;
    assert_eq!(numbers(&said), [20, 17, 0, 3], "{said}");
    assert_eq!(said["level"], "ERROR");
    for inhabitant in &crowd.inhabitants {
        assert_eq!(says(&crowd.kept(inhabitant).await.unwrap()), says(&inhabitant.checklist()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checklist_by_an_older_definition_is_brought_to_this_one_and_is_no_drift() {
    let world = world_without_stream().await;
    let crowd = Crowd::of(&world, 1, Inhabitant::launch_ready).await;
    let inhabitant = &crowd.inhabitants[0];
    let mut older = inhabitant.checklist();
    older.definition -= 1;
    older.steps.truncate(5);
    crowd.keep(inhabitant, &older).await;
    let said = run(crowd.app(StandingClock::at(BEGAN).clock())).await;
    assert_eq!((numbers(&said), &said["level"]), ([1, 0, 1, 0], &json!("INFO")));
    assert_eq!(says(&crowd.kept(inhabitant).await.unwrap()), says(&inhabitant.checklist()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_stream_brings_about_within_seconds_is_no_drift() {
    let world = world_without_stream().await;
    let crowd = Arc::new(Crowd::of(&world, 1, Inhabitant::launch_ready).await);
    let checklist = crowd.inhabitants[0].checklist();
    crowd.keep(&crowd.inhabitants[0], &with_stale_evidence(&checklist)).await;

    // Meanwhile the stream's own instance comes by.
    let (runtime, late) = (Handle::current(), crowd.clone());
    let clock: Clock = StandingClock::at(BEGAN).clock_that(move |waited| {
        if waited >= SignedDuration::from_secs(2) {
            let comes_by = late.keep(&late.inhabitants[0], &checklist);
            tokio::task::block_in_place(|| runtime.block_on(comes_by));
        }
        SignedDuration::ZERO
    });
    let said = run(crowd.app(clock)).await;
    assert_eq!((numbers(&said), &said["level"]), ([1, 0, 0, 0], &json!("INFO")));
    let kept = crowd.kept(&crowd.inhabitants[0]).await.unwrap();
    assert_eq!((kept.version, says(&kept)), (3, says(&crowd.inhabitants[0].checklist())));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mended_workspace_has_a_line_with_its_steps_and_their_states_and_nothing_else() {
    let world = world_without_stream().await;
    let crowd = Crowd::of(&world, 3, |_| {}).await;
    let mut kept = crowd.inhabitants[0].checklist();
    kept.steps.retain(|step| step.id.as_str() != "backup-admin");
    crowd.keep(&crowd.inhabitants[0], &kept).await;
    crowd.wreck_checklist(&crowd.inhabitants[1]).await;
    crowd.lose_checklist(&crowd.inhabitants[2]).await;
    let function = functions::all().find(|function| function.name == NAME).unwrap();
    let app = crowd.app(StandingClock::at(BEGAN).clock());
    let (outcome, logs) = Logs::during((function.schedule_source().unwrap().run)(app, json!({}))).await;
    outcome.unwrap();
    let lines: Vec<Value> = logs.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (inhabitant, differences) in crowd.inhabitants.iter().zip([
        "backup-admin is incomplete and was absent",
        "it could not be read",
        "there was none",
    ]) {
        let tenant = json!(inhabitant.tenant.id);
        let of_it: Vec<_> = lines.iter().filter(|line| line["tenant"] == tenant).collect();
        assert_eq!(of_it.len(), 1, "{lines:?}");
        assert_eq!((&of_it[0]["level"], &of_it[0]["differences"]), (&json!("WARN"), &json!(differences)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_cannot_be_read_costs_a_run_from_the_start_and_is_gone_after_it() {
    let world = world_without_stream().await;
    let crowd = Crowd::of(&world, 3, |_| {}).await;
    crowd.plant_cursor_wreck(NAME).await;
    assert!(matches!(crowd.store.find(keys::cursor(NAME)).await.unwrap(), Found::Wreck(_)));
    let said = run(crowd.app(StandingClock::at(BEGAN).clock())).await;
    assert_eq!((numbers(&said), &said["ended"]), ([3, 0, 0, 0], &json!("at the table's end")));
    assert!(matches!(crowd.store.find(keys::cursor(NAME)).await.unwrap(), Found::Nothing));
}
