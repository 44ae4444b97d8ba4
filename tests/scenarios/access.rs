//! Who may do what: explained to admins, tried out by the test user, reviewed.

use crate::world::{Answer, Person, RequestTo, World};
use common::auth::caller::Auth;
use common::function::Http;
use domain::role::Role;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// The operations that somebody signed in and of this role may do, and those that they may not.
fn policy(role: Role) -> (Vec<&'static str>, Vec<&'static str>) {
    let all = functions::all().filter_map(|function| Some((function.name, function.http()?.auth)));
    let (allowed, refused): (Vec<_>, Vec<_>) = all.partition(|(_, auth)| match auth {
        Auth::Member(permission) => role.may(*permission),
        Auth::Nobody | Auth::Visitor | Auth::User => true,
        Auth::ApiKey => false,
    });
    let names = |some: Vec<(&'static str, _)>| some.into_iter().map(|(name, _)| name).collect();
    (names(allowed), names(refused))
}

/// An admin changes somebody's membership.
async fn change(world: &World, admin: &Person, member: &Person, change: Value) {
    world.patch(&format!("/v1/members/{}", member.id), change).by(admin).send().await.expect_status(200);
}

async fn mark(world: &World, admin: &Person, member: &Person) {
    change(world, admin, member, json!({ "test_user": true })).await;
}

async fn rehearse(world: &World, person: &Person) -> Answer {
    world.post("/v1/access-rehearsals", json!({})).by(person).send().await
}

/// How the list of members shows somebody: whether they are the test user, and since when their access is confirmed.
async fn marked_and_confirmed(world: &World, admin: &Person, member: &Person) -> (Value, Value) {
    let list = world.get("/v1/members").by(admin).send().await.expect_status(200).body;
    let row = list["data"].as_array().unwrap().iter().find(|row| row["user"]["id"] == member.id).unwrap();
    (row["test_user"].clone(), row["access_confirmed_at"].clone())
}

/// The lines about rehearsals, without what differs from run to run.
async fn rehearsals_in_audit(world: &World, admin: &Person) -> Vec<(String, String, Value)> {
    let list = world.get("/v1/audit?action=access.rehearsed").by(admin).send().await.expect_status(200).body;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let lines = list["data"].as_array().unwrap().iter();
    lines.map(|line| (text(&line["actor"]["id"]), text(&line["target"]), line["details"].clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_test_user_finds_what_their_role_should_see_and_the_list_says_since_when_that_is_confirmed() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    for (role, name) in [(Role::Operator, "operator"), (Role::Viewer, "viewer")] {
        let person = world.bring_in(&ada, &format!("{name}@acme.example"), name).await;
        assert_eq!(marked_and_confirmed(&world, &ada, &person).await, (json!(false), json!(null)));
        mark(&world, &ada, &person).await;
        assert_eq!(marked_and_confirmed(&world, &ada, &person).await, (json!(true), json!(null)));

        let answer = rehearse(&world, &person).await.expect_status(201).body;
        let (allowed, refused) = policy(role);
        let confirmed_at = answer["confirmed_at"].clone();
        assert!(confirmed_at.as_str().is_some_and(|at| at.parse::<Timestamp>().is_ok()), "{answer}");
        let expected = json!({
            "role": name,
            "allowed": allowed,
            "refused": refused,
            "expected": true,
            "confirmed_at": confirmed_at,
            "detail": null,
        });
        assert_eq!(answer, expected);
        assert_eq!(marked_and_confirmed(&world, &ada, &person).await, (json!(true), confirmed_at));
        assert_eq!(marked_and_confirmed(&world, &ada, &ada).await, (json!(false), json!(null)));
        let details = json!({
            "role": name,
            "allowed": allowed.len().to_string(),
            "refused": refused.len().to_string(),
            "finding": "as_expected",
        });
        let line = (person.id.clone(), person.id.clone(), details);
        assert_eq!(rehearsals_in_audit(&world, &ada).await[0], line);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_needs_no_body_and_the_last_one_counts() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let olga = world.bring_in(&ada, "olga@acme.example", "operator").await;
    mark(&world, &ada, &olga).await;
    let first = rehearse(&world, &olga).await.expect_status(201).body;
    let again = RequestTo::new(&world, "POST", "/v1/access-rehearsals").by(&olga).send().await.expect_status(201).body;
    let confirmed_at = |body: &Value| body["confirmed_at"].as_str().unwrap().parse::<Timestamp>().unwrap();
    assert!(confirmed_at(&again) > confirmed_at(&first), "{first} {again}");
    assert_eq!(marked_and_confirmed(&world, &ada, &olga).await, (json!(true), again["confirmed_at"].clone()));
    assert_eq!(rehearsals_in_audit(&world, &ada).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_what_the_test_user_may_do_takes_the_confirmation_back() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let olga = world.bring_in(&ada, "olga@acme.example", "operator").await;
    mark(&world, &ada, &olga).await;
    rehearse(&world, &olga).await.expect_status(201);
    change(&world, &ada, &olga, json!({ "role": "viewer" })).await;
    assert_eq!(marked_and_confirmed(&world, &ada, &olga).await, (json!(true), json!(null)));

    let answer = rehearse(&world, &olga).await.expect_status(201).body;
    assert_eq!((&answer["role"], &answer["expected"]), (&json!("viewer"), &json!(true)));
    change(&world, &ada, &olga, json!({ "disabled": true })).await;
    assert_eq!(marked_and_confirmed(&world, &ada, &olga).await, (json!(true), json!(null)));
    rehearse(&world, &olga).await.expect_problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_who_is_the_test_user_is_refused_nothing_and_therefore_never_confirmed() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    mark(&world, &ada, &ada).await;
    let answer = rehearse(&world, &ada).await.expect_status(201).body;
    let (allowed, refused) = policy(Role::Admin);
    assert_eq!(refused, ["get-current-api-key"], "nothing that a role decides");
    let expected = json!({
        "role": "admin",
        "allowed": allowed,
        "refused": refused,
        "expected": false,
        "confirmed_at": null,
        "detail": "Nothing that a role decides was refused, because the role is Tenant Admin: this shows nothing about what your \
                   team will not see, so nothing is confirmed. Mark somebody with the role that your team will have.",
    });
    assert_eq!(answer, expected);
    assert_eq!(marked_and_confirmed(&world, &ada, &ada).await, (json!(true), json!(null)));
    assert_eq!(rehearsals_in_audit(&world, &ada).await[0].2["finding"], "not_as_expected");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmed_test_user_who_becomes_an_admin_and_rehearses_again_is_confirmed_no_more() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let olga = world.bring_in(&ada, "olga@acme.example", "operator").await;
    mark(&world, &ada, &olga).await;
    rehearse(&world, &olga).await.expect_status(201);
    change(&world, &ada, &olga, json!({ "role": "admin" })).await;
    let answer = rehearse(&world, &olga).await.expect_status(201).body;
    assert_eq!((&answer["expected"], &answer["confirmed_at"]), (&json!(false), &json!(null)));
    assert_eq!(marked_and_confirmed(&world, &ada, &olga).await, (json!(true), json!(null)));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_not_the_workspaces_test_user_rehearses_nothing_and_is_told_who_marks_one() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let olga = world.bring_in(&ada, "olga@acme.example", "operator").await;
    let vic = world.bring_in(&ada, "vic@acme.example", "viewer").await;
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    mark(&world, &bob, &bob).await;
    let refused = rehearse(&world, &olga).await.expect_problem(403, "not_test_user");
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(
        detail.contains("A Tenant Admin marks one: PATCH /v1/members/{user} with {\"test_user\": true}."),
        "{detail}"
    );

    mark(&world, &ada, &vic).await;
    world.settled().await;
    let kept = world.everything_kept().await;
    for person in [&ada, &olga] {
        rehearse(&world, person).await.expect_problem(403, "not_test_user");
    }
    let in_acme = world.post("/v1/access-rehearsals", json!({})).token(&bob.access_token);
    in_acme.header("x-tenant-id", &ada.tenant).send().await.expect_problem(404, "not_found");
    world.settled().await;
    assert_eq!(world.everything_kept().await, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_is_told_operation_by_operation_what_a_member_may_do_and_why() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let vic = world.bring_in(&ada, "vic@acme.example", "viewer").await;
    let path = format!("/v1/members/{}/access", vic.id);
    let told = world.get(&path).by(&ada).send().await.expect_status(200).body;
    let user = json!({ "id": vic.id, "email": "vic@acme.example", "display_name": "vic" });
    assert_eq!((&told["user"], &told["role"], &told["status"]), (&user, &json!("viewer"), &json!("active")));
    let names: Vec<_> = told["operations"].as_array().unwrap().iter().map(|row| row["operation"].clone()).collect();
    let of_manifest = functions::all().filter(|function| function.http().is_some());
    assert_eq!(names, of_manifest.map(|function| function.name).collect::<Vec<_>>());
    let expected = json!({
        "operation": "create-invites",
        "method": "POST",
        "path": "/v1/invites",
        "summary": "Invite 1 to 50 people. Every row has its own result.",
        "allowed": false,
        "permission": "invites:manage",
        "detail": "Their role, Tenant Viewer, does not include invites:manage.",
    });
    assert!(told["operations"].as_array().unwrap().contains(&expected), "{told}");

    change(&world, &ada, &vic, json!({ "disabled": true })).await;
    let told = world.get(&path).by(&ada).send().await.expect_status(200).body;
    assert_eq!(told["status"], "disabled");
    let of_members = told["operations"].as_array().unwrap().iter().filter(|row| !row["permission"].is_null());
    for row in of_members {
        assert_eq!((&row["allowed"], &row["detail"]), (&json!(false), &json!("The membership is disabled.")), "{row}");
    }
}

/// A request that is refused as not valid, but only once its caller was let in.
fn misspelt<'w>(world: &'w World, http: &Http) -> RequestTo<'w> {
    let nobody =
        |segment| if str::starts_with(segment, '{') { "usr_00000000000000000000000000000001" } else { segment };
    let path: Vec<_> = http.path.split('/').map(nobody).collect();
    let (method, path) = (http.method.as_str(), path.join("/"));
    if !http.method.has_body() {
        return RequestTo::new(world, method, &format!("{path}?no_such_field=1"));
    }
    let mut body = (http.example)();
    body["no_such_field"] = json!(1);
    RequestTo::new(world, method, &path).json(body)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_admin_is_told_of_somebodys_access_is_what_they_are_answered() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let mut people = vec![ada.clone()];
    for (email, role) in
        [("olga@acme.example", "operator"), ("vic@acme.example", "viewer"), ("dora@acme.example", "admin")]
    {
        people.push(world.bring_in(&ada, email, role).await);
    }
    change(&world, &ada, people.last().unwrap(), json!({ "disabled": true })).await;
    world.settled().await;
    let kept = world.everything_kept().await;
    for person in &people {
        let path = format!("/v1/members/{}/access", person.id);
        let told = world.get(&path).by(&ada).send().await.expect_status(200).body;
        let routes = functions::all().filter_map(|function| function.http());
        for (told, http) in told["operations"].as_array().unwrap().iter().zip(routes) {
            assert_eq!((&told["method"], &told["path"]), (&json!(http.method.as_str()), &json!(http.path)));
            let Auth::Member(permission) = http.auth else {
                let for_people = json!(http.auth != Auth::ApiKey);
                assert_eq!((&told["allowed"], &told["permission"]), (&for_people, &Value::Null), "{told}");
                continue;
            };
            let answer = misspelt(&world, http).by(person).send().await;
            let was_let_in = json!(answer.body["code"] == "validation_failed");
            let expected = (&was_let_in, &json!(permission.as_str()));
            assert_eq!((&told["allowed"], &told["permission"]), expected, "{}: {told}, {}", person.email, answer.text);
        }
    }
    world.settled().await;
    assert_eq!(world.everything_kept().await, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_member_is_explained_to_nobody_here() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    for id in [bob.id.as_str(), "usr_00000000000000000000000000000000", "nonsense", "%23"] {
        world.get(&format!("/v1/members/{id}/access")).by(&ada).send().await.expect_problem(404, "not_found");
    }
}

/// All that a review finds, read `limit` invitations at a time.
async fn review(world: &World, admin: &Person, limit: usize) -> Vec<Value> {
    let mut found = Vec::new();
    let mut path = format!("/v1/access-review?limit={limit}");
    loop {
        let page = world.get(&path).by(admin).send().await.expect_status(200).body;
        found.extend(page["data"].as_array().unwrap().iter().cloned());
        let Some(cursor) = page["next_cursor"].as_str() else { return found };
        path = format!("/v1/access-review?limit={limit}&cursor={cursor}");
    }
}

fn codes(findings: &[Value]) -> Vec<&str> {
    findings.iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_asks_for_a_second_admin_and_no_more_than_one_in_three() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let alone = review(&world, &ada, 25).await;
    assert_eq!(codes(&alone), ["no_backup_admin"]);
    assert_eq!(
        (&alone[0]["action"], &alone[0]["member"], &alone[0]["invite"]),
        (&json!("/users"), &json!(null), &json!(null))
    );
    world.bring_in(&ada, "a2@acme.example", "admin").await;
    assert!(review(&world, &ada, 25).await.is_empty(), "two of two are never too many");
    world.bring_in(&ada, "a3@acme.example", "admin").await;
    let too_many = review(&world, &ada, 25).await;
    assert_eq!(codes(&too_many), ["too_many_admins"]);
    assert!(too_many[0]["detail"].as_str().unwrap().starts_with("3 of 3 active members are admins"), "{too_many:?}");

    let mut last = None;
    for n in 4..=9 {
        last = Some(world.bring_in(&ada, &format!("m{n}@acme.example"), "viewer").await);
    }
    assert!(review(&world, &ada, 25).await.is_empty(), "3 of 9");
    let last = last.unwrap();
    change(&world, &ada, &last, json!({ "role": "admin" })).await;
    let too_many = review(&world, &ada, 25).await;
    assert_eq!(codes(&too_many), ["too_many_admins"]);
    assert!(too_many[0]["detail"].as_str().unwrap().starts_with("4 of 9 active members are admins"), "{too_many:?}");
    change(&world, &ada, &last, json!({ "disabled": true })).await;
    assert_eq!(codes(&review(&world, &ada, 25).await), ["too_many_admins"], "3 of 8");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_invited_three_days_ago_and_has_not_come_is_found_until_the_invitation_expires() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    world.bring_in(&ada, "grace@acme.example", "admin").await;
    let invite = world.invite(&ada, "vic@acme.example", "viewer").await;
    let created_at: Timestamp = invite["created_at"].as_str().unwrap().parse().unwrap();
    let pass_until = |moment: Timestamp| world.pass(moment.duration_since(world.now()) + SignedDuration::from_secs(1));

    pass_until(created_at + SignedDuration::from_hours(72) - SignedDuration::from_mins(5));
    let ada = world.refreshed(&ada).await;
    assert!(review(&world, &ada, 25).await.is_empty());
    pass_until(created_at + SignedDuration::from_hours(72));
    let expected = json!([{
        "code": "never_signed_in",
        "detail": "vic@acme.example was invited as Tenant Viewer 3 days ago and has never signed in. Ask them whether the mail came, \
                   send it again, or revoke the invitation.",
        "action": "/users",
        "member": null,
        "invite": invite["id"],
    }]);
    assert_eq!(json!(review(&world, &ada, 25).await), expected);

    pass_until(created_at + SignedDuration::from_hours(7 * 24));
    let ada = world.refreshed(&ada).await;
    assert!(review(&world, &ada, 25).await.is_empty(), "nobody can come by it any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_invitation_that_no_admin_answers_for_is_found_with_the_role_it_gives() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    world.bring_in(&ada, "hedy@acme.example", "admin").await;
    let grace = world.bring_in(&ada, "grace@acme.example", "admin").await;
    let team = ["p1@acme.example", "p2@acme.example", "p3@acme.example", "p4@acme.example"];
    for email in team {
        world.bring_in(&ada, email, "operator").await;
    }
    let invite = world.invite(&grace, "vic@acme.example", "admin").await;
    world.invite(&ada, "other@acme.example", "viewer").await;
    let before: Vec<_> = review(&world, &ada, 25).await;
    assert_eq!(codes(&before), ["too_many_admins"], "3 of 7, and every inviter is an admin");

    let found = async || {
        let found = review(&world, &ada, 25).await;
        let about = found.iter().find(|finding| finding["code"] == "inviter_not_admin").cloned();
        about.map(|finding| {
            (finding["detail"].as_str().unwrap().to_owned(), finding["member"].clone(), finding["invite"].clone())
        })
    };
    let said = |what: &str, member: Value| {
        let detail = format!(
            "grace@acme.example invited vic@acme.example as Tenant Admin and {what}, but the invitation is still open. Send it again in \
             your own name, or revoke it."
        );
        Some((detail, member, invite["id"].clone()))
    };
    change(&world, &ada, &grace, json!({ "role": "viewer" })).await;
    assert_eq!(found().await, said("is Tenant Viewer now", json!(grace.id)));
    change(&world, &ada, &grace, json!({ "role": "admin" })).await;
    assert_eq!(found().await, None);
    change(&world, &ada, &grace, json!({ "disabled": true })).await;
    assert_eq!(found().await, said("is disabled now", json!(grace.id)));
    world.delete(&format!("/v1/members/{}", grace.id)).by(&ada).send().await.expect_status(200);
    assert_eq!(found().await, said("is not in the workspace any more", json!(null)));
    // Whoever sends it again answers for it from then on.
    let path = format!("/v1/invites/{}/resend", invite["id"].as_str().unwrap());
    world.post(&path, json!({})).by(&ada).send().await.expect_status(200);
    assert_eq!(found().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_is_read_a_page_at_a_time_and_says_what_is_to_be_said_of_admins_once() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let grace = world.bring_in(&ada, "grace@acme.example", "admin").await;
    let rows: Vec<_> = (0..5).map(|n| json!({ "email": format!("p{n}@acme.example") })).collect();
    world.post("/v1/invites", json!({ "invites": rows })).by(&grace).send().await.expect_status(200);
    change(&world, &ada, &grace, json!({ "role": "operator" })).await;
    let whole = review(&world, &ada, 100).await;
    assert_eq!(codes(&whole), [&["no_backup_admin"][..], &["inviter_not_admin"; 5]].concat());
    for limit in [1, 2, 5] {
        assert_eq!(review(&world, &ada, limit).await, whole, "{limit} at a time");
    }
    let first = world.get("/v1/access-review?limit=2").by(&ada).send().await.expect_status(200).body;
    let cursor = first["next_cursor"].as_str().unwrap();
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    let foreign = world.get(&format!("/v1/access-review?cursor={cursor}")).by(&bob).send().await;
    foreign.expect_field("?cursor", "cursor_invalid");
    for person in [&grace, &world.bring_in(&ada, "vic@acme.example", "viewer").await] {
        world.get("/v1/access-review").by(person).send().await.expect_problem(403, "forbidden");
    }
}
