//! What holds of every route there is, generated from the manifest: a route that is added is tested before anybody thinks
//! of it.

use crate::world::{Answer, ApiKey, Person, RequestTo, World};
use common::auth::caller::Auth;
use common::auth::token::{AccessClaims, InviteClaims, SignUpClaims};
use common::error::Code;
use common::function::{Function, Http};
use common::reply::Content;
use common::route::Method;
use domain::role::Role;
use jiff::SignedDuration;
use local::{Options, Stack};
use schemars::SchemaGenerator;
use serde_json::{Value, json};
use uuid::Uuid;

/// A route of the manifest.
#[derive(Clone, Copy)]
struct Tested {
    function: &'static Function,
    http: &'static Http,
}

fn every_route() -> Vec<Tested> {
    functions::all().filter_map(|function| Some(Tested { function, http: function.http()? })).collect()
}

fn routes_for_members() -> Vec<Tested> {
    every_route().into_iter().filter(|route| matches!(route.http.auth, Auth::Member(_))).collect()
}

fn routes_with_body() -> Vec<Tested> {
    every_route().into_iter().filter(|route| route.http.method.has_body()).collect()
}

impl Tested {
    fn path(&self, cast: &Cast) -> String {
        self.http
            .path_parameters()
            .fold(self.http.path.to_owned(), |path, name| path.replace(&format!("{{{name}}}"), cast.named(name)))
    }

    fn is_page(&self) -> bool {
        matches!((self.http.output)(&mut SchemaGenerator::default()), Content::Document("text/html"))
    }

    fn example(&self) -> Value {
        (self.http.example)()
    }

    /// A request with all that the route wants but a caller.
    fn request<'w>(&self, cast: &'w Cast) -> RequestTo<'w> {
        let request = RequestTo::new(&cast.world, self.http.method.as_str(), &self.path(cast));
        match self.http.refusals().contains(&Code::IfMatchRequired) {
            true => request.header("if-match", "\"1\""),
            false => request,
        }
    }

    fn valid<'w>(&self, cast: &'w Cast) -> RequestTo<'w> {
        match self.http.method.has_body() {
            true => self.request(cast).json(self.example()),
            false => self.request(cast),
        }
    }
}

/// A workspace with somebody of every role, and another one.
struct Cast {
    world: World,
    admin: Person,
    operator: Person,
    viewer: Person,
    stranger: Person,
    /// An open invite's id.
    invite: String,
    /// An API key that has been used.
    key: ApiKey,
    /// The ids of an integration and of a phone number.
    integration: String,
    number: String,
}

impl Cast {
    async fn gather() -> Cast {
        let world = World::start().await;
        let admin = world.sign_up("ada@acme.example", "Acme Inc.").await;
        let operator = world.bring_in(&admin, "olga@acme.example", "operator").await;
        let viewer = world.bring_in(&admin, "vic@acme.example", "viewer").await;
        let stranger = world.sign_up("bob@other.example", "Other Ltd").await;
        let invite = world.invite(&admin, "ivy@acme.example", "viewer").await;
        let key = world.make_api_key(&admin, "Importer").await;
        world.get("/v1/api-keys/current").token(&key.text).send().await.expect_status(200);
        let integration = world.connect(&admin, "Salesforce").await;
        let number = world.add_number(&admin, "+4930901820").await;
        world.settled().await;
        let invite = invite["id"].as_str().unwrap().to_owned();
        Cast { world, admin, operator, viewer, stranger, invite, key, integration, number }
    }

    /// What a path's parameter of this name can stand for.
    fn named(&self, parameter: &str) -> &str {
        match parameter {
            "user" => &self.operator.id,
            "invite" => &self.invite,
            "step" => "phone-number",
            "key" => &self.key.id,
            "integration" => &self.integration,
            "number" => &self.number,
            other => panic!("what is {other}?"),
        }
    }

    /// What is kept, but for the buckets that count tries: a refused sign-in is counted.
    async fn kept(&self) -> Vec<String> {
        self.world.settled().await;
        let mut kept = self.world.everything_kept().await;
        kept.retain(|item| !item.contains("sk=LIMIT#"));
        kept
    }

