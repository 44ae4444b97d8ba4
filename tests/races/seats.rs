//! Many want the last seats.

use super::links;
use super::table::{assert_counters, items, key, leave_seats, number, partition, read};
use crate::world::{Answer, Person, World};
use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};

const TRIALS: usize = 40;
const RACERS: usize = 24;
/// Where a seat has to be given back first, everybody takes several steps.
const RECLAIMERS: usize = 12;
const RECLAIMING_TRIALS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn when_24_requests_want_the_last_seats_as_many_rows_get_one_as_there_are_in_40_of_40_trials() {
    let world = World::in_process().await;
    // One member may have 200 mails sent in an hour.
    let mut inviters = Vec::new();
    for n in 0..4 {
        inviters.push(world.sign_up(&format!("ada{n}@acme.example"), "Acme Inc.").await);
    }
    for trial in 0..TRIALS {
        let ada = &inviters[trial % inviters.len()];
        let left = 1 + trial % 8;
        leave_seats(&world, &ada.tenant, i64::try_from(left).unwrap()).await;
        let rows = invite_at_once(&world, ada, RACERS, trial).await;
        assert_seats(&rows, left, trial);
        assert_full(&world, ada, trial).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_12_requests_want_the_seats_of_expired_invites_each_is_given_back_once_in_20_of_20_trials() {
    let world = World::in_process().await;
    let mut ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    for trial in 0..RECLAIMING_TRIALS {
        // What was invited in the trial before holds its seats: sometimes more than there are now, sometimes fewer.
        ada = a_day_later(&world, &ada).await;
        let left = 1 + trial * 5 % 8;
        let held = i64::try_from(items(&world, &ada.tenant, "OPEN_INVITE#").await.len()).unwrap();
        leave_seats(&world, &ada.tenant, i64::try_from(left).unwrap() - held).await;
        let rows = invite_at_once(&world, &ada, RECLAIMERS, trial).await;
        assert_seats(&rows, left, trial);
        assert_full(&world, &ada, trial).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_invite_that_is_sent_again_while_its_seat_is_wanted_has_one_seat_or_none() {
    let world = World::in_process().await;
    let mut ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    for trial in 0..RECLAIMING_TRIALS {
        let expired = invite_for_a_day(&world, &ada, &format!("e{trial}@acme.example")).await;
        ada = a_day_later(&world, &ada).await;
        leave_seats(&world, &ada.tenant, i64::try_from(trial % 3).unwrap()).await;
        let path = format!("/v1/invites/{}/resend", links::id(&expired));
        let resends = join_all((0..2).map(|_| world.post(&path, json!({})).by(&ada).send()));
        let (resends, _) = tokio::join!(resends, invite_at_once(&world, &ada, RECLAIMERS, trial));
        for resend in resends {
            assert!([200, 409, 503].contains(&resend.status), "trial {trial}: {}", resend.text);
        }
        assert_counters(&world, &ada.tenant, &format!("trial {trial}")).await;
    }
}

async fn invite_for_a_day(world: &World, by: &Person, email: &str) -> Value {
    leave_seats(world, &by.tenant, 1).await;
    let body = json!({ "invites": [{ "email": email }], "expires_in_days": 1 });
    let answer = world.post("/v1/invites", body).by(by).send().await;
    results(answer)[0]["invite"].clone()
}

/// Every fourth request has three rows, the others one; the results of all.
async fn invite_at_once(world: &World, by: &Person, racers: usize, trial: usize) -> Vec<Value> {
    let row = |racer, n| json!({ "email": format!("t{trial}-{racer}-{n}@acme.example") });
    let rows = |racer: usize| (0..rows_of(racer)).map(|n| row(racer, n)).collect::<Vec<_>>();
    let body = |racer| json!({ "invites": rows(racer), "expires_in_days": 1 });
    let answers = join_all((0..racers).map(|racer| world.post("/v1/invites", body(racer)).by(by).send())).await;
    answers.into_iter().flat_map(results).collect()
}

fn rows_of(racer: usize) -> usize {
    if racer.is_multiple_of(4) { 3 } else { 1 }
}

fn results(answer: Answer) -> Vec<Value> {
    answer.expect_status(200).body["results"].as_array().unwrap().clone()
}

/// So many have a seat; the others are told that there is none, and not to wait for one.
fn assert_seats(rows: &[Value], seats: usize, trial: usize) {
    let invited = rows.iter().filter(|row| row["status"] == "invited").count();
    assert_eq!(invited, seats, "trial {trial}");
    let refused = rows.iter().filter(|row| row["status"] == "limit" && row["retry_after"].is_null()).count();
    assert_eq!(refused, rows.len() - seats, "trial {trial}: {rows:?}");
}

async fn assert_full(world: &World, member: &Person, trial: usize) {
    let counters = read(world, &member.tenant, "COUNTERS").await;
    assert_eq!(number(&counters, "seats_taken"), number(&counters, "seats"), "trial {trial}");
    assert_counters(world, &member.tenant, &format!("trial {trial}")).await;
}

async fn a_day_later(world: &World, person: &Person) -> Person {
    world.pass(SignedDuration::from_hours(25));
    world.refreshed(person).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_naive_way_to_take_a_seat_takes_more_than_there_are() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    for _ in 0..TRIALS {
        leave_seats(&world, &ada.tenant, 1).await;
        join_all((0..RACERS).map(|_| take_naively(&world, &ada.tenant))).await;
        let counters = read(&world, &ada.tenant, "COUNTERS").await;
        if number(&counters, "seats_taken") > number(&counters, "seats") {
            return;
        }
    }
    panic!("read-check-write took one every time: the race does not bite");
}

/// Reads how many seats are taken, and if there is another, takes it.
async fn take_naively(world: &World, tenant: &str) {
    let counters = read(world, tenant, "COUNTERS").await;
    if number(&counters, "seats_taken") >= number(&counters, "seats") {
        return;
    }
    let key = key(&partition(tenant), "COUNTERS");
    let update = world.dynamo().update_item().table_name(world.stack().table()).set_key(Some(key));
    let update = update
        .update_expression("ADD seats_taken :one")
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
    update.send().await.unwrap();
}
