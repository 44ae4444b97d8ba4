//! Getting started, and what people decide about it: skip, dismiss, restore; and what opens it again.

use crate::world::{Person, World};
use serde_json::{Value, json};

const SKIP_PHONE: &str = "/v1/checklist/steps/phone-number/skip";

fn step(checklist: &Value, id: &str) -> Value {
    let steps = checklist["steps"].as_array().unwrap();
    steps.iter().find(|step| step["id"] == id).unwrap_or_else(|| panic!("no step {id}")).clone()
}

async fn dismiss(world: &World, by: &Person) -> Value {
    world.post("/v1/checklist/dismiss", json!({})).by(by).send().await.expect_status(200).body
}

/// What the audit log tells of the checklist, oldest first: action, actor, target.
async fn told(world: &World, admin: &Person) -> Vec<(String, String, String)> {
    let list = world.get("/v1/audit?limit=100").by(admin).send().await.expect_status(200).body;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let line = |line: &Value| {
        let actor = match line["actor"]["type"] == "user" {
            true => text(&line["actor"]["id"]),
            false => text(&line["actor"]["type"]),
        };
        (text(&line["action"]), actor, text(&line["target"]))
    };
    let mut lines: Vec<_> = list["data"].as_array().unwrap().iter().map(line).collect();
    lines.retain(|(action, _, _)| action.starts_with("checklist"));
    lines.reverse();
    lines
}

