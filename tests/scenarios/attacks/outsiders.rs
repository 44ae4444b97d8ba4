//! Other workspaces, other people's ids, lesser roles, other people's keys.

use super::{assert_same, kept, without_request_id};
use crate::world::{Answer, Person, RequestTo, World};
use common::auth::caller::Auth;
use common::function::Http;
use serde_json::{Value, json};

/// The routes of members about invites and members, from the manifest: one that is added is attacked too.
fn routes() -> Vec<&'static Http> {
    let of_members = functions::all().filter_map(|function| function.http());
    let about = ["/v1/invites", "/v1/members", "/v1/tenant/leave"];
    let routes: Vec<_> = of_members
        .filter(|http| matches!(http.auth, Auth::Member(_)) && about.iter().any(|start| http.path.starts_with(start)))
        .collect();
    assert!(routes.len() >= 10, "{} routes", routes.len());
    routes
}

/// The ids that requests name.
#[derive(Clone, Copy)]
struct Ids<'a> {
    invite: &'a str,
    user: &'a str,
}

fn request<'w>(world: &'w World, route: &Http, ids: Ids<'_>) -> RequestTo<'w> {
    let path = route.path.replace("{invite}", ids.invite).replace("{user}", ids.user);
    let request = RequestTo::new(world, route.method.as_str(), &path);
    match route.method.has_body() {
        true => request.json((route.example)()),
        false => request,
    }
}

fn place(route: &Http) -> String {
    format!("{} {}", route.method.as_str(), route.path)
}

async fn expect_not_found(request: RequestTo<'_>, place: &str) -> String {
    let answer = request.send().await;
    assert_eq!(answer.status, 404, "{place}: {}", answer.text);
    without_request_id(&answer.expect_problem(404, "not_found"))
}

