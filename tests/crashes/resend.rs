//! `resend-invite` dies.

use super::{Life, REQUEST_LEASE, at_every_step, invite_in_vain, leave_seats, opens, tokens_mailed_to};
use crate::world::{Death, Person, RequestTo, World};
use domain::audit::Action;

fn resend<'w>(world: &'w World, by: &Person, invite: &str) -> RequestTo<'w> {
    world.post(&format!("/v1/invites/{invite}/resend"), serde_json::json!({})).by(by)
}

/// Of all the links that were mailed to them, the newest is good, and no other. How many there are.
async fn assert_newest_link_is_good(world: &World, email: &str, death: Death) -> usize {
    let tokens = tokens_mailed_to(world, email).await;
    let mut good = Vec::new();
    for token in &tokens {
        good.push(opens(world, token).await);
    }
    let newest: Vec<_> = (0..tokens.len()).map(|age| age == 0).collect();
    assert_eq!(good, newest, "{death}: the mails to {email}, newest first");
    tokens.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_step_a_resend_ends_at_one_link_is_good_and_in_the_mailbox_and_again_it_is_the_new_one() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let steps = at_every_step(async |death| {
        let email = format!("grace.{death}@acme.example");
        let invite = world.invite(&ada, &email, "viewer").await;
        let id = invite["id"].as_str().unwrap();
        world.settled().await;
        let first = resend(&world, &ada, id).dying("resend-invite", death).await;
        let books = world.books().await;
        books.assert_whole();
        let mails = 1 + books.times(Action::InviteResent, id);
        assert_eq!(assert_newest_link_is_good(&world, &email, death).await, mails, "{death}");

        resend(&world, &ada, id).send().await.expect_status(200);
        assert_eq!(assert_newest_link_is_good(&world, &email, death).await, mails + 1, "{death}");
        world.books().await.assert_whole();
        Life::of(&first)
    })
    .await;
    // Who calls, the invite, its seat, whose its address is, and the transaction.
    assert!(steps >= 10, "{steps} steps");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_step_a_keyed_resend_ends_at_sending_it_again_has_it_sent_again_once() {
    let world = World::in_process().await;
    let mut ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let steps = at_every_step(async |death| {
        let email = format!("grace.{death}@acme.example");
        ada = world.refreshed(&ada).await;
        let invite = world.invite(&ada, &email, "viewer").await;
        let id = invite["id"].as_str().unwrap();
        let keyed = || resend(&world, &ada, id).header("idempotency-key", &death.to_string());
        world.settled().await;
        let first = keyed().dying("resend-invite", death).await;
        world.books().await.assert_whole();
        assert_newest_link_is_good(&world, &email, death).await;

        world.pass(REQUEST_LEASE);
        let again = keyed().send().await.expect_status(200);
        assert_eq!(keyed().send().await.expect_status(200).text, again.text, "{death}");
        assert_eq!(assert_newest_link_is_good(&world, &email, death).await, 2, "{death}");
        let books = world.books().await;
        books.assert_whole();
        assert_eq!(books.times(Action::InviteResent, id), 1, "{death}");
        Life::of(&first)
    })
    .await;
    // The same, and two of the key: taken, and the answer kept.
    assert!(steps >= 14, "{steps} steps");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_step_a_resend_ends_at_of_an_invite_that_lost_its_seat_it_has_one_again_or_none() {
    let world = World::in_process().await;
    let mut ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let steps = at_every_step(async |death| {
        ada = invite_in_vain(&world, &ada, death).await;
        let late = world.books().await.invite_to(&format!("late.{death}@acme.example")).unwrap().clone();
        // Somebody else takes its seat; then there is one more.
        leave_seats(&world, &ada, 0).await;
        world.invite(&ada, &format!("grace.{death}@acme.example"), "viewer").await;
        leave_seats(&world, &ada, 1).await;

        let first = resend(&world, &ada, &late.id.to_string()).dying("resend-invite", death).await;
        world.books().await.assert_whole();
        resend(&world, &ada, &late.id.to_string()).send().await.expect_status(200);
        let tokens = tokens_mailed_to(&world, late.email.as_str()).await;
        assert!(opens(&world, &tokens[0]).await, "{death}");
        let books = world.books().await;
        books.assert_whole();
        assert_eq!(books.counters(&ada.tenant).seats_taken, books.counters(&ada.tenant).seats, "{death}");
        Life::of(&first)
    })
    .await;
    // Who calls, the invite, its seat, whose its address is, and the transaction.
    assert!(steps >= 10, "{steps} steps");
}
