//! Tokens that were edited, made up, or signed by us for something else.

use super::{assert_same, expect_of_every_use, kept};
use crate::world::{Person, World};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use common::auth::token::{self, InviteClaims};
use common::config::VERIFYING_KEYS;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use uuid::Uuid;

/// A token, taken apart.
#[derive(Clone)]
struct Parts {
    /// As JSON.
    header: String,
    /// As JSON.
    payload: String,
    signature: String,
}

impl Parts {
    fn of(token: &str) -> Parts {
        let parts: Vec<_> = token.split('.').collect();
        let [header, payload, signature] = parts[..] else { panic!("{token} is no token") };
        let json = |part: &str| String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
        let taken_apart = Parts { header: json(header), payload: json(payload), signature: signature.to_owned() };
        assert_eq!(taken_apart.token(), token, "taken apart and put together, it is the same");
        taken_apart
    }

    fn signed_part(&self) -> String {
        format!("{}.{}", URL_SAFE_NO_PAD.encode(&self.header), URL_SAFE_NO_PAD.encode(&self.payload))
    }

    fn token(&self) -> String {
        format!("{}.{}", self.signed_part(), self.signature)
    }

    fn claims(&self) -> Value {
        serde_json::from_str(&self.payload).unwrap()
    }

    /// With one claim changed, under the old signature.
    fn with_claim(&self, name: &str, value: Value) -> Parts {
        Parts { payload: edited(&self.payload, name, &value), ..self.clone() }
    }

    /// With one member of the header changed, under the old signature.
    fn with_header(&self, name: &str, value: Value) -> Parts {
        Parts { header: edited(&self.header, name, &value), ..self.clone() }
    }

    fn without_header(&self, name: &str) -> Parts {
        let mut header: Value = serde_json::from_str(&self.header).unwrap();
        assert!(header.as_object_mut().unwrap().remove(name).is_some());
        Parts { header: header.to_string(), ..self.clone() }
    }

    /// With a member that the header did not have.
    fn with_more_header(&self, name: &str, value: Value) -> Parts {
        let mut header: Value = serde_json::from_str(&self.header).unwrap();
        assert!(header.as_object_mut().unwrap().insert(name.to_owned(), value).is_none());
        Parts { header: header.to_string(), ..self.clone() }
    }

    fn key_id(&self) -> Value {
        serde_json::from_str::<Value>(&self.header).unwrap()["kid"].clone()
    }

    fn signed_with(self, signature: &[u8]) -> Parts {
        Parts { signature: URL_SAFE_NO_PAD.encode(signature), ..self }
    }

    fn signed_by(self, key: &EcdsaKeyPair) -> Parts {
        let signature = key.sign(&SystemRandom::new(), self.signed_part().as_bytes()).unwrap();
        self.signed_with(signature.as_ref())
    }

    fn with_mac(self, secret: &[u8]) -> Parts {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let mac = hmac::sign(&key, self.signed_part().as_bytes());
        self.signed_with(mac.as_ref())
    }
}

/// The JSON object with one member changed, and nothing else: not even the order.
fn edited(object: &str, name: &str, value: &Value) -> String {
    let old = &serde_json::from_str::<Value>(object).unwrap()[name];
    assert_ne!(old, value, "{name}");
    let edited = object.replace(&format!("\"{name}\":{old}"), &format!("\"{name}\":{value}"));
    assert_ne!(edited, object, "{name}");
    edited
}

async fn expect_of_an_access_token(world: &World, tenant: &str, token: &str, what: &str) {
    let answer = world.get("/v1/invites").token(token).header("x-tenant-id", tenant).send().await;
    assert_eq!(answer.status, 401, "{what}: {}", answer.text);
    assert_eq!(answer.expect_problem(401, "unauthenticated").header("www-authenticate"), "Bearer", "{what}");
}

