//! Least privilege: a function declares what it does to the table, no less (the store refuses) and no more (this).

use crate::world::{PASSWORD, Person, World};
use common::auth::caller::Auth;
use common::store::Access;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Goes through everything the functions do, once.
pub(crate) async fn use_everything(world: &World) {
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let grace = world.bring_in(&ada, "grace@acme.example", "admin").await;
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    world.invite(&ada, &bob.email, "viewer").await;
    world
        .post("/v1/invites", json!({ "invites": [{ "email": bob.email }, { "email": grace.email }] }))
        .by(&ada)
        .send()
        .await;
    let under_a_key = async |rows: Value| {
        world.post("/v1/invites", json!({ "invites": rows })).by(&ada).header("idempotency-key", "1").send().await
    };
    under_a_key(json!([])).await.expect_status(422);
    for _ in ["the first time", "once more"] {
        under_a_key(json!([{ "email": "keyed@acme.example" }])).await.expect_status(200);
    }
    let token = world.token_mailed_to(&bob.email).await;
    world.post("/v1/invites/preview", json!({ "token": token })).send().await.expect_status(200);
    world
        .post("/v1/invites/accept", json!({ "token": token }))
        .token(&bob.access_token)
        .send()
        .await
        .expect_status(201);

    world.change("/v1/tenant", &ada, json!({ "country": "DE" })).await.expect_status(200);
    world.change("/v1/billing", &ada, json!({ "billing_owner": ada.id })).await.expect_status(200);
    for role in ["operator", "admin"] {
        let path = format!("/v1/members/{}", grace.id);
        world.patch(&path, json!({ "role": role })).by(&ada).send().await.expect_status(200);
    }
    for path in ["/v1/me", "/v1/me/tenants", "/v1/tenant", "/v1/members", "/v1/invites", "/v1/billing", "/v1/checklist"]
    {
        world.get(path).token(&ada.access_token).send().await.expect_status(200);
    }
    rehearse_and_review(world, &ada, &grace).await;
    world.patch("/v1/me", json!({ "display_name": "Ada" })).by(&ada).send().await.expect_status(200);
    let signed_in =
        world.post("/v1/sessions", json!({ "email": ada.email, "password": PASSWORD })).send().await.expect_status(201);

    world.pass(SignedDuration::from_hours(2));
    let refresh = async |token: &str| {
        world.post("/v1/sessions/refresh", json!({})).header("cookie", &format!("__Host-refresh={token}")).send().await
    };
    let first = signed_in.cookie("__Host-refresh").unwrap();
    let second = refresh(&first).await.expect_status(200);
    let access_token = second.body["access_token"].as_str().unwrap();
    world.get("/v1/tenant").token(access_token).header("x-tenant-id", &ada.tenant).send().await.expect_status(200);
    refresh(&first).await.expect_problem(401, "session_revoked");
    let again = refresh(&ada.refresh_token).await.expect_status(200);
    let access_token = again.body["access_token"].as_str().unwrap();
    world.delete("/v1/sessions/current").token(access_token).send().await.expect_status(204);
    world.settled().await;
    let ada = world.sign_in(&ada).await;
    use_invites(world, &ada).await;
    use_memberships(world, &ada).await;
    use_connections(world, &ada).await;
    use_checklist(world).await;
    use_seats(world, &ada).await;
    world.settled().await;

    use_reconciling(world, &ada, &bob).await;
}

/// Checklists are gone, and made again by the stream and by the clock; one was dismissed although required steps are open. In a table of
/// more than two pages.
async fn use_reconciling(world: &World, ada: &Person, bob: &Person) {
    let ada = world.sign_in(ada).await;
    world.dismiss_past_all_rules(&ada).await;
    world.lose_checklist(&ada.tenant).await;
    world.change("/v1/billing", &ada, json!({ "po_number": "PO 2" })).await.expect_status(200);
    world.settled().await;

    world.dismiss_past_all_rules(&ada).await;
    world.lose_checklist(&bob.tenant).await;
    world.fill_table(2_100).await;
    world.stack().invoke("reconcile-checklists", json!({})).await.unwrap();
    world.settled().await;
}

