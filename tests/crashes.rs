//! What stops half-way, or stands still and then goes on: an instance may be frozen or killed between any two calls.
//!
//! The modules kill one at every step: see [`Death`]. Whatever step that is, the table adds up, and whoever sends the request again,
//! or hands the record over again, gets what they would have got.

mod accept;
mod connect;
mod invite;
mod members;
mod resend;
mod send_mail;

use crate::world::{Death, HeldTable, Person, World};
use aws_sdk_dynamodb::types::AttributeValue;
use common::app::App;
use common::clock::Clock;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::sync::Arc;

/// How a run went that was to end at some step.
enum Life {
    CutShort,
    Whole,
}

impl Life {
    fn of<T>(answer: &Option<T>) -> Life {
        match answer {
            None => Life::CutShort,
            Some(_) => Life::Whole,
        }
    }
}

/// Lives again and again, and ends one step later each time, until it ends at none. How many steps there were.
async fn at_every_step(mut live: impl AsyncFnMut(Death) -> Life) -> usize {
    let mut steps = 0;
    for death in Death::every() {
        match live(death).await {
            Life::CutShort => steps += 1,
            Life::Whole => break,
        }
    }
    steps
}

/// As long as a keyed request is taken to be at work.
const REQUEST_LEASE: SignedDuration = SignedDuration::from_secs(35);

/// The tokens in the links that were mailed to somebody, newest first, once every trigger has caught up.
async fn tokens_mailed_to(world: &World, email: &str) -> Vec<String> {
    world.settled().await;
    tokens_in_mailbox_of(world, email)
}

/// The same, as it is at this moment.
fn tokens_in_mailbox_of(world: &World, email: &str) -> Vec<String> {
    world.stack().mailbox().messages_to(email).iter().map(|mail| World::token_in(&mail.text)).collect()
}

/// Whether a link opens its invite.
async fn opens(world: &World, token: &str) -> bool {
    let answer = world.post("/v1/invites/preview", json!({ "token": token })).send().await;
    match answer.status {
        200 => true,
        _ => {
            answer.expect_problem(410, "invite_gone");
            false
        }
    }
}

/// Gives a workspace as many seats as are taken, and `free` more or fewer.
async fn leave_seats(world: &World, admin: &Person, free: i64) {
    let taken = world.books().await.counters(&admin.tenant).seats_taken;
    let seats = taken.checked_add_signed(free).unwrap();
    let update = world.dynamo().update_item().table_name(world.stack().table());
    let update = update
        .key("pk", AttributeValue::S(format!("TENANT#{}", admin.tenant)))
        .key("sk", AttributeValue::S("COUNTERS".to_owned()))
        .update_expression("SET seats = :seats")
        .expression_attribute_values(":seats", AttributeValue::N(seats.to_string()));
    update.send().await.unwrap();
}

/// Invites somebody whose day passes, in a workspace with room for them: their seat is there for whoever wants it.
async fn invite_in_vain(world: &World, admin: &Person, death: Death) -> Person {
    leave_seats(world, admin, 10).await;
    let late = json!({ "invites": [{ "email": format!("late.{death}@acme.example") }], "expires_in_days": 1 });
    let answer = world.post("/v1/invites", late).by(admin).send().await.expect_status(200);
    assert_eq!(answer.body["results"][0]["status"], "invited");
    world.settled().await;
    world.pass(SignedDuration::from_hours(25));
    world.refreshed(admin).await
}

/// A trigger's event with one record of a tenant's item.
fn event(tenant: &str, sk: &str) -> Value {
    json!({ "Records": [{
        "eventID": "1", "eventName": "MODIFY", "eventSource": "aws:dynamodb",
        "dynamodb": { "Keys": { "pk": { "S": format!("TENANT#{tenant}") }, "sk": { "S": sk } }, "SequenceNumber": "1" },
    }] })
}

