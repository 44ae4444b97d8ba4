//! Who pays, and where the invoices go.

use crate::world::World;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn billing_settings_are_kept_whole_and_shown_as_they_are() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let grace = world.bring_in(&ada, "grace@acme.example", "admin").await;
    let settings = json!({
        "billing_owner": ada.id,
        "backup_owner": grace.id,
        "recipients": ["invoices@acme.example"],
        "address": { "line1": "Hauptstr. 1", "line2": null, "city": "Berlin", "region": null, "postal_code": "10115", "country": "DE" },
        "tax_id": "DE 123456789",
        "currency": "eur",
        "po_number": "PO 4711",
    });
    let changed = world.change("/v1/billing", &ada, settings.clone()).await.expect_status(200);
    let mut expected = settings;
    expected["tax_id"] = json!("DE123456789");
    expected["currency"] = json!("EUR");
    expected["version"] = json!(2);
    assert_eq!(changed.body, expected);
    assert_eq!(world.get("/v1/billing").by(&ada).send().await.expect_status(200).body, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_active_admin_of_the_workspace_can_own_its_billing() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let viewer = world.bring_in(&ada, "vic@acme.example", "viewer").await;
    let stranger = world.sign_up("bob@other.example", "Other Ltd").await;
    for user in [&viewer.id, &stranger.id] {
        let refused = world.change("/v1/billing", &ada, json!({ "billing_owner": user })).await;
        refused.expect_field("/billing_owner", "not_an_active_admin");
        let refused = world.change("/v1/billing", &ada, json!({ "backup_owner": user })).await;
        refused.expect_field("/backup_owner", "not_an_active_admin");
    }
    let twice = world.change("/v1/billing", &ada, json!({ "billing_owner": ada.id, "backup_owner": ada.id })).await;
    twice.expect_field("/backup_owner", "same_person");
    let billing = world.get("/v1/billing").by(&ada).send().await.expect_status(200);
    assert_eq!((&billing.body["billing_owner"], &billing.body["version"]), (&json!(null), &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn billing_owner_and_backup_stay_admins_until_somebody_else_is_named() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let grace = world.bring_in(&ada, "grace@acme.example", "admin").await;
    let hedy = world.bring_in(&ada, "hedy@acme.example", "admin").await;
    let named = json!({ "billing_owner": grace.id, "backup_owner": hedy.id });
    world.change("/v1/billing", &ada, named).await.expect_status(200);
    for person in [&grace, &hedy] {
        let path = format!("/v1/members/{}", person.id);
        world.patch(&path, json!({ "role": "viewer" })).by(&ada).send().await.expect_problem(409, "billing_owner");
    }
    world
        .change("/v1/billing", &ada, json!({ "billing_owner": ada.id, "backup_owner": null }))
        .await
        .expect_status(200);
    let path = format!("/v1/members/{}", grace.id);
    world.patch(&path, json!({ "role": "viewer" })).by(&ada).send().await.expect_status(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_billing_field_that_is_not_valid_is_named() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let kept = world.everything_kept().await;
    let address = |country: &str| json!({ "line1": "Hauptstr. 1", "city": "Berlin", "country": country });
    let cases = [
        (json!({ "billing_owner": "ada" }), "/billing_owner", "id_invalid"),
        (json!({ "recipients": ["a@b.example", "A@b.example"] }), "/recipients", "repeated"),
        (
            json!({ "recipients": (0..21).map(|n| format!("a{n}@b.example")).collect::<Vec<_>>() }),
            "/recipients",
            "too_many",
        ),
        (json!({ "recipients": ["a@b.example", "b"] }), "/recipients/1", "email_invalid"),
        (json!({ "address": address("XX") }), "/address/country", "country_unknown"),
        (json!({ "address": { "line1": "x", "country": "DE" } }), "/address/city", "missing"),
        (json!({ "tax_id": "DE12" }), "/tax_id", "tax_id_invalid"),
        (json!({ "currency": "EURO" }), "/currency", "currency_unknown"),
        (json!({ "po_number": "a\r\nBcc: x" }), "/po_number", "text_forbidden_character"),
    ];
    for (body, pointer, code) in cases {
        world.patch("/v1/billing", body).by(&ada).header("if-match", "\"1\"").send().await.expect_field(pointer, code);
    }
    assert_eq!(world.everything_kept().await, kept);
}
