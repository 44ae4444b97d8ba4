//! The workspace's settings.

use crate::world::World;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_changed_under_the_version_that_was_read() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let before = world.get("/v1/tenant").by(&ada).send().await.expect_status(200);
    assert_eq!((before.header("etag"), &before.body["version"]), ("\"1\"".to_owned(), &json!(1)));

    let change = || world.patch("/v1/tenant", json!({ "labels": ["EMEA", "Pilot"] })).by(&ada);
    change().send().await.expect_problem(428, "if_match_required");
    change().header("if-match", "\"7\"").send().await.expect_problem(412, "version_stale");
    change().header("if-match", "*").send().await.expect_problem(428, "if_match_required");
    let after = change().header("if-match", "\"1\"").send().await.expect_status(200);
    assert_eq!((after.header("etag"), &after.body["version"]), ("\"2\"".to_owned(), &json!(2)));
    assert_eq!(after.body["labels"], json!(["EMEA", "Pilot"]));
    change().header("if-match", "\"1\"").send().await.expect_problem(412, "version_stale");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_changes_made_at_once_one_is_saved_and_one_is_told() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let change = |label: &str| {
        world.patch("/v1/tenant", json!({ "labels": [label] })).by(&ada).header("if-match", "\"1\"").send()
    };
    let (one, other) = tokio::join!(change("one"), change("other"));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_changes_nothing_writes_nothing() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    world.settled().await;
    let kept = world.everything_kept().await;
    let same = world.change("/v1/tenant", &ada, json!({ "company_name": "Acme Inc." })).await.expect_status(200);
    assert_eq!(same.body["version"], 1);
    world.settled().await;
    assert_eq!(world.everything_kept().await, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_setting_that_is_not_valid_is_named_with_what_is_wrong() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let kept = world.everything_kept().await;
    let cases = [
        (json!({ "company_name": "" }), "/company_name", "text_empty"),
        (json!({ "company_name": "x".repeat(101) }), "/company_name", "text_too_long"),
        (json!({ "company_name": "Acme\u{202e}cmI" }), "/company_name", "text_forbidden_character"),
        (json!({ "company_name": "Win now https://evil.example" }), "/company_name", "text_looks_like_url"),
        (json!({ "country": "Germany" }), "/country", "country_unknown"),
        (json!({ "default_time_zone": "Berlin" }), "/default_time_zone", "time_zone_unknown"),
        (
            json!({ "business_contact": { "name": "A", "email": "nobody", "phone": null } }),
            "/business_contact/email",
            "email_invalid",
        ),
        (
            json!({ "business_contact": { "name": "A", "email": "a@b.example", "phone": "12" } }),
            "/business_contact/phone",
            "phone_invalid",
        ),
        (
            json!({ "business_contact": { "name": "A", "email": "a@b.example", "fax": "1" } }),
            "/business_contact/fax",
            "unknown_field",
        ),
        (json!({ "labels": vec!["x"; 2] }), "/labels", "repeated"),
        (json!({ "labels": (0..21).map(|n| n.to_string()).collect::<Vec<_>>() }), "/labels", "too_many"),
        (json!({ "labels": ["fine", "\u{7}"] }), "/labels/1", "text_forbidden_character"),
        (json!({ "company_name": null }), "/company_name", "wrong_type"),
        (json!({ "default_time_zone": null }), "/default_time_zone", "wrong_type"),
        (json!({ "default_time_zone_confirmed": "yes" }), "/default_time_zone_confirmed", "wrong_type"),
    ];
    for (body, pointer, code) in cases {
        world.patch("/v1/tenant", body).by(&ada).header("if-match", "\"1\"").send().await.expect_field(pointer, code);
    }
    assert_eq!(world.everything_kept().await, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_say_how_many_seats_there_are_and_how_many_are_taken() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let olga = world.bring_in(&ada, "olga@acme.example", "operator").await;
    world.invite(&ada, "grace@acme.example", "viewer").await;
    let seats = async || world.get("/v1/tenant").by(&ada).send().await.expect_status(200).body["seats"].clone();
    assert_eq!(seats().await, json!({ "taken": 3, "total": 500 }));
    world.delete(&format!("/v1/members/{}", olga.id)).by(&ada).send().await.expect_status(200);
    assert_eq!(seats().await, json!({ "taken": 2, "total": 500 }));
    let changed = world.change("/v1/tenant", &ada, json!({ "country": "DE" })).await.expect_status(200);
    assert_eq!(changed.body["seats"], json!({ "taken": 2, "total": 500 }));
}
