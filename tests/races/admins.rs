//! All admins of a workspace go at each other, or leave, at once: it keeps one.

use super::table::{self, assert_counters, key, number, partition, read};
use super::{crew, trials};
use crate::world::{Person, World};
use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};

/// What an admin does.
#[derive(Debug, Clone, Copy)]
enum Act {
    DemoteTheNext,
    RemoveTheNext,
    DisableTheNext,
    Leave,
}

const ACTS: [Act; 4] = [Act::DemoteTheNext, Act::RemoveTheNext, Act::DisableTheNext, Act::Leave];

/// What `count` admins do: all the same in four trials of ten, and in the others a mix of all there is.
fn plan(trial: usize, count: usize) -> Vec<Act> {
    // Any odd number with bits all over would do: what follows from it looks like no pattern, and is the same in every run.
    let mixed = trial.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    (0..count).map(|n| if trial % 10 < 4 { ACTS[trial % 10] } else { ACTS[mixed >> (2 * n) & 3] }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_admins_demote_remove_disable_each_other_or_leave_at_once_one_is_left_in_every_trial() {
    let world = World::in_process().await;
    let mut workspaces = Vec::new();
    for count in 2..=8 {
        workspaces.push(admins(&world, count).await);
    }
    for trial in 0..trials(200) {
        if trial > 0 && trial % 28 == 0 {
            an_hour_later(&world, &mut workspaces).await;
        }
        let admins = &workspaces[trial % workspaces.len()];
        let plan = plan(trial, admins.len());
        let acts =
            plan.iter().enumerate().map(|(n, act)| act.done(&world, &admins[n], &admins[(n + 1) % admins.len()]));
        let statuses = join_all(acts).await;
        // 403, 404: demoted, or gone, before their own request was looked at.
        let expected = [200, 204, 409, 403, 404];
        assert!(statuses.iter().all(|status| expected.contains(status)), "trial {trial}: {plan:?} {statuses:?}");
        let left = table::admins(&world, &admins[0].tenant).await;
        let survivor = admins.iter().find(|person| left.contains(&person.id));
        let survivor = survivor.unwrap_or_else(|| panic!("trial {trial}: no admin is left after {plan:?}"));
        assert_counters(&world, &survivor.tenant, &format!("trial {trial}: {plan:?}")).await;
        restore(&world, survivor, admins).await;
    }
}

impl Act {
    async fn done(self, world: &World, by: &Person, next: &Person) -> u16 {
        let path = format!("/v1/members/{}", next.id);
        let request = match self {
            Act::DemoteTheNext => world.patch(&path, json!({ "role": "viewer" })),
            Act::RemoveTheNext => world.delete(&path),
            Act::DisableTheNext => world.patch(&path, json!({ "disabled": true })),
            Act::Leave => world.post("/v1/tenant/leave", json!({})),
        };
        request.by(by).send().await.status
    }
}

/// A workspace of `count` admins.
async fn admins(world: &World, count: usize) -> Vec<Person> {
    let first = world.sign_up(&format!("a0@of{count}.example"), "Acme Inc.").await;
    let mut admins = vec![first.clone()];
    for n in 1..count {
        admins.push(world.bring_in(&first, &format!("a{n}@of{count}.example"), "admin").await);
    }
    admins
}

/// An address gets ten mails an hour, and whoever was removed is invited again.
async fn an_hour_later(world: &World, workspaces: &mut [Vec<Person>]) {
    world.pass(SignedDuration::from_hours(1));
    for admins in workspaces {
        *admins = crew::refreshed(world, admins).await;
    }
}

/// Makes all of them admins again.
async fn restore(world: &World, survivor: &Person, admins: &[Person]) {
    let members = table::items(world, &survivor.tenant, "MEMBER#").await;
    for person in admins.iter().filter(|person| person.id != survivor.id) {
        match members.iter().any(|member| table::text(member, "user") == person.id) {
            true => make(world, survivor, person, json!({ "role": "admin", "disabled": false })).await,
            false => crew::join(world, survivor, person, "admin").await,
        }
    }
}

async fn make(world: &World, by: &Person, whom: &Person, what: Value) {
    world.patch(&format!("/v1/members/{}", whom.id), what).by(by).send().await.expect_status(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_naive_way_to_demote_leaves_a_workspace_without_an_admin() {
    assert_none_is_left_by(demote).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_naive_way_to_remove_leaves_a_workspace_without_an_admin() {
    assert_none_is_left_by(remove).await;
}

async fn assert_none_is_left_by(act: impl AsyncFn(&World, &str, &str)) {
    let world = World::in_process().await;
    // One source may ask for 50 sign-ups an hour. The race bites in the first few.
    for trial in 0..40 {
        let ada = world.sign_up(&format!("a{trial}@acme.example"), "Acme Inc.").await;
        let grace = world.bring_in(&ada, &format!("g{trial}@acme.example"), "admin").await;
        let naively = async |user: &str| {
            if another_is_left(&world, &ada.tenant).await {
                act(&world, &ada.tenant, user).await;
                count_one_less(&world, &ada.tenant).await;
            }
        };
        tokio::join!(naively(&ada.id), naively(&grace.id));
        if table::admins(&world, &ada.tenant).await.is_empty() {
            return;
        }
    }
    panic!("read-check-write left an admin every time: the race does not bite");
}

async fn another_is_left(world: &World, tenant: &str) -> bool {
    number(&read(world, tenant, "COUNTERS").await, "admins") >= 2
}

async fn demote(world: &World, tenant: &str, user: &str) {
    let mut member = read(world, tenant, &format!("MEMBER#{user}")).await;
    member.insert("role".to_owned(), AttributeValue::S("viewer".to_owned()));
    world.dynamo().put_item().table_name(world.stack().table()).set_item(Some(member)).send().await.unwrap();
}

async fn remove(world: &World, tenant: &str, user: &str) {
    let key = key(&partition(tenant), &format!("MEMBER#{user}"));
    world.dynamo().delete_item().table_name(world.stack().table()).set_key(Some(key)).send().await.unwrap();
}

async fn count_one_less(world: &World, tenant: &str) {
    let key = key(&partition(tenant), "COUNTERS");
    let update = world.dynamo().update_item().table_name(world.stack().table()).set_key(Some(key));
    let update = update
        .update_expression("ADD admins :less")
        .expression_attribute_values(":less", AttributeValue::N("-1".to_owned()));
    update.send().await.unwrap();
}
