//! Getting started: forward and back with the state.

use crate::world::{PASSWORD, Person, World};
use jiff::SignedDuration;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn company_details_need_a_contact_and_a_country_and_fall_back_without_them() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let contact = json!({ "name": "Office", "email": "office@acme.example", "phone": null });
    world.change("/v1/tenant", &ada, json!({ "business_contact": contact })).await.expect_status(200);
    let step = world.step(&ada, "company-details").await;
    assert_eq!(step["state"], "incomplete");
    assert_eq!(
        step["why"],
        json!({ "code": "company_details_missing", "detail": "Set the country in the workspace settings." })
    );

    world.change("/v1/tenant", &ada, json!({ "country": "DE" })).await.expect_status(200);
    let step = world.step(&ada, "company-details").await;
    assert_eq!((&step["state"], &step["evidence"]["by"], step.get("why")), (&json!("complete"), &json!(ada.id), None));

    world.change("/v1/tenant", &ada, json!({ "country": null })).await.expect_status(200);
    let step = world.step(&ada, "company-details").await;
    assert_eq!((&step["state"], step.get("evidence")), (&json!("incomplete"), None));
    assert!(step["regressed_at"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_time_zone_counts_once_it_is_confirmed_and_another_one_has_to_be_confirmed_again() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let state = async || world.step(&ada, "default-timezone").await["state"].clone();
    assert_eq!(state().await, "incomplete");
    world.change("/v1/tenant", &ada, json!({ "default_time_zone_confirmed": true })).await.expect_status(200);
    assert_eq!(state().await, "complete");
    world.change("/v1/tenant", &ada, json!({ "default_time_zone": "Asia/Tokyo" })).await.expect_status(200);
    assert_eq!(state().await, "incomplete");
    let both = json!({ "default_time_zone": "UTC", "default_time_zone_confirmed": true });
    world.change("/v1/tenant", &ada, both).await.expect_status(200);
    assert_eq!(state().await, "complete");
    world.change("/v1/tenant", &ada, json!({ "default_time_zone_confirmed": false })).await.expect_status(200);
    assert_eq!(state().await, "incomplete");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_billing_owner_step_follows_who_is_named() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    world.change("/v1/billing", &ada, json!({ "billing_owner": ada.id })).await.expect_status(200);
    let step = world.step(&ada, "billing-owner").await;
    assert_eq!((&step["state"], &step["evidence"]["record"]), (&json!("complete"), &json!(ada.id)));
    world.change("/v1/billing", &ada, json!({ "billing_owner": null })).await.expect_status(200);
    let step = world.step(&ada, "billing-owner").await;
    assert_eq!((&step["state"], &step["why"]["code"]), (&json!("incomplete"), &json!("billing_owner_missing")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_backup_admin_step_follows_the_number_of_admins() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let olga = world.bring_in(&ada, "olga@acme.example", "operator").await;
    let state = async || world.step(&ada, "backup-admin").await["state"].clone();
    assert_eq!(state().await, "incomplete");
    let path = format!("/v1/members/{}", olga.id);
    world.patch(&path, json!({ "role": "admin" })).by(&ada).send().await.expect_status(200);
    assert_eq!(state().await, "complete");
    world.patch(&path, json!({ "role": "viewer" })).by(&ada).send().await.expect_status(200);
    assert_eq!(state().await, "incomplete");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_invite_step_is_in_progress_while_one_is_out_and_falls_back_to_the_second_it_expires() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    assert_eq!(world.step(&ada, "invite-team").await["why"]["code"], "no_invite_open");
    let body = json!({ "invites": [{ "email": "grace@acme.example" }], "expires_in_days": 1 });
    world.post("/v1/invites", body).by(&ada).send().await.expect_status(200);
    let step = world.step(&ada, "invite-team").await;
    assert_eq!((&step["state"], &step["why"]["code"]), (&json!("in_progress"), &json!("invite_open")));

    world.pass(SignedDuration::from_hours(24) + SignedDuration::from_secs(1));
    let cookie = format!("__Host-refresh={}", ada.refresh_token);
    let refreshed =
        world.post("/v1/sessions/refresh", json!({})).header("cookie", &cookie).send().await.expect_status(200);
    let ada = Person { access_token: refreshed.body["access_token"].as_str().unwrap().to_owned(), ..ada };
    let step = world.step(&ada, "invite-team").await;
    assert_eq!((&step["state"], &step["why"]["code"]), (&json!("incomplete"), &json!("invites_expired")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_test_user_step_follows_their_own_rehearsal_and_falls_back_with_their_role() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let olga = world.bring_in(&ada, "olga@acme.example", "operator").await;
    let codes = async || world.step(&ada, "test-user").await["why"]["code"].clone();
    assert_eq!(codes().await, "test_user_missing");
    let path = format!("/v1/members/{}", olga.id);
    world.patch(&path, json!({ "test_user": true })).by(&ada).send().await.expect_status(200);
    assert_eq!(codes().await, "access_unconfirmed");
    let rehearsed = world.post("/v1/access-rehearsals", json!({})).by(&olga).send().await.expect_status(201).body;
    let step = world.step(&ada, "test-user").await;
    assert_eq!(
        (&step["state"], &step["title"], &step["required"]),
        (&json!("complete"), &json!("Test user"), &json!(true))
    );
    let evidence = &step["evidence"];
    assert_eq!(
        (&evidence["record"], &evidence["by"], &evidence["at"]),
        (&json!(olga.id), &json!(olga.id), &rehearsed["confirmed_at"])
    );
    world.patch(&path, json!({ "role": "viewer" })).by(&ada).send().await.expect_status(200);
    let step = world.step(&ada, "test-user").await;
    assert_eq!((&step["state"], &step["why"]["code"]), (&json!("incomplete"), &json!("access_unconfirmed")));
    assert!(step["regressed_at"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_are_awaited_while_one_is_invited_and_a_reviewer_is_a_viewer_who_came() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let operators = async || {
        let step = world.step(&ada, "operators-signed-in").await;
        (step["state"].clone(), step["why"]["code"].clone())
    };
    assert_eq!(operators().await, (json!("incomplete"), json!("operator_missing")));
    let olga = world.bring_in(&ada, "olga@acme.example", "operator").await;
    assert_eq!(operators().await, (json!("complete"), json!(null)));
    let evidence = world.step(&ada, "operators-signed-in").await["evidence"].clone();
    assert_eq!((&evidence["record"], &evidence["by"]), (&json!(olga.id), &json!(olga.id)));

    let invite = world.invite(&ada, "oscar@acme.example", "operator").await;
    assert_eq!(operators().await, (json!("in_progress"), json!("operator_invite_open")));
    let path = format!("/v1/invites/{}", invite["id"].as_str().unwrap());
    world.patch(&path, json!({ "role": "viewer" })).by(&ada).send().await.expect_status(200);
    assert_eq!(operators().await, (json!("complete"), json!(null)), "no operator is awaited any more");
    world.patch(&path, json!({ "role": "operator" })).by(&ada).send().await.expect_status(200);
    assert_eq!(operators().await, (json!("in_progress"), json!("operator_invite_open")));
    world.delete(&path).by(&ada).send().await.expect_status(204);
    assert_eq!(operators().await, (json!("complete"), json!(null)));

    assert_eq!(world.step(&ada, "reviewer-assigned").await["why"]["code"], "reviewer_missing");
    world
        .patch(&format!("/v1/members/{}", olga.id), json!({ "role": "viewer" }))
        .by(&ada)
        .send()
        .await
        .expect_status(200);
    let reviewer = world.step(&ada, "reviewer-assigned").await;
    assert_eq!((&reviewer["state"], &reviewer["evidence"]["by"]), (&json!("complete"), &json!(ada.id)));
    assert_eq!(operators().await, (json!("incomplete"), json!("operator_missing")));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_the_checklist_is_told_so_by_304_until_it_changes_by_a_write_or_by_time() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    world.invite(&ada, "grace@acme.example", "operator").await;
    world.settled().await;
    let look = |etag: &str| world.get("/v1/checklist").by(&ada).header("if-none-match", etag);
    let first = world.get("/v1/checklist").by(&ada).send().await.expect_status(200);
    let etag = first.header("etag");
    drop(world.observed());
    for known in [etag.clone(), format!("W/{etag}"), format!("\"other\", {etag}"), "*".to_owned()] {
        let same = look(&known).send().await.expect_status(304);
        assert_eq!(
            (same.text.as_str(), same.header("etag"), same.header("cache-control")),
            ("", etag.clone(), "no-store".to_owned())
        );
    }
    for looked in world.observed() {
        assert_eq!(
            (looked.function, looked.status, looked.tally.calls),
            ("get-checklist", 304, 2),
            "the caller, and one read"
        );
    }
    for unknown in ["\"other\"", "nonsense", ""] {
        let again = look(unknown).send().await.expect_status(200);
        assert_eq!((&again.body, again.header("etag")), (&first.body, etag.clone()));
    }

    world.change("/v1/tenant", &ada, json!({ "default_time_zone_confirmed": true })).await.expect_status(200);
    world.settled().await;
    let changed = look(&etag).send().await.expect_status(200);
    assert_ne!(changed.header("etag"), etag);

    world.pass(SignedDuration::from_hours(7 * 24) + SignedDuration::from_secs(1));
    let ada = world.sign_in(&ada).await;
    let expired = world.get("/v1/checklist").by(&ada).header("if-none-match", &changed.header("etag")).send().await;
    let expired = expired.expect_status(200);
    assert_eq!(expired.body["version"], changed.body["version"], "nothing was written");
    let step = |answer: &crate::world::Answer| answer.body["steps"][4]["why"]["code"].clone();
    assert_eq!((step(&changed), step(&expired)), (json!("invite_open"), json!("invites_expired")));
    let known = world.get("/v1/checklist").by(&ada).header("if-none-match", &expired.header("etag")).send().await;
    known.expect_status(304);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_the_checklist_does_not_show_leaves_it_as_it_is() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let before = world.checklist(&ada).await;
    world.change("/v1/tenant", &ada, json!({ "labels": ["EMEA"] })).await.expect_status(200);
    world.change("/v1/billing", &ada, json!({ "po_number": "PO 1" })).await.expect_status(200);
    assert_eq!(world.checklist(&ada).await, before, "not even its version");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_member_sees_the_checklist_of_their_own_workspace() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    let viewer = world.bring_in(&ada, "vic@acme.example", "viewer").await;
    assert_eq!(world.checklist(&viewer).await, world.checklist(&ada).await);
    assert_eq!(world.step(&bob, "invite-team").await["state"], "incomplete");
    assert_eq!(world.step(&ada, "invite-team").await["state"], "complete");
    let body = json!({ "email": "ada@acme.example", "password": PASSWORD });
    world.post("/v1/sessions", body).send().await.expect_status(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checklist_that_is_not_what_the_state_amounts_to_is_mended_by_the_clock_and_the_others_are_left_alone() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    world.change("/v1/tenant", &ada, json!({ "default_time_zone_confirmed": true })).await.expect_status(200);
    let (of_ada, of_bob) = (world.checklist(&ada).await, world.checklist(&bob).await);
    world.spoil_checklist(&ada.tenant).await;
    for step in world.checklist(&ada).await["steps"].as_array().unwrap() {
        assert_eq!(step["why"]["code"], "not_looked_at_yet", "{step}");
    }

    world.stack().invoke("reconcile-checklists", json!({})).await.unwrap();
    let mended = world.checklist(&ada).await;
    let states = |checklist: &serde_json::Value| -> Vec<(serde_json::Value, serde_json::Value)> {
        checklist["steps"].as_array().unwrap().iter().map(|step| (step["id"].clone(), step["state"].clone())).collect()
    };
    assert_eq!(states(&mended), states(&of_ada));
    assert_eq!(world.checklist(&bob).await, of_bob);

    let kept = world.everything_kept().await;
    world.stack().invoke("reconcile-checklists", json!({})).await.unwrap();
    assert_eq!(world.everything_kept().await, kept, "something was written although there was nothing to mend");
}
