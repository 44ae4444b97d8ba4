//! Records that can never be done: nobody else's work waits for them, they end in the dead letters with their reason, and they are
//! played again once what was wrong is mended. What waits behind one in its lane, and how long: `aws-local`'s tests of the mapping.

use crate::world::{Death, Mortal, Person, World};
use aws_local::event_source::{Condition, DeadLetter};
use aws_sdk_dynamodb::types::AttributeValue;
use common::trigger::Patience;
use serde_json::{Value, json};

const RECOMPUTE: &str = "recompute-checklist";

fn text(text: impl ToString) -> AttributeValue {
    AttributeValue::S(text.to_string())
}

async fn put(world: &World, item: impl IntoIterator<Item = (String, AttributeValue)>) {
    let put = world.dynamo().put_item().table_name(world.stack().table());
    put.set_item(Some(item.into_iter().collect())).send().await.unwrap();
}

fn key(pk: &str, sk: &str) -> [(String, AttributeValue); 2] {
    [("pk", pk), ("sk", sk)].map(|(name, value)| (name.to_owned(), text(value)))
}

fn partition(person: &Person) -> String {
    format!("TENANT#{}", person.tenant)
}

/// Sets an attribute of an item past every rule; what it was before.
async fn set(world: &World, pk: &str, sk: &str, attribute: &str, value: AttributeValue) -> Option<AttributeValue> {
    let update = world.dynamo().update_item().table_name(world.stack().table()).set_key(Some(key(pk, sk).into()));
    let update = update.update_expression("SET #it = :it").expression_attribute_names("#it", attribute);
    let update = update.expression_attribute_values(":it", value);
    let before = update.return_values("UPDATED_OLD".into()).send().await.unwrap();
    before.attributes.and_then(|mut attributes| attributes.remove(attribute))
}

/// The letter about the one record of this item.
#[track_caller]
fn letter_about<'a>(letters: &'a [DeadLetter], pk: &str, sk: &str) -> &'a DeadLetter {
    let is_about = |record: &Value| record["dynamodb"]["Keys"] == json!({ "pk": { "S": pk }, "sk": { "S": sk } });
    let letter = letters.iter().find(|letter| letter.local.records.iter().any(is_about)).unwrap();
    assert_eq!(letter.local.records.len(), 1, "{letter:?}");
    letter
}

/// It was tried as often as its function's mapping is configured to, and its reason stands in it.
#[track_caller]
fn assert_given_up(letter: &DeadLetter, reason: &str) {
    let function = functions::all().find(|function| function.name == letter.local.mapping).unwrap();
    let Patience::Retries(retries) = function.stream_source().unwrap().patience else {
        panic!("{} never gives up", function.name);
    };
    assert_eq!(letter.request_context.condition, Condition::RetryAttemptsExhausted);
    // Once, so many times more, and once for each time that its batch was halved.
    let tries = letter.request_context.approximate_invoke_count;
    assert!((retries + 1..=retries + 7).contains(&tries), "{letter:?}");
    assert_eq!(letter.local.last_error.as_deref(), Some(reason));
    let function_error = letter.response_context.as_ref().and_then(|response| response.function_error.as_deref());
    assert_eq!(function_error, Some("Unhandled"), "what never passes is an error, and there is an alarm about errors");
}

const UNKNOWN: &str = "Error: internal: a record of a kind that is not known";

fn unreadable(kind: &str, fault: &str) -> String {
    format!("Error: internal: an item of the kind {kind} cannot be read: {fault}")
}

async fn confirm_time_zone(world: &World, person: &Person) {
    world.change("/v1/tenant", person, json!({ "default_time_zone_confirmed": true })).await.expect_status(200);
}

async fn time_zone_step(world: &World, person: &Person) -> Value {
    world.step(person, "default-timezone").await["state"].clone()
}

/// A record as the stream hands it over.
fn record(sequence: &str, pk: &str, sk: &str) -> Value {
    let keys = json!({ "pk": { "S": pk }, "sk": { "S": sk } });
    json!({ "eventName": "MODIFY", "dynamodb": { "SequenceNumber": sequence, "Keys": keys } })
}

