//! A rehearsal, and the role that it is about.

use crate::world::World;
use serde_json::json;

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
