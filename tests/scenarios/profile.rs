//! Sign-up, sign-in, sessions, and my profile.

use crate::world::{Answer, PASSWORD, Person, World};
use jiff::SignedDuration;
use serde_json::json;
use std::net::Ipv4Addr;

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_up_is_answered_alike_whether_or_not_the_address_has_an_account() {
    let world = World::start().await;
    world.sign_up("ada@acme.example", "Acme Inc.").await;
    let body = |email: &str| json!({ "email": email, "company_name": "Other", "time_zone": "UTC" });
    let known = world.post("/v1/sign-ups", body("ADA@acme.example")).send().await.expect_status(202);
    let unknown = world.post("/v1/sign-ups", body("new@acme.example")).send().await.expect_status(202);
    assert_eq!(known.text, unknown.text);

    let mail = &world.mails_to("ada@acme.example").await[0];
    assert_eq!(mail["subject"], "You already have a Callaro account");
    assert!(!mail["text"].as_str().unwrap().contains('#'), "it holds no link that does anything");
    assert_eq!(world.mails_to("new@acme.example").await[0]["subject"], "Confirm your address for Callaro");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_link_works_once_and_says_what_to_do_afterwards() {
    let world = World::start().await;
    let body = json!({ "email": "ada@acme.example", "company_name": "Acme Inc.", "time_zone": "Europe/Berlin" });
    world.post("/v1/sign-ups", body).send().await.expect_status(202);
    let token = world.token_mailed_to("ada@acme.example").await;
    let confirm = || world.post("/v1/sign-ups/confirm", json!({ "token": token, "password": PASSWORD })).send();

    let answer = confirm().await.expect_status(201);
    assert_eq!(answer.body["user"]["email"], "ada@acme.example");
    assert_eq!(answer.body["tenant"]["company_name"], "Acme Inc.");
    assert_eq!((&answer.body["token_type"], &answer.body["expires_in"]), (&json!("Bearer"), &json!(900)));
    let cookie = answer.header("set-cookie");
    for part in ["__Host-refresh=", "Path=/", "Secure", "HttpOnly", "SameSite=Strict"] {
        assert!(cookie.contains(part), "{part}: {cookie}");
    }
    assert!(!cookie.contains("Domain"), "__Host- cookies have none");

    let kept = world.everything_kept().await;
    let again = confirm().await.expect_problem(410, "link_gone");
    assert!(again.body["detail"].as_str().unwrap().contains("Sign in"));
    assert_eq!(world.everything_kept().await, kept, "nothing was written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_link_that_is_old_or_tampered_with_is_refused() {
    let world = World::in_process().await;
    let body = json!({ "email": "ada@acme.example", "company_name": "Acme Inc.", "time_zone": "Europe/Berlin" });
    world.post("/v1/sign-ups", body).send().await.expect_status(202);
    let token = world.token_mailed_to("ada@acme.example").await;
    let confirm =
        |token: String| world.post("/v1/sign-ups/confirm", json!({ "token": token, "password": PASSWORD })).send();

    confirm(tampered(&token)).await.expect_problem(400, "link_invalid");
    confirm(String::new()).await.expect_problem(400, "link_invalid");
    world.pass(SignedDuration::from_hours(25));
    confirm(token).await.expect_problem(410, "link_gone");
}

/// The token with another payload under the same signature.
fn tampered(token: &str) -> String {
    let (header, rest) = token.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let flipped = if payload.ends_with('A') { 'B' } else { 'A' };
    format!("{header}.{}{flipped}.{signature}", &payload[..payload.len() - 1])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_weak_password_is_refused_and_nothing_is_created() {
    let world = World::start().await;
    let body = json!({ "email": "ada@acme.example", "company_name": "Acme Inc.", "time_zone": "Europe/Berlin" });
    world.post("/v1/sign-ups", body).send().await.expect_status(202);
    let token = world.token_mailed_to("ada@acme.example").await;
    let kept = world.everything_kept().await;
    let cases = [
        ("short", "password_too_short"),
        (&*"x".repeat(129), "password_too_long"),
        ("passwordpassword", "password_too_weak"),
        ("ada@acme.example", "password_too_weak"),
    ];
    for (password, code) in cases {
        let body = json!({ "token": token, "password": password });
        world.post("/v1/sign-ups/confirm", body).send().await.expect_field("/password", code);
    }
    assert_eq!(world.everything_kept().await, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_asks_again_and_again_gets_five_mails_and_the_same_answer() {
    let world = World::start().await;
    for _ in 0..8 {
        let body = json!({ "email": "ada@acme.example", "company_name": "Acme Inc.", "time_zone": "Europe/Berlin" });
        world.post("/v1/sign-ups", body).send().await.expect_status(202);
    }
    assert_eq!(world.mails_to("ada@acme.example").await.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_takes_the_right_address_and_password_and_says_the_same_of_either_being_wrong() {
    let world = World::start().await;
    world.sign_up("ada@acme.example", "Acme Inc.").await;
    let sign_in = |email: &str, password: &str| {
        world.post("/v1/sessions", json!({ "email": email, "password": password })).send()
    };
    let answer = sign_in("Ada@Acme.Example", PASSWORD).await.expect_status(201);
    assert_eq!(answer.body["user"]["email"], "ada@acme.example");
    assert!(answer.cookie("__Host-refresh").is_some());

    let wrong_password =
        sign_in("ada@acme.example", "violet harbour tin sparroW").await.expect_problem(401, "sign_in_failed");
    let wrong_email = sign_in("eve@acme.example", PASSWORD).await.expect_problem(401, "sign_in_failed");
    assert_eq!(wrong_password.body["detail"], wrong_email.body["detail"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_source_causes_fifty_sign_up_mails_and_the_same_answer_and_takes_nobody_elses() {
    let world = World::in_process().await;
    start_of_a_window(&world, HOUR);
    let sign_up = |email: &str, from: Ipv4Addr| {
        let body = json!({ "email": email, "company_name": "Acme Inc.", "time_zone": "Europe/Berlin" });
        world.post("/v1/sign-ups", body).from(from).send()
    };
    let first = sign_up("p0@acme.example", ONE).await.expect_status(202);
    for n in 1..50 {
        sign_up(&format!("p{n}@acme.example"), ONE).await.expect_status(202);
    }
    let refused = sign_up("ada@acme.example", ONE).await.expect_status(202);
    assert_eq!(refused.text, first.text);
    assert_eq!(world.mails_to("p49@acme.example").await.len(), 1);
    assert_eq!(world.mails_to("ada@acme.example").await.len(), 0);
    // What a source was refused is not counted against the address.
    for _ in 0..8 {
        sign_up("ada@acme.example", OTHER).await.expect_status(202);
    }
    assert_eq!(world.mails_to("ada@acme.example").await.len(), 5);
    world.pass(SignedDuration::from_secs(HOUR));
    sign_up("grace@acme.example", ONE).await.expect_status(202);
    assert_eq!(world.mails_to("grace@acme.example").await.len(), 1);
}

/// Two people's computers.
const ONE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

/// The windows of limits, in seconds.
const QUARTER: i64 = 15 * 60;
const HOUR: i64 = 60 * 60;

/// Passes the time until a window begins, so that no window ends amid what is counted.
fn start_of_a_window(world: &World, seconds: i64) {
    let into = world.now().as_second().rem_euclid(seconds);
    world.pass(SignedDuration::from_secs(seconds - into));
}

async fn sign_in(world: &World, from: Ipv4Addr, email: &str, password: &str) -> Answer {
    world.post("/v1/sessions", json!({ "email": email, "password": password })).from(from).send().await
}

/// Refused until the window ends, and says so; how long that is, in seconds.
async fn refused_until_the_window_ends(world: &World, from: Ipv4Addr, email: &str, password: &str) -> i64 {
    let seconds_left = || QUARTER - world.now().as_second().rem_euclid(QUARTER);
    let most = seconds_left();
    let refused = sign_in(world, from, email, password).await.expect_problem(429, "rate_limited");
    let least = seconds_left();
    let wait: i64 = refused.header("retry-after").parse().unwrap();
    assert!((least..=most).contains(&wait), "{wait} is not in {least}..={most}");
    wait
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_sign_ins_are_throttled_per_account_until_the_time_that_is_said() {
    let world = World::in_process().await;
    world.sign_up("ada@acme.example", "Acme Inc.").await;
    let sign_in = |password: &str| {
        world.post("/v1/sessions", json!({ "email": "ada@acme.example", "password": password })).send()
    };
    for _ in 0..10 {
        sign_in("wrong").await.expect_problem(401, "sign_in_failed");
    }
    let refused = sign_in(PASSWORD).await.expect_problem(429, "rate_limited");
    let wait: i64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=900).contains(&wait), "{wait}");
    world.pass(SignedDuration::from_secs(wait));
    sign_in(PASSWORD).await.expect_status(201);
    for _ in 0..20 {
        sign_in(PASSWORD).await.expect_status(201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_failed_too_often_is_held_up_until_the_time_that_is_said_and_locks_nobody_else_out() {
    let world = World::in_process().await;
    world.sign_up("ada@acme.example", "Acme Inc.").await;
    start_of_a_window(&world, QUARTER);
    for _ in 0..10 {
        sign_in(&world, ONE, "ada@acme.example", "wrong").await.expect_problem(401, "sign_in_failed");
    }
    let wait = refused_until_the_window_ends(&world, ONE, "ADA@acme.example", PASSWORD).await;
    sign_in(&world, OTHER, "ada@acme.example", PASSWORD).await.expect_status(201);

    // The source is where the request came from, whatever it claims.
    let body = json!({ "email": "ada@acme.example", "password": PASSWORD });
    let disguised = world.post("/v1/sessions", body).from(ONE).header("x-forwarded-for", "127.0.0.3");
    disguised.send().await.expect_problem(429, "rate_limited");

    world.pass(SignedDuration::from_secs(wait));
    sign_in(&world, ONE, "ada@acme.example", PASSWORD).await.expect_status(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_tries_one_password_on_many_accounts_is_stopped_at_a_hundred() {
    let world = World::in_process().await;
    world.sign_up("ada@acme.example", "Acme Inc.").await;
    start_of_a_window(&world, QUARTER);
    for n in 0..100 {
        sign_in(&world, ONE, &format!("p{n}@acme.example"), "wrong").await.expect_problem(401, "sign_in_failed");
    }
    let wait = refused_until_the_window_ends(&world, ONE, "ada@acme.example", PASSWORD).await;
    sign_in(&world, OTHER, "ada@acme.example", PASSWORD).await.expect_status(201);
    world.pass(SignedDuration::from_secs(wait));
    sign_in(&world, ONE, "ada@acme.example", PASSWORD).await.expect_status(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_one_account_from_many_sources_are_stopped_at_two_hundred_until_the_window_ends() {
    let world = World::in_process().await;
    world.sign_up("ada@acme.example", "Acme Inc.").await;
    start_of_a_window(&world, QUARTER);
    for host in 1..=20 {
        let source = Ipv4Addr::new(127, 0, 1, host);
        for _ in 0..10 {
            sign_in(&world, source, "ada@acme.example", "wrong").await.expect_problem(401, "sign_in_failed");
        }
        // What is refused is counted nowhere: a source cannot use up more of the account than its own ten.
        refused_until_the_window_ends(&world, source, "ada@acme.example", "wrong").await;
    }
    let wait = refused_until_the_window_ends(&world, ONE, "ada@acme.example", PASSWORD).await;
    world.pass(SignedDuration::from_secs(wait));
    sign_in(&world, ONE, "ada@acme.example", PASSWORD).await.expect_status(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_gives_its_try_back_and_no_other() {
    let world = World::in_process().await;
    world.sign_up("ada@acme.example", "Acme Inc.").await;
    start_of_a_window(&world, QUARTER);
    for _ in 0..9 {
        sign_in(&world, ONE, "ada@acme.example", "wrong").await.expect_problem(401, "sign_in_failed");
    }
    for _ in 0..3 {
        sign_in(&world, ONE, "ada@acme.example", PASSWORD).await.expect_status(201);
    }
    let kept = world.everything_kept().await;
    let buckets: Vec<_> = kept.iter().filter(|item| item.contains("sk=LIMIT#failed-sign-in#")).collect();
    assert_eq!(buckets.len(), 3, "of the account, of the source, of both: {buckets:#?}");
    assert!(buckets.iter().all(|bucket| bucket.contains(" used=9 ")), "{buckets:#?}");

    sign_in(&world, ONE, "ada@acme.example", "wrong").await.expect_problem(401, "sign_in_failed");
    refused_until_the_window_ends(&world, ONE, "ada@acme.example", PASSWORD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_an_unknown_address_take_the_same_calls() {
    let world = World::in_process().await;
    world.sign_up("ada@acme.example", "Acme Inc.").await;
    let mut calls = Vec::new();
    for email in ["ada@acme.example", "eve@acme.example"] {
        world.settled().await;
        drop(world.observed());
        sign_in(&world, ONE, email, "wrong").await.expect_problem(401, "sign_in_failed");
        let observed = world.observed();
        let mut tallies = observed.iter().filter(|observation| observation.function == "create-session");
        let tally = tallies.next().unwrap().tally.clone();
        calls.push((tally.calls, tally.used));
    }
    assert_eq!(calls[0], calls[1]);
    assert_eq!(calls[0].0, 3, "the tries are counted, the owner read, the account read");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_rotates_the_token_and_using_an_old_one_ends_the_whole_session() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let refresh = |token: &str| {
        world.post("/v1/sessions/refresh", json!({})).header("cookie", &format!("__Host-refresh={token}")).send()
    };
    let first = refresh(&ada.refresh_token).await.expect_status(200);
    let second_token = first.cookie("__Host-refresh").unwrap();
    assert_ne!(second_token, ada.refresh_token);
    let access_token = first.body["access_token"].as_str().unwrap().to_owned();
    world.get("/v1/me").token(&access_token).send().await.expect_status(200);

    refresh(&ada.refresh_token).await.expect_problem(401, "session_revoked");
    refresh(&second_token).await.expect_problem(401, "session_revoked");
    world.get("/v1/me").token(&access_token).send().await.expect_problem(401, "unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_made_up_refresh_token_is_refused_and_ends_nobodys_session() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    // The ids of the right user and session, with everything that is secret replaced.
    let made_up = format!("{}{}", &ada.refresh_token[..43], "A".repeat(ada.refresh_token.len() - 43));
    for token in [made_up.as_str(), "", "nonsense", &"A".repeat(4000)] {
        let request =
            world.post("/v1/sessions/refresh", json!({})).header("cookie", &format!("__Host-refresh={token}"));
        request.send().await.expect_problem(401, "session_revoked");
    }
    world.post("/v1/sessions/refresh", json!({})).send().await.expect_problem(401, "session_revoked");
    world.get("/v1/me").by(&ada).send().await.expect_status(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_the_session_at_once() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let answer = world.delete("/v1/sessions/current").by(&ada).send().await.expect_status(204);
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    world.get("/v1/me").by(&ada).send().await.expect_problem(401, "unauthenticated");
    let cookie = format!("__Host-refresh={}", ada.refresh_token);
    let refresh = world.post("/v1/sessions/refresh", json!({})).header("cookie", &cookie);
    refresh.send().await.expect_problem(401, "session_revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_is_good_for_fifteen_minutes() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    world.pass(SignedDuration::from_secs(14 * 60));
    world.get("/v1/me").by(&ada).send().await.expect_status(200);
    world.pass(SignedDuration::from_secs(66));
    world.get("/v1/me").by(&ada).send().await.expect_problem(401, "unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn my_profile_shows_who_i_am_and_which_time_zone_is_in_force_and_why() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let me = world.get("/v1/me").by(&ada).send().await.expect_status(200).body;
    assert_eq!(
        me,
        json!({
            "id": ada.id,
            "email": "ada@acme.example",
            "display_name": "ada",
            "time_zone": null,
            "effective_time_zone": { "name": "Europe/Berlin", "source": "tenant" },
            "memberships": [{ "tenant": { "id": ada.tenant, "company_name": "Acme Inc." }, "role": "admin" }],
        })
    );
    let change = json!({ "display_name": "Ada L.", "time_zone": "Asia/Tokyo" });
    let me = world.patch("/v1/me", change).by(&ada).send().await.expect_status(200).body;
    assert_eq!(me["display_name"], "Ada L.");
    assert_eq!(me["effective_time_zone"], json!({ "name": "Asia/Tokyo", "source": "user" }));
    let cleared = world.patch("/v1/me", json!({ "time_zone": null })).by(&ada).send().await.expect_status(200).body;
    assert_eq!(cleared["effective_time_zone"], json!({ "name": "Europe/Berlin", "source": "tenant" }));
    assert_eq!(cleared["display_name"], "Ada L.", "what was not named stayed");
    let wrong = world.patch("/v1/me", json!({ "time_zone": "Mars/Olympus" })).by(&ada).send().await;
    wrong.expect_field("/time_zone", "time_zone_unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_in_two_workspaces_names_one_and_whoever_is_in_one_need_not() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    world.get("/v1/tenant").token(&ada.access_token).send().await.expect_status(200);

    world.invite(&bob, "ada@acme.example", "viewer").await;
    let token = world.token_mailed_to("ada@acme.example").await;
    world
        .post("/v1/invites/accept", json!({ "token": token }))
        .token(&ada.access_token)
        .send()
        .await
        .expect_status(201);

    world.get("/v1/tenant").token(&ada.access_token).send().await.expect_problem(400, "tenant_required");
    let by_header = world.get("/v1/tenant").token(&ada.access_token).header("x-tenant-id", &bob.tenant).send().await;
    assert_eq!(by_header.expect_status(200).body["company_name"], "Other Ltd");
    let cookie = format!("tenant={}", ada.tenant);
    let by_cookie = world.get("/v1/tenant").token(&ada.access_token).header("cookie", &cookie).send().await;
    assert_eq!(by_cookie.expect_status(200).body["company_name"], "Acme Inc.");

    let mine = world.get("/v1/me/tenants").token(&ada.access_token).send().await.expect_status(200).body;
    let mut names: Vec<_> = mine["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["tenant"]["company_name"].as_str().unwrap(), row["role"].as_str().unwrap()))
        .collect();
    names.sort_unstable();
    assert_eq!(names, [("Acme Inc.", "admin"), ("Other Ltd", "viewer")]);
    let unnamed = world.get("/v1/me").token(&ada.access_token).send().await.expect_status(200).body;
    assert_eq!(unnamed["effective_time_zone"], json!({ "name": "UTC", "source": "fallback" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn being_seen_is_noted_at_most_once_an_hour() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let seen = async |ada: &Person| {
        world.get("/v1/members").by(ada).send().await.expect_status(200).body["data"][0]["last_seen_at"].clone()
    };
    let first = seen(&ada).await;
    world.pass(SignedDuration::from_mins(10));
    assert_eq!(seen(&ada).await, first);
    world.pass(SignedDuration::from_mins(55));
    let cookie = format!("__Host-refresh={}", ada.refresh_token);
    let refreshed =
        world.post("/v1/sessions/refresh", json!({})).header("cookie", &cookie).send().await.expect_status(200);
    let ada = Person { access_token: refreshed.body["access_token"].as_str().unwrap().to_owned(), ..ada };
    assert_ne!(seen(&ada).await, first);
}
