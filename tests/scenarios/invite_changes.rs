//! What becomes of an invite before anybody comes in: sent again, corrected, revoked, declined.

use crate::world::{Answer, PASSWORD, Person, World};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

fn path(invite: &Value) -> String {
    format!("/v1/invites/{}", invite["id"].as_str().unwrap())
}

async fn resend(world: &World, by: &Person, invite: &Value) -> Answer {
    world.post(&format!("{}/resend", path(invite)), json!({})).by(by).send().await
}

async fn accept(world: &World, token: &str) -> Answer {
    world.post("/v1/invites/accept", json!({ "token": token, "password": PASSWORD })).send().await
}

async fn shown(world: &World, by: &Person, invite: &Value) -> Value {
    world.settled().await;
    world.get(&path(invite)).by(by).send().await.expect_status(200).body
}

fn ends(invite: &Value) -> Timestamp {
    invite["expires_at"].as_str().unwrap().parse().unwrap()
}

/// How many seats are taken, and the kinds of item by which an address and an invite are held.
async fn held(world: &World, tenant: &str) -> (String, usize) {
    let kept = world.everything_kept().await;
    let own: Vec<_> = kept.iter().filter(|item| item.contains(&format!("pk=TENANT#{tenant}"))).collect();
    let counters = own.iter().find(|item| item.contains("sk=COUNTERS")).unwrap();
    let seats = counters.split("seats_taken=").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let markers = ["sk=OPEN_INVITE#", "sk=INVITE_EMAIL#", "sk=UNDELIVERED_INVITE#"];
    (seats, own.iter().filter(|item| markers.iter().any(|marker| item.contains(marker))).count())
}

