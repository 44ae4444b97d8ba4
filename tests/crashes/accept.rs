//! `accept-invite` dies.

use super::{Life, at_every_step, invite_in_vain, leave_seats};
use crate::world::{Death, PASSWORD, Person, RequestTo, World};
use domain::invite::Outcome;
use serde_json::json;

/// Somebody with a link, who may have an account.
struct Guest {
    email: String,
    token: String,
    account: Option<Person>,
}

impl Guest {
    async fn of(world: &World, admin: &Person, email: &str, account: Option<Person>) -> Guest {
        world.invite(admin, email, "admin").await;
        Guest { email: email.to_owned(), token: world.token_mailed_to(email).await, account }
    }

    fn accepts<'w>(&self, world: &'w World) -> RequestTo<'w> {
        match &self.account {
            None => world.post("/v1/invites/accept", json!({ "token": self.token, "password": PASSWORD })),
            Some(account) => {
                world.post("/v1/invites/accept", json!({ "token": self.token })).token(&account.access_token)
            }
        }
    }

    /// They accept and it ends at `death`; they accept again, and are in, once.
    async fn comes_in(&self, world: &World, death: Death) -> Life {
        let first = self.accepts(world).dying("accept-invite", death).await;
        let books = world.books().await;
        books.assert_whole();
        let outcome = books.invite_to(&self.email).unwrap().outcome;
        let is_in = matches!(outcome, Some(Outcome::Accepted { .. }));
        assert_eq!(outcome.is_some(), is_in, "{death}");

        let again = self.accepts(world).send().await;
        match is_in {
            true => again.expect_problem(410, "invite_gone"),
            false => again.expect_status(201),
        };
        let books = world.books().await;
        books.assert_whole();
        let own = usize::from(self.account.is_some());
        assert_eq!(books.memberships_of(&self.email) - own, 1, "{death}");
        // Whoever never saw their session has their password.
        let credentials = json!({ "email": self.email, "password": PASSWORD });
        world.post("/v1/sessions", credentials).send().await.expect_status(201);
        Life::of(&first)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_step_a_new_persons_accepting_ends_at_they_are_in_wholly_or_not_at_all_and_come_in_once() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let steps = at_every_step(async |death| {
        let grace = Guest::of(&world, &ada, &format!("grace.{death}@acme.example"), None).await;
        grace.comes_in(&world, death).await
    })
    .await;
    // One read, one transaction.
    assert!(steps >= 4, "{steps} steps");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_step_the_accepting_of_somebody_with_an_account_ends_at_they_are_in_wholly_or_not_at_all() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let steps = at_every_step(async |death| {
        let email = format!("bob-{death}@other.example");
        let bob = world.sign_up(&email, "Other Ltd").await;
        Guest::of(&world, &ada, &email, Some(bob)).await.comes_in(&world, death).await
    })
    .await;
    // Their session, the invite, who they are, and the transaction.
    assert!(steps >= 8, "{steps} steps");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_step_an_accepting_ends_at_that_needs_an_expired_invites_seat_no_seat_is_lost_or_taken_twice() {
    let world = World::in_process().await;
    let mut ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let steps = at_every_step(async |death| {
        ada = invite_in_vain(&world, &ada, death).await;
        let grace = Guest::of(&world, &ada, &format!("grace.{death}@acme.example"), None).await;
        leave_seats(&world, &ada, -1).await;

        let life = grace.comes_in(&world, death).await;
        let counters = world.books().await.counters(&ada.tenant).clone();
        assert_eq!(counters.seats_taken, counters.seats, "{death}");
        life
    })
    .await;
    // The same, and three more: the oldest invites, their seats back, and the transaction again.
    assert!(steps >= 10, "{steps} steps");
}