    /// Nothing was written since, and nothing is gone.
    async fn assert_kept(&self, before: &[String]) {
        let now = self.kept().await;
        let new: Vec<_> = now.iter().filter(|item| !before.contains(item)).collect();
        let gone: Vec<_> = before.iter().filter(|item| !now.contains(item)).collect();
        assert!(new.is_empty() && gone.is_empty(), "new: {new:#?}, gone: {gone:#?}");
    }

    /// Sends what has to be refused: with a problem, and without a trace.
    async fn refused(&self, route: Tested, request: RequestTo<'_>, status: u16, code: Code) -> Answer {
        let answer = request.send().await;
        let told = format!("{}: {} {}", route.function.name, answer.status, answer.text);
        assert_eq!((answer.status, answer.body["code"].as_str()), (status, Some(code.as_str())), "{told}");
        answer.expect_problem(status, code.as_str())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_or_one_that_is_not_good_is_answered_401() {
    let cast = Cast::gather().await;
    let kept = cast.kept().await;
    let bad = bad_tokens(&cast).await;
    let asks_who = |route: &Tested| matches!(route.http.auth, Auth::User | Auth::Member(_) | Auth::ApiKey);
    for route in every_route().into_iter().filter(asks_who) {
        let another = another_callers(&cast, route);
        let request = route.valid(&cast).header("x-tenant-id", &cast.admin.tenant);
        cast.refused(route, request, 401, Code::Unauthenticated).await;
        for (what, token) in bad.iter().chain([&another]) {
            let request = route.valid(&cast).header("x-tenant-id", &cast.admin.tenant).header("authorization", token);
            let answer = cast.refused(route, request, 401, Code::Unauthenticated).await;
            assert_eq!(answer.header("www-authenticate"), "Bearer", "{what}");
        }
    }
    cast.assert_kept(&kept).await;
}

/// What another route takes: a person's token is no API key, and an API key no person's token.
fn another_callers(cast: &Cast, route: Tested) -> (&'static str, String) {
    match route.http.auth {
        Auth::ApiKey => ("a person's", format!("Bearer {}", cast.admin.access_token)),
        Auth::Nobody | Auth::Visitor | Auth::User | Auth::Member(_) => {
            ("an API key", format!("Bearer {}", cast.key.text))
        }
    }
}

/// Values of `Authorization` that no route may take.
async fn bad_tokens(cast: &Cast) -> Vec<(&'static str, String)> {
    let keys = cast.world.token_keys().await;
    let now = cast.world.now();
    let (ago, ahead) = (now - SignedDuration::from_hours(1), now + SignedDuration::from_hours(1));
    let real: AccessClaims = keys.verify::<AccessClaims>(&cast.admin.access_token, now).unwrap().claims;
    let jti = Uuid::from_u128(7);
    let expired = keys.sign(real.clone(), jti, ago, now - SignedDuration::from_secs(60)).unwrap();
    let early = keys.sign(real.clone(), jti, ahead, ahead + SignedDuration::from_hours(1)).unwrap();
    let elsewhere = Stack::start(Options::ephemeral()).await.unwrap();
    let foreign = elsewhere.token_keys().sign(real.clone(), jti, now, ahead).unwrap();
    let invite = InviteClaims {
        invite: "inv_00000000000000000000000000000001".parse().unwrap(),
        tenant: cast.admin.tenant.parse().unwrap(),
        email: "a@b.example".parse().unwrap(),
    };
    let sign_up = SignUpClaims {
        email: "a@b.example".parse().unwrap(),
        company_name: "A".parse().unwrap(),
        time_zone: "UTC".parse().unwrap(),
    };
    let ended = AccessClaims { session: "ses_00000000000000000000000000000001".parse().unwrap(), ..real };
    let bearer = |token: &str| format!("Bearer {token}");
    let token = &cast.admin.access_token;
    let (_, rest) = token.split_once('.').unwrap();
    vec![
        ("empty", "Bearer ".to_owned()),
        ("no scheme", token.clone()),
        ("another scheme", format!("Basic {token}")),
        ("expired", bearer(&expired)),
        ("not good yet", bearer(&early)),
        ("signed by somebody else", bearer(&foreign)),
        ("an invite's", bearer(&keys.sign(invite, jti, now, ahead).unwrap())),
        ("a sign-up's", bearer(&keys.sign(sign_up, jti, now, ahead).unwrap())),
        ("of a session that is not there", bearer(&keys.sign(ended, jti, now, ahead).unwrap())),
        ("without algorithm", bearer(&format!("eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{rest}"))),
        ("cut short", bearer(&token[..token.len() - 4])),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_is_not_the_callers_is_answered_like_one_that_does_not_exist() {
    let cast = Cast::gather().await;
    let kept = cast.kept().await;
    for route in routes_for_members() {
        let mut answers = Vec::new();
        for tenant in [&*cast.stranger.tenant, "ten_00000000000000000000000000000000", "nonsense", "ten_%23", ""] {
            let request = route.valid(&cast).token(&cast.admin.access_token).header("x-tenant-id", tenant);
            let answer = cast.refused(route, request, 404, Code::NotFound).await;
            answers.push(answer.text.replace(&answer.header("request-id"), "REQUEST"));
        }
        assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{}: {answers:?}", route.function.name);
    }
    cast.assert_kept(&kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_in_two_workspaces_and_names_none_is_asked_which() {
    let cast = Cast::gather().await;
    cast.world.invite(&cast.admin, &cast.stranger.email, "admin").await;
    let token = cast.world.token_mailed_to(&cast.stranger.email).await;
    let accept = cast.world.post("/v1/invites/accept", json!({ "token": token })).token(&cast.stranger.access_token);
    accept.send().await.expect_status(201);
    let kept = cast.kept().await;
    for route in routes_for_members() {
        let request = route.valid(&cast).token(&cast.stranger.access_token);
        cast.refused(route, request, 400, Code::TenantRequired).await;
    }
    cast.assert_kept(&kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_may_do_what_the_policy_says_and_nothing_else() {
    let cast = Cast::gather().await;
    let kept = cast.kept().await;
    for route in routes_for_members() {
        let Auth::Member(permission) = route.http.auth else { continue };
        let members = [(Role::Admin, &cast.admin), (Role::Operator, &cast.operator), (Role::Viewer, &cast.viewer)];
        for (role, person) in members {
            if role.may(permission) {
                let request = spoilt(&route, &cast).by(person);
                cast.refused(route, request, 422, Code::ValidationFailed).await;
            } else {
                let request = route.valid(&cast).by(person);
                let answer = cast.refused(route, request, 403, Code::Forbidden).await;
                assert_eq!(answer.body["permission"], permission.as_str(), "{}", route.function.name);
            }
        }
    }
    cast.assert_kept(&kept).await;
}

/// A request that fails only once its caller was let in.
fn spoilt<'w>(route: &Tested, cast: &'w Cast) -> RequestTo<'w> {
    match route.http.method.has_body() {
        true => {
            let mut body = route.example();
            body["no_such_field"] = json!(1);
            route.request(cast).json(body)
        }
        false => {
            let path = format!("{}?no_such_field=1", route.path(cast));
            RequestTo::new(&cast.world, route.http.method.as_str(), &path)
        }
    }
}

/// By somebody, or something, that the route is for.
fn by_whom<'w>(request: RequestTo<'w>, route: Tested, cast: &Cast) -> RequestTo<'w> {
    match route.http.auth {
        Auth::Nobody | Auth::Visitor => request,
        Auth::User | Auth::Member(_) => request.by(&cast.admin),
        Auth::ApiKey => request.token(&cast.key.text),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_not_known_is_refused_by_name() {
    let cast = Cast::gather().await;
    let kept = cast.kept().await;
    // A page takes any query: people come to it by links, to which mail tools add parameters.
    for route in every_route().into_iter().filter(|route| !route.is_page()) {
        let request = by_whom(spoilt(&route, &cast), route, &cast);
        let answer = cast.refused(route, request, 422, Code::ValidationFailed).await;
        let pointer = if route.http.method.has_body() { "/no_such_field" } else { "?no_such_field" };
        let error = &answer.body["errors"][0];
        assert_eq!(
            (&error["pointer"], &error["code"]),
            (&json!(pointer), &json!("unknown_field")),
            "{}",
            route.function.name
        );
    }
    cast.assert_kept(&kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_not_json_or_not_an_object_is_refused() {
    let cast = Cast::gather().await;
    let kept = cast.kept().await;
    for route in routes_with_body() {
        let request = || by_whom(route.request(&cast), route, &cast);
        let large = json!({ "padding": "x".repeat(64 * 1024) });
        cast.refused(route, request().json(large), 413, Code::BodyTooLarge).await;
        for media_type in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/json-seq",
            "multipart/form-data; boundary=x",
        ] {
            let typed = request().header("content-type", media_type).body(route.example().to_string());
            cast.refused(route, typed, 415, Code::MediaType).await;
        }
        cast.refused(route, request().body(route.example().to_string()), 415, Code::MediaType).await;
        let json_body = |body: &[u8]| request().header("content-type", "application/json").body(body);
        for broken in [&b"{"[..], b"{\"a\":}", b"nope", b"{} {}", b"\xff\xfe{}", b"{\"a\":\"\x01\"}"] {
            cast.refused(route, json_body(broken), 400, Code::MalformedJson).await;
        }
        for other in [&b"[]"[..], b"null", b"1", b"\"text\""] {
            cast.refused(route, json_body(other), 422, Code::ValidationFailed).await;
        }
    }
    cast.assert_kept(&kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn control_characters_and_values_of_the_wrong_type_never_get_in() {
    let cast = Cast::gather().await;
    let kept = cast.kept().await;
    for route in routes_with_body() {
        for body in spoilt_values(&route.example()) {
            let request = by_whom(route.request(&cast), route, &cast).json(body.clone());
            let answer = request.send().await;
            let told = format!("{} took {body}: {} {}", route.function.name, answer.status, answer.text);
            let row_is_invalid = answer.body.pointer("/results/0/status").is_some_and(|status| status == "invalid");
            assert!((400..500).contains(&answer.status) || row_is_invalid, "{told}");
        }
    }
    let now = cast.kept().await;
    let new: Vec<_> = now.iter().filter(|item| !kept.contains(item) && !item.contains("edsger@acme.example")).collect();
    // The example of `create-invites` has a second row, which is good and must not be lost to a bad first one.
    let new: Vec<_> = new
        .into_iter()
        .filter(|item| !["INVITE#", "AUDIT#", "CHECKLIST", "sk=COUNTERS"].iter().any(|theirs| item.contains(theirs)))
        .collect();
    assert!(new.is_empty(), "{new:#?}");
}

/// The example with each of its values spoilt, one at a time: the first row of a list stands for all.
fn spoilt_values(example: &Value) -> Vec<Value> {
    let mut spoilt = Vec::new();
    for pointer in pointers(example, "") {
        let value = example.pointer(&pointer).unwrap();
        let mut replacements = vec![json!({ "nested": true }), json!([[[]]]), json!(1e300)];
        if let Some(text) = value.as_str() {
            replacements.extend([
                json!(format!("{text}\u{0}")),
                json!(format!("\u{202e}{text}")),
                json!(format!("{text}\r\nBcc: x@y.example")),
            ]);
        }
        for replacement in replacements {
            let mut body = example.clone();
            *body.pointer_mut(&pointer).unwrap() = replacement;
            spoilt.push(body);
        }
    }
    spoilt
}

fn pointers(value: &Value, here: &str) -> Vec<String> {
    match value {
        Value::Object(members) => {
            members.iter().flat_map(|(name, member)| pointers(member, &format!("{here}/{name}"))).collect()
        }
        Value::Array(rows) => rows.first().map(|row| pointers(row, &format!("{here}/0"))).unwrap_or_default(),
        _ => vec![here.to_owned()],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_a_path_does_not_have_and_a_path_that_is_not_there_are_problems_too() {
    let cast = Cast::gather().await;
    for route in every_route() {
        let answer = RequestTo::new(&cast.world, "TRACE", &route.path(&cast))
            .send()
            .await
            .expect_problem(405, "method_not_allowed");
        assert!(answer.header("allow").contains(route.http.method.as_str()), "{}", route.function.name);
    }
    for path in ["/v1/nothing", "/v1/members/a/b", "/v2/me", "/v1/me/"] {
        cast.world.get(path).send().await.expect_problem(404, "not_found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_kept_by_nobody_and_names_its_request() {
    let cast = Cast::gather().await;
    for route in every_route().into_iter().filter(|route| route.http.method == Method::Get) {
        let answer = by_whom(route.valid(&cast), route, &cast).send().await.expect_status(route.http.success);
        assert_eq!(answer.header("cache-control"), "no-store", "{}", route.function.name);
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert!(answer.has_header("request-id"));
    }
}
