//! Secrets in what operators and admins get to read: logs, lists, the audit log, the table.

use crate::world::{Logs, PASSWORD, Person, World};
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

const NOTE: &str = "Bring the heliotrope folder on Monday.";
const NAME: &str = "Augusta Heliodora King";
const WRONG_PASSWORD: &str = "amber lantern cobalt finch";

/// A run through everything that meets secrets, and what it met.
struct Run {
    world: World,
    ada: Person,
    secrets: Vec<String>,
    /// The request ids of requests that were served, and of one that failed.
    served: Vec<String>,
    failed: String,
}

impl Run {
    async fn through_everything() -> Run {
        let (world, table) = World::lossy().await;
        let ada = Run::sign_up(&world).await;
        let secrets = [NOTE, NAME, PASSWORD, WRONG_PASSWORD].map(str::to_owned).into();
        let mut run = Run { world, ada, secrets, served: Vec::new(), failed: String::new() };
        run.secrets.push(run.world.token_mailed_to("ada@acme.example").await);
        run.meet(&run.ada.clone());
        run.invite_and_accept().await;
        run.invite_again_and_decline().await;
        run.sign_in_and_out().await;
        run.call_by_key().await;
        run.be_refused().await;
        run.meet_an_outage_of_ses().await;
        table.lose_answers();
        run.lose_an_answer().await;
        table.keep_answers();
        run.crash().await;
        run.world.settled().await;
        run.learn_ids_of_tokens().await;
        run
    }

    async fn sign_up(world: &World) -> Person {
        let body = json!({ "email": "ada@acme.example", "company_name": "Acme Inc.", "time_zone": "UTC" });
        world.post("/v1/sign-ups", body).send().await.expect_status(202);
        let token = world.token_mailed_to("ada@acme.example").await;
        let body = json!({ "token": token, "display_name": NAME, "password": PASSWORD });
        Person::from(&world.post("/v1/sign-ups/confirm", body).send().await.expect_status(201))
    }

    fn meet(&mut self, person: &Person) {
        self.secrets.extend([person.access_token.clone(), person.refresh_token.clone()]);
    }

    /// Invites somebody with a note; the invite's path, and its token.
    async fn invite(&mut self, email: &str) -> (String, String) {
        let body = json!({ "invites": [{ "email": email, "role": "viewer" }], "note": NOTE });
        let answer = self.world.post("/v1/invites", body).by(&self.ada).send().await.expect_status(200);
        self.served.push(answer.header("request-id"));
        let path = format!("/v1/invites/{}", answer.body["results"][0]["invite"]["id"].as_str().unwrap());
        (path, self.token_mailed_to(email).await)
    }

    async fn token_mailed_to(&mut self, email: &str) -> String {
        let token = self.world.token_mailed_to(email).await;
        self.secrets.push(token.clone());
        token
    }

    async fn invite_and_accept(&mut self) {
        let (path, first) = self.invite("grace@acme.example").await;
        self.world.post(&format!("{path}/resend"), json!({})).by(&self.ada).send().await.expect_status(200);
        let token = self.token_mailed_to("grace@acme.example").await;
        let body = json!({ "token": first, "password": PASSWORD });
        self.world.post("/v1/invites/accept", body).send().await.expect_problem(410, "invite_gone");
        let body = json!({ "token": token, "display_name": NAME, "password": PASSWORD });
        let grace = self.world.post("/v1/invites/accept", body).send().await.expect_status(201);
        self.meet(&Person::from(&grace));
    }

    async fn invite_again_and_decline(&mut self) {
        let (path, _) = self.invite("olga@acme.example").await;
        let corrected = json!({ "email": "helga@acme.example" });
        self.world.patch(&path, corrected).by(&self.ada).send().await.expect_status(200);
        let token = self.token_mailed_to("helga@acme.example").await;
        let preview = self.world.post("/v1/invites/preview", json!({ "token": token })).send().await;
        preview.expect_status(200);
        self.world.post("/v1/invites/decline", json!({ "token": token })).send().await.expect_status(204);
    }

