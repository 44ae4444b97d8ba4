//! A request that is sent again because its answer did not come.

use crate::world::{Answer, Person, RequestTo, World};
use jiff::SignedDuration;
use serde_json::{Value, json};

const KEY: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";

fn invites(emails: &[&str]) -> Value {
    json!({ "invites": emails.iter().map(|email| json!({ "email": email })).collect::<Vec<_>>() })
}

fn keyed<'w>(world: &'w World, by: &Person, key: &str, body: Value) -> RequestTo<'w> {
    world.post("/v1/invites", body).by(by).header("idempotency-key", key)
}

fn is_replay(answer: &Answer) -> bool {
    answer.header("idempotency-replayed") == "true"
}

#[track_caller]
fn assert_first(answer: &Answer) {
    assert!(answer.status == 200 && !answer.has_header("idempotency-replayed"), "{}", answer.text);
}

#[track_caller]
fn assert_replay(answer: &Answer, first: &Answer) {
    assert!(is_replay(answer), "not a replay: {}", answer.text);
    assert_eq!((answer.status, &answer.text), (first.status, &first.text));
    assert_eq!(answer.header("content-type"), first.header("content-type"));
    assert_ne!(answer.header("request-id"), first.header("request-id"), "each request has its own name in the logs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_gets_the_first_answer_byte_for_byte_and_writes_and_sends_nothing() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let body = invites(&["grace@acme.example", "not an address", "ada@acme.example"]);
    let first = keyed(&world, &ada, KEY, body.clone()).send().await;
    assert_first(&first);
    world.settled().await;
    let kept = world.everything_kept().await;

    assert_replay(&keyed(&world, &ada, KEY, body.clone()).send().await, &first);
    let spaced = format!("{body:#}\n");
    let request = RequestTo::new(&world, "POST", "/v1/invites").by(&ada).header("content-type", "application/json");
    assert_replay(&request.header("idempotency-key", KEY).body(spaced).send().await, &first);

    assert_eq!(world.mails_to("grace@acme.example").await.len(), 1);
    assert_eq!(world.everything_kept().await, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_came_with_another_body_is_refused_and_the_first_answer_stays() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let first = keyed(&world, &ada, KEY, invites(&["grace@acme.example"])).send().await;
    assert_first(&first);
    let other = keyed(&world, &ada, KEY, invites(&["olga@acme.example"])).send().await;
    other.expect_problem(422, "idempotency_mismatch");
    assert!(world.mails_to("olga@acme.example").await.is_empty());
    assert_replay(&keyed(&world, &ada, KEY, invites(&["grace@acme.example"])).send().await, &first);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_of_another_member_or_another_workspace_is_another_key() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let grace = world.bring_in(&ada, "grace@acme.example", "admin").await;
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    let body = || invites(&["olga@acme.example"]);
    let first = keyed(&world, &ada, KEY, body()).send().await;
    assert_first(&first);
    for (other, status) in [(&grace, "already_invited"), (&bob, "invited")] {
        let answer = keyed(&world, other, KEY, body()).send().await;
        assert_first(&answer);
        assert_eq!(answer.body["results"][0]["status"], status);
        assert_replay(&keyed(&world, other, KEY, body()).send().await, &answer);
    }
    assert_replay(&keyed(&world, &ada, KEY, body()).send().await, &first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_leaves_its_key_to_the_corrected_one() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    for _ in 0..2 {
        keyed(&world, &ada, KEY, invites(&[])).send().await.expect_field("/invites", "wrong_number");
    }
    let spoilt = json!({ "no_such_field": 1 });
    keyed(&world, &ada, KEY, spoilt).send().await.expect_problem(422, "validation_failed");
    assert!(!world.everything_kept().await.iter().any(|item| item.contains("IDEMPOTENCY#")));
    assert_first(&keyed(&world, &ada, KEY, invites(&["grace@acme.example"])).send().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_empty_too_long_or_not_printable_ascii_is_refused_by_name() {
    let world = World::local().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    for key in ["", &"x".repeat(256), "a\tb", "clé"] {
        let refused = keyed(&world, &ada, key, invites(&["grace@acme.example"])).send().await;
        refused.expect_field("Idempotency-Key", "invalid");
    }
    assert!(world.mails_to("grace@acme.example").await.is_empty());
    assert_first(&keyed(&world, &ada, &"x".repeat(255), invites(&["grace@acme.example"])).send().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_with_one_key_exactly_one_runs() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let answers = all_at_once(&world, &ada).await;
    let first = only_first(&answers);
    assert_eq!(first.body["results"][0]["status"], "invited");
    assert_eq!(world.mails_to("grace@acme.example").await.len(), 1);
    assert_replay(&keyed(&world, &ada, KEY, invites(&["grace@acme.example"])).send().await, first);
}

async fn all_at_once(world: &World, by: &Person) -> Vec<Answer> {
    let requests = (0..8).map(|_| keyed(world, by, KEY, invites(&["grace@acme.example"])).send());
    futures::future::join_all(requests).await
}

/// The one that ran; the others were told that it was under way, or what it had answered.
#[track_caller]
fn only_first(answers: &[Answer]) -> &Answer {
    let (ran, others): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200 && !is_replay(answer));
    let [first] = ran.as_slice() else { panic!("{} ran", ran.len()) };
    for other in others {
        match other.status {
            200 => assert_replay(other, first),
            _ => {
                let in_flight = other.clone().expect_problem(409, "idempotency_in_flight");
                assert_eq!(in_flight.header("retry-after"), "1");
            }
        }
    }
    first
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_good_for_a_day_and_then_new_whether_it_was_swept_or_not() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let first = keyed(&world, &ada, KEY, invites(&["grace@acme.example"])).send().await;
    assert_first(&first);

    world.pass(SignedDuration::from_hours(24) - SignedDuration::from_mins(2));
    let ada = world.refreshed(&ada).await;
    assert_replay(&keyed(&world, &ada, KEY, invites(&["grace@acme.example"])).send().await, &first);
    world.pass(SignedDuration::from_mins(2));
    let second = keyed(&world, &ada, KEY, invites(&["olga@acme.example"])).send().await;
    assert_first(&second);
    assert_replay(&keyed(&world, &ada, KEY, invites(&["olga@acme.example"])).send().await, &second);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_nothing_is_remembered() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    for status in ["invited", "already_invited"] {
        let answer = world.post("/v1/invites", invites(&["grace@acme.example"])).by(&ada).send().await;
        assert_first(&answer);
        assert_eq!(answer.body["results"][0]["status"], status);
    }
    assert!(!world.everything_kept().await.iter().any(|item| item.contains("IDEMPOTENCY#")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_answer_was_lost_runs_again_once_its_lease_is_over_and_at_most_once_at_a_time() {
    let (world, table) = World::lossy().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    table.lose_answers();
    assert_first(&keyed(&world, &ada, KEY, invites(&["grace@acme.example"])).send().await);
    table.keep_answers();

    for _ in 0..2 {
        let repeat = keyed(&world, &ada, KEY, invites(&["grace@acme.example"])).send().await;
        repeat.expect_problem(409, "idempotency_in_flight");
    }
    world.pass(LEASE);
    let other = keyed(&world, &ada, KEY, invites(&["olga@acme.example"])).send().await;
    other.expect_problem(422, "idempotency_mismatch");
    let answers = all_at_once(&world, &ada).await;
    let second = only_first(&answers);
    assert_replay(&keyed(&world, &ada, KEY, invites(&["grace@acme.example"])).send().await, second);
    assert_eq!(world.mails_to("grace@acme.example").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_of_a_request_whose_answer_was_lost_is_told_what_that_one_did_as_if_it_had_done_it_itself() {
    let (world, table) = World::lossy().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let body = || invites(&["grace@acme.example", "GRACE@acme.example", "olga@acme.example", "not an address"]);
    table.lose_answers();
    let lost = keyed(&world, &ada, KEY, body()).send().await;
    table.keep_answers();
    assert_eq!(statuses(&lost), ["invited", "already_invited", "invited", "invalid"]);

    world.pass(LEASE);
    let repeat = keyed(&world, &ada, KEY, body()).send().await;
    assert_first(&repeat);
    assert_eq!(statuses(&repeat), statuses(&lost));
    assert_eq!(invite_ids(&repeat), invite_ids(&lost));
    for email in ["grace@acme.example", "olga@acme.example"] {
        assert_eq!(world.mails_to(email).await.len(), 1, "{email}");
    }
    assert_replay(&keyed(&world, &ada, KEY, body()).send().await, &repeat);

    // Under another key it is another request, which made none of them.
    let another = keyed(&world, &ada, "another", body()).send().await;
    assert_eq!(statuses(&another), ["already_invited", "already_invited", "already_invited", "invalid"]);
}

fn rows(answer: &Answer) -> &[Value] {
    answer.body["results"].as_array().unwrap()
}

fn statuses(answer: &Answer) -> Vec<&str> {
    rows(answer).iter().map(|row| row["status"].as_str().unwrap()).collect()
}

fn invite_ids(answer: &Answer) -> Vec<&Value> {
    rows(answer).iter().map(|row| &row["invite"]["id"]).collect()
}

/// As long as a request is taken to be at work.
const LEASE: SignedDuration = SignedDuration::from_secs(35);
