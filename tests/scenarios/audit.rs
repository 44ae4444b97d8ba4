//! Who did what.

use crate::world::{PASSWORD, Person, World};
use serde_json::{Value, json};

/// Every line, newest first, `limit` at a time.
async fn lines(world: &World, admin: &Person, filter: &str, limit: usize) -> Vec<Value> {
    let mut lines = Vec::new();
    let first = format!("/v1/audit?limit={limit}{filter}");
    let mut path = first.clone();
    loop {
        let page = world.get(&path).by(admin).send().await.expect_status(200).body;
        let data = page["data"].as_array().unwrap();
        assert!(data.len() <= limit);
        lines.extend(data.iter().cloned());
        let Some(cursor) = page["next_cursor"].as_str() else { return lines };
        path = format!("{first}&cursor={cursor}");
    }
}

/// What a line says: the action, who, to what.
fn said(line: &Value) -> (String, String, String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let actor = if line["actor"]["type"] == "user" { &line["actor"]["id"] } else { &line["actor"]["type"] };
    (text(&line["action"]), text(actor), text(&line["target"]))
}

/// Every action that there is, as the API names it.
fn every_action() -> Vec<String> {
    let document = infra::openapi::document();
    let names = document["components"]["schemas"]["Action"]["enum"].as_array().unwrap().iter();
    names.map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// Everything that is written down, done once; what should be written down about it, oldest first.
async fn do_everything(world: &World) -> (Person, Vec<(String, String, String)>) {
    let mut expected = Vec::new();
    let mut expect = |action: &str, actor: &str, target: &str| {
        expected.push((action.to_owned(), actor.to_owned(), target.to_owned()));
    };
    let id_of = |invite: &Value| invite["id"].as_str().unwrap().to_owned();

    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    expect("tenant.created", &ada.id, &ada.tenant);
    world.change("/v1/tenant", &ada, json!({ "country": "DE" })).await.expect_status(200);
    expect("tenant.updated", &ada.id, &ada.tenant);
    world.change("/v1/billing", &ada, json!({ "billing_owner": ada.id })).await.expect_status(200);
    expect("billing.updated", &ada.id, &ada.tenant);

    let body = json!({ "invites": [{ "email": "grace@acme.example" }], "note": NOTE });
    let invited = world.post("/v1/invites", body).by(&ada).send().await.expect_status(200).body;
    let invite = id_of(&invited["results"][0]["invite"]);
    expect("invite.created", &ada.id, &invite);
    let token = world.token_mailed_to("grace@acme.example").await;
    let body = json!({ "token": token, "password": PASSWORD });
    let grace = Person::from(&world.post("/v1/invites/accept", body).send().await.expect_status(201));
    expect("invite.accepted", &grace.id, &invite);

    let invite = id_of(&world.invite(&ada, "vic@acme.example", "viewer").await);
    let path = format!("/v1/invites/{invite}");
    expect("invite.created", &ada.id, &invite);
    world.post(&format!("{path}/resend"), json!({})).by(&ada).send().await.expect_status(200);
    expect("invite.resent", &ada.id, &invite);
    world.patch(&path, json!({ "role": "operator" })).by(&ada).send().await.expect_status(200);
    expect("invite.updated", &ada.id, &invite);
    let token = world.token_mailed_to("vic@acme.example").await;
    world.post("/v1/invites/decline", json!({ "token": token })).send().await.expect_status(204);
    expect("invite.declined", "link_holder", &invite);
    let invite = id_of(&world.invite(&ada, "rolf@acme.example", "viewer").await);
    expect("invite.created", &ada.id, &invite);
    world.delete(&format!("/v1/invites/{invite}")).by(&ada).send().await.expect_status(204);
    expect("invite.revoked", &ada.id, &invite);

    let path = format!("/v1/members/{}", grace.id);
    for (change, action) in
        [(json!({ "role": "viewer" }), "member.role_changed"), (json!({ "test_user": true }), "test_user.marked")]
    {
        world.patch(&path, change).by(&ada).send().await.expect_status(200);
        expect(action, &ada.id, &grace.id);
    }
    world.post("/v1/access-rehearsals", json!({})).by(&grace).send().await.expect_status(201);
    expect("access.rehearsed", &grace.id, &grace.id);
    for (change, action) in [
        (json!({ "test_user": false }), "test_user.unmarked"),
        (json!({ "disabled": true }), "member.disabled"),
        (json!({ "disabled": false }), "member.enabled"),
    ] {
        world.patch(&path, change).by(&ada).send().await.expect_status(200);
        expect(action, &ada.id, &grace.id);
    }
    world.delete(&path).by(&ada).send().await.expect_status(200);
    expect("member.removed", &ada.id, &grace.id);

    let skip = "/v1/checklist/steps/phone-number/skip";
    world.put(skip, json!({ "reason": "Not now." })).by(&ada).send().await.expect_status(200);
    expect("checklist_step.skipped", &ada.id, "phone-number");
    world.delete(skip).by(&ada).send().await.expect_status(200);
    expect("checklist_step.unskipped", &ada.id, "phone-number");
    let key = world.make_api_key(&ada, "Importer").await;
    expect("api_key.created", &ada.id, &key.id);
    world.delete(&format!("/v1/api-keys/{}", key.id)).by(&ada).send().await.expect_status(204);
    expect("api_key.removed", &ada.id, &key.id);

    let (planned, connected) = (world.plan(&ada, &ada.id).await, world.connect(&ada, "Outlook").await);
    expect("integration.planned", &ada.id, &planned);
    expect("integration.connected", &ada.id, &connected);
    world.delete(&format!("/v1/integrations/{planned}")).by(&ada).send().await.expect_status(204);
    expect("integration.removed", &ada.id, &planned);
    let number = world.add_number(&ada, "+4930901820").await;
    expect("phone_number.added", &ada.id, &number);
    world.delete(&format!("/v1/phone-numbers/{number}")).by(&ada).send().await.expect_status(204);
    expect("phone_number.removed", &ada.id, &number);

    let invite = id_of(&world.invite(&ada, "olga@acme.example", "operator").await);
    expect("invite.created", &ada.id, &invite);
    let token = world.token_mailed_to("olga@acme.example").await;
    let body = json!({ "token": token, "password": PASSWORD });
    let olga = Person::from(&world.post("/v1/invites/accept", body).send().await.expect_status(201));
    expect("invite.accepted", &olga.id, &invite);
    world.post("/v1/tenant/leave", json!({})).by(&olga).send().await.expect_status(204);
    expect("member.left", &olga.id, &olga.id);
    (ada, expected)
}

/// Somebody else's workspace gets launch-ready, is dismissed and restored, and falls back; what is written down about its checklist,
/// oldest first.
async fn dismiss_and_fall_back(world: &World) -> Vec<(String, String, String)> {
    let edna = world.sign_up("edna@acme.example", "Edna Ltd").await;
    world.make_launch_ready(&edna).await;
    for path in ["/v1/checklist/dismiss", "/v1/checklist/restore", "/v1/checklist/dismiss"] {
        world.post(path, json!({})).by(&edna).send().await.expect_status(200);
    }
    world.change("/v1/tenant", &edna, json!({ "country": null })).await.expect_status(200);
    world.settled().await;
    let lines = lines(world, &edna, "", 100).await;
    let reopened = lines.iter().find(|line| line["action"] == "checklist.reopened").unwrap();
    assert_eq!(
        (&reopened["actor"], &reopened["details"]),
        (&json!({ "type": "system" }), &json!({ "steps": "company-details" }))
    );
    let of_checklist: Vec<_> = lines.iter().rev().map(said).filter(|line| line.0.starts_with("checklist.")).collect();
    let expected = [
        ("checklist.dismissed", edna.id.as_str()),
        ("checklist.restored", &edna.id),
        ("checklist.dismissed", &edna.id),
        ("checklist.reopened", "system"),
    ];
    let line = |(action, actor): (&str, &str)| (action.to_owned(), actor.to_owned(), edna.tenant.clone());
    assert_eq!(of_checklist, expected.map(line));
    of_checklist
}

const NOTE: &str = "Between us: the launch is on Monday.";

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_done_leaves_one_line_that_says_who_did_it_to_what() {
    let world = World::start().await;
    let (ada, expected) = do_everything(&world).await;
    let lines = lines(&world, &ada, "", 100).await;
    let found: Vec<_> = lines.iter().rev().map(said).collect();
    assert_eq!(found, expected);
    let of_checklist = dismiss_and_fall_back(&world).await;
    let done = |action: &String| found.iter().chain(&of_checklist).any(|(done, _, _)| done == action);
    let never_done: Vec<_> = every_action().into_iter().filter(|action| !done(action)).collect();
    assert!(never_done.is_empty(), "this scenario has to do these too: {never_done:?}");

    let created = lines.last().unwrap();
    let actor = json!({ "type": "user", "id": ada.id, "email": "ada@acme.example", "display_name": "ada" });
    let whole = json!({
        "id": created["id"],
        "at": created["at"],
        "actor": actor,
        "action": "tenant.created",
        "target": ada.tenant,
        "details": {},
    });
    assert_eq!(created, &whole);
    let declined = lines.iter().find(|line| line["action"] == "invite.declined").unwrap();
    assert_eq!(declined["actor"], json!({ "type": "link_holder" }));
    for line in &lines {
        assert!(line["id"].as_str().unwrap().starts_with("aud_") && line["at"].is_string(), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_line_holds_a_token_a_password_or_what_somebody_wrote() {
    let world = World::start().await;
    let (ada, _) = do_everything(&world).await;
    let shown = json!(lines(&world, &ada, "", 100).await).to_string();
    let kept = world.everything_kept().await;
    let kept = kept.iter().filter(|item| item.contains("sk=AUDIT#"));
    for text in kept.map(String::as_str).chain([shown.as_str()]) {
        for secret in ["eyJ", PASSWORD, NOTE, "jti", &ada.refresh_token] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_filtered_by_who_did_what_to_which() {
    let world = World::start().await;
    let (ada, expected) = do_everything(&world).await;
    let newest_first: Vec<_> = expected.into_iter().rev().collect();
    let invite = newest_first.iter().find(|(action, _, _)| action == "invite.declined").unwrap().2.clone();
    let leaver = newest_first.iter().find(|(action, _, _)| action == "member.left").unwrap().1.clone();
    let filters = [
        (format!("&actor={leaver}"), (None, Some(leaver.as_str()), None)),
        ("&action=invite.created".to_owned(), (Some("invite.created"), None, None)),
        (format!("&target={invite}"), (None, None, Some(invite.as_str()))),
        (format!("&target={invite}&actor={}", ada.id), (None, Some(ada.id.as_str()), Some(invite.as_str()))),
        ("&target=nothing".to_owned(), (None, None, Some("nothing"))),
    ];
    for (filter, (action, actor, target)) in filters {
        let wanted: Vec<_> = newest_first
            .iter()
            .filter(|line| action.is_none_or(|action| line.0 == action))
            .filter(|line| actor.is_none_or(|actor| line.1 == actor))
            .filter(|line| target.is_none_or(|target| line.2 == target))
            .cloned()
            .collect();
        for limit in [1, 2, 100] {
            let found: Vec<_> = lines(&world, &ada, &filter, limit).await.iter().map(said).collect();
            assert_eq!(found, wanted, "{filter}, {limit} at a time");
        }
    }
    for (query, pointer, code) in [
        ("actor=ada", "?actor", "id_invalid"),
        ("action=nothing.done", "?action", "unknown_value"),
        ("colour=red", "?colour", "unknown_field"),
    ] {
        world.get(&format!("/v1/audit?{query}")).by(&ada).send().await.expect_field(pointer, code);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_filled_past_what_does_not_match_and_a_cursor_goes_on_under_any_filter() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    for batch in 0..3 {
        let rows: Vec<_> = (0..50).map(|n| json!({ "email": format!("p{batch}-{n}@acme.example") })).collect();
        world.post("/v1/invites", json!({ "invites": rows })).by(&ada).send().await.expect_status(200);
    }
    let page = world.get("/v1/audit?action=tenant.created&limit=1").by(&ada).send().await.expect_status(200).body;
    assert_eq!(page["data"].as_array().unwrap().len(), 1, "a hundred and fifty newer ones do not match");
    assert_eq!(page["data"][0]["action"], "tenant.created");

    let some = world.get("/v1/audit?action=invite.created&limit=2").by(&ada).send().await.expect_status(200).body;
    let cursor = some["next_cursor"].as_str().unwrap();
    let all = lines(&world, &ada, "", 100).await;
    let rest = world.get(&format!("/v1/audit?limit=3&cursor={cursor}")).by(&ada).send().await.expect_status(200).body;
    assert_eq!(rest["data"].as_array().unwrap()[..], all[2..5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_its_own_workspaces_admins_to_read() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let olga = world.bring_in(&ada, "olga@acme.example", "operator").await;
    let vic = world.bring_in(&ada, "vic@acme.example", "viewer").await;
    for person in [&olga, &vic] {
        let refused = world.get("/v1/audit").by(person).send().await.expect_problem(403, "forbidden");
        assert_eq!(refused.body["permission"], "audit:read");
    }
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    let bobs: Vec<_> = lines(&world, &bob, "", 100).await.iter().map(said).collect();
    assert_eq!(bobs, [("tenant.created".to_owned(), bob.id.clone(), bob.tenant.clone())]);
    assert!(lines(&world, &bob, &format!("&actor={}", ada.id), 100).await.is_empty());

    let page = world.get("/v1/audit?limit=1").by(&ada).send().await.expect_status(200).body;
    let cursor = page["next_cursor"].as_str().unwrap();
    let foreign = world.get(&format!("/v1/audit?cursor={cursor}")).by(&bob).send().await;
    foreign.expect_field("?cursor", "cursor_invalid");
    let other_list = world.get(&format!("/v1/invites?cursor={cursor}")).by(&ada).send().await;
    other_list.expect_field("?cursor", "cursor_invalid");
}
