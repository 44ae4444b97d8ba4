//! Who is in a workspace, and as what.

use crate::world::{Person, World};
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

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_disabled_has_no_access_until_they_are_enabled_and_keeps_their_seat() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let olga = world.bring_in(&ada, "olga@acme.example", "operator").await;
    let path = format!("/v1/members/{}", olga.id);
    let before = world.get("/v1/members").by(&ada).send().await.expect_status(200).body["data"][1].clone();

    let disabled = world.patch(&path, json!({ "disabled": true })).by(&ada).send().await.expect_status(200).body;
    let mut expected = before.clone();
    expected["status"] = json!("disabled");
    assert_eq!(disabled, expected);
    world.get("/v1/tenant").by(&olga).send().await.expect_problem(404, "not_found");
    let tenants = world.get("/v1/me/tenants").token(&olga.access_token).send().await.expect_status(200);
    assert_eq!(tenants.body["data"], json!([]));
    let again = world.post("/v1/invites", json!({ "invites": [{ "email": olga.email }] })).by(&ada).send().await;
    assert_eq!(again.body["results"][0]["status"], "already_member");

    let enabled = world.patch(&path, json!({ "disabled": false })).by(&ada).send().await.expect_status(200).body;
    assert_eq!(enabled, before);
    world.get("/v1/tenant").by(&olga).send().await.expect_status(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_somebody_ends_their_access_and_leaves_a_receipt() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let olga = world.bring_in(&ada, "olga@acme.example", "operator").await;
    let path = format!("/v1/members/{}", olga.id);
    let receipt = world.delete(&path).by(&ada).send().await.expect_status(200).body;
    let removed_at = receipt["removed_at"].clone();
    assert_eq!(
        receipt,
        json!({
            "user": { "id": olga.id, "email": olga.email, "display_name": "olga" },
            "removed_at": removed_at,
            "removed_by": ada.id,
            "role": "operator",
            "revoked_permissions":
                ["tenant:read", "tenant:leave", "members:read", "access:rehearse", "checklist:read", "connections:read"],
            "was_test_user": false,
            "open_invites": [],
            "api_keys": [],
        })
    );
    world.get("/v1/tenant").by(&olga).send().await.expect_problem(404, "not_found");
    world.get("/v1/tenant").token(&olga.access_token).send().await.expect_problem(400, "tenant_required");
    // They are still a person with an account.
    world.get("/v1/me").token(&olga.access_token).send().await.expect_status(200);
    world.delete(&path).by(&ada).send().await.expect_problem(404, "not_found");
    let members = world.get("/v1/members").by(&ada).send().await.expect_status(200);
    assert_eq!(members.body["data"].as_array().unwrap().len(), 1);

    world.invite(&ada, &olga.email, "viewer").await;
    let token = world.token_mailed_to(&olga.email).await;
    let back = world.post("/v1/invites/accept", json!({ "token": token })).token(&olga.access_token).send().await;
    assert_eq!(back.expect_status(201).body["role"], "viewer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_may_leave_and_the_last_admin_may_not() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let vic = world.bring_in(&ada, "vic@acme.example", "viewer").await;
    let leave = async |person: &Person| world.post("/v1/tenant/leave", json!({})).by(person).send().await;
    leave(&vic).await.expect_status(204);
    world.get("/v1/tenant").by(&vic).send().await.expect_problem(404, "not_found");
    leave(&vic).await.expect_problem(404, "not_found");

    world.settled().await;
    let kept = world.everything_kept().await;
    leave(&ada).await.expect_problem(409, "last_admin");
    let path = format!("/v1/members/{}", ada.id);
    world.delete(&path).by(&ada).send().await.expect_problem(409, "last_admin");
    world.patch(&path, json!({ "disabled": true })).by(&ada).send().await.expect_problem(409, "last_admin");
    world.settled().await;
    assert_eq!(world.everything_kept().await, kept);

    world.bring_in(&ada, "grace@acme.example", "admin").await;
    leave(&ada).await.expect_status(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_billing_owner_and_their_backup_stay_until_somebody_else_is_named() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let grace = world.bring_in(&ada, "grace@acme.example", "admin").await;
    world.bring_in(&ada, "anna@acme.example", "admin").await;
    let both = json!({ "billing_owner": ada.id, "backup_owner": grace.id });
    world.change("/v1/billing", &ada, both).await.expect_status(200);
    world.settled().await;
    let kept = world.everything_kept().await;
    for person in [&ada, &grace] {
        let path = format!("/v1/members/{}", person.id);
        world.delete(&path).by(&ada).send().await.expect_problem(409, "billing_owner");
        world.patch(&path, json!({ "disabled": true })).by(&ada).send().await.expect_problem(409, "billing_owner");
        world.post("/v1/tenant/leave", json!({})).by(person).send().await.expect_problem(409, "billing_owner");
    }
    world.settled().await;
    assert_eq!(world.everything_kept().await, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_has_one_test_user_at_most() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let olga = world.bring_in(&ada, "olga@acme.example", "operator").await;
    let vic = world.bring_in(&ada, "vic@acme.example", "viewer").await;
    let mark = async |person: &Person, is: bool| {
        let path = format!("/v1/members/{}", person.id);
        let marked = world.patch(&path, json!({ "test_user": is })).by(&ada).send().await.expect_status(200).body;
        assert_eq!((&marked["test_user"], &marked["access_confirmed_at"]), (&json!(is), &json!(null)));
    };
    let test_users = async || {
        let members = world.get("/v1/members").by(&ada).send().await.expect_status(200).body;
        let members = members["data"].as_array().unwrap().clone();
        let marked = members.into_iter().filter(|member| member["test_user"] == json!(true));
        marked.map(|member| member["user"]["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(test_users().await.is_empty());
    mark(&olga, true).await;
    assert_eq!(test_users().await, [&*olga.id]);
    mark(&vic, true).await;
    assert_eq!(test_users().await, [&*vic.id]);
    let lines = world.get(&format!("/v1/audit?target={}", olga.id)).by(&ada).send().await.expect_status(200).body;
    let actions: Vec<_> =
        lines["data"].as_array().unwrap().iter().map(|line| line["action"].as_str().unwrap()).collect();
    assert_eq!(
        actions,
        ["test_user.unmarked", "test_user.marked"],
        "whoever loses the mark to somebody else is told of too"
    );
    mark(&olga, false).await;
    assert_eq!(test_users().await, [&*vic.id], "taking a mark from whoever has none changes nothing");

    let disabled = json!({ "disabled": true, "test_user": true });
    let refused = world.patch(&format!("/v1/members/{}", olga.id), disabled).by(&ada).send().await;
    refused.expect_field("/test_user", "disabled");
    let receipt = world.delete(&format!("/v1/members/{}", vic.id)).by(&ada).send().await.expect_status(200).body;
    assert_eq!(receipt["was_test_user"], true);
    assert!(test_users().await.is_empty());
}
