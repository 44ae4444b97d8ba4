//! Links in the wrong hands, too late, or too often.

use super::{assert_same, expect_of_every_use, kept, uses_of};
use crate::world::{PASSWORD, Person, RequestTo, World};
use jiff::SignedDuration;
use serde_json::{Value, json};

fn accept_by<'w>(world: &'w World, token: &str, by: &Person) -> RequestTo<'w> {
    world.post("/v1/invites/accept", json!({ "token": token })).token(&by.access_token)
}

fn accept_as_new<'w>(world: &'w World, token: &str) -> RequestTo<'w> {
    world.post("/v1/invites/accept", json!({ "token": token, "password": PASSWORD }))
}

fn sign_up<'w>(world: &'w World, email: &str) -> RequestTo<'w> {
    let body = json!({ "email": email, "company_name": "Somebody's", "time_zone": "UTC" });
    world.post("/v1/sign-ups", body)
}

async fn preview(world: &World, token: &str) -> Value {
    world.post("/v1/invites/preview", json!({ "token": token })).send().await.expect_status(200).body
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_signed_in_as_somebody_else_cannot_accept_and_the_invite_waits_for_its_own() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    let eve = world.sign_up("eve@evil.example", "Evil Ltd").await;
    for email in [bob.email.as_str(), "new@acme.example"] {
        world.invite(&ada, email, "viewer").await;
    }
    let of_bob = world.token_mailed_to(&bob.email).await;
    let of_nobody_yet = world.token_mailed_to("new@acme.example").await;
    let kept_before = kept(&world).await;
    for token in [&of_bob, &of_nobody_yet] {
        for thief in [&ada, &eve] {
            accept_by(&world, token, thief).send().await.expect_problem(403, "invite_email_mismatch");
            let with_password = accept_as_new(&world, token).token(&thief.access_token).send().await;
            with_password.expect_problem(403, "invite_email_mismatch");
        }
    }
    assert_same(&kept_before, &kept(&world).await);
    accept_by(&world, &of_bob, &bob).send().await.expect_status(201);
    accept_as_new(&world, &of_nobody_yet).send().await.expect_status(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_not_confirmed_a_sign_up_is_nobody_and_stands_in_no_invites_way() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    world.invite(&ada, "grace@acme.example", "viewer").await;
    let invite_token = world.token_mailed_to("grace@acme.example").await;
    sign_up(&world, "grace@acme.example").send().await.expect_status(202);
    let sign_up_token = world.token_mailed_to("grace@acme.example").await;
    let sign_in = json!({ "email": "grace@acme.example", "password": PASSWORD });
    world.post("/v1/sessions", sign_in).send().await.expect_problem(401, "sign_in_failed");
    let kept_before = kept(&world).await;

    assert!(!kept_before.iter().any(|item| item.contains("sk=EMAIL") && item.contains("grace@acme.example")));
    world.get("/v1/me").token(&sign_up_token).send().await.expect_problem(401, "unauthenticated");
    let body = json!({ "token": invite_token, "password": PASSWORD });
    let unverified = world.post("/v1/invites/accept", body).token(&sign_up_token).send().await;
    unverified.expect_problem(401, "unauthenticated");
    assert_eq!(preview(&world, &invite_token).await["account"], "new");
    assert_same(&kept_before, &kept(&world).await);

    let joined = accept_as_new(&world, &invite_token).send().await.expect_status(201);
    assert_eq!((&joined.body["tenant"]["id"], &joined.body["role"]), (&json!(ada.tenant), &json!("viewer")));
    let late = json!({ "token": sign_up_token, "password": PASSWORD });
    world.post("/v1/sign-ups/confirm", late).send().await.expect_problem(410, "link_gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_up_under_an_invited_address_learns_nothing_and_takes_nothing_over() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let invite = world.invite(&ada, "grace@acme.example", "viewer").await;
    let invite_token = world.token_mailed_to("grace@acme.example").await;
    let path = format!("/v1/invites/{}", invite["id"].as_str().unwrap());
    let before = world.get(&path).by(&ada).send().await.expect_status(200);

    let invited = sign_up(&world, "grace@acme.example").send().await.expect_status(202);
    let uninvited = sign_up(&world, "nobody@acme.example").send().await.expect_status(202);
    assert_eq!(invited.text, uninvited.text);
    let sign_up_token = world.token_mailed_to("grace@acme.example").await;
    assert_eq!(world.get(&path).by(&ada).send().await.expect_status(200).text, before.text);
    assert_eq!(preview(&world, &invite_token).await["account"], "new");

    // Whoever reads the mail, and nobody else, has an account then: it is in a workspace of its own, and not in the inviter's.
    let body = json!({ "token": sign_up_token, "password": PASSWORD });
    let grace = Person::from(&world.post("/v1/sign-ups/confirm", body).send().await.expect_status(201));
    let theirs = world.get("/v1/me/tenants").token(&grace.access_token).send().await.expect_status(200);
    assert!(theirs.text.contains(&grace.tenant) && !theirs.text.contains(&ada.tenant), "{}", theirs.text);
    let kept_before = kept(&world).await;
    accept_as_new(&world, &invite_token).send().await.expect_problem(401, "sign_in_required");
    assert_same(&kept_before, &kept(&world).await);
    let joined = accept_by(&world, &invite_token, &grace).send().await.expect_status(201);
    assert_eq!((&joined.body["user"]["id"], &joined.body["role"]), (&json!(grace.id), &json!("viewer")));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_says_with_a_link_who_comes_in_where_and_as_what() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    world.invite(&ada, "grace@acme.example", "viewer").await;
    let token = world.token_mailed_to("grace@acme.example").await;
    let kept_before = kept(&world).await;
    let injected = [
        ("role", json!("admin")),
        ("tenant", json!(bob.tenant)),
        ("tenant_id", json!(bob.tenant)),
        ("email", json!("eve@evil.example")),
        ("user", json!(bob.id)),
        ("user_id", json!(bob.id)),
        ("invite", json!("inv_00000000000000000000000000000001")),
        ("invited_by", json!(bob.id)),
        ("status", json!("active")),
    ];
    for path in ["/v1/invites/accept", "/v1/invites/decline", "/v1/invites/preview"] {
        for (field, value) in &injected {
            let mut body = json!({ "token": token });
            body[*field] = value.clone();
            world.post(path, body).send().await.expect_field(&format!("/{field}"), "unknown_field");
        }
    }
    for request in uses_of(&world, &token) {
        request.header("x-tenant-id", &bob.tenant).send().await.expect_problem(400, "invite_invalid");
    }
    assert_same(&kept_before, &kept(&world).await);

    let joined = accept_as_new(&world, &token).send().await.expect_status(201);
    let grace = Person::from(&joined);
    assert_eq!(
        (&joined.body["role"], &grace.tenant, grace.email.as_str()),
        (&json!("viewer"), &ada.tenant, "grace@acme.example")
    );
    let refused = world.get("/v1/invites").by(&grace).send().await.expect_problem(403, "forbidden");
    assert_eq!(refused.body["permission"], "invites:manage");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_link_did_it_does_not_do_again() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    let sign_up_token = world.token_mailed_to("bob@other.example").await;
    world.bring_in(&ada, "grace@acme.example", "viewer").await;
    let accepted = world.token_mailed_to("grace@acme.example").await;
    world.invite(&ada, &bob.email, "viewer").await;
    let accepted_by_bob = world.token_mailed_to(&bob.email).await;
    accept_by(&world, &accepted_by_bob, &bob).send().await.expect_status(201);
    world.invite(&ada, "olga@acme.example", "viewer").await;
    let declined = world.token_mailed_to("olga@acme.example").await;
    world.post("/v1/invites/decline", json!({ "token": declined })).send().await.expect_status(204);
    let kept_before = kept(&world).await;

    for token in [&accepted, &accepted_by_bob, &declined] {
        expect_of_every_use(&world, token, 410, "invite_gone").await;
    }
    accept_by(&world, &accepted_by_bob, &bob).send().await.expect_problem(410, "invite_gone");
    let confirm = json!({ "token": sign_up_token, "password": PASSWORD });
    world.post("/v1/sign-ups/confirm", confirm).send().await.expect_problem(410, "link_gone");
    assert_same(&kept_before, &kept(&world).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_after_its_end_a_link_does_nothing_although_nothing_was_swept() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let invite = world.invite(&ada, "grace@acme.example", "viewer").await;
    let token = world.token_mailed_to("grace@acme.example").await;
    let kept_before = kept(&world).await;
    let of_the_invite = |item: &&String| item.contains("OPEN_INVITE#") || item.contains("INVITE_EMAIL#");
    assert_eq!(kept_before.iter().filter(of_the_invite).count(), 2, "the hold on its address and on its seat");

    let expires_at: jiff::Timestamp = invite["expires_at"].as_str().unwrap().parse().unwrap();
    world.pass(expires_at.duration_since(world.now()) + SignedDuration::from_secs(1));
    for request in uses_of(&world, &token) {
        let gone = request.send().await.expect_problem(410, "invite_gone");
        assert!(gone.body["detail"].as_str().unwrap().contains("expired"), "{}", gone.text);
    }
    assert_same(&kept_before, &kept(&world).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scanner_may_follow_a_link_as_often_as_it_likes() {
    let world = World::local().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    world.invite(&ada, "grace@acme.example", "viewer").await;
    let token = world.token_mailed_to("grace@acme.example").await;
    let kept_before = kept(&world).await;
    let page = world.get("/accept").send().await.expect_status(200).text;
    for query in ["", "?utm_source=mail", "?accept=1&confirm=yes", &format!("?token={token}"), "?%23"] {
        let path = format!("/accept{query}");
        for _ in 0..3 {
            assert_eq!(world.get(&path).send().await.expect_status(200).text, page, "{path}");
            RequestTo::new(&world, "HEAD", &path).send().await.expect_status(405);
        }
    }
    let first = preview(&world, &token).await;
    for _ in 0..3 {
        assert_eq!(preview(&world, &token).await, first);
    }
    assert_same(&kept_before, &kept(&world).await);
    accept_as_new(&world, &token).send().await.expect_status(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_link_is_dead_once_the_invite_was_sent_again_or_its_address_corrected() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let invite = world.invite(&ada, "grcae@acme.example", "viewer").await;
    let path = format!("/v1/invites/{}", invite["id"].as_str().unwrap());
    let first = world.token_mailed_to("grcae@acme.example").await;
    world.post(&format!("{path}/resend"), json!({})).by(&ada).send().await.expect_status(200);
    let second = world.token_mailed_to("grcae@acme.example").await;
    assert_ne!(first, second);
    let kept_before = kept(&world).await;
    expect_of_every_use(&world, &first, 410, "invite_gone").await;
    assert_same(&kept_before, &kept(&world).await);
    assert_eq!(preview(&world, &second).await["email"], "grcae@acme.example");

    world.patch(&path, json!({ "email": "grace@acme.example" })).by(&ada).send().await.expect_status(200);
    let third = world.token_mailed_to("grace@acme.example").await;
    let kept_before = kept(&world).await;
    for old in [&first, &second] {
        expect_of_every_use(&world, old, 410, "invite_gone").await;
    }
    assert_same(&kept_before, &kept(&world).await);
    let joined = accept_as_new(&world, &third).send().await.expect_status(201);
    assert_eq!((&joined.body["user"]["email"], &joined.body["role"]), (&json!("grace@acme.example"), &json!("viewer")));
}