fn names_of(claims: &Value) -> BTreeSet<&str> {
    claims.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_is_nobodys_once_any_claim_in_it_is_another() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    let kept_before = kept(&world).await;
    let (parts, of_bob) = (Parts::of(&ada.access_token), Parts::of(&bob.access_token).claims());
    let (of_ada, a_year) = (parts.claims(), 365 * 24 * 60 * 60);
    let changes = [
        ("iss", json!("https://evil.example")),
        ("aud", json!("callaro:invites")),
        ("sub", of_bob["sub"].clone()),
        ("iat", json!(of_ada["iat"].as_i64().unwrap() - a_year)),
        ("nbf", json!(of_ada["nbf"].as_i64().unwrap() - a_year)),
        ("exp", json!(of_ada["exp"].as_i64().unwrap() + a_year)),
        ("jti", json!(Uuid::from_u128(7))),
        ("user", json!(bob.id)),
        ("session", of_bob["session"].clone()),
    ];
    assert_eq!(names_of(&of_ada), changes.iter().map(|(name, _)| *name).collect(), "each claim is changed once");
    for (name, value) in changes {
        expect_of_an_access_token(&world, &ada.tenant, &parts.with_claim(name, value).token(), name).await;
    }
    assert_same(&kept_before, &kept(&world).await);
    world.get("/v1/invites").by(&ada).send().await.expect_status(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_not_ours_once_any_claim_in_its_token_is_another() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    world.invite(&ada, "grace@acme.example", "viewer").await;
    let of_admin = world.invite(&ada, "olga@acme.example", "admin").await;
    let parts = Parts::of(&world.token_mailed_to("grace@acme.example").await);
    let of_olga = Parts::of(&world.token_mailed_to("olga@acme.example").await).claims();
    let kept_before = kept(&world).await;
    let (of_grace, a_year) = (parts.claims(), 365 * 24 * 60 * 60);
    let changes = [
        ("iss", json!("https://evil.example")),
        ("aud", json!("callaro:api")),
        ("sub", of_admin["id"].clone()),
        ("iat", json!(of_grace["iat"].as_i64().unwrap() - a_year)),
        ("nbf", json!(of_grace["nbf"].as_i64().unwrap() - a_year)),
        ("exp", json!(of_grace["exp"].as_i64().unwrap() + a_year)),
        ("jti", of_olga["jti"].clone()),
        ("invite", of_admin["id"].clone()),
        ("tenant", json!(bob.tenant)),
        ("email", json!("eve@evil.example")),
    ];
    assert_eq!(names_of(&of_grace), changes.iter().map(|(name, _)| *name).collect(), "each claim is changed once");
    for (name, value) in changes {
        expect_of_every_use(&world, &parts.with_claim(name, value).token(), 400, "invite_invalid").await;
    }
    assert_same(&kept_before, &kept(&world).await);
    world.post("/v1/invites/preview", json!({ "token": parts.token() })).send().await.expect_status(200);
}

/// Tokens that tell, in their headers, whoever checks them how to.
fn forged_headers(genuine: &Parts, foreign_key_id: &Value, public_key: &Value) -> Vec<(String, String)> {
    let mut forged: Vec<(String, Parts)> = Vec::new();
    for algorithm in ["none", "None", "nOnE"] {
        let named = genuine.with_header("alg", json!(algorithm));
        forged.push((format!("alg {algorithm}, unsigned"), Parts { signature: String::new(), ..named.clone() }));
        forged.push((format!("alg {algorithm}, with the old signature"), named));
    }
    let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(public_key[name].as_str().unwrap()).unwrap();
    let point = [coordinate("x"), coordinate("y")].concat();
    let symmetric = genuine.with_header("alg", json!("HS256"));
    for secret in [point.clone(), [vec![4], point].concat(), public_key.to_string().into_bytes(), Vec::new()] {
        let what = format!("HS256 with a public key of {} bytes", secret.len());
        forged.push((what, symmetric.clone().with_mac(&secret)));
    }
    for typ in ["JWT", "at+jwt", "invite+jwt", "sign-up+jwt", "AT+JWT", ""] {
        if !genuine.header.contains(&format!("\"typ\":\"{typ}\"")) {
            forged.push((format!("typ {typ}"), genuine.with_header("typ", json!(typ))));
        }
    }
    forged.push(("no typ".to_owned(), genuine.without_header("typ")));
    forged.push(("the kid of another kind".to_owned(), genuine.with_header("kid", foreign_key_id.clone())));
    forged.push(("a kid that is a path".to_owned(), genuine.with_header("kid", json!("../../dev/null"))));
    forged.push(("no kid".to_owned(), genuine.without_header("kid")));
    forged.extend(signed_by_the_attacker(genuine));
    forged.into_iter().map(|(what, parts)| (what, parts.token())).collect()
}

/// Signed with a key of the attacker's own, which the header brings along or says where to find.
fn signed_by_the_attacker(genuine: &Parts) -> Vec<(String, Parts)> {
    let private_key = STANDARD.decode(token::new_private_key().unwrap()).unwrap();
    let public_key = token::public_jwk(&private_key).unwrap();
    let key_id = token::key_id(&public_key).unwrap();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &private_key).unwrap();
    [
        ("another key under our kid", genuine.clone()),
        ("another key under its own kid", genuine.with_header("kid", json!(key_id))),
        ("another key that comes along", genuine.with_more_header("jwk", json!(public_key))),
        ("another key to be fetched", genuine.with_more_header("jku", json!("http://127.0.0.1:9/keys"))),
    ]
    .map(|(what, parts)| (what.to_owned(), parts.signed_by(&key)))
    .into()
}

