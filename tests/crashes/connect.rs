//! `create-integration`, `add-phone-number` and what removes either of them die.

use super::{Life, REQUEST_LEASE, at_every_step};
use crate::world::{Answer, Death, Person, World};
use serde_json::{Value, json};

/// A keyed request ends at `death`; it is sent again until it is carried out, and answers as if nothing had happened.
async fn die_creating(
    world: &World,
    by: &mut Person,
    function: &str,
    path: &str,
    body: &Value,
    death: Death,
) -> (Life, Answer) {
    let keyed = |by: &Person| world.post(path, body.clone()).by(by).header("idempotency-key", &death.to_string());
    let first = keyed(by).dying(function, death).await;
    world.books().await.assert_whole();
    world.pass(REQUEST_LEASE);
    *by = world.refreshed(by).await;
    let again = keyed(by).send().await.expect_status(201);
    assert!(first.as_ref().is_none_or(|first| first.text == again.text), "{death}");
    assert_eq!(keyed(by).send().await.expect_status(201).text, again.text, "{death}");
    world.books().await.assert_whole();
    (Life::of(&first), again)
}

/// Something is removed and that ends at `death`; it is removed again, if it is still there.
async fn die_removing(world: &World, by: &Person, function: &str, path: &str, death: Death) {
    world.delete(path).by(by).dying(function, death).await;
    world.books().await.assert_whole();
    let again = world.delete(path).by(by).send().await;
    assert!([204, 404].contains(&again.status), "{death}: {}", again.text);
    world.books().await.assert_whole();
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_step_a_plan_ends_at_it_is_there_once_and_its_owner_owns_it_once() {
    let world = World::in_process().await;
    let mut ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let olga = world.bring_in(&ada, "olga@acme.example", "operator").await;
    let body = world.planned_for(&olga.id);
    let steps = at_every_step(async |death| {
        let (life, made) = die_creating(&world, &mut ada, "create-integration", "/v1/integrations", &body, death).await;
        assert_eq!(world.books().await.counters(&ada.tenant).integrations, 1, "{death}");
        let path = format!("/v1/integrations/{}", made.body["id"].as_str().unwrap());
        die_removing(&world, &ada, "remove-integration", &path, death).await;
        assert_eq!(world.books().await.counters(&ada.tenant).integrations, 0, "{death}");
        life
    })
    .await;
    // Who calls, the key, what was made before, the transaction, and the answer kept.
    assert!(steps >= 10, "{steps} steps");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_step_a_number_ends_at_it_is_there_once() {
    let world = World::in_process().await;
    let mut ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let body = json!({ "number": "+4930901820", "label": "Berlin" });
    let steps = at_every_step(async |death| {
        let (life, added) = die_creating(&world, &mut ada, "add-phone-number", "/v1/phone-numbers", &body, death).await;
        assert_eq!(world.books().await.counters(&ada.tenant).phone_numbers, 1, "{death}");
        let path = format!("/v1/phone-numbers/{}", added.body["id"].as_str().unwrap());
        die_removing(&world, &ada, "remove-phone-number", &path, death).await;
        assert_eq!(world.books().await.counters(&ada.tenant).phone_numbers, 0, "{death}");
        life
    })
    .await;
    // Who calls, the key, the transaction, and the answer kept.
    assert!(steps >= 8, "{steps} steps");
}
