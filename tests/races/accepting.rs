//! Many accept one invite, and somebody is invited while they come in.

use super::table::{assert_counters, read};
use super::{links, trials};
use crate::world::{PASSWORD, Person, World};
use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use serde_json::json;

const ACCEPTORS: usize = 32;

#[tokio::test(flavor = "multi_thread")]
async fn of_32_that_accept_one_invite_at_once_one_becomes_a_member_in_every_trial() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    for trial in 0..trials(200) {
        let email = format!("p{trial}@acme.example");
        let invite = world.invite(&ada, &email, "operator").await;
        let token = links::newest(&world, &ada, &invite).await;
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
    assert_counters(&world, &ada.tenant, "at the end").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_who_comes_in_meanwhile_is_invited_again_and_no_row_is_lost_to_them() {
    let world = World::in_process().await;
    // One member may have 200 mails sent in an hour, and every trial sends up to eight.
    let mut inviters = Vec::new();
    for n in 0..4 {
        inviters.push(world.sign_up(&format!("ada{n}@acme.example"), "Acme Inc.").await);
    }
    for trial in 0..60 {
        let ada = &inviters[trial / 15];
        // In turn somebody new, and somebody with an account elsewhere whose accepting takes no time for a password.
        let owner = match trial % 2 {
            0 => None,
            _ => Some(world.sign_up(&format!("bob{trial}@other.example"), "Other Ltd").await),
        };
        let email = owner.as_ref().map_or(format!("x{trial}@acme.example"), |owner| owner.email.clone());
        let invite = world.invite(ada, &email, "operator").await;
        let token = links::newest(&world, ada, &invite).await;
        let mut rows: Vec<_> = (0..6).map(|n| json!({ "email": format!("f{trial}-{n}@acme.example") })).collect();
        rows.push(json!({ "email": email }));
        let (accept, invites) = match &owner {
            None => {
                let accept = world.post("/v1/invites/accept", json!({ "token": token, "password": PASSWORD }));
                tokio::join!(accept.send(), world.post("/v1/invites", json!({ "invites": rows })).by(ada).send())
            }
            Some(owner) => {
                let accept = world.post("/v1/invites/accept", json!({ "token": token })).token(&owner.access_token);
                tokio::join!(accept.send(), world.post("/v1/invites", json!({ "invites": rows })).by(ada).send())
            }
        };
        assert_eq!((accept.status, invites.status), (201, 200), "trial {trial}: {} {}", accept.text, invites.text);
        let results = invites.body["results"].as_array().unwrap();
        assert!(results[..6].iter().all(|row| row["status"] == "invited"), "trial {trial}: {results:?}");
        let theirs = results[6]["status"].as_str().unwrap();
        assert!(["already_invited", "already_member"].contains(&theirs), "trial {trial}: {theirs}");
    }
}

async fn members_with(world: &World, admin: &Person, email: &str) -> usize {
    let (mut found, mut path) = (0, "/v1/members?limit=100".to_owned());
    loop {
        let page = world.get(&path).by(admin).send().await.expect_status(200).body;
        found += page["data"].as_array().unwrap().iter().filter(|member| member["user"]["email"] == email).count();
        let Some(cursor) = page["next_cursor"].as_str() else { return found };
        path = format!("/v1/members?limit=100&cursor={cursor}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_naive_way_to_accept_lets_several_in() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    for trial in 0..200 {
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