/// Sends, corrects, revokes and declines, to people with and without an account; some mail goes wrong.
async fn use_invites(world: &World, ada: &Person) {
    let carl = world.sign_up("carl@other.example", "Third Ltd").await;
    for address in ["new@acme.example", &carl.email, "bounce@simulator.amazonses.com"] {
        let invite = world.invite(ada, address, "viewer").await;
        world.settled().await;
        world.pass(SignedDuration::from_secs(2));
        let path = format!("/v1/invites/{}", invite["id"].as_str().unwrap());
        world.get(&path).by(ada).send().await.expect_status(200);
        for _ in ["the first time", "once more"] {
            let resend = world.post(&format!("{path}/resend"), json!({})).by(ada).header("idempotency-key", &path);
            let resent = resend.send().await;
            assert!([200, 409].contains(&resent.status), "{}", resent.text);
        }
        world.patch(&path, json!({ "role": "operator" })).by(ada).send().await.expect_status(200);
        world.delete(&path).by(ada).send().await.expect_status(204);
    }
    let dora = world.sign_up("dora@other.example", "Fourth Ltd").await;
    let invite = world.invite(ada, "typo@acme.example", "viewer").await;
    for corrected in ["right@acme.example", &dora.email] {
        world.pass(SignedDuration::from_secs(2));
        let path = format!("/v1/invites/{}", invite["id"].as_str().unwrap());
        world.patch(&path, json!({ "email": corrected })).by(ada).send().await.expect_status(200);
    }
    let token = world.token_mailed_to(&dora.email).await;
    world.post("/v1/invites/decline", json!({ "token": token })).send().await.expect_status(204);

    world.stack().mailbox().fail_next(1, reqwest::StatusCode::BAD_REQUEST, "MessageRejected");
    world.invite(ada, "refused@acme.example", "viewer").await;
    world.settled().await;
}

/// Marks, changes, disables and removes members; some leave.
async fn use_memberships(world: &World, ada: &Person) {
    let change = async |person: &Person, body| {
        let path = format!("/v1/members/{}", person.id);
        world.patch(&path, body).by(ada).send().await.expect_status(200);
    };
    let olga = world.bring_in(ada, "olga@acme.example", "operator").await;
    let vic = world.bring_in(ada, "vic@acme.example", "viewer").await;
    let (anna, lena) = (
        world.bring_in(ada, "anna@acme.example", "admin").await,
        world.bring_in(ada, "lena@acme.example", "admin").await,
    );
    for (person, is) in [(&olga, true), (&olga, false), (&vic, true), (&olga, true)] {
        change(person, json!({ "test_user": is })).await;
    }
    for body in [json!({ "role": "viewer" }), json!({ "disabled": true }), json!({ "disabled": false })] {
        change(&olga, body).await;
    }
    world.invite(&anna, "of-anna@acme.example", "viewer").await;
    use_api_keys(world, &anna).await;
    for person in [&olga, &anna] {
        world.delete(&format!("/v1/members/{}", person.id)).by(ada).send().await.expect_status(200);
    }
    change(&vic, json!({ "test_user": true })).await;
    for person in [&vic, &lena] {
        world.post("/v1/tenant/leave", json!({})).by(person).send().await.expect_status(204);
    }
}

/// Skips, dismisses and restores, each for the first time and again; a required step falls back.
async fn use_checklist(world: &World) {
    let edna = world.sign_up("edna@acme.example", "Fifth Ltd").await;
    world.make_launch_ready(&edna).await;
    let fred = world.sign_up("fred@acme.example", "Sixth Ltd").await;
    let skip = "/v1/checklist/steps/phone-number/skip";
    for reason in ["No.", "Not now."] {
        world.put(skip, json!({ "reason": reason })).by(&fred).send().await.expect_status(200);
    }
    world.delete(skip).by(&fred).send().await.expect_status(200);
    for path in ["/v1/checklist/dismiss", "/v1/checklist/restore", "/v1/checklist/dismiss"] {
        world.post(path, json!({})).by(&edna).send().await.expect_status(200);
    }
    world.change("/v1/tenant", &edna, json!({ "country": null })).await.expect_status(200);
    world.settled().await;
}

/// Makes keys, calls by one, and removes one that was used and one that was not.
async fn use_api_keys(world: &World, admin: &Person) {
    for name in ["Importer", "Exporter", "Unused"] {
        let key = world.make_api_key(admin, name).await;
        if name != "Unused" {
            world.get("/v1/api-keys/current").token(&key.text).send().await.expect_status(200);
        }
        if name != "Exporter" {
            world.delete(&format!("/v1/api-keys/{}", key.id)).by(admin).send().await.expect_status(204);
        }
    }
    world.get("/v1/api-keys").by(admin).send().await.expect_status(200);
}