#[tokio::test(flavor = "multi_thread")]
async fn sent_again_an_invite_has_a_new_link_and_the_old_one_is_dead() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let invite = world.invite(&ada, "grace@acme.example", "viewer").await;
    let old = world.token_mailed_to("grace@acme.example").await;

    let resent = resend(&world, &ada, &invite).await.expect_status(200).body;
    assert_eq!(
        (&resent["id"], &resent["status"], &resent["role"]),
        (&invite["id"], &json!("pending"), &json!("viewer"))
    );
    assert!(ends(&resent) >= ends(&invite));
    assert_eq!(world.mails_to("grace@acme.example").await.len(), 2);
    let new = world.token_mailed_to("grace@acme.example").await;
    assert_ne!(new, old);
    let gone = accept(&world, &old).await.expect_problem(410, "invite_gone");
    assert!(gone.body["detail"].as_str().unwrap().contains("newer"), "{}", gone.text);
    world.post("/v1/invites/preview", json!({ "token": old })).send().await.expect_problem(410, "invite_gone");
    world.post("/v1/invites/decline", json!({ "token": old })).send().await.expect_problem(410, "invite_gone");
    assert_eq!(held(&world, &ada.tenant).await, ("2".to_owned(), 2), "one seat, one hold, one marker");
    accept(&world, &new).await.expect_status(201);
    assert_eq!(held(&world, &ada.tenant).await, ("2".to_owned(), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_is_sent_again_three_times_in_ten_minutes_and_then_has_to_wait() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let invite = world.invite(&ada, "grace@acme.example", "viewer").await;
    for sent in 1..=3 {
        // One that is still waiting when the next is asked for is not sent: its link is dead.
        assert_eq!(world.mails_to("grace@acme.example").await.len(), sent);
        resend(&world, &ada, &invite).await.expect_status(200);
    }
    world.settled().await;
    let kept = world.everything_kept().await;
    let refused = resend(&world, &ada, &invite).await.expect_problem(429, "rate_limited");
    let wait: i64 = refused.header("retry-after").parse().unwrap();
    assert!((590..=600).contains(&wait), "{wait}");
    world.settled().await;
    assert_eq!(world.everything_kept().await, kept);
    assert_eq!(world.mails_to("grace@acme.example").await.len(), 4);
    world.pass(SignedDuration::from_secs(wait));
    resend(&world, &ada, &invite).await.expect_status(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_invite_can_be_sent_again_and_is_then_as_good_as_new() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let body = json!({ "invites": [{ "email": "grace@acme.example" }], "expires_in_days": 3 });
    let invite = world.post("/v1/invites", body).by(&ada).send().await.body["results"][0]["invite"].clone();
    world.settled().await;
    world.pass(SignedDuration::from_hours(3 * 24 + 1));
    let ada = world.sign_in(&ada).await;
    assert_eq!(shown(&world, &ada, &invite).await["status"], "expired");

    let resent = resend(&world, &ada, &invite).await.expect_status(200).body;
    assert_eq!(resent["status"], "pending");
    let days = ends(&resent).duration_since(world.now());
    assert!(days > SignedDuration::from_hours(71) && days <= SignedDuration::from_hours(72), "{days}");
    let token = world.token_mailed_to("grace@acme.example").await;
    accept(&world, &token).await.expect_status(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_invite_whose_address_was_invited_anew_stays_expired() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let old = world.invite(&ada, "grace@acme.example", "viewer").await;
    world.pass(SignedDuration::from_hours(8 * 24));
    let ada = world.sign_in(&ada).await;
    world.invite(&ada, "grace@acme.example", "admin").await;
    resend(&world, &ada, &old).await.expect_problem(409, "conflict");
    world
        .patch(&path(&old), json!({ "role": "admin" }))
        .by(&ada)
        .send()
        .await
        .expect_problem(409, "invite_not_pending");
    world.delete(&path(&old)).by(&ada).send().await.expect_problem(409, "invite_not_pending");
    let token = world.token_mailed_to("grace@acme.example").await;
    assert_eq!(accept(&world, &token).await.expect_status(201).body["role"], "admin");
    resend(&world, &ada, &old).await.expect_problem(409, "conflict");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sends_an_invite_again_is_its_inviter_from_then_on() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let anna = world.bring_in(&ada, "anna@acme.example", "admin").await;
    let invite = world.invite(&anna, "grace@acme.example", "viewer").await;
    assert_eq!(invite["invited_by"]["id"], json!(anna.id));
    let resent = resend(&world, &ada, &invite).await.expect_status(200).body;
    assert_eq!(resent["invited_by"]["id"], json!(ada.id));
    let mail = &world.mails_to("grace@acme.example").await[0];
    assert!(mail["subject"].as_str().unwrap().starts_with("ada invites"), "{}", mail["subject"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_outlives_its_inviters_membership_and_the_receipt_names_it() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let anna = world.bring_in(&ada, "anna@acme.example", "admin").await;
    let invite = world.invite(&anna, "grace@acme.example", "viewer").await;
    world.invite(&ada, "vic@acme.example", "viewer").await;
    let token = world.token_mailed_to("grace@acme.example").await;
    let receipt = world.delete(&format!("/v1/members/{}", anna.id)).by(&ada).send().await.expect_status(200).body;
    let open = json!([{
        "id": invite["id"], "email": "grace@acme.example", "role": "viewer", "expires_at": invite["expires_at"],
    }]);
    assert_eq!(receipt["open_invites"], open);
    let shown = shown(&world, &ada, &invite).await;
    assert_eq!((&shown["status"], &shown["invited_by"]["id"]), (&json!("pending"), &json!(anna.id)));
    assert_eq!(accept(&world, &token).await.expect_status(201).body["role"], "viewer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bounced_address_is_corrected_and_not_sent_to_again() {
    let world = World::local().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let invite = world.invite(&ada, "bounce@simulator.amazonses.com", "operator").await;
    assert_eq!(shown(&world, &ada, &invite).await["delivery"], "bounced");
    let step = world.step(&ada, "invite-team").await;
    assert_eq!((&step["state"], &step["why"]["code"]), (&json!("in_progress"), &json!("invite_bounced")));
    assert!(step["why"]["detail"].as_str().unwrap().contains("bounce@simulator.amazonses.com"), "{step}");

    let kept = world.everything_kept().await;
    resend(&world, &ada, &invite).await.expect_problem(409, "invite_undeliverable");
    world.settled().await;
    assert_eq!(world.everything_kept().await, kept);

    let old = world.token_mailed_to("bounce@simulator.amazonses.com").await;
    let body = json!({ "email": "grace@acme.example" });
    let corrected = world.patch(&path(&invite), body).by(&ada).send().await.expect_status(200).body;
    assert_eq!(
        (&corrected["id"], &corrected["email"], &corrected["delivery"], &corrected["role"]),
        (&invite["id"], &json!("grace@acme.example"), &json!("queued"), &json!("operator"))
    );
    assert_eq!(shown(&world, &ada, &invite).await["delivery"], "delivered");
    assert_eq!(world.step(&ada, "invite-team").await["why"]["code"], "invite_open");
    accept(&world, &old).await.expect_problem(410, "invite_gone");
    let token = world.token_mailed_to("grace@acme.example").await;
    assert_eq!(accept(&world, &token).await.expect_status(201).body["user"]["email"], "grace@acme.example");
    assert_eq!(world.step(&ada, "invite-team").await["state"], "complete");
    world.invite(&ada, "bounce@simulator.amazonses.com", "viewer").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_not_corrected_to_one_that_is_invited_or_in_already() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let invite = world.invite(&ada, "typo@acme.example", "viewer").await;
    world.invite(&ada, "grace@acme.example", "viewer").await;
    world.settled().await;
    let kept = world.everything_kept().await;
    for taken in ["ADA@acme.example", "Grace@Acme.Example"] {
        let refused = world.patch(&path(&invite), json!({ "email": taken })).by(&ada).send().await;
        refused.expect_problem(409, "conflict");
    }
    world
        .patch(&path(&invite), json!({ "email": "nonsense" }))
        .by(&ada)
        .send()
        .await
        .expect_field("/email", "email_invalid");
    world
        .patch(&path(&invite), json!({ "email": null }))
        .by(&ada)
        .send()
        .await
        .expect_problem(422, "validation_failed");
    let same = world.patch(&path(&invite), json!({ "email": "TYPO@acme.example" })).by(&ada).send().await;
    assert_eq!(same.expect_status(200).body["email"], "typo@acme.example");
    world.settled().await;
    assert_eq!(world.everything_kept().await, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_role_keeps_the_link_and_is_what_the_person_gets() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let invite = world.invite(&ada, "grace@acme.example", "admin").await;
    let token = world.token_mailed_to("grace@acme.example").await;
    let changed =
        world.patch(&path(&invite), json!({ "role": "viewer" })).by(&ada).send().await.expect_status(200).body;
    let mut expected = shown(&world, &ada, &invite).await;
    expected["role"] = json!("viewer");
    assert_eq!(changed, expected);
    assert_eq!(world.mails_to("grace@acme.example").await.len(), 1);
    let preview = world.post("/v1/invites/preview", json!({ "token": token })).send().await.expect_status(200);
    assert_eq!(preview.body["role"], "viewer");
    assert_eq!(accept(&world, &token).await.expect_status(201).body["role"], "viewer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_invite_is_gone_at_once_and_stands_in_nobodys_way() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let invite = world.invite(&ada, "grace@acme.example", "viewer").await;
    let token = world.token_mailed_to("grace@acme.example").await;
    world.delete(&path(&invite)).by(&ada).send().await.expect_status(204);
    assert_eq!(held(&world, &ada.tenant).await, ("1".to_owned(), 0));
    accept(&world, &token).await.expect_problem(410, "invite_gone");
    assert_eq!(shown(&world, &ada, &invite).await["status"], "revoked");
    assert_eq!(world.step(&ada, "invite-team").await["why"]["code"], "no_invite_open");

    let kept = world.everything_kept().await;
    for refused in [
        world.delete(&path(&invite)).by(&ada).send().await,
        resend(&world, &ada, &invite).await,
        world.patch(&path(&invite), json!({ "role": "admin" })).by(&ada).send().await,
        world.patch(&path(&invite), json!({ "email": "x@acme.example" })).by(&ada).send().await,
    ] {
        refused.expect_problem(409, "invite_not_pending");
    }
    world.settled().await;
    assert_eq!(world.everything_kept().await, kept);
    let again = world.invite(&ada, "grace@acme.example", "viewer").await;
    assert_ne!(again["id"], invite["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_still_waiting_is_not_sent_once_its_invite_is_revoked() {
    let world = World::local().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    // Twelve tries of the sender, of three calls each: it is still at it when the invite is revoked.
    world.stack().mailbox().fail_next(36, reqwest::StatusCode::INTERNAL_SERVER_ERROR, "InternalServiceError");
    let invite = world.invite(&ada, "grace@acme.example", "viewer").await;
    world.delete(&path(&invite)).by(&ada).send().await.expect_status(204);
    assert!(world.mails_to("grace@acme.example").await.is_empty());
    let kept = world.everything_kept().await;
    let row = kept.iter().find(|item| item.contains("sk=OUTBOX#") && item.contains(&ada.tenant)).unwrap();
    assert!(row.contains("state=withdrawn"), "{row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_holds_the_link_may_decline_signed_in_or_not() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    for email in ["grace@acme.example", &bob.email] {
        let invite = world.invite(&ada, email, "viewer").await;
        let token = world.token_mailed_to(email).await;
        let decline = world.post("/v1/invites/decline", json!({ "token": token }));
        let decline = if email == bob.email { decline.token(&bob.access_token) } else { decline };
        decline.send().await.expect_status(204);
        assert_eq!(shown(&world, &ada, &invite).await["status"], "declined");
        let again = world.post("/v1/invites/decline", json!({ "token": token })).send().await;
        again.expect_problem(410, "invite_gone");
        let gone = accept(&world, &token).await.expect_problem(410, "invite_gone");
        assert!(gone.body["detail"].as_str().unwrap().contains("declined"), "{}", gone.text);
        resend(&world, &ada, &invite).await.expect_problem(409, "invite_not_pending");
        world.invite(&ada, email, "viewer").await;
    }
    world.post("/v1/invites/decline", json!({ "token": "a.b.c" })).send().await.expect_problem(400, "invite_invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_that_is_nobodys_or_somebody_elses_is_not_found() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    let theirs = world.invite(&bob, "grace@other.example", "viewer").await;
    world.settled().await;
    let kept = world.everything_kept().await;
    for id in [theirs["id"].as_str().unwrap(), "inv_00000000000000000000000000000000", "nonsense", &ada.id] {
        let path = format!("/v1/invites/{id}");
        for refused in [
            world.get(&path).by(&ada).send().await,
            world.post(&format!("{path}/resend"), json!({})).by(&ada).send().await,
            world.patch(&path, json!({ "role": "admin" })).by(&ada).send().await,
            world.delete(&path).by(&ada).send().await,
        ] {
            refused.expect_problem(404, "not_found");
        }
    }
    world.settled().await;
    assert_eq!(world.everything_kept().await, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_seat_is_left_the_row_says_so_and_an_expired_invites_seat_is_free() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    world.invite(&ada, "old@acme.example", "viewer").await;
    world.fill_seats(&ada.tenant).await;
    let rows =
        json!([{ "email": "grace@acme.example" }, { "email": "ada@acme.example" }, { "email": "old@acme.example" }]);
    let answer = world.post("/v1/invites", json!({ "invites": rows })).by(&ada).send().await.expect_status(200);
    let statuses: Vec<_> =
        answer.body["results"].as_array().unwrap().iter().map(|row| row["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["limit", "already_member", "already_invited"]);
    assert!(answer.body["results"][0]["detail"].as_str().unwrap().contains("no seat"), "{}", answer.text);
    assert!(world.mails_to("grace@acme.example").await.is_empty());

    world.pass(SignedDuration::from_hours(8 * 24));
    let ada = world.sign_in(&ada).await;
    world.invite(&ada, "grace@acme.example", "viewer").await;
    let answer =
        world.post("/v1/invites", json!({ "invites": [{ "email": "vic@acme.example" }] })).by(&ada).send().await;
    assert_eq!(answer.body["results"][0]["status"], "limit");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_workspace_has_fewer_seats_by_now_an_accepted_invite_stays_pending() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let invite = world.invite(&ada, "grace@acme.example", "viewer").await;
    let token = world.token_mailed_to("grace@acme.example").await;
    world.fill_seats(&ada.tenant).await;
    world.take_seats_away(&ada.tenant).await;
    world.settled().await;
    let kept = world.everything_kept().await;
    let refused = accept(&world, &token).await.expect_problem(409, "seats_full");
    assert!(refused.body["detail"].as_str().unwrap().contains("stays open"), "{}", refused.text);
    world.settled().await;
    assert_eq!(world.everything_kept().await, kept);
    assert_eq!(shown(&world, &ada, &invite).await["status"], "pending");
    world.fill_seats(&ada.tenant).await;
    accept(&world, &token).await.expect_status(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bounced_invite_that_has_expired_is_corrected_too_and_takes_a_seat_again() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let invite = world.invite(&ada, "bounce@simulator.amazonses.com", "viewer").await;
    world.settled().await;
    world.pass(SignedDuration::from_hours(8 * 24));
    let ada = world.sign_in(&ada).await;
    resend(&world, &ada, &invite).await.expect_problem(409, "invite_undeliverable");
    let refused = world.patch(&path(&invite), json!({ "role": "admin" })).by(&ada).send().await;
    refused.expect_problem(409, "invite_not_pending");
    let body = json!({ "email": "grace@acme.example", "role": "operator" });
    let corrected = world.patch(&path(&invite), body).by(&ada).send().await.expect_status(200).body;
    assert_eq!((&corrected["status"], &corrected["email"]), (&json!("pending"), &json!("grace@acme.example")));
    let token = world.token_mailed_to("grace@acme.example").await;
    assert_eq!(accept(&world, &token).await.expect_status(201).body["role"], "operator");
    assert_eq!(held(&world, &ada.tenant).await.0, "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_under_a_key_that_met_a_limit_goes_on_when_it_is_sent_again() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    world.fill_seats(&ada.tenant).await;
    world.add_seats(&ada.tenant, 1).await;
    let invite_two = async || {
        let rows = json!([{ "email": "grace@acme.example" }, { "email": "vic@acme.example" }]);
        let request = world.post("/v1/invites", json!({ "invites": rows })).by(&ada).header("idempotency-key", "two");
        request.send().await.expect_status(200)
    };
    let row = |answer: &Answer, n: usize| answer.body["results"][n].clone();
    let first = invite_two().await;
    assert_eq!((&row(&first, 0)["status"], &row(&first, 1)["status"]), (&json!("invited"), &json!("limit")));
    world.add_seats(&ada.tenant, 1).await;
    let second = invite_two().await;
    assert_eq!((&row(&second, 0)["status"], &row(&second, 1)["status"]), (&json!("invited"), &json!("invited")));
    assert_eq!(row(&second, 0)["invite"]["id"], row(&first, 0)["invite"]["id"]);
    assert!(!second.has_header("idempotency-replayed"));
    assert!(invite_two().await.has_header("idempotency-replayed"));
    for email in ["grace@acme.example", "vic@acme.example"] {
        assert_eq!(world.mails_to(email).await.len(), 1, "{email}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_removed_while_they_invite_invites_nobody_more_and_the_receipt_has_all_they_did() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let eve = world.bring_in(&ada, "eve@acme.example", "admin").await;
    let rows: Vec<_> = (0..50).map(|n| json!({ "email": format!("p{n}@acme.example") })).collect();
    let inviting = world.post("/v1/invites", json!({ "invites": rows })).by(&eve).send();
    let removing = async {
        // Once the first of them is there, the others are on their way.
        let open = async || world.get("/v1/invites?status=pending").by(&ada).send().await.expect_status(200).body;
        while open().await["data"].as_array().unwrap().is_empty() {}
        world.delete(&format!("/v1/members/{}", eve.id)).by(&ada).send().await.expect_status(200).body
    };
    let (answer, receipt) = tokio::join!(inviting, removing);
    let statuses = |status: &str| {
        let rows = answer.body["results"].as_array().cloned().unwrap_or_default();
        rows.into_iter().filter(|row| row["status"] == status).count()
    };
    assert_eq!(answer.status, 200, "{}", answer.text);
    let (invited, refused) = (statuses("invited"), statuses("forbidden"));
    assert_eq!((invited + refused, refused > 0), (50, true), "{invited} invited, {refused} refused");
    assert_eq!(receipt["open_invites"].as_array().unwrap().len(), invited);
}