    async fn sign_in_and_out(&mut self) {
        let sign_in = |password: &str| json!({ "email": "ada@acme.example", "password": password });
        let failed = self.world.post("/v1/sessions", sign_in(WRONG_PASSWORD)).send().await;
        failed.expect_problem(401, "sign_in_failed");
        let answer = self.world.post("/v1/sessions", sign_in(PASSWORD)).send().await.expect_status(201);
        let token = answer.body["access_token"].as_str().unwrap().to_owned();
        let cookie = answer.cookie("__Host-refresh").unwrap();
        let refreshed = self.world.refreshed(&Person { refresh_token: cookie.clone(), ..self.ada.clone() }).await;
        self.meet(&refreshed);
        self.secrets.extend([token, cookie]);
        self.world.delete("/v1/sessions/current").by(&refreshed).send().await.expect_status(204);
    }

    /// An API key is made, used, refused where people are asked for, and removed.
    async fn call_by_key(&mut self) {
        let key = self.world.make_api_key(&self.ada, "Importer").await;
        let (current, world) = ("/v1/api-keys/current", &self.world);
        world.get(current).token(&key.text).send().await.expect_status(200);
        world.get(current).token(&key.text[..90]).send().await.expect_problem(401, "unauthenticated");
        world.get("/v1/me").token(&key.text).send().await.expect_problem(401, "unauthenticated");
        let misplaced = format!("{current}?key={}", key.text);
        world.get(&misplaced).token(&key.text).send().await.expect_problem(422, "validation_failed");
        let remove = async |id: &str| world.delete(&format!("/v1/api-keys/{id}")).by(&self.ada).send().await;
        remove(&key.text).await.expect_problem(404, "not_found");
        remove(&key.id).await.expect_status(204);
        world.get(current).token(&key.text).send().await.expect_problem(401, "unauthenticated");
        self.secrets.extend([key.text[8..].to_owned(), key.text]);
    }

    /// Requests with secrets where none belong, each refused.
    async fn be_refused(&mut self) {
        let (world, ada) = (&self.world, &self.ada);
        let token = &self.ada.access_token;
        for path in [format!("/v1/invites/{token}"), format!("/v1/members/{token}")] {
            world.delete(&path).by(ada).send().await.expect_problem(404, "not_found");
        }
        for query in [format!("cursor={token}"), format!("{token}=1"), format!("status={token}")] {
            world.get(&format!("/v1/invites?{query}")).by(ada).send().await.expect_problem(422, "validation_failed");
        }
        world
            .get("/v1/invites")
            .token(token)
            .header("x-tenant-id", token)
            .send()
            .await
            .expect_problem(404, "not_found");
        world.get("/v1/invites").token(&format!("{token}x")).send().await.expect_problem(401, "unauthenticated");
        let whole = json!({ "token": token, "password": PASSWORD, token: NOTE });
        world.post("/v1/invites/accept", whole).send().await.expect_problem(422, "validation_failed");
        let of_wrong_type = json!({ "token": [token], "password": { PASSWORD: NOTE } });
        world.post("/v1/invites/accept", of_wrong_type).send().await.expect_problem(422, "validation_failed");
        let broken = world.post("/v1/invites/accept", json!({})).body(format!("{{\"token\":\"{token}\"{NOTE}"));
        broken.send().await.expect_problem(400, "malformed_json");
        let keyed = world.post("/v1/invites", json!({ "invites": [], "note": NOTE })).by(ada);
        keyed.header("idempotency-key", &token[..200]).send().await.expect_problem(422, "validation_failed");
        world.get(&format!("/accept?token={token}")).send().await.expect_status(200);
    }