async fn by_hand(world: &World, function: &str, records: Vec<Value>) -> Result<Value, String> {
    Mortal::new(world, function, Death::NEVER).await.run(json!({ "Records": records })).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_record_of_a_batch_is_done_each_time_that_the_poison_is_tried() {
    let world = World::without(&[RECOMPUTE]).await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    let eve = world.sign_up("eve@third.example", "Third AG").await;
    for person in [&ada, &bob, &eve] {
        confirm_time_zone(&world, person).await;
    }
    set(&world, &partition(&eve), "COUNTERS", "seats", text("many")).await;

    let no_key = json!({ "eventName": "REMOVE", "dynamodb": { "SequenceNumber": "4" } });
    let batch = vec![
        record("1", &partition(&ada), "TENANT"),
        record("2", "PLANET#1", "COUNTERS"),
        record("3", &partition(&eve), "TENANT"),
        no_key,
        record("5", &partition(&bob), "TENANT"),
    ];
    let answer = by_hand(&world, RECOMPUTE, batch).await.unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "2" }] }));
    assert_eq!(time_zone_step(&world, &ada).await, "complete");
    assert_eq!(time_zone_step(&world, &bob).await, "complete");
    assert_eq!(time_zone_step(&world, &eve).await, "incomplete");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_cannot_be_read_keeps_no_other_of_its_batch() {
    let world = World::without(&["send-mail"]).await;
    world.ask_to_sign_up("ada@acme.example", "Acme Inc.").await;
    let rows = world.dynamo().query().table_name(world.stack().table()).key_condition_expression("pk = :pk");
    let rows = rows.expression_attribute_values(":pk", text("EMAIL#ada@acme.example")).send().await.unwrap();
    let of_outbox = |item: &&std::collections::HashMap<String, AttributeValue>| {
        item["sk"].as_s().is_ok_and(|sk| sk.starts_with("OUTBOX#"))
    };
    let row = rows.items().iter().find(of_outbox).unwrap();
    let sk = row["sk"].as_s().unwrap();
    let bad = "OUTBOX#out_00000000000000000000000000000001";
    let mut spoilt = row.clone();
    spoilt.extend([("sk".to_owned(), text(bad)), ("state".to_owned(), text("sideways"))]);
    put(&world, spoilt).await;

    let (pk, no_id) = ("EMAIL#ada@acme.example", "OUTBOX#7");
    let batch = vec![record("1", pk, bad), record("2", pk, no_id), record("3", "PLANET#1", sk), record("4", pk, sk)];
    let answer = by_hand(&world, "send-mail", batch).await.unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "1" }] }));
    assert_eq!(world.mails_to("ada@acme.example").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_a_kind_that_is_not_known_ends_in_the_dead_letters_and_everybody_elses_work_is_done() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let strange = [("PLANET#1", "COUNTERS"), ("TENANT#ten_1", "TENANT"), ("PLANET#1", "UNDELIVERED_INVITE#x")];
    for (pk, sk) in strange {
        put(&world, key(pk, sk)).await;
    }
    confirm_time_zone(&world, &ada).await;

    assert_eq!(time_zone_step(&world, &ada).await, "complete");
    let letters = world.stack().dead_letters().list();
    assert_eq!(letters.len(), strange.len(), "{letters:?}");
    for (pk, sk) in strange {
        assert_given_up(letter_about(&letters, pk, sk), UNKNOWN);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_is_not_what_its_kind_is_fails_its_own_tenant_and_is_played_again_once_it_is_mended() {
    let world = World::in_process().await;
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    let spoils =
        [("Counters", "COUNTERS", "seats"), ("Tenant", "TENANT", "country"), ("Billing", "BILLING", "recipients")];
    let mut spoilt = Vec::new();
    for (kind, sk, attribute) in spoils {
        let person = world.sign_up(&format!("ada@{}.example", sk.to_lowercase()), "Acme Inc.").await;
        world.settled().await;
        let was = set(&world, &partition(&person), sk, attribute, AttributeValue::Bool(true)).await;
        spoilt.push((person, kind, sk, attribute, was));
    }
    confirm_time_zone(&world, &bob).await;

    assert_eq!(time_zone_step(&world, &bob).await, "complete");
    let letters = world.stack().dead_letters().list();
    assert_eq!(letters.len(), spoils.len(), "{letters:?}");
    for (person, kind, sk, ..) in &spoilt {
        let letter = letter_about(&letters, &partition(person), sk);
        let told = letter.local.last_error.clone().unwrap();
        assert!(told.starts_with(&unreadable(kind, "")), "{told}");
        assert_given_up(letter, &told);
    }

    // Nothing is mended: every letter stays, and says why.
    for (attempt, letter) in world.stack().replay_dead_letters().await.iter().zip(&letters) {
        assert_eq!(
            (&attempt.request_id, &attempt.function),
            (&letter.request_context.request_id, &letter.local.mapping)
        );
        assert_eq!(attempt.failed, letter.local.last_error);
    }
    assert_eq!(world.stack().dead_letters().list(), letters);

    // One is. What its record stands for was not done meanwhile: mending it is a change too, whose own record does the work here,
    // so the checklist is spoilt after that.
    let (ada, _, sk, attribute, was) = &spoilt[0];
    set(&world, &partition(ada), sk, attribute, was.clone().unwrap()).await;
    world.settled().await;
    let right = world.checklist(ada).await;
    world.spoil_checklist(&ada.tenant).await;
    assert_ne!(world.checklist(ada).await["steps"], right["steps"]);

    let attempts = world.stack().replay_dead_letters().await;
    assert_eq!(attempts.iter().filter(|attempt| attempt.failed.is_none()).count(), 1, "{attempts:?}");
    assert_eq!(world.checklist(ada).await["steps"], right["steps"]);
    let left: Vec<_> =
        letters.into_iter().filter(|letter| letter.local.records[0]["dynamodb"]["Keys"]["sk"]["S"] != *sk).collect();
    assert_eq!(world.stack().dead_letters().list(), left);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_as_large_as_items_may_be_is_no_poison_and_one_under_the_longest_key_fails_its_own_tenant() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let eve = world.sign_up("eve@third.example", "Third AG").await;
    world.settled().await;
    // 400 KB are the most, names and all.
    set(&world, &partition(&ada), "COUNTERS", "ballast", text("x".repeat(380 * 1024))).await;
    let many = (0..5000).map(|n| (format!("a{n}"), AttributeValue::N(n.to_string())));
    set(&world, &partition(&ada), "TENANT", "ballast", AttributeValue::M(many.collect())).await;
    // A marker of an undelivered invite, by its key; 1024 bytes are the most.
    let longest = format!("{:x<1024}", "UNDELIVERED_INVITE#");
    let ballast = ("ballast".to_owned(), text("x".repeat(380 * 1024)));
    put(&world, key(&partition(&eve), &longest).into_iter().chain([ballast])).await;
    confirm_time_zone(&world, &ada).await;

    assert_eq!(time_zone_step(&world, &ada).await, "complete");
    let letters = world.stack().dead_letters().list();
    let reason = unreadable("UndeliveredInvite", "it has no version");
    assert_given_up(letter_about(&letters, &partition(&eve), &longest), &reason);
    assert_eq!(letters.len(), 1);

    let item = world.dynamo().delete_item().table_name(world.stack().table());
    item.set_key(Some(key(&partition(&eve), &longest).into())).send().await.unwrap();
    world.settled().await;
    assert!(world.stack().replay_dead_letters().await.iter().all(|attempt| attempt.failed.is_none()));
    assert_eq!(world.stack().dead_letters().list(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_of_a_record_that_failed_which_it_was_and_why_and_nothing_that_is_in_it() {
    let logs = crate::world::Logs::of_this_process();
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    world.settled().await;
    set(
        &world,
        &partition(&ada),
        "BILLING",
        "po_number",
        AttributeValue::M([("secret".to_owned(), text("hush"))].into()),
    )
    .await;
    world.settled().await;
    let letters = world.stack().dead_letters().list();
    let letter = letter_about(&letters, &partition(&ada), "BILLING");
    let sequence = &letter.batch.start_sequence_number;

    let lines: Vec<Value> = logs.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let about = |line: &&Value| line["sequence"] == *sequence && line["tenant"] == ada.tenant.as_str();
    let lines: Vec<_> = lines.iter().filter(about).collect();
    assert_eq!(lines.len() as u32, letter.request_context.approximate_invoke_count, "one a try");
    for line in lines {
        let members: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["function", "kind", "level", "message", "reason", "sequence", "tenant", "timestamp"]);
        assert_eq!(
            (&line["function"], &line["kind"], &line["level"]),
            (&json!(RECOMPUTE), &json!("Billing"), &json!("WARN"))
        );
        assert_eq!(format!("Error: {}", line["reason"].as_str().unwrap()), letter.local.last_error.clone().unwrap());
        assert!(!line.to_string().contains("hush"), "{line}");
    }
}