/// The public key of a kind, as every function is told it: it is no secret.
fn public_key(world: &World, kind: &str) -> Value {
    let environment = world.stack().environment("accept-invite");
    let (_, keys) = environment.into_iter().find(|(name, _)| name == VERIFYING_KEYS).unwrap();
    serde_json::from_str::<Value>(&keys).unwrap()[kind]["keys"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn how_a_token_is_checked_is_not_for_the_token_to_say() {
    let world = World::local().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    world.invite(&ada, "grace@acme.example", "viewer").await;
    let access = Parts::of(&ada.access_token);
    let invite = Parts::of(&world.token_mailed_to("grace@acme.example").await);
    let kept_before = kept(&world).await;
    for (what, token) in forged_headers(&access, &invite.key_id(), &public_key(&world, "access")) {
        expect_of_an_access_token(&world, &ada.tenant, &token, &what).await;
    }
    for (_, token) in forged_headers(&invite, &access.key_id(), &public_key(&world, "invite")) {
        expect_of_every_use(&world, &token, 400, "invite_invalid").await;
    }
    assert_same(&kept_before, &kept(&world).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_one_kind_is_good_for_no_other() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    world.invite(&ada, "grace@acme.example", "viewer").await;
    let invite = world.token_mailed_to("grace@acme.example").await;
    let body = json!({ "email": "grace@acme.example", "company_name": "Grace & Co", "time_zone": "UTC" });
    world.post("/v1/sign-ups", body).send().await.expect_status(202);
    let sign_up = world.token_mailed_to("grace@acme.example").await;
    assert_ne!(invite, sign_up);
    let kept_before = kept(&world).await;
    for token in [&ada.access_token, &ada.refresh_token, &sign_up] {
        expect_of_every_use(&world, token, 400, "invite_invalid").await;
    }
    for token in [&invite, &sign_up, &ada.refresh_token] {
        expect_of_an_access_token(&world, &ada.tenant, token, "another kind").await;
        let accept = world.post("/v1/invites/accept", json!({ "token": invite })).token(token);
        accept.send().await.expect_problem(401, "unauthenticated");
    }
    for token in [&invite, &ada.access_token] {
        let body = json!({ "token": token, "password": "violet harbour tin sparrow" });
        world.post("/v1/sign-ups/confirm", body).send().await.expect_problem(400, "link_invalid");
    }
    assert_same(&kept_before, &kept(&world).await);
}

/// What a test signs, as only the service can.
struct Signed {
    invite: String,
    tenant: String,
    email: String,
    jti: Uuid,
}

impl Signed {
    fn like(token: &str) -> Signed {
        let claims = Parts::of(token).claims();
        let text = |name: &str| claims[name].as_str().unwrap().to_owned();
        let jti = text("jti").parse().unwrap();
        Signed { invite: text("invite"), tenant: text("tenant"), email: text("email"), jti }
    }

    async fn token(self, world: &World) -> String {
        let claims = InviteClaims {
            invite: self.invite.parse().unwrap(),
            tenant: self.tenant.parse().unwrap(),
            email: self.email.parse().unwrap(),
        };
        let expires_at = world.now() + SignedDuration::from_hours(1);
        world.token_keys().await.sign(claims, self.jti, world.now(), expires_at).unwrap()
    }
}

async fn expect_of_somebody_signed_in(world: &World, token: &str, by: &Person, status: u16, code: &str) {
    let accept = world.post("/v1/invites/accept", json!({ "token": token })).token(&by.access_token);
    accept.send().await.expect_problem(status, code);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_we_signed_opens_the_invite_that_says_so_too_and_no_other() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    world.invite(&ada, "grace@acme.example", "viewer").await;
    let of_olga = world.invite(&ada, "olga@acme.example", "admin").await["id"].as_str().unwrap().to_owned();
    let mailed = world.token_mailed_to("grace@acme.example").await;
    let kept_before = kept(&world).await;

    let same = Signed::like(&mailed).token(&world).await;
    world.post("/v1/invites/preview", json!({ "token": same })).send().await.expect_status(200);
    let cases = [
        (Signed { tenant: bob.tenant.clone(), ..Signed::like(&mailed) }, 400, "invite_invalid"),
        (
            Signed { invite: "inv_00000000000000000000000000000001".to_owned(), ..Signed::like(&mailed) },
            400,
            "invite_invalid",
        ),
        (Signed { email: "eve@evil.example".to_owned(), ..Signed::like(&mailed) }, 400, "invite_invalid"),
        // It has the account that the token names, and the invite does not.
        (Signed { email: bob.email.clone(), ..Signed::like(&mailed) }, 400, "invite_invalid"),
        // As the token of a mail that another one followed.
        (Signed { invite: of_olga, ..Signed::like(&mailed) }, 410, "invite_gone"),
        (Signed { jti: Uuid::from_u128(7), ..Signed::like(&mailed) }, 410, "invite_gone"),
    ];
    for (signed, status, code) in cases {
        let token = signed.token(&world).await;
        expect_of_every_use(&world, &token, status, code).await;
        expect_of_somebody_signed_in(&world, &token, &bob, status, code).await;
    }
    assert_same(&kept_before, &kept(&world).await);
}
