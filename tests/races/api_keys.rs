//! A key is first used by many at once, or while it is removed: it is counted once while it lives, and not afterwards.

use super::table::{key, number, partition, read};
use crate::world::{ApiKey, Person, World};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::tenant::SetChange;
use futures::future::join_all;

const TRIALS: usize = 20;
const CALLERS: usize = 16;

#[tokio::test(flavor = "multi_thread")]
async fn of_16_first_uses_of_a_key_at_once_one_is_counted_in_20_of_20_trials() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    for trial in 1..=TRIALS {
        let key = world.make_api_key(&ada, "Importer").await;
        let calls = join_all((0..CALLERS).map(|_| call(&world, &key))).await;
        assert_eq!(calls, [200; CALLERS], "trial {trial}");
        let record = read(&world, &ada.tenant, &format!("API_KEY#{}", key.id)).await;
        assert_eq!(number(&record, "v"), 2, "trial {trial}: made, and noted as used once");
        assert_eq!(used_keys(&world, &ada).await, i64::try_from(trial).unwrap(), "trial {trial}");
    }
    world.books().await.assert_whole();
}

#[tokio::test(flavor = "multi_thread")]
async fn first_uses_that_look_and_then_count_are_counted_more_than_once() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let key = world.make_api_key(&ada, "Importer").await;
    let looks = join_all((0..CALLERS).map(|_| is_unused(&world, &ada, &key))).await;
    let took_for_first = looks.into_iter().filter(|unused| *unused).count();
    join_all((0..took_for_first).map(|_| count_unconditionally(&world, &ada, &key))).await;
    assert_eq!(used_keys(&world, &ada).await, i64::try_from(CALLERS).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_removed_as_it_is_first_used_is_not_counted_afterwards() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let (mut removed_unused, mut removed_used, mut met) = (0, 0, 0);
    for trial in 0..4 * TRIALS {
        let key = world.make_api_key(&ada, "Importer").await;
        world.observed();
        let (status, ()) = tokio::join!(call(&world, &key), remove(&world, &ada, &key, trial));
        assert!([200, 401].contains(&status), "trial {trial}: {status}");
        assert_eq!(used_keys(&world, &ada).await, 0, "trial {trial}");
        match last_removed(&world, &ada).await == Some(key.id.clone()) {
            true => removed_used += 1,
            false => removed_unused += 1,
        }
        // The caller, the key and the write; the key and the write again.
        met += world.observed().iter().filter(|it| it.function == "remove-api-key" && it.tally.calls == 5).count();
    }
    assert!(removed_unused > 0 && removed_used > 0 && met > 0, "{removed_unused}, {removed_used}, {met}");
    world.books().await.assert_whole();
}

async fn call(world: &World, key: &ApiKey) -> u16 {
    world.get("/v1/api-keys/current").token(&key.text).send().await.status
}

/// Looks at the list first, more often in some trials than in others, for neither side always to be first.
async fn remove(world: &World, admin: &Person, key: &ApiKey, trial: usize) {
    for _ in 0..trial % 3 {
        world.get("/v1/openapi.json").send().await.expect_status(200);
    }
    world.delete(&format!("/v1/api-keys/{}", key.id)).by(admin).send().await.expect_status(204);
}

async fn is_unused(world: &World, admin: &Person, key: &ApiKey) -> bool {
    !read(world, &admin.tenant, &format!("API_KEY#{}", key.id)).await.contains_key("first_used_at")
}

/// As somebody would who forgot the condition.
async fn count_unconditionally(world: &World, admin: &Person, of: &ApiKey) {
    let pk = partition(&admin.tenant);
    let update = || world.dynamo().update_item().table_name(world.stack().table());
    let used = update().set_key(Some(key(&pk, &format!("API_KEY#{}", of.id))));
    let used = used.update_expression("SET first_used_at = :now");
    used.expression_attribute_values(":now", AttributeValue::S(world.now().to_string())).send().await.unwrap();
    let counted = update().set_key(Some(key(&pk, "COUNTERS"))).update_expression("ADD used_api_keys :one");
    counted.expression_attribute_values(":one", AttributeValue::N("1".to_owned())).send().await.unwrap();
}

async fn used_keys(world: &World, admin: &Person) -> i64 {
    number(&read(world, &admin.tenant, "COUNTERS").await, "used_api_keys")
}

/// The key that was the last to be taken off the count.
async fn last_removed(world: &World, admin: &Person) -> Option<String> {
    let books = world.books().await;
    let last = books.counters(&admin.tenant).used_api_keys_changed.clone()?;
    (last.change == SetChange::Removed).then_some(last.record)
}
