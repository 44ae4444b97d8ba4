//! Our mail as a weapon: against one address, or from one inviter.

use super::{assert_same, kept};
use crate::world::{Answer, Person, World};
use jiff::SignedDuration;
use serde_json::{Value, json};

const HOUR: i64 = 60 * 60;
const VICTIM: &str = "victim@elsewhere.example";

/// Goes on to the start of an hour by the clock, so that no window turns while a test counts.
fn start_of_an_hour(world: &World) {
    world.pass(SignedDuration::from_secs(HOUR - world.now().as_second().rem_euclid(HOUR)));
}

fn seconds_left_of_the_hour(world: &World) -> i64 {
    HOUR - world.now().as_second().rem_euclid(HOUR)
}

async fn invite_all(world: &World, by: &Person, emails: &[String]) -> Answer {
    let rows: Vec<_> = emails.iter().map(|email| json!({ "email": email })).collect();
    world.post("/v1/invites", json!({ "invites": rows })).by(by).send().await
}

async fn invite_one(world: &World, by: &Person, email: &str) -> Answer {
    invite_all(world, by, &[email.to_owned()]).await
}

/// Refuses what was sent, until the hour is over.
async fn expect_held_up(world: &World, by: &Person, email: &str) -> i64 {
    let latest = seconds_left_of_the_hour(world);
    let refused = invite_one(world, by, email).await.expect_problem(429, "rate_limited");
    let wait = refused.header("retry-after").parse().unwrap();
    assert!((seconds_left_of_the_hour(world)..=latest).contains(&wait), "{wait}");
    wait
}

#[track_caller]
fn assert_all_invited(answer: &Answer) {
    let results: &Vec<Value> = answer.body["results"].as_array().unwrap();
    assert!(results.iter().all(|row| row["status"] == "invited"), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_mails_an_hour_go_to_an_address_however_many_workspaces_invite_it() {
    let world = World::in_process().await;
    start_of_an_hour(&world);
    let mut admins = Vec::new();
    for n in 0..11 {
        admins.push(world.sign_up(&format!("a{n}@of{n}.example"), "Flood Ltd").await);
    }
    for admin in &admins[..10] {
        assert_all_invited(&invite_one(&world, admin, VICTIM).await.expect_status(200));
    }
    let last = &admins[10];
    let kept_before = kept(&world).await;
    let wait = expect_held_up(&world, last, VICTIM).await;
    // Another spelling of it is the same address.
    expect_held_up(&world, last, "Victim@Elsewhere.Example").await;
    assert_same(&kept_before, &kept(&world).await);

    let latest = seconds_left_of_the_hour(&world);
    let mixed =
        invite_all(&world, last, &[VICTIM.to_owned(), "friend@acme.example".to_owned()]).await.expect_status(200);
    let held_up = &mixed.body["results"][0];
    assert_eq!((&held_up["email"], &held_up["status"], held_up.get("invite")), (&json!(VICTIM), &json!("limit"), None));
    let told = held_up["retry_after"].as_i64().unwrap();
    assert!((seconds_left_of_the_hour(&world)..=latest).contains(&told), "{told}");
    assert_eq!(mixed.body["results"][1]["status"], "invited");
    assert_eq!((world.mails_to(VICTIM).await.len(), world.mails_to("friend@acme.example").await.len()), (10, 1));

    world.pass(SignedDuration::from_secs(wait));
    let last = world.refreshed(last).await;
    assert_all_invited(&invite_one(&world, &last, VICTIM).await.expect_status(200));
    assert_eq!(world.mails_to(VICTIM).await.len(), 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_that_is_sent_again_or_readdressed_counts_as_a_mail_to_its_address() {
    let world = World::in_process().await;
    start_of_an_hour(&world);
    let mut admins = Vec::new();
    for n in 0..11 {
        admins.push(world.sign_up(&format!("a{n}@of{n}.example"), "Flood Ltd").await);
    }
    let mut invites = Vec::new();
    for admin in &admins[..10] {
        invites.push(world.invite(admin, VICTIM, "viewer").await);
    }
    let other = world.invite(&admins[10], "friend@acme.example", "viewer").await;
    let path = |invite: &Value| format!("/v1/invites/{}", invite["id"].as_str().unwrap());
    let kept_before = kept(&world).await;
    for (request, by) in [
        (world.post(&format!("{}/resend", path(&invites[0])), json!({})), &admins[0]),
        (world.patch(&path(&other), json!({ "email": VICTIM })), &admins[10]),
    ] {
        let latest = seconds_left_of_the_hour(&world);
        let refused = request.by(by).send().await.expect_problem(429, "rate_limited");
        let wait: i64 = refused.header("retry-after").parse().unwrap();
        assert!((seconds_left_of_the_hour(&world)..=latest).contains(&wait), "{wait}");
    }
    assert_same(&kept_before, &kept(&world).await);
    assert_eq!(world.mails_to(VICTIM).await.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_inviter_sends_200_mails_an_hour_and_a_workspace_300() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let grace = world.bring_in(&ada, "grace@acme.example", "admin").await;
    start_of_an_hour(&world);
    let (ada, grace) = (world.refreshed(&ada).await, world.refreshed(&grace).await);
    let send = async |by: &Person, numbers: std::ops::Range<usize>| {
        let emails: Vec<_> = numbers.map(|n| format!("p{n}@acme.example")).collect();
        for some in emails.chunks(50) {
            assert_all_invited(&invite_all(&world, by, some).await.expect_status(200));
        }
    };
    send(&ada, 0..200).await;
    expect_held_up(&world, &ada, "p200@acme.example").await;
    send(&grace, 200..300).await;
    let wait = expect_held_up(&world, &grace, "p300@acme.example").await;
    for (email, mails) in
        [("p199@acme.example", 1), ("p200@acme.example", 1), ("p299@acme.example", 1), ("p300@acme.example", 0)]
    {
        assert_eq!(world.mails_to(email).await.len(), mails, "{email}");
    }
    world.pass(SignedDuration::from_secs(wait));
    let ada = world.refreshed(&ada).await;
    assert_all_invited(&invite_one(&world, &ada, "p300@acme.example").await.expect_status(200));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_is_sent_again_three_times_in_ten_minutes_and_once_more_when_they_are_over() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let invite = world.invite(&ada, "grace@acme.example", "viewer").await;
    start_of_an_hour(&world);
    let ada = world.refreshed(&ada).await;
    let path = format!("/v1/invites/{}/resend", invite["id"].as_str().unwrap());
    let resend = || world.post(&path, json!({})).by(&ada).send();
    let before_first = world.now();
    resend().await.expect_status(200);
    let after_first = world.now();
    // Each mail is out before the next: one that is overtaken is not sent.
    for mails in [2, 3, 4] {
        assert_eq!(world.mails_to("grace@acme.example").await.len(), mails);
        if mails < 4 {
            resend().await.expect_status(200);
        }
    }
    let kept_before = kept(&world).await;
    let before_refusal = world.now();
    let refused = resend().await.expect_problem(429, "rate_limited");
    let wait: i64 = refused.header("retry-after").parse().unwrap();
    let (least, most) = (before_refusal.duration_since(after_first), world.now().duration_since(before_first));
    assert!((599 - most.as_secs()..=600 - least.as_secs()).contains(&wait), "{wait} after {least} to {most}");
    assert_same(&kept_before, &kept(&world).await);
    assert_eq!(world.mails_to("grace@acme.example").await.len(), 4);

    world.pass(SignedDuration::from_secs(wait));
    resend().await.expect_status(200);
    assert_eq!(world.mails_to("grace@acme.example").await.len(), 5);
}