    async fn meet_an_outage_of_ses(&mut self) {
        let mailbox = self.world.stack().mailbox();
        mailbox.fail_next(3, reqwest::StatusCode::INTERNAL_SERVER_ERROR, "InternalServiceError");
        self.invite("rolf@acme.example").await;
        self.world.stack().mailbox().fail_next(1, reqwest::StatusCode::BAD_REQUEST, "MessageRejected");
        let body = json!({ "invites": [{ "email": "ralf@acme.example" }], "note": NOTE });
        self.world.post("/v1/invites", body).by(&self.ada).send().await.expect_status(200);
        assert!(self.world.mails_to("ralf@acme.example").await.is_empty());
    }

    /// The table refuses to keep an answer.
    async fn lose_an_answer(&mut self) {
        let body = json!({ "invites": [{ "email": "lost@acme.example" }], "note": NOTE });
        let request = self.world.post("/v1/invites", body).by(&self.ada).header("idempotency-key", "1");
        request.send().await.expect_status(200);
        self.token_mailed_to("lost@acme.example").await;
    }

    /// An invite's item is broken: what is asked about it fails inside.
    async fn crash(&mut self) {
        let (path, token) = self.invite("broken@acme.example").await;
        let id = path.rsplit('/').next().unwrap();
        let key = |text: String| AttributeValue::S(text);
        let update = self.world.dynamo().update_item().table_name(self.world.stack().table());
        let update = update
            .key("pk", key(format!("TENANT#{}", self.ada.tenant)))
            .key("sk", key(format!("INVITE#{id}")))
            .update_expression("REMOVE #role")
            .expression_attribute_names("#role", "role");
        update.send().await.unwrap();
        let body = json!({ "token": token, "password": PASSWORD });
        let failed = self.world.post("/v1/invites/accept", body).send().await.expect_problem(500, "internal");
        self.failed = failed.header("request-id");
    }

    /// What tokens are called, by themselves and in the table.
    async fn learn_ids_of_tokens(&mut self) {
        let of_tokens: Vec<_> = self.secrets.iter().filter_map(|secret| jti_in(secret)).collect();
        let kept = self.world.everything_kept().await;
        let of_items: Vec<_> = kept.iter().flat_map(|item| item.match_indices(" jti=")).collect();
        assert!(of_tokens.len() > 10 && !of_items.is_empty(), "{} and {}", of_tokens.len(), of_items.len());
        let after = |item: &str, at: usize| item[at + " jti=".len()..][..36].to_owned();
        let in_items = kept.iter().flat_map(|item| item.match_indices(" jti=").map(|(at, _)| after(item, at)));
        self.secrets.extend(of_tokens.into_iter().chain(in_items));
    }
}

/// The id of a signed token.
fn jti_in(token: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    claims["jti"].as_str().map(str::to_owned)
}

