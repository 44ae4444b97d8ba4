//! Who is in a workspace, and as what.

use crate::world::World;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn the_list_says_who_is_in_the_workspace_and_who_brought_them() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let olga = world.bring_in(&ada, "olga@acme.example", "operator").await;
    let list = world.get("/v1/members").by(&olga).send().await.expect_status(200).body;
    let rows: Vec<_> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (&row["user"]["email"], &row["role"], &row["invited_by"]))
        .collect();
    assert_eq!(
        rows,
        [
            (&json!("ada@acme.example"), &json!("admin"), &json!(null)),
            (&json!("olga@acme.example"), &json!("operator"), &json!(ada.id)),
        ]
    );
    assert_eq!(list["next_cursor"], json!(null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_read_a_page_at_a_time_and_a_cursor_is_good_for_its_own_list_only() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    let rows: Vec<_> = (0..5).map(|n| json!({ "email": format!("p{n}@acme.example") })).collect();
    world.post("/v1/invites", json!({ "invites": rows })).by(&ada).send().await.expect_status(200);

    let mut seen = Vec::new();
    let mut path = "/v1/invites?limit=2".to_owned();
    let mut cursors = Vec::new();
    loop {
        let page = world.get(&path).by(&ada).send().await.expect_status(200).body;
        assert!(page["data"].as_array().unwrap().len() <= 2);
        seen.extend(page["data"].as_array().unwrap().iter().map(|row| row["email"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        cursors.push(cursor.to_owned());
        path = format!("/v1/invites?limit=2&cursor={cursor}");
    }
    seen.sort();
    assert_eq!(seen, (0..5).map(|n| format!("p{n}@acme.example")).collect::<Vec<_>>());

    let foreign = world.get(&format!("/v1/invites?cursor={}", cursors[0])).by(&bob).send().await;
    foreign.expect_field("?cursor", "cursor_invalid");
    let other_list = world.get(&format!("/v1/members?cursor={}", cursors[0])).by(&ada).send().await;
    other_list.expect_field("?cursor", "cursor_invalid");
    for limit in ["0", "101", "-1", "many", ""] {
        let refused = world.get(&format!("/v1/members?limit={limit}")).by(&ada).send().await;
        refused.expect_field("?limit", "limit_invalid");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_in_force_with_the_next_request() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let olga = world.bring_in(&ada, "olga@acme.example", "operator").await;
    let refused = world.get("/v1/billing").by(&olga).send().await.expect_problem(403, "forbidden");
    assert_eq!(refused.body["permission"], "billing:read");

    let path = format!("/v1/members/{}", olga.id);
    let promoted = world.patch(&path, json!({ "role": "admin" })).by(&ada).send().await.expect_status(200);
    assert_eq!((&promoted.body["user"]["id"], &promoted.body["role"]), (&json!(olga.id), &json!("admin")));
    world.get("/v1/billing").by(&olga).send().await.expect_status(200);

    world.patch(&path, json!({ "role": "viewer" })).by(&ada).send().await.expect_status(200);
    world.get("/v1/billing").by(&olga).send().await.expect_problem(403, "forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_admin_stays_an_admin() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    world.bring_in(&ada, "olga@acme.example", "operator").await;
    world.settled().await;
    let kept = world.everything_kept().await;
    let path = format!("/v1/members/{}", ada.id);
    for role in ["operator", "viewer"] {
        world.patch(&path, json!({ "role": role })).by(&ada).send().await.expect_problem(409, "last_admin");
    }
    world.settled().await;
    assert_eq!(world.everything_kept().await, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_is_not_a_member_is_answered_like_somebody_who_does_not_exist() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    for id in [bob.id.as_str(), "usr_00000000000000000000000000000000", "nonsense", "%23"] {
        let path = format!("/v1/members/{id}");
        world.patch(&path, json!({ "role": "viewer" })).by(&ada).send().await.expect_problem(404, "not_found");
    }
    let path = format!("/v1/members/{}", ada.id);
    let named_twice = world.patch(&path, json!({ "role": "viewer", "user": bob.id })).by(&ada).send().await;
    named_twice.expect_field("/user", "unknown_field");
    world.patch(&path, json!({ "role": "owner" })).by(&ada).send().await.expect_field("/role", "role_unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_holds_a_slash_is_nobodys() {
    let world = World::local().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let path = "/v1/members/..%2f";
    world.patch(path, json!({ "role": "viewer" })).by(&ada).send().await.expect_problem(404, "not_found");
}
