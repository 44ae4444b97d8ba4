//! Inviting, following the link, coming in.

use crate::world::{PASSWORD, Person, World};
use jiff::SignedDuration;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn every_row_has_its_own_result_and_a_bad_one_loses_none_of_the_others() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let pending = world.invite(&ada, "pending@acme.example", "viewer").await;
    let rows = json!([
        { "email": "grace@acme.example", "role": "admin" },
        { "email": "not an address" },
        { "email": "ADA@acme.example" },
        { "email": "Pending@Acme.Example" },
        { "email": "olga@acme.example" },
        { "email": "OLGA@acme.example" },
        { "email": "rolf@acme.example", "role": "superuser" },
        { "email": null },
    ]);
    let answer = world.post("/v1/invites", json!({ "invites": rows })).by(&ada).send().await.expect_status(200);
    let results = answer.body["results"].as_array().unwrap();
    let statuses: Vec<_> =
        results.iter().map(|row| (row["email"].as_str().unwrap(), row["status"].as_str().unwrap())).collect();
    assert_eq!(
        statuses,
        [
            ("grace@acme.example", "invited"),
            ("not an address", "invalid"),
            ("ADA@acme.example", "already_member"),
            ("Pending@Acme.Example", "already_invited"),
            ("olga@acme.example", "invited"),
            ("OLGA@acme.example", "already_invited"),
            ("rolf@acme.example", "invalid"),
            ("", "invalid"),
        ]
    );
    assert_eq!(results[3]["invite"]["id"], pending["id"]);
    assert_eq!(results[5]["invite"]["id"], results[4]["invite"]["id"]);
    assert_eq!((&results[0]["invite"]["role"], &results[4]["invite"]["role"]), (&json!("admin"), &json!("operator")));
    assert!(results[1]["detail"].as_str().unwrap().contains("address"));
    for (email, mails) in
        [("grace@acme.example", 1), ("olga@acme.example", 1), ("rolf@acme.example", 0), ("pending@acme.example", 1)]
    {
        assert_eq!(world.mails_to(email).await.len(), mails, "{email}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_to_fifty_people_are_invited_at_a_time() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let rows = |count: usize| (0..count).map(|n| json!({ "email": format!("p{n}@acme.example") })).collect::<Vec<_>>();
    for count in [0, 51] {
        let refused = world.post("/v1/invites", json!({ "invites": rows(count) })).by(&ada).send().await;
        refused.expect_field("/invites", "wrong_number");
    }
    for days in [0, 31, -1] {
        let body = json!({ "invites": rows(1), "expires_in_days": days });
        world.post("/v1/invites", body).by(&ada).send().await.expect_field("/expires_in_days", "out_of_range");
    }
    let answer = world.post("/v1/invites", json!({ "invites": rows(50) })).by(&ada).send().await.expect_status(200);
    assert!(answer.body["results"].as_array().unwrap().iter().all(|row| row["status"] == "invited"));
    assert_eq!(world.mails_to("p49@acme.example").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mail_says_in_the_inviters_words_who_invites_to_what_as_what_and_until_when() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Müller & Söhne <b>").await;
    let body = json!({
        "invites": [{ "email": "grace@acme.example", "role": "operator" }],
        "note": "Please check the launch list.\nSee you on Monday <3",
    });
    let answer = world.post("/v1/invites", body).by(&ada).send().await.expect_status(200);
    let expires_at = answer.body["results"][0]["invite"]["expires_at"].as_str().unwrap();
    let mail = &world.mails_to("grace@acme.example").await[0];
    assert_eq!(mail["subject"], "ada invites you to Müller & Söhne <b> on Callaro");
    let (text, html) = (mail["text"].as_str().unwrap(), mail["html"].as_str().unwrap());
    let link = format!("{}/accept#", world.public_url());
    let day = expires_at.parse::<jiff::Timestamp>().unwrap().strftime("%-d %B %Y").to_string();
    for part in ["ada", "Tenant Operator", "Please check the launch list.", "Europe/Berlin", "UTC", &link, &day] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(text.contains("Müller & Söhne <b>"), "plain text is not escaped");
    assert!(!html.contains("Söhne <b>") && !html.contains("<3"), "HTML is");
    for forbidden in ["<img", "http-equiv=\"refresh\"", "<script"] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn links_lead_to_the_deployers_console_whatever_host_a_request_names() {
    let world = World::with_console("https://app.callaro.example").await;
    let body = json!({ "email": "ada@acme.example", "company_name": "Acme Inc.", "time_zone": "UTC" });
    let spoofed =
        world.post("/v1/sign-ups", body).header("host", "evil.example").header("x-forwarded-host", "evil.example");
    spoofed.send().await.expect_status(202);
    let mail = &world.mails_to("ada@acme.example").await[0];
    let (text, html) = (mail["text"].as_str().unwrap(), mail["html"].as_str().unwrap());
    assert!(text.contains("https://app.callaro.example/confirm#"), "{text}");
    assert!(!text.contains("evil.example") && !html.contains("evil.example"));
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_at_a_link_changes_nothing_however_often_it_is_done() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    world.invite(&ada, "grace@acme.example", "viewer").await;
    let token = world.token_mailed_to("grace@acme.example").await;
    let kept = world.everything_kept().await;
    for _ in 0..5 {
        world.get("/accept").send().await.expect_status(200);
        world.post("/v1/invites/preview", json!({ "token": token })).send().await.expect_status(200);
    }
    world.settled().await;
    assert_eq!(world.everything_kept().await, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_works_once() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let grace = world.bring_in(&ada, "grace@acme.example", "viewer").await;
    let token = world.token_mailed_to("grace@acme.example").await;
    world.settled().await;
    let kept = world.everything_kept().await;
    let body = json!({ "token": token, "password": PASSWORD });
    world.post("/v1/invites/accept", body.clone()).send().await.expect_problem(410, "invite_gone");
    world.post("/v1/invites/accept", body).token(&grace.access_token).send().await.expect_problem(410, "invite_gone");
    world.post("/v1/invites/preview", json!({ "token": token })).send().await.expect_problem(410, "invite_gone");
    world.settled().await;
    assert_eq!(world.everything_kept().await, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_expires_to_the_second_and_then_stands_in_nobodys_way() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let invite = world.invite(&ada, "grace@acme.example", "viewer").await;
    let token = world.token_mailed_to("grace@acme.example").await;
    let expires_at: jiff::Timestamp = invite["expires_at"].as_str().unwrap().parse().unwrap();
    world.pass(expires_at.duration_since(world.now()) + SignedDuration::from_secs(1));

    let body = json!({ "token": token, "password": PASSWORD });
    let gone = world.post("/v1/invites/accept", body).send().await.expect_problem(410, "invite_gone");
    assert!(gone.body["detail"].as_str().unwrap().contains("expired"));

    let cookie = format!("__Host-refresh={}", ada.refresh_token);
    let refreshed =
        world.post("/v1/sessions/refresh", json!({})).header("cookie", &cookie).send().await.expect_status(200);
    let ada = Person { access_token: refreshed.body["access_token"].as_str().unwrap().to_owned(), ..ada };
    let list = world.get("/v1/invites?status=expired").by(&ada).send().await.expect_status(200).body;
    assert_eq!(list["data"][0]["id"], invite["id"]);
    let again = world.invite(&ada, "grace@acme.example", "viewer").await;
    assert_ne!(again["id"], invite["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_was_tampered_with_or_is_for_another_workspace_is_refused() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    world.invite(&ada, "grace@acme.example", "viewer").await;
    let token = world.token_mailed_to("grace@acme.example").await;
    let body = |token: &str| json!({ "token": token, "password": PASSWORD });
    let mut changed = token.clone();
    changed.replace_range(
        token.len() / 2..=token.len() / 2,
        if &token[token.len() / 2..=token.len() / 2] == "A" { "B" } else { "A" },
    );
    for forged in [changed.as_str(), "", "a.b.c", &ada.access_token] {
        world.post("/v1/invites/accept", body(forged)).send().await.expect_problem(400, "invite_invalid");
        world
            .post("/v1/invites/preview", json!({ "token": forged }))
            .send()
            .await
            .expect_problem(400, "invite_invalid");
    }
    let elsewhere = world.post("/v1/invites/accept", body(&token)).header("x-tenant-id", &bob.tenant).send().await;
    elsewhere.expect_problem(400, "invite_invalid");
    let injected = json!({ "token": token, "password": PASSWORD, "role": "admin" });
    world.post("/v1/invites/accept", injected).send().await.expect_field("/role", "unknown_field");
    let injected = json!({ "token": token, "password": PASSWORD, "tenant": bob.tenant });
    world.post("/v1/invites/accept", injected).send().await.expect_field("/tenant", "unknown_field");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_an_account_signs_in_to_accept_and_nobody_else_can() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    world.invite(&ada, "bob@other.example", "operator").await;
    let token = world.token_mailed_to("bob@other.example").await;
    let preview = world.post("/v1/invites/preview", json!({ "token": token })).send().await.expect_status(200);
    assert_eq!(preview.body["account"], "existing");
    let accept = |body| world.post("/v1/invites/accept", body);

    accept(json!({ "token": token, "password": PASSWORD })).send().await.expect_problem(401, "sign_in_required");
    let by_ada = accept(json!({ "token": token })).token(&ada.access_token).send().await;
    by_ada.expect_problem(403, "invite_email_mismatch");
    let joined = accept(json!({ "token": token })).token(&bob.access_token).send().await.expect_status(201);
    assert_eq!(
        (&joined.body["user"]["id"], &joined.body["tenant"]["id"], &joined.body["role"]),
        (&json!(bob.id), &json!(ada.tenant), &json!("operator"))
    );
    let there = Person { tenant: ada.tenant.clone(), ..bob };
    world.get("/v1/tenant").by(&there).send().await.expect_status(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_signed_in_cannot_accept_for_an_address_without_an_account() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    world.invite(&ada, "new@acme.example", "operator").await;
    let token = world.token_mailed_to("new@acme.example").await;
    let body = json!({ "token": token, "password": PASSWORD });
    let by_ada = world.post("/v1/invites/accept", body.clone()).token(&ada.access_token).send().await;
    by_ada.expect_problem(403, "invite_email_mismatch");
    world.post("/v1/invites/accept", json!({ "token": token })).send().await.expect_field("/password", "missing");
    world.post("/v1/invites/accept", body).send().await.expect_status(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_up_does_not_use_up_an_invite_and_an_invite_does_not_use_up_a_sign_up() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    world.invite(&ada, "grace@acme.example", "viewer").await;
    let invite_token = world.token_mailed_to("grace@acme.example").await;
    let grace = world.sign_up("grace@acme.example", "Grace & Co").await;
    let body = json!({ "token": invite_token, "password": PASSWORD });
    world.post("/v1/invites/accept", body).send().await.expect_problem(401, "sign_in_required");
    let joined =
        world.post("/v1/invites/accept", json!({ "token": invite_token })).token(&grace.access_token).send().await;
    joined.expect_status(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_is_kept_in_the_table_or_shown_in_a_list() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    world.invite(&ada, "grace@acme.example", "viewer").await;
    let token = world.token_mailed_to("grace@acme.example").await;
    let signature = token.rsplit('.').next().unwrap();
    for item in world.everything_kept().await {
        assert!(!item.contains(signature) && !item.contains(PASSWORD) && !item.contains(&ada.refresh_token), "{item}");
    }
    let list = world.get("/v1/invites").by(&ada).send().await.expect_status(200);
    assert!(!list.text.contains("eyJ") && !list.text.contains("jti"), "{}", list.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_ses_is_down_an_invite_is_queued_and_its_mail_is_sent_once_it_is_up_again() {
    let world = World::local().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    world.stack().mailbox().fail_next(3, reqwest::StatusCode::INTERNAL_SERVER_ERROR, "InternalServiceError");
    let invite = world.invite(&ada, "grace@acme.example", "viewer").await;
    assert_eq!(invite["delivery"], "queued");
    assert_eq!(world.mails_to("grace@acme.example").await.len(), 1);
    let list = world.get("/v1/invites").by(&ada).send().await.expect_status(200);
    assert_eq!(list.body["data"][0]["delivery"], "delivered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_ses_refuses_for_good_is_shown_as_failed_and_not_tried_again() {
    let world = World::local().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    world.stack().mailbox().fail_next(1, reqwest::StatusCode::BAD_REQUEST, "MessageRejected");
    world.invite(&ada, "grace@acme.example", "viewer").await;
    assert_eq!(world.mails_to("grace@acme.example").await.len(), 0);
    let list = world.get("/v1/invites").by(&ada).send().await.expect_status(200);
    assert_eq!(list.body["data"][0]["delivery"], "failed");
    assert!(world.stack().dead_letters().list().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_of_a_mail_is_seen_on_its_invite() {
    let world = World::local().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    for (address, delivery) in [
        ("grace@acme.example", "delivered"),
        ("bounce@simulator.amazonses.com", "bounced"),
        ("complaint@simulator.amazonses.com", "complained"),
    ] {
        let invite = world.invite(&ada, address, "viewer").await;
        assert_eq!(invite["delivery"], "queued");
        world.settled().await;
        let list = world.get("/v1/invites").by(&ada).send().await.expect_status(200);
        let of_list = list.body["data"].as_array().unwrap().iter().find(|listed| listed["id"] == invite["id"]);
        let mut expected = invite.clone();
        expected["delivery"] = json!(delivery);
        assert_eq!(of_list, Some(&expected), "{address}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn word_of_a_mail_that_comes_late_twice_or_out_of_order_takes_nothing_back() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let invite = world.invite(&ada, "bounce@simulator.amazonses.com", "viewer").await;
    world.settled().await;
    let message = &world.stack().mailbox().messages_to("bounce@simulator.amazonses.com")[0];
    let mut late = message.events.last().unwrap().clone();
    assert_eq!(late["detail"]["eventType"], "Bounce");
    let delivery = async || {
        let list = world.get("/v1/invites").by(&ada).send().await.expect_status(200);
        list.body["data"][0]["delivery"].as_str().unwrap().to_owned()
    };
    for (event_type, tagged_mail, expected) in [
        ("Delivery", None, "bounced"),
        ("Bounce", None, "bounced"),
        ("Complaint", Some("out_00000000000000000000000000000001"), "bounced"),
        ("Complaint", None, "complained"),
        ("Bounce", None, "complained"),
    ] {
        late["detail"]["eventType"] = json!(event_type);
        let mut event = late.clone();
        if let Some(other) = tagged_mail {
            event["detail"]["mail"]["tags"]["mail"] = json!([other]);
        }
        world.stack().invoke("mail-feedback", event).await.unwrap();
        assert_eq!(delivery().await, expected, "after {event_type} of {tagged_mail:?}");
    }
    assert_eq!(invite["status"], "pending");
    assert!(world.stack().invoke("mail-feedback", json!({ "not": "an event of SES" })).await.is_err());
}
