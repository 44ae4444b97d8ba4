//! `update-member` and `remove-member` die.

use super::{Life, at_every_step};
use crate::world::{Person, RequestTo, World};
use serde_json::json;

fn change<'w>(world: &'w World, by: &Person, whom: &Person, role: &str) -> RequestTo<'w> {
    world.patch(&format!("/v1/members/{}", whom.id), json!({ "role": role })).by(by)
}

async fn admins(world: &World, person: &Person) -> u64 {
    let books = world.books().await;
    books.assert_whole();
    books.counters(&person.tenant).admins
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_step_a_demotion_ends_at_the_admins_are_counted_right_and_one_stays() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let grace = world.bring_in(&ada, "grace@acme.example", "admin").await;
    let steps = at_every_step(async |death| {
        let first = change(&world, &ada, &grace, "viewer").dying("update-member", death).await;
        assert!((1..=2).contains(&admins(&world, &ada).await), "{death}");
        change(&world, &ada, &grace, "viewer").send().await.expect_status(200);
        assert_eq!(admins(&world, &ada).await, 1, "{death}");
        change(&world, &ada, &ada, "viewer").send().await.expect_problem(409, "last_admin");

        let promotion = change(&world, &ada, &grace, "admin").dying("update-member", death).await;
        assert!((1..=2).contains(&admins(&world, &ada).await), "{death}");
        change(&world, &ada, &grace, "admin").send().await.expect_status(200);
        assert_eq!(admins(&world, &ada).await, 2, "{death}");
        assert_eq!(first.is_some(), promotion.is_some(), "{death}: one has more steps than the other");
        Life::of(&first)
    })
    .await;
    // Who calls, whom it is about, and the transaction.
    assert!(steps >= 6, "{steps} steps");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_step_a_removal_ends_at_the_admins_are_counted_right_and_one_stays() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let steps = at_every_step(async |death| {
        let grace = world.bring_in(&ada, &format!("grace-{death}@acme.example"), "admin").await;
        let remove = || world.delete(&format!("/v1/members/{}", grace.id)).by(&ada);
        let first = remove().dying("remove-member", death).await;
        let is_gone = admins(&world, &ada).await == 1;

        let again = remove().send().await;
        match is_gone {
            true => again.expect_problem(404, "not_found"),
            false => again.expect_status(200),
        };
        assert_eq!(admins(&world, &ada).await, 1, "{death}");
        world.get("/v1/checklist").by(&grace).send().await.expect_problem(404, "not_found");
        let own = world.delete(&format!("/v1/members/{}", ada.id)).by(&ada).send().await;
        own.expect_problem(409, "last_admin");
        Life::of(&first)
    })
    .await;
    // Who calls, whom it is about, the transaction, and what they leave open.
    assert!(steps >= 8, "{steps} steps");
}
