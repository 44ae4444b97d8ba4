//! The main job, from sign-up to a checklist that completed itself.

use crate::world::{PASSWORD, Person, World};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_goes_from_sign_up_to_launch_ready_and_the_checklist_shows_each_step() {
    let world = World::start().await;

    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let checklist = world.checklist(&ada).await;
    assert_eq!(checklist["progress"]["required"], json!({ "done": 0, "total": 7 }));
    assert_eq!(states(&checklist), ["incomplete"; 11]);

    let details = json!({
        "business_contact": { "name": "Office", "email": "office@acme.example", "phone": "+49 30 123456" },
        "country": "de",
        "default_time_zone_confirmed": true,
        "default_time_zone_reason": "Most of us schedule from Berlin.",
    });
    world.change("/v1/tenant", &ada, details).await.expect_status(200);
    world.change("/v1/billing", &ada, json!({ "billing_owner": ada.id })).await.expect_status(200);
    let checklist = world.checklist(&ada).await;
    assert_eq!(states(&checklist)[..5], ["complete", "complete", "complete", "incomplete", "incomplete"]);

    let invite = world.invite(&ada, "grace@acme.example", "admin").await;
    assert_eq!(states(&world.checklist(&ada).await)[4], "in_progress");

    let token = world.token_mailed_to("grace@acme.example").await;
    let preview = world.post("/v1/invites/preview", json!({ "token": token })).send().await.expect_status(200);
    assert_eq!(
        preview.body,
        json!({
            "tenant": { "id": ada.tenant, "company_name": "Acme Inc." },
            "email": "grace@acme.example",
            "role": "admin",
            "invited_by": { "display_name": "ada", "email": "ada@acme.example" },
            "expires_at": invite["expires_at"],
            "account": "new",
        })
    );
    let body = json!({ "token": token, "display_name": "Grace", "password": PASSWORD });
    let accepted = world.post("/v1/invites/accept", body).send().await.expect_status(201);
    assert_eq!(accepted.body["role"], "admin");
    let grace = Person::from(&accepted);
    assert_eq!(grace.tenant, ada.tenant);

    let checklist = world.checklist(&grace).await;
    assert_eq!(states(&checklist)[..5], ["complete"; 5]);
    assert_eq!(checklist["progress"]["required"], json!({ "done": 5, "total": 7 }));
    assert_eq!(checklist["dismissible"], false);

    let olga = world.bring_in(&ada, "olga@acme.example", "operator").await;
    let mark = world.patch(&format!("/v1/members/{}", olga.id), json!({ "test_user": true }));
    mark.by(&ada).send().await.expect_status(200);
    world.post("/v1/access-rehearsals", json!({})).by(&olga).send().await.expect_status(201);
    let integration = world.plan(&ada, &grace.id).await;
    let checklist = world.checklist(&ada).await;
    assert_eq!(checklist["progress"]["required"], json!({ "done": 7, "total": 7 }));
    assert_eq!(checklist["dismissible"], true);

    let vic = world.bring_in(&ada, "vic@acme.example", "viewer").await;
    let number = world.add_number(&grace, "+4930901820").await;
    let key = world.make_api_key(&ada, "Importer").await;
    world.get("/v1/api-keys/current").token(&key.text).send().await.expect_status(200);
    let checklist = world.checklist(&vic).await;
    assert_eq!(states(&checklist), ["complete"; 11]);
    assert_eq!(checklist["progress"]["all"], json!({ "done": 11, "total": 11 }));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let evidence: Vec<_> = steps(&checklist)
        .iter()
        .map(|step| (text(&step["evidence"]["record"]), text(&step["evidence"]["by"])))
        .collect();
    let expected = [
        (&ada.tenant, &ada.id),
        (&ada.tenant, &ada.id),
        (&ada.id, &ada.id),
        (&grace.id, &ada.id),
        (&text(&invite["id"]), &grace.id),
        (&olga.id, &olga.id),
        (&integration, &ada.id),
        (&olga.id, &olga.id),
        (&vic.id, &vic.id),
        (&number, &grace.id),
        (&key.id, &ada.id),
    ];
    assert_eq!(evidence, expected.map(|(record, by)| (record.clone(), by.clone())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_in_the_checklist_within_two_seconds() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    world.settled().await;
    let changed = std::time::Instant::now();
    world.change("/v1/tenant", &ada, json!({ "default_time_zone_confirmed": true })).await.expect_status(200);
    loop {
        let checklist = world.get("/v1/checklist").by(&ada).send().await.expect_status(200).body;
        if states(&checklist)[1] == "complete" {
            break;
        }
        assert!(changed.elapsed().as_secs_f64() < 2.0, "not in the checklist after 2 s: {checklist}");
    }
}

fn steps(checklist: &Value) -> &Vec<Value> {
    checklist["steps"].as_array().unwrap()
}

fn states(checklist: &Value) -> Vec<&str> {
    steps(checklist).iter().map(|step| step["state"].as_str().unwrap()).collect()
}
