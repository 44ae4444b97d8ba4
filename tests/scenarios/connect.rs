//! CRMs and calendars, with whoever is to connect them, and phone numbers.

use crate::world::{Answer, Person, RequestTo, World};
use jiff::SignedDuration;
use serde_json::{Value, json};

const INTEGRATIONS: &str = "/v1/integrations";
const NUMBERS: &str = "/v1/phone-numbers";
/// As long as a keyed request is taken to be at work.
const LEASE: SignedDuration = SignedDuration::from_secs(35);

async fn listed(world: &World, path: &str, by: &Person) -> Value {
    let list = world.get(path).by(by).send().await.expect_status(200).body;
    assert_eq!(list["next_cursor"], json!(null));
    list["data"].clone()
}

/// The day in a place so many hours ahead of UTC.
fn day_at(world: &World, hours_ahead: i64) -> String {
    (world.now() + SignedDuration::from_hours(hours_ahead)).strftime("%Y-%m-%d").to_string()
}

fn id(answer: &Answer) -> &str {
    answer.body["id"].as_str().unwrap()
}

#[track_caller]
fn assert_nothing_said(answer: &Answer) {
    assert_eq!(answer.text, "");
}

/// Does what has to be refused, and sees that nothing was written.
async fn without_a_trace<T>(world: &World, act: impl AsyncFnOnce() -> T) -> T {
    world.settled().await;
    let kept = world.everything_kept().await;
    let told = act().await;
    world.settled().await;
    assert_eq!(world.everything_kept().await, kept);
    told
}

