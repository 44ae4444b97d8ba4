//! What many do at once. Each race has a naive twin, which reads, checks and then writes: it must lose, or the race proves
//! nothing.

use crate::world::{PASSWORD, Person, World};
use aws_sdk_dynamodb::types::AttributeValue;
use common::auth::token::InviteClaims;
use futures::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

const TRIALS: usize = 200;
const ACCEPTORS: usize = 32;

#[tokio::test(flavor = "multi_thread")]
async fn of_32_that_accept_one_invite_at_once_one_becomes_a_member_in_200_of_200_trials() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    for trial in 0..TRIALS {
        let email = format!("p{trial}@acme.example");
        let invite = world.invite(&ada, &email, "operator").await;
        let token = link_token(&world, &ada, &invite).await;
        let body = json!({ "token": token, "password": PASSWORD });
        let answers = join_all((0..ACCEPTORS).map(|_| world.post("/v1/invites/accept", body.clone()).send())).await;
        let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses[0], 201, "trial {trial}: {statuses:?}");
        // The others are told that the invite is used or, where the account was there before they looked, to sign in to it.
        assert!(statuses[1..].iter().all(|status| [410, 401].contains(status)), "trial {trial}: {statuses:?}");
        assert_eq!(members_with(&world, &ada, &email).await, 1, "trial {trial}");
    }
    world.settled().await;
    assert_counters(&world, &ada).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_who_comes_in_meanwhile_is_invited_again_and_no_row_is_lost_to_them() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    for trial in 0..60 {
        // In turn somebody new, and somebody with an account elsewhere whose accepting takes no time for a password.
        let owner = match trial % 2 {
            0 => None,
            _ => Some(world.sign_up(&format!("bob{trial}@other.example"), "Other Ltd").await),
        };
        let email = owner.as_ref().map_or(format!("x{trial}@acme.example"), |owner| owner.email.clone());
        let invite = world.invite(&ada, &email, "operator").await;
        let token = link_token(&world, &ada, &invite).await;
        let mut rows: Vec<_> = (0..6).map(|n| json!({ "email": format!("f{trial}-{n}@acme.example") })).collect();
        rows.push(json!({ "email": email }));
        let (accept, invites) = match &owner {
            None => {
                let accept = world.post("/v1/invites/accept", json!({ "token": token, "password": PASSWORD }));
                tokio::join!(accept.send(), world.post("/v1/invites", json!({ "invites": rows })).by(&ada).send())
            }
            Some(owner) => {
                let accept = world.post("/v1/invites/accept", json!({ "token": token })).token(&owner.access_token);
                tokio::join!(accept.send(), world.post("/v1/invites", json!({ "invites": rows })).by(&ada).send())
            }
        };
        assert_eq!((accept.status, invites.status), (201, 200), "trial {trial}: {} {}", accept.text, invites.text);
        let results = invites.body["results"].as_array().unwrap();
        assert!(results[..6].iter().all(|row| row["status"] == "invited"), "trial {trial}: {results:?}");
        let theirs = results[6]["status"].as_str().unwrap();
        assert!(["already_invited", "already_member"].contains(&theirs), "trial {trial}: {theirs}");
    }
}

/// The token that the mail holds, without waiting for the mail.
async fn link_token(world: &World, admin: &Person, invite: &Value) -> String {
    let item = read(world, &admin.tenant, &format!("INVITE#{}", invite["id"].as_str().unwrap())).await;
    let jti: Uuid = item["jti"].as_s().unwrap().parse().unwrap();
    let claims = InviteClaims {
        invite: invite["id"].as_str().unwrap().parse().unwrap(),
        tenant: admin.tenant.parse().unwrap(),
        email: invite["email"].as_str().unwrap().parse().unwrap(),
    };
    let expires_at = invite["expires_at"].as_str().unwrap().parse().unwrap();
    world.stack().token_keys().sign(claims, jti, world.now(), expires_at).unwrap()
}

async fn members_with(world: &World, admin: &Person, email: &str) -> usize {
    all_members(world, admin).await.iter().filter(|member| member["user"]["email"] == email).count()
}

async fn all_members(world: &World, admin: &Person) -> Vec<Value> {
    let mut members = Vec::new();
    let mut path = "/v1/members?limit=100".to_owned();
    loop {
        let page = world.get(&path).by(admin).send().await.expect_status(200).body;
        members.extend(page["data"].as_array().unwrap().clone());
        let Some(cursor) = page["next_cursor"].as_str() else { return members };
        path = format!("/v1/members?limit=100&cursor={cursor}");
    }
}

/// The counters say what a count of the members says.
async fn assert_counters(world: &World, admin: &Person) {
    let members = all_members(world, admin).await;
    let admins = members.iter().filter(|member| member["role"] == "admin").count();
    let counters = read(world, &admin.tenant, "COUNTERS").await;
    let number = |name: &str| counters[name].as_n().unwrap().parse::<usize>().unwrap();
    assert_eq!((number("members"), number("admins")), (members.len(), admins));
}

type Item = std::collections::HashMap<String, AttributeValue>;

async fn read(world: &World, tenant: &str, sk: &str) -> Item {
    let key = key(tenant, sk);
    let got = world
        .dynamo()
        .get_item()
        .table_name(world.stack().table())
        .set_key(Some(key))
        .consistent_read(true)
        .send()
        .await;
    got.unwrap().item.unwrap()
}