/// `recompute-checklist`, run by hand on the table at `endpoint`.
async fn recompute(world: &World, endpoint: &str, tenant: &str) -> Result<Value, String> {
    // It is not deployed there; another that signs nothing is told the same.
    let mut environment = world.stack().environment("get-checklist");
    environment.retain(|(name, _)| name != "AWS_ENDPOINT_URL_DYNAMODB");
    environment.push(("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), endpoint.to_owned()));
    let lookup = |name: &str| environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let app = Arc::new(App::from(&lookup, &[], Clock::system()).unwrap());
    let function = functions::all().find(|function| function.name == "recompute-checklist").unwrap();
    (function.stream_source().unwrap().run)(app, event(tenant, "BILLING")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recompute_that_stood_still_while_the_state_went_and_came_back_leaves_no_stale_checklist() {
    let world = World::without(&["recompute-checklist"]).await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let state = async || world.checklist(&ada).await["steps"][2]["state"].clone();
    assert_eq!(state().await, "incomplete");

    // One instance is woken, reads while a billing owner is named, and stands still before it writes.
    set_billing(&world, &ada.tenant, &AttributeValue::S(ada.id.clone()), mark(&ada.id)).await;
    let table = HeldTable::before(world.stack().dynamo_endpoint()).await;
    let stalled = recompute(&world, &table.endpoint, &ada.tenant);
    let meanwhile = async {
        table.holding().await;
        // The owner is taken back, and another instance finds that the kept checklist is right: it writes nothing.
        set_billing(&world, &ada.tenant, &AttributeValue::Null(true), AttributeValue::Null(true)).await;
        let direct = recompute(&world, world.stack().dynamo_endpoint(), &ada.tenant).await;
        table.let_go();
        direct
    };
    let (stalled, direct) = tokio::join!(stalled, meanwhile);
    for answer in [stalled, direct] {
        assert_eq!(answer.unwrap(), json!({ "batchItemFailures": [] }));
    }
    assert_eq!(state().await, "incomplete");
}

fn mark(user: &str) -> AttributeValue {
    let members = [("by", user), ("at", "2026-11-21T00:00:00Z")];
    AttributeValue::M(members.map(|(name, text)| (name.to_owned(), AttributeValue::S(text.to_owned()))).into())
}

async fn set_billing(world: &World, tenant: &str, owner: &AttributeValue, named: AttributeValue) {
    let update = world.dynamo().update_item().table_name(world.stack().table());
    let update = update
        .key("pk", AttributeValue::S(format!("TENANT#{tenant}")))
        .key("sk", AttributeValue::S("BILLING".to_owned()))
        .update_expression("SET #owner = :owner, owner_named = :named ADD v :one")
        .expression_attribute_names("#owner", "owner")
        .expression_attribute_values(":owner", owner.clone())
        .expression_attribute_values(":named", named)
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
    update.send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_whose_sender_died_is_sent_once_its_lease_is_over() {
    let world = World::in_process().await;
    world.sign_up("ada@acme.example", "Acme Inc.").await;
    assert_eq!(world.mails_to("ada@acme.example").await.len(), 1);

    // What a sender leaves behind that died after it took the lease: a row like the sent one, under another id. It is a sign-up's,
    // because a mail that is not its invite's own is withdrawn.
    let sent = world
        .dynamo()
        .query()
        .table_name(world.stack().table())
        .key_condition_expression("pk = :pk AND begins_with(sk, :sk)");
    let sent = sent.expression_attribute_values(":pk", AttributeValue::S("EMAIL#ada@acme.example".to_owned()));
    let sent = sent.expression_attribute_values(":sk", AttributeValue::S("OUTBOX#".to_owned())).send().await.unwrap();
    let mut row = sent.items()[0].clone();
    let until = (world.now() + SignedDuration::from_secs(3)).to_string();
    let state = [("state", "sending"), ("until", &until)];
    row.insert(
        "state".to_owned(),
        AttributeValue::M(state.map(|(name, text)| (name.to_owned(), AttributeValue::S(text.to_owned()))).into()),
    );
    let id = "out_00000000000000000000000000000001";
    row.insert("id".to_owned(), AttributeValue::S(id.to_owned()));
    row.insert("sk".to_owned(), AttributeValue::S(format!("OUTBOX#{id}")));
    world.dynamo().put_item().table_name(world.stack().table()).set_item(Some(row)).send().await.unwrap();

    assert_eq!(world.mails_to("ada@acme.example").await.len(), 2, "one more, and only one");
    assert!(world.stack().dead_letters().list().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_outlasts_an_outage_of_more_tries_than_other_work_is_given() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    // The SDK tries three times for each of ours: twelve of ours, one more than what has ten retries gets.
    world.stack().mailbox().fail_next(36, reqwest::StatusCode::INTERNAL_SERVER_ERROR, "InternalServiceError");
    world.invite(&ada, "grace@acme.example", "viewer").await;
    assert_eq!(world.mails_to("grace@acme.example").await.len(), 1);
    assert!(world.stack().dead_letters().list().is_empty());
}