/// A line as [`told`] has it.
fn line(action: &str, actor: &str, target: &str) -> (String, String, String) {
    (action.to_owned(), actor.to_owned(), target.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_optional_step_is_skipped_with_a_reason_which_is_shown_until_it_is_taken_in_again() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let before = world.checklist(&ada).await;
    let body = json!({ "reason": "  We call from our carrier's numbers.  " });
    let answer = world.put(SKIP_PHONE, body.clone()).by(&ada).send().await.expect_status(200);
    let skipped = step(&answer.body, "phone-number");
    assert_eq!((&skipped["state"], skipped.get("why"), skipped.get("evidence")), (&json!("skipped"), None, None));
    let skip = &skipped["skipped"];
    assert_eq!((&skip["reason"], &skip["by"]), (&json!("We call from our carrier's numbers."), &json!(ada.id)));
    assert_eq!(
        answer.body["progress"],
        json!({ "required": { "done": 0, "total": 7 }, "all": { "done": 0, "total": 10 } })
    );
    assert_eq!(world.checklist(&ada).await, answer.body, "what was answered is what is there, and the trigger agrees");

    let again = world.put(SKIP_PHONE, body).by(&ada).send().await.expect_status(200);
    assert_eq!(
        (&again.body, again.header("etag")),
        (&answer.body, answer.header("etag")),
        "the same again is no change"
    );
    let other = json!({ "reason": "Later." });
    let other = world.put(SKIP_PHONE, other).by(&ada).send().await.expect_status(200).body;
    assert_eq!(step(&other, "phone-number")["skipped"]["reason"], "Later.");

    let back = world.delete(SKIP_PHONE).by(&ada).send().await.expect_status(200).body;
    assert_eq!((&back["steps"], &back["progress"]), (&before["steps"], &before["progress"]));
    let once_more = world.delete(SKIP_PHONE).by(&ada).send().await.expect_status(200).body;
    assert_eq!(once_more, back, "there is nothing to take in again");
    let skipped = || line("checklist_step.skipped", &ada.id, "phone-number");
    let unskipped = line("checklist_step.unskipped", &ada.id, "phone-number");
    assert_eq!(told(&world, &ada).await, [skipped(), skipped(), unskipped]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_required_step_an_unknown_one_and_a_bad_reason_are_refused_and_nothing_is_kept_of_them() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    world.settled().await;
    let kept = world.everything_kept().await;
    let skip = |step: &str| format!("/v1/checklist/steps/{step}/skip");
    let body = || json!({ "reason": "No time." });
    let refused = world.put(&skip("backup-admin"), body()).by(&ada).send().await.expect_problem(409, "step_required");
    assert_eq!(
        refused.body["detail"],
        "Backup admin is required for a launch, so it cannot be skipped. GET /v1/checklist says what is missing."
    );
    world.put(&skip("tea"), body()).by(&ada).send().await.expect_problem(404, "not_found");
    world.delete(&skip("tea")).by(&ada).send().await.expect_problem(404, "not_found");
    for (reason, code) in [
        (json!(""), "text_empty"),
        (json!(" \n "), "text_empty"),
        (json!("x".repeat(301)), "text_too_long"),
        (json!("a\u{202e}b"), "text_forbidden_character"),
    ] {
        world.put(SKIP_PHONE, json!({ "reason": reason })).by(&ada).send().await.expect_field("/reason", code);
    }
    world.put(SKIP_PHONE, json!({})).by(&ada).send().await.expect_field("/reason", "missing");
    assert_eq!(world.everything_kept().await, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_skipped_step_that_gets_done_all_the_same_is_complete_and_skipped_again_once_it_is_not() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let skip = json!({ "reason": "Nobody reviews yet." });
    world.put("/v1/checklist/steps/reviewer-assigned/skip", skip).by(&ada).send().await.expect_status(200);
    let vic = world.bring_in(&ada, "vic@acme.example", "viewer").await;
    let done = world.step(&ada, "reviewer-assigned").await;
    assert_eq!(
        (&done["state"], &done["evidence"]["record"], done.get("skipped")),
        (&json!("complete"), &json!(vic.id), None)
    );
    world.delete(&format!("/v1/members/{}", vic.id)).by(&ada).send().await.expect_status(200);
    let gone = world.step(&ada, "reviewer-assigned").await;
    assert_eq!((&gone["state"], &gone["skipped"]["reason"]), (&json!("skipped"), &json!("Nobody reviews yet.")));
    assert!(gone["regressed_at"].is_string() && gone["first_completed_at"].is_string(), "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checklist_with_required_steps_open_cannot_be_dismissed_and_says_which_they_are() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    world.bring_in(&ada, "grace@acme.example", "admin").await;
    world.settled().await;
    let kept = world.everything_kept().await;
    let refused = world.post("/v1/checklist/dismiss", json!({})).by(&ada).send().await;
    let refused = refused.expect_problem(409, "steps_required");
    assert_eq!(
        refused.body["detail"],
        "The checklist can be dismissed once every required step is complete. Still open: Company details, Default time zone, \
         Billing owner, Test user, CRM or calendar."
    );
    assert_eq!(world.everything_kept().await, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn once_everything_required_is_done_an_admin_dismisses_the_checklist_and_may_take_that_back() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    world.make_launch_ready(&ada).await;
    let ready = world.checklist(&ada).await;
    assert_eq!((&ready["dismissible"], &ready["dismissed_at"]), (&json!(true), &json!(null)));
    assert!(ready["first_completed_at"].is_string(), "{ready}");

    let dismissed = dismiss(&world, &ada).await;
    assert!(dismissed["dismissed_at"].is_string(), "{dismissed}");
    assert_eq!((&dismissed["steps"], &world.checklist(&ada).await), (&ready["steps"], &dismissed));
    assert_eq!(dismiss(&world, &ada).await, dismissed, "once is enough");

    let restored = world.post("/v1/checklist/restore", json!({})).by(&ada).send().await.expect_status(200).body;
    assert_eq!((&restored["dismissed_at"], &restored["steps"]), (&json!(null), &ready["steps"]));
    let again = world.post("/v1/checklist/restore", json!({})).by(&ada).send().await.expect_status(200).body;
    assert_eq!(again, restored);
    assert_eq!(
        told(&world, &ada).await,
        [line("checklist.dismissed", &ada.id, &ada.tenant), line("checklist.restored", &ada.id, &ada.tenant)]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_required_step_that_falls_back_opens_a_dismissed_checklist_and_the_admins_get_one_mail_of_it() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let backup = world.make_launch_ready(&ada).await;
    let vic = world.bring_in(&ada, "vic@acme.example", "viewer").await;
    let disabled = world.bring_in(&ada, "dora@acme.example", "admin").await;
    let disable = json!({ "disabled": true });
    world.patch(&format!("/v1/members/{}", disabled.id), disable).by(&ada).send().await.expect_status(200);
    world.checklist(&ada).await;
    dismiss(&world, &ada).await;
    let mails = async |person: &Person| world.mails_to(&person.email).await.len();
    let before = [mails(&ada).await, mails(&backup).await, mails(&vic).await, mails(&disabled).await];

    world.change("/v1/billing", &ada, json!({ "billing_owner": null })).await.expect_status(200);
    let open = world.checklist(&ada).await;
    assert_eq!((&open["dismissed_at"], &open["dismissible"]), (&json!(null), &json!(false)));
    assert!(step(&open, "billing-owner")["regressed_at"].is_string());
    assert!(open["first_completed_at"].is_string(), "that it was ready once stays");

    world.change("/v1/tenant", &ada, json!({ "country": null })).await.expect_status(200);
    world.change("/v1/tenant", &ada, json!({ "labels": ["EMEA"] })).await.expect_status(200);
    let after = [mails(&ada).await, mails(&backup).await, mails(&vic).await, mails(&disabled).await];
    assert_eq!(after, [before[0] + 1, before[1] + 1, before[2], before[3]], "one mail, to those who are admins");
    let mail = &world.mails_to(&ada.email).await[0];
    assert_eq!(mail["subject"], "Getting started with Acme Inc. is open again");
    let mut to: Vec<_> = mail["to"].as_array().unwrap().iter().map(|to| to.as_str().unwrap()).collect();
    to.sort_unstable();
    assert_eq!(to, [ada.email.as_str(), backup.email.as_str()]);
    let text = mail["text"].as_str().unwrap();
    assert!(
        text.contains("- Billing owner\n  Nobody receives the invoices. Name an admin as billing owner."),
        "{text}"
    );
    assert!(!text.contains("Company details"), "it tells what fell back then: {text}");
    assert!(text.contains(&format!("{}/getting-started#{}", world.public_url(), ada.tenant)), "{text}");
    assert_eq!(told(&world, &ada).await.last(), Some(&line("checklist.reopened", "system", &ada.tenant)));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_time_it_was_dismissed_the_admins_are_told_once_more_and_an_optional_step_tells_nobody() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    world.make_launch_ready(&ada).await;
    let vic = world.bring_in(&ada, "vic@acme.example", "viewer").await;
    world.checklist(&ada).await;
    dismiss(&world, &ada).await;
    let reopened = async || {
        let mails = world.mails_to(&ada.email).await;
        mails.iter().filter(|mail| mail["subject"].as_str().unwrap().ends_with("is open again")).count()
    };
    world.delete(&format!("/v1/members/{}", vic.id)).by(&ada).send().await.expect_status(200);
    let checklist = world.checklist(&ada).await;
    assert!(checklist["dismissed_at"].is_string() && step(&checklist, "reviewer-assigned")["regressed_at"].is_string());
    assert_eq!(reopened().await, 0);

    for times in 1..=2 {
        world.change("/v1/tenant", &ada, json!({ "default_time_zone_confirmed": false })).await.expect_status(200);
        assert_eq!((world.checklist(&ada).await["dismissed_at"].clone(), reopened().await), (json!(null), times));
        world.change("/v1/tenant", &ada, json!({ "default_time_zone_confirmed": true })).await.expect_status(200);
        world.checklist(&ada).await;
        dismiss(&world, &ada).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_and_a_viewer_see_the_checklist_but_decide_nothing_about_it() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let olga = world.bring_in(&ada, "olga@acme.example", "operator").await;
    let reason = || json!({ "reason": "Not now." });
    world.get("/v1/checklist").by(&olga).send().await.expect_status(200);
    for request in [
        world.post("/v1/checklist/dismiss", json!({})),
        world.post("/v1/checklist/restore", json!({})),
        world.put(SKIP_PHONE, reason()),
        world.delete(SKIP_PHONE),
    ] {
        let refused = request.by(&olga).send().await.expect_problem(403, "forbidden");
        assert_eq!(refused.body["permission"], "checklist:manage");
    }
}