fn key(tenant: &str, sk: &str) -> Item {
    [("pk", format!("TENANT#{tenant}")), ("sk", sk.to_owned())]
        .map(|(name, value)| (name.to_owned(), AttributeValue::S(value)))
        .into()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_naive_way_to_accept_lets_several_in() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    for trial in 0..TRIALS {
        let invite = world.invite(&ada, &format!("p{trial}@acme.example"), "operator").await;
        let id = invite["id"].as_str().unwrap();
        let let_in = join_all((0..ACCEPTORS).map(|_| accept_naively(&world, &ada.tenant, id))).await;
        if let_in.into_iter().filter(|let_in| *let_in).count() > 1 {
            return;
        }
    }
    panic!("read-check-write let one in every time: the race does not bite");
}

/// Reads the invite, and if it is open, writes that it was accepted.
async fn accept_naively(world: &World, tenant: &str, invite: &str) -> bool {
    let sk = format!("INVITE#{invite}");
    let mut item = read(world, tenant, &sk).await;
    if item.contains_key("outcome") {
        return false;
    }
    item.insert("outcome".to_owned(), AttributeValue::S("accepted".to_owned()));
    world.dynamo().put_item().table_name(world.stack().table()).set_item(Some(item)).send().await.unwrap();
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_admins_demote_each_other_at_once_one_is_left_in_200_of_200_trials() {
    let world = World::in_process().await;
    let mut workspaces = Vec::new();
    for count in 2..=8 {
        workspaces.push(admins(&world, count).await);
    }
    for trial in 0..TRIALS {
        let admins = &workspaces[trial % workspaces.len()];
        let pairs = (0..admins.len()).map(|n| (&admins[n], &admins[(n + 1) % admins.len()]));
        let statuses = join_all(pairs.map(|(by, whom)| demote(&world, by, whom))).await;
        // 403: demoted before their own request was looked at.
        assert!(statuses.iter().all(|status| [200, 409, 403].contains(status)), "trial {trial}: {statuses:?}");
        let left = admins_left(&world, &admins[0]).await;
        let survivor = admins.iter().find(|person| left.contains(&person.id));
        let survivor = survivor.unwrap_or_else(|| panic!("trial {trial}: no admin is left of {}", admins.len()));
        assert_counters(&world, survivor).await;
        for person in admins.iter().filter(|person| !left.contains(&person.id)) {
            let path = format!("/v1/members/{}", person.id);
            world.patch(&path, json!({ "role": "admin" })).by(survivor).send().await.expect_status(200);
        }
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

async fn demote(world: &World, by: &Person, whom: &Person) -> u16 {
    let path = format!("/v1/members/{}", whom.id);
    world.patch(&path, json!({ "role": "viewer" })).by(by).send().await.status
}

/// The ids of those who are admins.
async fn admins_left(world: &World, member: &Person) -> Vec<String> {
    let members = all_members(world, member).await;
    let admins = members.iter().filter(|member| member["role"] == "admin");
    admins.map(|member| member["user"]["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_naive_way_to_demote_leaves_a_workspace_without_an_admin() {
    let world = World::in_process().await;
    // One source may ask for 50 sign-ups an hour. The race bites in the first few.
    for trial in 0..40 {
        let ada = world.sign_up(&format!("a{trial}@acme.example"), "Acme Inc.").await;
        let grace = world.bring_in(&ada, &format!("g{trial}@acme.example"), "admin").await;
        let (one, other) =
            (demote_naively(&world, &ada.tenant, &ada.id), demote_naively(&world, &ada.tenant, &grace.id));
        tokio::join!(one, other);
        if admins_left(&world, &ada).await.is_empty() {
            return;
        }
    }
    panic!("read-check-write left an admin every time: the race does not bite");
}

/// Reads how many admins there are, and if there is another, demotes this one.
async fn demote_naively(world: &World, tenant: &str, user: &str) {
    let counters = read(world, tenant, "COUNTERS").await;
    if counters["admins"].as_n().unwrap().parse::<u32>().unwrap() < 2 {
        return;
    }
    let mut member = read(world, tenant, &format!("MEMBER#{user}")).await;
    member.insert("role".to_owned(), AttributeValue::S("viewer".to_owned()));
    world.dynamo().put_item().table_name(world.stack().table()).set_item(Some(member)).send().await.unwrap();
    let update = world.dynamo().update_item().table_name(world.stack().table()).set_key(Some(key(tenant, "COUNTERS")));
    let update = update
        .update_expression("ADD admins :less")
        .expression_attribute_values(":less", AttributeValue::N("-1".to_owned()));
    update.send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_changes_while_it_is_rehearsed_is_not_confirmed_by_that() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let olga = world.bring_in(&ada, "olga@acme.example", "operator").await;
    let path = format!("/v1/members/{}", olga.id);
    let change = |body| world.patch(&path, body).by(&ada).send();
    let (mut recorded, mut refused) = (0, 0);
    for trial in 0..40 {
        let role = if trial % 2 == 0 { "viewer" } else { "operator" };
        // A new mark has no confirmation that a change of role would have to take back.
        for mark in [false, true] {
            change(json!({ "test_user": mark })).await.expect_status(200);
        }
        let rehearsal = world.post("/v1/access-rehearsals", json!({})).by(&olga).send();
        let (rehearsal, changed) = tokio::join!(rehearsal, change(json!({ "role": role })));
        match rehearsal.status {
            201 => recorded += 1,
            _ => {
                rehearsal.clone().expect_problem(409, "conflict");
                refused += 1;
            }
        }
        assert!([200, 409].contains(&changed.status), "{}", changed.text);
        let list = world.get("/v1/members").by(&ada).send().await.expect_status(200).body;
        let row = list["data"].as_array().unwrap().iter().find(|row| row["user"]["id"] == olga.id).unwrap();
        if !row["access_confirmed_at"].is_null() {
            assert_eq!(rehearsal.body["role"], row["role"], "what was confirmed is not what they are");
        }
        change(json!({ "role": role })).await.expect_status(200);
    }
    eprintln!("{recorded} recorded, {refused} refused");
}