fn id_of(invite: &Value) -> String {
    invite["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_of_one_workspace_finds_another_no_different_from_none() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    let of_bob = id_of(&world.invite(&bob, "olga@other.example", "viewer").await);
    let kept_before = kept(&world).await;
    for route in routes() {
        let ask = async |tenant: &str| {
            let ids = Ids { invite: &of_bob, user: &bob.id };
            let request = request(&world, route, ids).token(&ada.access_token).header("x-tenant-id", tenant);
            expect_not_found(request, &place(route)).await
        };
        let foreign = ask(&bob.tenant).await;
        assert_eq!(foreign, ask("ten_00000000000000000000000000000000").await, "{}", place(route));
    }
    assert_same(&kept_before, &kept(&world).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_of_another_workspace_is_no_different_from_one_that_is_nobodys() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    let of_ada = id_of(&world.invite(&ada, "grace@acme.example", "viewer").await);
    let of_bob = id_of(&world.invite(&bob, "olga@other.example", "viewer").await);
    let kept_before = kept(&world).await;
    let ids = [
        Ids { invite: &of_ada, user: &ada.id },
        Ids { invite: "inv_00000000000000000000000000000000", user: "usr_00000000000000000000000000000000" },
        Ids { invite: "nonsense", user: "nonsense" },
        Ids { invite: "%23", user: "%23" },
        Ids { invite: "INVITE%23x", user: "MEMBER%23x" },
        // Each is somebody's or something's, and of another kind.
        Ids { invite: &bob.id, user: &of_bob },
        Ids { invite: &bob.tenant, user: &bob.tenant },
    ];
    for route in routes().into_iter().filter(|route| route.path.contains('{')) {
        let mut answers = Vec::new();
        for ids in ids {
            answers.push(expect_not_found(request(&world, route, ids).by(&bob), &place(route)).await);
        }
        assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{}: {answers:#?}", place(route));
    }
    assert_same(&kept_before, &kept(&world).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_and_viewers_change_nobody_and_invite_nobody() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let olga = world.bring_in(&ada, "olga@acme.example", "operator").await;
    let vic = world.bring_in(&ada, "vic@acme.example", "viewer").await;
    let invite = format!("/v1/invites/{}", id_of(&world.invite(&ada, "grace@acme.example", "viewer").await));
    let resend = format!("{invite}/resend");
    let kept_before = kept(&world).await;
    for person in [&olga, &vic] {
        let (themselves, admin) = (format!("/v1/members/{}", person.id), format!("/v1/members/{}", ada.id));
        let invites = [
            world.post("/v1/invites", json!({ "invites": [{ "email": "eve@evil.example", "role": "admin" }] })),
            world.get("/v1/invites"),
            world.get(&invite),
            world.post(&resend, json!({})),
            world.patch(&invite, json!({ "email": "eve@evil.example" })),
            world.patch(&invite, json!({ "role": "admin" })),
            world.delete(&invite),
        ];
        let members = [
            world.patch(&admin, json!({ "role": "viewer" })),
            world.patch(&admin, json!({ "disabled": true })),
            world.delete(&admin),
            world.patch(&themselves, json!({ "role": "admin" })),
            world.patch(&themselves, json!({ "test_user": true })),
        ];
        for request in invites {
            expect_forbidden(request.by(person), "invites:manage").await;
        }
        for request in members {
            expect_forbidden(request.by(person), "members:manage").await;
        }
    }
    assert_same(&kept_before, &kept(&world).await);
    assert_eq!(world.mails_to("grace@acme.example").await.len(), 1);
    assert!(world.mails_to("eve@evil.example").await.is_empty());
}

async fn expect_forbidden(request: RequestTo<'_>, permission: &str) {
    let refused = request.send().await.expect_problem(403, "forbidden");
    assert_eq!(refused.body["permission"], permission, "{}", refused.text);
}

const KEY: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";

fn keyed<'w>(world: &'w World, by: &Person, emails: &[&str]) -> RequestTo<'w> {
    let rows: Vec<_> = emails.iter().map(|email| json!({ "email": email })).collect();
    world.post("/v1/invites", json!({ "invites": rows })).by(by).header("idempotency-key", KEY)
}

#[track_caller]
fn assert_own(answer: &Answer, of_another: &Answer) {
    assert!(!answer.has_header("idempotency-replayed"), "{}", answer.text);
    assert!(!answer.text.contains(of_another.body["results"][0]["invite"]["id"].as_str().unwrap()), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_idempotency_key_shows_nothing_of_theirs_not_even_that_they_used_it() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let grace = world.bring_in(&ada, "grace@acme.example", "admin").await;
    let olga = world.bring_in(&ada, "olga@acme.example", "operator").await;
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    let first = keyed(&world, &ada, &["p1@acme.example"]).send().await.expect_status(200);
    let resend = format!("/v1/invites/{}/resend", first.body["results"][0]["invite"]["id"].as_str().unwrap());
    let kept_before = kept(&world).await;

    // With the very body of the first request, and with another: neither a replay nor a mismatch.
    let of_operator = keyed(&world, &olga, &["p1@acme.example"]).send().await;
    assert!(!of_operator.has_header("idempotency-replayed"));
    of_operator.expect_problem(403, "forbidden");
    let abroad = world.post(&resend, json!({})).by(&bob).header("idempotency-key", KEY).send().await;
    abroad.expect_problem(404, "not_found");
    assert_same(&kept_before, &kept(&world).await);
    for other in [&grace, &bob] {
        let answer = keyed(&world, other, &["p2@acme.example"]).send().await.expect_status(200);
        assert_eq!(answer.body["results"][0]["status"], "invited", "{}", answer.text);
        assert_own(&answer, &first);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_kept_is_not_given_to_whoever_may_not_ask_any_more() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let grace = world.bring_in(&ada, "grace@acme.example", "admin").await;
    let path = format!("/v1/members/{}", grace.id);
    let first = keyed(&world, &grace, &["p1@acme.example"]).send().await.expect_status(200);
    let again = keyed(&world, &grace, &["p1@acme.example"]).send().await.expect_status(200);
    assert_eq!((again.header("idempotency-replayed").as_str(), &again.text), ("true", &first.text));
    world.patch(&path, json!({ "role": "viewer" })).by(&ada).send().await.expect_status(200);
    let kept_before = kept(&world).await;
    keyed(&world, &grace, &["p1@acme.example"]).send().await.expect_problem(403, "forbidden");
    assert_same(&kept_before, &kept(&world).await);
    world.delete(&path).by(&ada).send().await.expect_status(200);
    keyed(&world, &grace, &["p1@acme.example"]).send().await.expect_problem(404, "not_found");
}
