//! `create-invites` dies.

use super::{Life, REQUEST_LEASE, at_every_step, invite_in_vain, leave_seats, opens, tokens_in_mailbox_of};
use crate::world::{Answer, Death, Person, RequestTo, World};
use domain::invite::Delivery;
use domain::outbox::SendState;
use serde_json::{Value, json};

fn guests<const N: usize>(names: [&str; N], death: impl ToString) -> [String; N] {
    names.map(|name| format!("{name}.{}@acme.example", death.to_string()))
}

fn invites<'w>(world: &'w World, by: &Person, guests: &[String]) -> RequestTo<'w> {
    let rows: Vec<_> = guests.iter().map(|email| json!({ "email": email, "role": "viewer" })).collect();
    world.post("/v1/invites", json!({ "invites": rows, "expires_in_days": 30 })).by(by)
}

fn statuses(answer: &Answer) -> Vec<&str> {
    answer.body["results"].as_array().unwrap().iter().map(|row| row["status"].as_str().unwrap()).collect()
}

/// Everybody has one invite, one mail, and a link in it that is good.
async fn assert_invited_once(world: &World, guests: &[String]) {
    world.settled().await;
    let books = world.books().await;
    books.assert_whole();
    for email in guests {
        let tokens = tokens_in_mailbox_of(world, email);
        assert_eq!(tokens.len(), 1, "{email}");
        assert!(opens(world, &tokens[0]).await, "{email}");
        let invite = books.invite_to(email).unwrap();
        assert_eq!(invite.delivery, Delivery::Delivered, "{email}");
        assert!(matches!(books.mail_of(invite).state, SendState::Sent { .. }), "{email}");
    }
}

/// Somebody invites them and it ends at `death`; they invite them again.
async fn die_inviting(world: &World, by: &Person, guests: &[String], death: Death) -> Life {
    let first = invites(world, by, guests).dying("create-invites", death).await;
    let books = world.books().await;
    books.assert_whole();

    let again = invites(world, by, guests).send().await.expect_status(200);
    let told = guests.iter().map(|email| match books.invite_to(email) {
        Some(_) => "already_invited",
        None => "invited",
    });
    assert_eq!(statuses(&again), told.collect::<Vec<_>>(), "{death}");
    assert_invited_once(world, guests).await;
    Life::of(&first)
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_step_invites_end_at_sending_them_again_invites_everybody_once() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let steps = at_every_step(async |death| {
        let guests = guests(["grace", "olga"], death);
        die_inviting(&world, &ada, &guests, death).await
    })
    .await;
    // Who calls, what all rows share and who has accounts, and a transaction a row.
    assert!(steps >= 10, "{steps} steps");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_step_keyed_invites_end_at_sending_them_again_answers_as_if_nothing_had_happened() {
    let world = World::in_process().await;
    let mut ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let steps = at_every_step(async |death| {
        let guests = guests(["grace", "olga"], death);
        let keyed = |ada: &Person| invites(&world, ada, &guests).header("idempotency-key", &death.to_string());
        let first = keyed(&ada).dying("create-invites", death).await;
        let books = world.books().await;
        books.assert_whole();

        // Whether the key was taken or not: nobody is told anything but the truth.
        let at_once = keyed(&ada).send().await;
        if at_once.status != 200 {
            at_once.expect_problem(409, "idempotency_in_flight");
        }
        world.pass(REQUEST_LEASE);
        ada = world.refreshed(&ada).await;
        let again = keyed(&ada).send().await.expect_status(200);
        assert_eq!(statuses(&again), ["invited"; 2], "{death}");
        for (email, id) in guests.iter().zip(invite_ids(&again)) {
            let made_before = books.invite_to(email).map(|invite| invite.id.to_string());
            assert!(made_before.is_none_or(|made_before| made_before == *id), "{death}: {email} has another invite");
        }
        assert_eq!(keyed(&ada).send().await.expect_status(200).text, again.text);
        assert_invited_once(&world, &guests).await;
        Life::of(&first)
    })
    .await;
    // Those without a key, and three of the key: taken, what was made before, the answer kept.
    assert!(steps >= 16, "{steps} steps");
}

fn invite_ids(answer: &Answer) -> impl Iterator<Item = &Value> {
    answer.body["results"].as_array().unwrap().iter().map(|row| &row["invite"]["id"])
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_step_an_invite_ends_at_that_takes_the_seat_of_an_expired_one_no_seat_is_lost_or_taken_twice() {
    let world = World::in_process().await;
    let mut ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let steps = at_every_step(async |death| {
        ada = invite_in_vain(&world, &ada, death).await;
        leave_seats(&world, &ada, 0).await;

        let guests = guests(["grace"], death);
        let life = die_inviting(&world, &ada, &guests, death).await;
        let one_too_many = invites(&world, &ada, &[format!("olga.{death}@acme.example")]).send().await;
        assert_eq!(statuses(&one_too_many.expect_status(200)), ["limit"], "{death}");
        life
    })
    .await;
    // Those of one row, and four more: that the caller was seen, the oldest invites, their seats back, and the row again.
    assert!(steps >= 16, "{steps} steps");
}