/// The line that tells of it, without what differs from run to run.
async fn audited(world: &World, admin: &Person, action: &str) -> Value {
    let lines = world.get(&format!("/v1/audit?action={action}")).by(admin).send().await.expect_status(200).body;
    let line = &lines["data"][0];
    json!({ "actor": line["actor"]["id"], "target": line["target"], "details": line["details"] })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_integration_that_is_planned_names_its_owner_and_its_day_until_it_is_removed() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let olga = world.bring_in(&ada, "olga@acme.example", "operator").await;
    let due_on = day_at(&world, 7 * 24);
    let body = json!({ "kind": "crm", "name": "Salesforce", "plan": { "owner": olga.id, "due_on": due_on } });
    let made = world.post(INTEGRATIONS, body).by(&ada).send().await.expect_status(201);
    let expected = json!({
        "id": id(&made),
        "kind": "crm",
        "name": "Salesforce",
        "status": "planned",
        "plan": { "owner": olga.id, "due_on": due_on },
        "connection": null,
        "created": { "by": ada.id, "at": made.body["created"]["at"] },
    });
    assert_eq!(made.body, expected);
    assert!(id(&made).starts_with("con_"));
    assert_eq!(listed(&world, INTEGRATIONS, &olga).await, json!([expected]));
    let line = json!({ "actor": ada.id, "target": id(&made), "details": { "kind": "crm" } });
    assert_eq!(audited(&world, &ada, "integration.planned").await, line);

    let path = format!("{INTEGRATIONS}/{}", id(&made));
    assert_nothing_said(&world.delete(&path).by(&ada).send().await.expect_status(204));
    assert_eq!(listed(&world, INTEGRATIONS, &olga).await, json!([]));
    assert_eq!(audited(&world, &ada, "integration.removed").await, line);
    world.delete(&path).by(&ada).send().await.expect_problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_integration_that_is_connected_names_the_account_and_has_no_owner() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let body = json!({ "kind": "calendar", "name": "Outlook", "connection": { "account": "acme.example" } });
    let made = world.post(INTEGRATIONS, body).by(&ada).send().await.expect_status(201);
    let expected = json!({
        "id": id(&made),
        "kind": "calendar",
        "name": "Outlook",
        "status": "connected",
        "plan": null,
        "connection": { "account": "acme.example" },
        "created": { "by": ada.id, "at": made.body["created"]["at"] },
    });
    assert_eq!(made.body, expected);
    assert_eq!(listed(&world, INTEGRATIONS, &ada).await, json!([expected]));
    let line = json!({ "actor": ada.id, "target": id(&made), "details": { "kind": "calendar" } });
    assert_eq!(audited(&world, &ada, "integration.connected").await, line);

    let path = format!("{INTEGRATIONS}/{}", id(&made));
    assert_nothing_said(&world.delete(&path).by(&ada).send().await.expect_status(204));
    assert_eq!(audited(&world, &ada, "integration.removed").await, line);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_integration_is_either_planned_or_connected_and_what_is_wrong_is_pointed_to() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let plan = json!({ "owner": ada.id, "due_on": day_at(&world, 24) });
    let connection = json!({ "account": "acme" });
    let planned = |owner: &str, due_on: &str| json!({ "kind": "crm", "name": "Salesforce", "plan": { "owner": owner, "due_on": due_on } });
    let refused = [
        (json!({ "kind": "crm", "name": "Salesforce" }), "/plan", "missing"),
        (json!({ "kind": "crm", "name": "Salesforce", "plan": null, "connection": null }), "/plan", "missing"),
        (
            json!({ "kind": "crm", "name": "Salesforce", "plan": plan, "connection": connection }),
            "/connection",
            "not_both",
        ),
        (json!({ "name": "Salesforce", "connection": connection }), "/kind", "missing"),
        (json!({ "kind": "erp", "name": "Salesforce", "connection": connection }), "/kind", "unknown_value"),
        (json!({ "kind": "crm", "connection": connection }), "/name", "missing"),
        (json!({ "kind": "crm", "name": " ", "connection": connection }), "/name", "text_empty"),
        (json!({ "kind": "crm", "name": "x".repeat(61), "connection": connection }), "/name", "text_too_long"),
        (json!({ "kind": "crm", "name": "Salesforce", "connection": {} }), "/connection/account", "missing"),
        (
            json!({ "kind": "crm", "name": "Salesforce", "connection": { "account": "acme", "token": "secret" } }),
            "/connection/token",
            "unknown_field",
        ),
        (json!({ "kind": "crm", "name": "Salesforce", "plan": { "owner": ada.id } }), "/plan/due_on", "missing"),
        (planned("ada", &day_at(&world, 24)), "/plan/owner", "id_invalid"),
        (planned(&ada.id, "tomorrow"), "/plan/due_on", "date_invalid"),
        (planned(&ada.id, "2026-12-01T10:00:00Z"), "/plan/due_on", "date_invalid"),
        (planned(&ada.id, "2020-01-01"), "/plan/due_on", "date_past"),
    ];
    without_a_trace(&world, async || {
        for (body, pointer, code) in refused {
            world.post(INTEGRATIONS, body).by(&ada).send().await.expect_field(pointer, code);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_due_today_at_the_earliest_wherever_that_is_still_today() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let due = async |day: String| {
        let body = json!({ "kind": "crm", "name": "Salesforce", "plan": { "owner": ada.id, "due_on": day } });
        world.post(INTEGRATIONS, body).by(&ada).send().await
    };
    // Twelve hours behind UTC a day ends last, fourteen ahead it begins first. An hour is left for this test to take.
    due(day_at(&world, -36)).await.expect_field("/plan/due_on", "date_past");
    for hours_ahead in [-11, 0, 14] {
        due(day_at(&world, hours_ahead)).await.expect_status(201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_has_an_active_member_for_its_owner_and_nobody_else() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    let disabled = world.bring_in(&ada, "dora@acme.example", "admin").await;
    let gone = world.bring_in(&ada, "gus@acme.example", "admin").await;
    let change = json!({ "disabled": true });
    world.patch(&format!("/v1/members/{}", disabled.id), change).by(&ada).send().await.expect_status(200);
    world.delete(&format!("/v1/members/{}", gone.id)).by(&ada).send().await.expect_status(200);
    without_a_trace(&world, async || {
        let mut told = Vec::new();
        for owner in [&*bob.id, &*disabled.id, &*gone.id, "usr_00000000000000000000000000000000"] {
            let refused = world.post(INTEGRATIONS, world.planned_for(owner)).by(&ada).send().await;
            told.push(refused.expect_field("/plan/owner", "not_an_active_member").body["errors"].clone());
        }
        assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "whoever they are, the answer is the same: {told:?}");
    })
    .await;
    for role in ["viewer", "operator", "admin"] {
        let owner = world.bring_in(&ada, &format!("{role}@acme.example"), role).await;
        world.plan(&ada, &owner.id).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_owns_a_plan_stays_until_it_is_removed_whatever_their_role() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let grace = world.bring_in(&ada, "grace@acme.example", "admin").await;
    let path = format!("/v1/members/{}", grace.id);
    // For somebody else, and for oneself.
    let plans = [world.plan(&ada, &grace.id).await, world.plan(&grace, &grace.id).await];
    world.patch(&path, json!({ "role": "viewer" })).by(&ada).send().await.expect_status(200);
    for plan in &plans {
        assert_stays(&world, &ada, &grace).await;
        world.delete(&format!("{INTEGRATIONS}/{plan}")).by(&ada).send().await.expect_status(204);
    }
    world.patch(&path, json!({ "disabled": true })).by(&ada).send().await.expect_status(200);
    world.patch(&path, json!({ "disabled": false })).by(&ada).send().await.expect_status(200);
    world.post("/v1/tenant/leave", json!({})).by(&grace).send().await.expect_status(204);
}

async fn assert_stays(world: &World, admin: &Person, owner: &Person) {
    let path = format!("/v1/members/{}", owner.id);
    without_a_trace(world, async || {
        for request in [
            world.delete(&path).by(admin),
            world.patch(&path, json!({ "disabled": true })).by(admin),
            world.patch(&path, json!({ "disabled": true, "role": "operator" })).by(admin),
            world.post("/v1/tenant/leave", json!({})).by(owner),
        ] {
            let refused = request.send().await.expect_problem(409, "integration_owner");
            let detail = "This person is to connect an integration that is planned. Remove that plan first (GET \
                          /v1/integrations shows whose each is; a Tenant Admin can), and plan it anew with somebody else.";
            assert_eq!(refused.body["detail"], detail);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_who_plans_for_themselves_can_remove_that_plan_themselves() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let grace = world.bring_in(&ada, "grace@acme.example", "admin").await;
    let plan = world.plan(&grace, &grace.id).await;
    assert_stays(&world, &ada, &grace).await;
    world.delete(&format!("{INTEGRATIONS}/{plan}")).by(&grace).send().await.expect_status(204);
    world.post("/v1/tenant/leave", json!({})).by(&grace).send().await.expect_status(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_there_once_however_it_is_written() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    let body = json!({ "number": "+49 30 901820", "label": "Berlin office" });
    let added = world.post(NUMBERS, body).by(&ada).send().await.expect_status(201);
    let expected = json!({
        "id": id(&added),
        "number": "+4930901820",
        "label": "Berlin office",
        "created": { "by": ada.id, "at": added.body["created"]["at"] },
    });
    assert_eq!(added.body, expected);
    assert!(id(&added).starts_with("num_"));
    let line = json!({ "actor": ada.id, "target": id(&added), "details": {} });
    assert_eq!(audited(&world, &ada, "phone_number.added").await, line);
    without_a_trace(&world, async || {
        for again in [json!({ "number": "+4930901820" }), json!({ "number": "(+49) 30-901820", "label": "Other" })] {
            world.post(NUMBERS, again).by(&ada).send().await.expect_problem(409, "number_exists");
        }
    })
    .await;
    assert_eq!(listed(&world, NUMBERS, &ada).await, json!([expected]));

    let theirs = world.add_number(&bob, "+4930901820").await;
    assert_ne!(theirs, id(&added), "another workspace's number is another");
    let path = format!("{NUMBERS}/{}", id(&added));
    assert_nothing_said(&world.delete(&path).by(&ada).send().await.expect_status(204));
    assert_eq!(audited(&world, &ada, "phone_number.removed").await, line);
    assert_eq!(listed(&world, NUMBERS, &ada).await, json!([]));
    assert_eq!(listed(&world, NUMBERS, &bob).await.as_array().unwrap().len(), 1);
    world.delete(&path).by(&ada).send().await.expect_problem(404, "not_found");
    assert_eq!(world.add_number(&ada, "+4930901820").await, id(&added));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_number_is_refused() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let refused = [
        (json!({}), "/number", "missing"),
        (json!({ "number": "030 901820" }), "/number", "phone_invalid"),
        (json!({ "number": "+44 (0)20 7946 0018" }), "/number", "phone_invalid"),
        (json!({ "number": 4930901820_u64 }), "/number", "wrong_type"),
        (json!({ "number": "+4930901820", "label": "" }), "/label", "text_empty"),
        (json!({ "number": "+4930901820", "label": "x".repeat(41) }), "/label", "text_too_long"),
    ];
    without_a_trace(&world, async || {
        for (body, pointer, code) in refused {
            world.post(NUMBERS, body).by(&ada).send().await.expect_field(pointer, code);
        }
    })
    .await;
    let unnamed = world.post(NUMBERS, json!({ "number": "+4930901820" })).by(&ada).send().await.expect_status(201);
    assert_eq!(unnamed.body["label"], json!(null));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_member_sees_connections_and_admins_change_them() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let integration = world.connect(&ada, "Outlook").await;
    let number = world.add_number(&ada, "+4930901820").await;
    for role in ["operator", "viewer"] {
        let person = world.bring_in(&ada, &format!("{role}@acme.example"), role).await;
        for path in [INTEGRATIONS, NUMBERS] {
            assert_eq!(listed(&world, path, &person).await, listed(&world, path, &ada).await);
        }
        without_a_trace(&world, async || {
            for request in [
                world.post(INTEGRATIONS, world.planned_for(&person.id)),
                world.delete(&format!("{INTEGRATIONS}/{integration}")),
                world.post(NUMBERS, json!({ "number": "+4930901821" })),
                world.delete(&format!("{NUMBERS}/{number}")),
            ] {
                let refused = request.by(&person).send().await.expect_problem(403, "forbidden");
                assert_eq!(refused.body["permission"], "connections:manage");
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_workspace_is_connected_to_is_answered_like_what_does_not_exist() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    let (integration, number) = (world.connect(&ada, "Outlook").await, world.add_number(&ada, "+4930901820").await);
    for path in [INTEGRATIONS, NUMBERS] {
        assert_eq!(listed(&world, path, &bob).await, json!([]));
    }
    without_a_trace(&world, async || {
        for (path, theirs, nobodys) in [
            (INTEGRATIONS, &integration, "con_00000000000000000000000000000000"),
            (NUMBERS, &number, "num_00000000000000000000000000000000"),
        ] {
            for id in [theirs, nobodys, "nonsense", "%23", &bob.id] {
                world.delete(&format!("{path}/{id}")).by(&bob).send().await.expect_problem(404, "not_found");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_listed_a_page_at_a_time_and_integrations_oldest_first() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let (mut integrations, mut numbers) = (Vec::new(), Vec::new());
    for n in 0..5 {
        integrations.push(world.connect(&ada, &format!("CRM {n}")).await);
        numbers.push(world.add_number(&ada, &format!("+493090182{n}")).await);
    }
    numbers.sort();
    for (path, expected) in [(INTEGRATIONS, integrations), (NUMBERS, numbers)] {
        let (mut seen, mut next) = (Vec::new(), format!("{path}?limit=2"));
        loop {
            let page = world.get(&next).by(&ada).send().await.expect_status(200).body;
            seen.extend(page["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()));
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            next = format!("{path}?limit=2&cursor={cursor}");
        }
        assert_eq!(seen, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_step_of_the_crm_or_calendar_is_complete_while_one_is_connected_or_planned() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let before = world.step(&ada, "crm-or-calendar").await;
    assert_eq!((&before["state"], &before["why"]["code"]), (&json!("incomplete"), &json!("integration_missing")));

    let body = world.planned_for(&ada.id);
    let planned = world.post(INTEGRATIONS, body).by(&ada).send().await.expect_status(201);
    let detail = "1 CRM or calendar is connected or planned.";
    assert_complete(&world, &ada, "crm-or-calendar", &planned, detail).await;
    let connected = json!({ "kind": "calendar", "name": "Outlook", "connection": { "account": "acme" } });
    let connected = world.post(INTEGRATIONS, connected).by(&ada).send().await.expect_status(201);
    let detail = "2 CRMs or calendars are connected or planned.";
    assert_complete(&world, &ada, "crm-or-calendar", &connected, detail).await;

    world.delete(&format!("{INTEGRATIONS}/{}", id(&planned))).by(&ada).send().await.expect_status(204);
    assert_eq!(world.step(&ada, "crm-or-calendar").await["state"], "complete", "one is left");
    world.delete(&format!("{INTEGRATIONS}/{}", id(&connected))).by(&ada).send().await.expect_status(204);
    assert_fallen_back(&world, &ada, "crm-or-calendar", "integration_missing").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_step_of_the_phone_number_is_complete_while_there_is_one() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let before = world.step(&ada, "phone-number").await;
    assert_eq!((&before["state"], &before["why"]["code"]), (&json!("incomplete"), &json!("phone_number_missing")));

    let body = json!({ "number": "+4930901820" });
    let added = world.post(NUMBERS, body).by(&ada).send().await.expect_status(201);
    assert_complete(&world, &ada, "phone-number", &added, "1 phone number is active.").await;
    world.delete(&format!("{NUMBERS}/{}", id(&added))).by(&ada).send().await.expect_status(204);
    assert_fallen_back(&world, &ada, "phone-number", "phone_number_missing").await;
}

/// A step is complete, and its evidence is the record that was made last.
async fn assert_complete(world: &World, admin: &Person, step: &str, last: &Answer, detail: &str) {
    let step = world.step(admin, step).await;
    let evidence = json!({
        "record": id(last),
        "detail": detail,
        "by": admin.id,
        "at": last.body["created"]["at"],
    });
    assert_eq!((&step["state"], &step["evidence"], step.get("why")), (&json!("complete"), &evidence, None));
}

async fn assert_fallen_back(world: &World, admin: &Person, step: &str, code: &str) {
    let step = world.step(admin, step).await;
    let told = (&step["state"], &step["why"]["code"], step.get("evidence"));
    assert_eq!(told, (&json!("incomplete"), &json!(code), None));
    assert!(step["regressed_at"].is_string(), "{step}");
}

fn keyed<'w>(world: &'w World, path: &str, body: &Value, by: &Person, key: &str) -> RequestTo<'w> {
    world.post(path, body.clone()).by(by).header("idempotency-key", key)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_under_its_key_gets_the_first_answer_and_makes_no_second_one() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    for (path, body) in [(INTEGRATIONS, world.planned_for(&ada.id)), (NUMBERS, json!({ "number": "+4930901820" }))] {
        let first = keyed(&world, path, &body, &ada, "1").send().await.expect_status(201);
        let repeat = keyed(&world, path, &body, &ada, "1").send().await.expect_status(201);
        assert_eq!((&repeat.text, repeat.header("idempotency-replayed")), (&first.text, "true".to_owned()));
        assert_eq!(listed(&world, path, &ada).await.as_array().unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_of_a_lost_connection_is_told_what_that_one_did_as_if_it_had_done_it_itself() {
    let (world, table) = World::lossy().await;
    let mut ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    for (path, body) in [(INTEGRATIONS, world.planned_for(&ada.id)), (NUMBERS, json!({ "number": "+4930901820" }))] {
        table.lose_answers();
        let lost = keyed(&world, path, &body, &ada, "1").send().await.expect_status(201);
        table.keep_answers();
        world.pass(LEASE);
        ada = world.refreshed(&ada).await;
        let repeat = keyed(&world, path, &body, &ada, "1").send().await.expect_status(201);
        assert_eq!((&repeat.text, repeat.header("idempotency-replayed")), (&lost.text, String::new()));
        assert_eq!(listed(&world, path, &ada).await.as_array().unwrap().len(), 1);
        world.books().await.assert_whole();
    }
    // Under another key it is another request, which added none.
    let another = keyed(&world, NUMBERS, &json!({ "number": "+4930901820" }), &ada, "2").send().await;
    another.expect_problem(409, "number_exists");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_of_a_lost_request_does_not_take_a_number_for_its_own_that_somebody_else_added_since() {
    let (world, table) = World::lossy().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let grace = world.bring_in(&ada, "grace@acme.example", "admin").await;
    let body = json!({ "number": "+4930901820" });
    table.lose_answers();
    let lost = keyed(&world, NUMBERS, &body, &ada, "1").send().await.expect_status(201);
    table.keep_answers();
    world.delete(&format!("{NUMBERS}/{}", id(&lost))).by(&grace).send().await.expect_status(204);
    world.add_number(&grace, "+4930901820").await;

    world.pass(LEASE);
    keyed(&world, NUMBERS, &body, &ada, "1").send().await.expect_problem(409, "number_exists");
    world.books().await.assert_whole();
}