fn line_of<'a>(lines: &'a [Value], request_id: &str) -> &'a Value {
    let found: Vec<_> = lines.iter().filter(|line| line["request_id"] == request_id).collect();
    let [line] = found.as_slice() else { panic!("{} lines of request {request_id}", found.len()) };
    line
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_line_holds_a_token_its_id_a_password_or_what_people_wrote() {
    let run = Run::through_everything().await;
    let logs = Logs::of_this_process();
    assert!(run.secrets.iter().all(|secret| secret.len() >= 20), "too short to be told from chance: {:?}", run.secrets);
    assert_eq!(logs.with_any_of(&run.secrets), Vec::<String>::new());

    // There was something to look at: each request's own line, those that failed inside, and the mail that was not taken.
    let lines = logs.lines();
    let parsed: Vec<Value> = lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(parsed.len(), lines.len(), "a line is a JSON object");
    for request_id in &run.served {
        let line = line_of(&parsed, request_id);
        assert_eq!((&line["message"], &line["function"]), (&json!("served"), &json!("create-invites")), "{line}");
        let who = (&line["tenant"], &line["user"], &line["status"]);
        assert_eq!(who, (&json!(run.ada.tenant), &json!(run.ada.id), &json!(200)), "{line}");
    }
    let failed = line_of(&parsed, &run.failed);
    assert_eq!(
        (&failed["message"], &failed["level"], &failed["status"]),
        (&json!("failed"), &json!("ERROR"), &json!(500))
    );
    for message in [
        "SES did not take a mail",
        "SES refused a mail for good",
        "what became of a request was not noted",
        "processed",
    ] {
        assert!(parsed.iter().any(|line| line["message"] == message), "nothing was logged about: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_list_answer_or_audit_line_holds_a_token_or_its_id() {
    let run = Run::through_everything().await;
    let (world, ada) = (&run.world, &run.ada);
    let invite = json!({ "invites": [{ "email": "last@acme.example" }], "note": NOTE });
    let created = world.post("/v1/invites", invite).by(ada).send().await.expect_status(200);
    let path = format!("/v1/invites/{}", created.body["results"][0]["invite"]["id"].as_str().unwrap());
    let first = world.token_mailed_to("last@acme.example").await;
    let sent_again = world.post(&format!("{path}/resend"), json!({})).by(ada).send().await.expect_status(200);
    let second = world.token_mailed_to("last@acme.example").await;
    let corrected =
        world.patch(&path, json!({ "email": "final@acme.example" })).by(ada).send().await.expect_status(200);
    let one = world.get(&path).by(ada).send().await.expect_status(200);
    let members = world.get("/v1/members").by(ada).send().await.expect_status(200);
    let checklist = world.get("/v1/checklist").by(ada).send().await.expect_status(200);
    world.settled().await;
    let kept = world.everything_kept().await;
    let audits: Vec<_> = kept.iter().filter(|item| item.contains("sk=AUDIT#")).cloned().collect();
    assert!(audits.len() > 8, "{audits:#?}");

    let of_last = [first, second, world.token_mailed_to("final@acme.example").await];
    let ids: Vec<_> = of_last.iter().map(|token| jti_in(token).unwrap()).collect();
    let shown = [created, sent_again, corrected, one, members, checklist].map(|answer| answer.text);
    let written = [NOTE, NAME].map(str::to_owned);
    let secrets: Vec<_> = run.secrets.iter().chain(&of_last).chain(&ids).filter(|it| !written.contains(it)).collect();
    for text in shown.iter().chain(&audits) {
        let told: Vec<_> = secrets.iter().filter(|secret| text.contains(**secret)).collect();
        assert!(told.is_empty() && !text.contains("eyJ") && !text.contains("jti"), "{told:?} in {text}");
    }
    for audit in &audits {
        assert!(!audit.contains(NOTE) && !audit.contains(NAME), "{audit}");
    }
    // The table knows what tokens are called, and none of them.
    for item in &kept {
        let told: Vec<_> = run.secrets.iter().filter(|secret| secret.len() > 60 && item.contains(*secret)).collect();
        assert!(told.is_empty() && !item.contains("eyJ") && !item.contains(PASSWORD), "{told:?} in {item}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_in_the_log_would_be_seen() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let sign_up = world.token_mailed_to("ada@acme.example").await;
    let key = world.make_api_key(&ada, "Importer").await.text;
    for secret in [&ada.access_token, &ada.refresh_token, &sign_up, &key, &key[8..], PASSWORD] {
        let logs = Logs::of(|| tracing::info!(tenant = ada.tenant, inside = format!("told: {secret:?}"), "served"));
        assert_eq!(logs.lines().len(), 1);
        assert_eq!(logs.telling(), logs.lines(), "by the look of it");
        assert_eq!(logs.with_any_of(&[secret.to_owned()]), logs.lines(), "by what it is");
    }
    let innocent = Logs::of(|| tracing::info!(tenant = ada.tenant, user = ada.id, status = 200, "served"));
    assert_eq!((innocent.lines().len(), innocent.telling().len()), (1, 0));
    assert!(Logs::of(|| tracing::debug!(ada.access_token, "a crate below")).lines().is_empty(), "nothing below INFO");
}