/// Plans and connects, for oneself and for another; has numbers once and says so.
async fn use_connections(world: &World, ada: &Person) {
    let otto = world.bring_in(ada, "otto@acme.example", "operator").await;
    for integration in
        [world.plan(ada, &otto.id).await, world.plan(ada, &ada.id).await, world.connect(ada, "Outlook").await]
    {
        world.delete(&format!("/v1/integrations/{integration}")).by(ada).send().await.expect_status(204);
    }
    for (path, body) in
        [("/v1/integrations", world.planned_for(&otto.id)), ("/v1/phone-numbers", json!({ "number": "+4930901821" }))]
    {
        let keyed =
            async |key: &str| world.post(path, body.clone()).by(ada).header("idempotency-key", key).send().await;
        for _ in ["the first time", "once more"] {
            keyed("1").await.expect_status(201);
        }
        assert!([201, 409].contains(&keyed("2").await.status));
        world.get(path).by(ada).send().await.expect_status(200);
    }
    let refused = world.post("/v1/integrations", world.planned_for("usr_00000000000000000000000000000000"));
    refused.by(ada).header("idempotency-key", "3").send().await.expect_status(422);
    let number = world.add_number(ada, "+4930901822").await;
    world.delete(&format!("/v1/phone-numbers/{number}")).by(ada).send().await.expect_status(204);
}

/// Finds the workspace full of invites that have expired: when inviting, when sending again, when accepting.
async fn use_seats(world: &World, ada: &Person) {
    let old = world.invite(ada, "old@acme.example", "viewer").await;
    world.invite(ada, "older@acme.example", "viewer").await;
    world.pass(SignedDuration::from_hours(8 * 24));
    let ada = world.sign_in(ada).await;
    world.fill_seats(&ada.tenant).await;
    world.invite(&ada, "fresh@acme.example", "viewer").await;
    world.fill_seats(&ada.tenant).await;
    let path = format!("/v1/invites/{}/resend", old["id"].as_str().unwrap());
    world.post(&path, json!({})).by(&ada).send().await.expect_problem(409, "seats_full");
    let path = path.trim_end_matches("/resend");
    let corrected = world.patch(path, json!({ "email": "oldest@acme.example" })).by(&ada).send().await;
    corrected.expect_problem(409, "seats_full");
    world.take_seats_away(&ada.tenant).await;
    let token = world.token_mailed_to("fresh@acme.example").await;
    let accept = world.post("/v1/invites/accept", json!({ "token": token, "password": PASSWORD }));
    accept.send().await.expect_problem(409, "seats_full");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_function_may_do_more_to_the_table_than_it_does() {
    let world = World::in_process().await;
    use_everything(&world).await;
    let mut used: BTreeMap<&str, BTreeSet<Access>> = BTreeMap::new();
    for observation in world.observed() {
        assert!(observation.status < 500, "{observation:?}");
        used.entry(observation.function).or_default().extend(&observation.tally.used);
    }
    let callers = [Auth::Member(domain::role::Permission::ReadTenant), Auth::ApiKey];
    let of_callers: BTreeSet<_> = callers.into_iter().flat_map(Auth::access).copied().collect();
    for function in functions::all() {
        let used_here = used.remove(function.name).unwrap_or_default();
        let own = function.access().into_iter().filter(|access| match function.http() {
            // What establishing a caller may need is shared: it is looked at below, over all routes.
            Some(http) => !http.auth.access().contains(access),
            None => true,
        });
        let unused: Vec<_> = own.filter(|access| !used_here.contains(access)).collect();
        assert!(unused.is_empty(), "{} declares what it never does: {unused:?}", function.name);
    }
    let world = World::in_process().await;
    use_everything(&world).await;
    let used: BTreeSet<_> = world.observed().into_iter().flat_map(|observation| observation.tally.used).collect();
    assert!(of_callers.is_subset(&used), "establishing a caller never does: {:?}", of_callers.difference(&used));
}

/// Grace, who has invited somebody and is no admin for that time, tries out what she may do.
async fn rehearse_and_review(world: &World, ada: &Person, grace: &Person) {
    world.invite(grace, "of-grace@acme.example", "viewer").await;
    let path = format!("/v1/members/{}", grace.id);
    for change in [json!({ "role": "operator" }), json!({ "test_user": true })] {
        world.patch(&path, change).by(ada).send().await.expect_status(200);
    }
    for _ in ["the first time", "once more"] {
        let rehearse = world.post("/v1/access-rehearsals", json!({})).by(grace).header("idempotency-key", "rehearsal");
        rehearse.send().await.expect_status(201);
    }
    let not_hers = world.post("/v1/access-rehearsals", json!({})).by(ada).header("idempotency-key", "rehearsal");
    not_hers.send().await.expect_problem(403, "not_test_user");
    for path in [&format!("{path}/access"), "/v1/access-review", "/v1/audit"] {
        world.get(path).by(ada).send().await.expect_status(200);
    }
    world.patch(&path, json!({ "role": "admin" })).by(ada).send().await.expect_status(200);
}
