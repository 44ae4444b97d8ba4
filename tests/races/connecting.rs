//! Integrations and phone numbers come and go, several at once; and somebody is removed while they are given a plan to own.

use super::crew::{Crew, join};
use super::table::{Item, key, number, partition, read};
use crate::world::{Answer, Person, World};
use futures::future::join_all;
use serde_json::json;

const TRIALS: usize = 20;
const AT_ONCE: usize = 8;

async fn delete_by_many(world: &World, admin: &Person, path: &str) -> Vec<u16> {
    let answers = join_all((0..AT_ONCE).map(|_| world.delete(path).by(admin).send())).await;
    answers.into_iter().map(|answer| answer.status).collect()
}

#[track_caller]
fn assert_one_did(statuses: &[u16], did: u16, others: u16, when: &str) {
    let done = statuses.iter().filter(|status| **status == did).count();
    let told = statuses.iter().filter(|status| **status == others).count();
    assert_eq!((done, told), (1, AT_ONCE - 1), "{when}: {statuses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_8_that_remove_an_integration_at_once_one_does_and_its_owner_owns_one_less() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let olga = world.bring_in(&ada, "olga@acme.example", "operator").await;
    for trial in 0..TRIALS {
        let integration = match trial % 3 {
            0 => world.plan(&ada, &olga.id).await,
            1 => world.plan(&ada, &ada.id).await,
            _ => world.connect(&ada, "Outlook").await,
        };
        let statuses = delete_by_many(&world, &ada, &format!("/v1/integrations/{integration}")).await;
        assert_one_did(&statuses, 204, 404, &format!("trial {trial}"));
        world.books().await.assert_whole();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_8_that_add_a_number_at_once_one_does_and_of_8_that_remove_it_one_does() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    for trial in 0..TRIALS {
        let add = || world.post("/v1/phone-numbers", json!({ "number": "+4930901820" })).by(&ada).send();
        let added = join_all((0..AT_ONCE).map(|_| add())).await;
        let statuses: Vec<_> = added.iter().map(|answer| answer.status).collect();
        assert_one_did(&statuses, 201, 409, &format!("trial {trial}"));
        let id = added.iter().find_map(|answer| answer.body["id"].as_str()).unwrap();
        let statuses = delete_by_many(&world, &ada, &format!("/v1/phone-numbers/{id}")).await;
        assert_one_did(&statuses, 204, 404, &format!("trial {trial}"));
        world.books().await.assert_whole();
    }
}

/// Looks at the workspace for a while. Each side does so in other trials than the other, for none to always win.
async fn linger(world: &World, by: &Person, looks: usize) {
    for _ in 0..looks {
        world.get("/v1/tenant").by(by).send().await.expect_status(200);
    }
}

/// Somebody is removed while they are given a plan. Of both one happens: whether the plan.
async fn plan_and_remove(world: &World, crew: &Crew, person: &Person, trial: usize) -> bool {
    let plan = async {
        linger(world, &crew.admin, trial % 4).await;
        world.post("/v1/integrations", world.planned_for(&person.id)).by(&crew.admin).send().await
    };
    let remove = async {
        linger(world, &crew.admin, trial % 5).await;
        crew.remove(world, person).await
    };
    let (planned, removed) = tokio::join!(plan, remove);
    match planned.status {
        201 => {
            assert_stayed(&removed, trial);
            let path = format!("/v1/integrations/{}", planned.body["id"].as_str().unwrap());
            world.books().await.assert_counted();
            world.delete(&path).by(&crew.admin).send().await.expect_status(204);
            crew.remove(world, person).await.expect_status(200);
            true
        }
        _ => {
            planned.expect_field("/plan/owner", "not_an_active_member");
            removed.expect_status(200);
            false
        }
    }
}

/// Whoever removes them is told that they own a plan, or that they were changed, which comes to looking again.
#[track_caller]
fn assert_stayed(removed: &Answer, trial: usize) {
    let code = removed.body["code"].as_str();
    assert!(matches!(code, Some("integration_owner" | "conflict")), "trial {trial}: {}", removed.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_removed_and_given_a_plan_at_once_is_gone_or_owns_it() {
    let world = World::in_process().await;
    let mut crew = Crew::gather(&world, 5).await;
    let mut planned = 0;
    for trial in 0..TRIALS {
        let person = crew.next(&world).await;
        join(&world, &crew.admin, &person, "operator").await;
        planned += usize::from(plan_and_remove(&world, &crew, &person, trial).await);
        world.books().await.assert_counted();
    }
    assert!((1..TRIALS).contains(&planned), "one side always won: {planned} of {TRIALS}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_naive_way_to_remove_leaves_a_plan_without_its_owner() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let olga = world.bring_in(&ada, "olga@acme.example", "operator").await;
    for trial in 0..200 {
        let plan = world.post("/v1/integrations", world.planned_for(&olga.id)).by(&ada).send();
        let remove = async {
            linger(&world, &ada, trial % 3).await;
            remove_naively(&world, &olga).await
        };
        let (planned, removed) = tokio::join!(plan, remove);
        match (planned.status, removed) {
            (201, Some(_)) => return,
            (201, None) => {
                let path = format!("/v1/integrations/{}", planned.body["id"].as_str().unwrap());
                world.delete(&path).by(&ada).send().await.expect_status(204);
            }
            (_, Some(member)) => put_back(&world, member).await,
            (_, None) => panic!("{}", planned.text),
        }
    }
    panic!("read-check-write left no plan without its owner: the race does not bite");
}

/// Reads a member, and deletes them if they own no plan; the member, if that was so.
async fn remove_naively(world: &World, person: &Person) -> Option<Item> {
    let sk = format!("MEMBER#{}", person.id);
    let member = read(world, &person.tenant, &sk).await;
    if number(&member, "plans_owned") > 0 {
        return None;
    }
    let key = key(&partition(&person.tenant), &sk);
    world.dynamo().delete_item().table_name(world.stack().table()).set_key(Some(key)).send().await.unwrap();
    Some(member)
}

async fn put_back(world: &World, member: Item) {
    world.dynamo().put_item().table_name(world.stack().table()).set_item(Some(member)).send().await.unwrap();
}
