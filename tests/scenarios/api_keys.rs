//! API keys: made, used by programs, removed; and what is no key.

use crate::world::{Answer, ApiKey, Person, World};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

const CURRENT: &str = "/v1/api-keys/current";

async fn call(world: &World, key: &ApiKey) -> Answer {
    world.get(CURRENT).token(&key.text).send().await
}

async fn remove(world: &World, by: &Person, id: &str) -> Answer {
    world.delete(&format!("/v1/api-keys/{id}")).by(by).send().await
}

async fn listed(world: &World, admin: &Person) -> Vec<Value> {
    let list = world.get("/v1/api-keys").by(admin).send().await.expect_status(200).body;
    assert_eq!(list["next_cursor"], json!(null));
    list["data"].as_array().unwrap().clone()
}

/// Everything that is kept, once the triggers have done all there is to do.
async fn kept(world: &World) -> Vec<String> {
    world.settled().await;
    world.everything_kept().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_once_and_listed_without_itself() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    assert!(listed(&world, &ada).await.is_empty());
    let made = world.post("/v1/api-keys", json!({ "name": " Importer " })).by(&ada).send().await.expect_status(201);
    let key = ApiKey::from(&made);
    let record = json!({
        "id": key.id,
        "name": "Importer",
        "last_four": key.text[90..],
        "created_by": ada.id,
        "created_at": made.body["created_at"],
        "first_used_at": null,
    });
    let mut shown = record.clone();
    shown["key"] = json!(key.text);
    assert_eq!(made.body, shown);
    assert!(key.text.starts_with("callaro_") && key.text.len() == 94, "{}", key.text);
    assert_eq!(listed(&world, &ada).await, [record]);

    let lines = world.get(&format!("/v1/audit?target={}", key.id)).by(&ada).send().await.expect_status(200).body;
    let line = &lines["data"][0];
    assert_eq!((&line["action"], &line["actor"]["id"]), (&json!("api_key.created"), &json!(ada.id)), "{lines}");
    assert_eq!(line["details"], json!({ "last_four": key.text[90..] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_told_which_key_it_calls_by_and_for_which_workspace() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    let key = world.make_api_key(&ada, "Importer").await;
    let tenant = json!({ "id": ada.tenant, "company_name": "Acme Inc." });
    let expected = json!({ "id": key.id, "name": "Importer", "tenant": tenant });
    assert_eq!(call(&world, &key).await.expect_status(200).body, expected);
    let lower_case = world.get(CURRENT).header("authorization", &format!("bearer {}", key.text));
    assert_eq!(lower_case.send().await.expect_status(200).body, expected);
    // The key says whose it is; nothing else that is sent does.
    let elsewhere = world.get(CURRENT).token(&key.text).header("x-tenant-id", &bob.tenant);
    assert_eq!(elsewhere.header("cookie", &format!("tenant={}", bob.tenant)).send().await.body, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_use_of_a_key_completes_its_step_and_its_removal_takes_that_back() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let grace = world.bring_in(&ada, "grace@acme.example", "admin").await;
    let unused = json!({
        "code": "api_key_unused",
        "detail": "No live API key has been used. Make one, and call GET /v1/api-keys/current with it.",
    });
    let key = world.make_api_key(&grace, "Importer").await;
    let before = world.step(&ada, "api-key").await;
    assert_eq!((&before["state"], &before["why"]), (&json!("incomplete"), &unused));

    call(&world, &key).await.expect_status(200);
    let step = world.step(&ada, "api-key").await;
    let used_at = listed(&world, &ada).await[0]["first_used_at"].clone();
    assert!(used_at.is_string());
    // What a program does, whoever made its key answers for.
    let evidence =
        json!({ "record": key.id, "by": grace.id, "at": used_at, "detail": "1 live API key has been used." });
    assert_eq!((&step["state"], &step["evidence"]), (&json!("complete"), &evidence));
    assert_eq!(step["regressed_at"], json!(null));

    let after_first_use = kept(&world).await;
    call(&world, &key).await.expect_status(200);
    assert_eq!(kept(&world).await, after_first_use, "a second use writes nothing");

    remove(&world, &ada, &key.id).await.expect_status(204);
    let step = world.step(&ada, "api-key").await;
    assert_eq!((&step["state"], &step["why"], step.get("evidence")), (&json!("incomplete"), &unused, None));
    assert!(step["regressed_at"].is_string(), "{step}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_refused_is_no_use_of_its_key() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let key = world.make_api_key(&ada, "Importer").await;
    let before = kept(&world).await;
    let misspelt = world.get(&format!("{CURRENT}?no_such_field=1")).token(&key.text);
    misspelt.send().await.expect_field("?no_such_field", "unknown_field");
    assert_eq!(kept(&world).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_first_use_could_not_be_noted_the_call_succeeds_and_the_next_one_is_noted() {
    let world = World::local().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let key = world.make_api_key(&ada, "Importer").await;
    let counters = take_away_counters(&world, &ada).await;
    let before = kept(&world).await;
    call(&world, &key).await.expect_status(200);
    assert_eq!(kept(&world).await, before, "neither half of it was written");

    let put = world.dynamo().put_item().table_name(world.stack().table()).set_item(Some(counters));
    put.send().await.unwrap();
    call(&world, &key).await.expect_status(200);
    assert!(listed(&world, &ada).await[0]["first_used_at"].is_string());
    assert_eq!(world.step(&ada, "api-key").await["state"], "complete");
    world.books().await.assert_whole();
}

/// Without them nothing can be counted.
async fn take_away_counters(world: &World, admin: &Person) -> crate::races::table::Item {
    let key = crate::races::table::key(&format!("TENANT#{}", admin.tenant), "COUNTERS");
    let delete = world.dynamo().delete_item().table_name(world.stack().table()).set_key(Some(key));
    let deleted = delete.return_values(aws_sdk_dynamodb::types::ReturnValue::AllOld).send().await.unwrap();
    deleted.attributes.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_removed_is_dead_with_the_answer_and_the_others_live() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let (used, unused) = (world.make_api_key(&ada, "Used").await, world.make_api_key(&ada, "Unused").await);
    let other = world.make_api_key(&ada, "Other").await;
    for key in [&used, &other] {
        call(&world, key).await.expect_status(200);
    }
    for key in [&used, &unused] {
        let answer = remove(&world, &ada, &key.id).await.expect_status(204);
        assert_eq!(answer.text, "");
        call(&world, key).await.expect_problem(401, "unauthenticated");
        remove(&world, &ada, &key.id).await.expect_problem(404, "not_found");
        let lines = world.get(&format!("/v1/audit?target={}", key.id)).by(&ada).send().await.expect_status(200).body;
        let told = (&lines["data"][0]["action"], &lines["data"][0]["details"]);
        assert_eq!(told, (&json!("api_key.removed"), &json!({ "last_four": key.text[90..] })), "{lines}");
        assert_eq!(lines["data"].as_array().unwrap().len(), 2, "made and removed: {lines}");
    }
    call(&world, &other).await.expect_status(200);
    let left: Vec<_> = listed(&world, &ada).await.iter().map(|row| row["name"].clone()).collect();
    assert_eq!(left, [json!("Other")]);
    let step = world.step(&ada, "api-key").await;
    let detail = "1 live API key has been used.";
    assert_eq!((&step["state"], &step["evidence"]["detail"]), (&json!("complete"), &json!(detail)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_none_is_refused_and_makes_no_key() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let before = kept(&world).await;
    let long = "x".repeat(41);
    for (body, pointer, code) in [
        (json!({}), "/name", "missing"),
        (json!({ "name": null }), "/name", "wrong_type"),
        (json!({ "name": 1 }), "/name", "wrong_type"),
        (json!({ "name": " " }), "/name", "text_empty"),
        (json!({ "name": long }), "/name", "text_too_long"),
        (json!({ "name": "Im\u{200b}porter" }), "/name", "text_forbidden_character"),
        (json!({ "name": "Importer", "secret_hash": "00" }), "/secret_hash", "unknown_field"),
        (json!({ "name": "Importer", "key": "callaro_mine" }), "/key", "unknown_field"),
    ] {
        world.post("/v1/api-keys", body).by(&ada).send().await.expect_field(pointer, code);
    }
    assert_eq!(kept(&world).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_for_admins_to_make_see_and_remove() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let mut others = Vec::new();
    for role in ["operator", "viewer"] {
        others.push(world.bring_in(&ada, &format!("{role}@acme.example"), role).await);
    }
    let key = world.make_api_key(&ada, "Importer").await;
    let before = kept(&world).await;
    for person in &others {
        let path = format!("/v1/api-keys/{}", key.id);
        for request in
            [world.get("/v1/api-keys"), world.post("/v1/api-keys", json!({ "name": "Mine" })), world.delete(&path)]
        {
            let refused = request.by(person).send().await.expect_problem(403, "forbidden");
            assert_eq!(refused.body["permission"], "api-keys:manage");
        }
    }
    assert_eq!(kept(&world).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_workspaces_key_is_answered_like_one_that_does_not_exist() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    let of_bob = world.make_api_key(&bob, "Bob's").await;
    let before = kept(&world).await;
    let mut answers = Vec::new();
    for id in [of_bob.id.as_str(), "key_00000000000000000000000000000000", "nonsense", "current", "%23", &of_bob.text] {
        let answer = remove(&world, &ada, id).await.expect_problem(404, "not_found");
        answers.push(answer.text.replace(&answer.header("request-id"), "REQUEST"));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    assert!(listed(&world, &ada).await.is_empty());
    assert_eq!(kept(&world).await, before);
    call(&world, &of_bob).await.expect_status(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_read_a_page_at_a_time_the_oldest_key_first() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    let mut made = Vec::new();
    for name in ["A", "B", "C"] {
        made.push(world.make_api_key(&ada, name).await.id);
    }
    let ids = |page: &Value| {
        page["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let first = world.get("/v1/api-keys?limit=2").by(&ada).send().await.expect_status(200).body;
    let cursor = first["next_cursor"].as_str().unwrap();
    let path = format!("/v1/api-keys?limit=2&cursor={cursor}");
    let second = world.get(&path).by(&ada).send().await.expect_status(200).body;
    assert_eq!([ids(&first), ids(&second)].concat(), made);
    assert_eq!(second["next_cursor"], json!(null));
    world.get(&path).by(&bob).send().await.expect_field("?cursor", "cursor_invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_removed_leaves_their_keys_live_and_listed_on_the_receipt() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let grace = world.bring_in(&ada, "grace@acme.example", "admin").await;
    world.make_api_key(&ada, "Not theirs").await;
    let gone = world.make_api_key(&grace, "Removed").await;
    remove(&world, &grace, &gone.id).await.expect_status(204);
    let key = world.make_api_key(&grace, "Importer").await;
    let of_list = listed(&world, &ada).await.into_iter().find(|row| row["id"] == key.id).unwrap();
    let receipt = world.delete(&format!("/v1/members/{}", grace.id)).by(&ada).send().await.expect_status(200).body;
    let expected = json!({
        "id": key.id,
        "name": "Importer",
        "last_four": key.text[90..],
        "created_at": of_list["created_at"],
    });
    assert_eq!(receipt["api_keys"], json!([expected]));
    assert_eq!(receipt["open_invites"], json!([]));
    call(&world, &key).await.expect_status(200);
    assert_eq!(world.step(&ada, "api-key").await["evidence"]["by"], json!(grace.id));
    remove(&world, &ada, &key.id).await.expect_status(204);
    call(&world, &key).await.expect_problem(401, "unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_idempotency_key_makes_an_answer_be_kept_that_has_a_key_in_it() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let make = async || {
        let request = world.post("/v1/api-keys", json!({ "name": "Importer" })).by(&ada).header("idempotency-key", "1");
        let answer = request.send().await.expect_status(201);
        assert!(!answer.has_header("idempotency-replayed"));
        ApiKey::from(&answer)
    };
    let (first, second) = (make().await, make().await);
    assert_ne!((&first.id, &first.text), (&second.id, &second.text));
    for key in [&first, &second] {
        call(&world, key).await.expect_status(200);
    }
    assert!(!kept(&world).await.iter().any(|item| item.contains("sk=IDEMPOTENCY#")));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_keys_secret_but_its_last_four_characters_is_kept_anywhere() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let key = world.make_api_key(&ada, "Importer").await;
    let mut everything = kept(&world).await;
    call(&world, &key).await.expect_status(200);
    everything.extend(kept(&world).await);
    remove(&world, &ada, &key.id).await.expect_status(204);
    everything.extend(kept(&world).await);
    // The 32 bytes of the secret are the last: the first 42 characters are of the ids.
    let secret = &key.text["callaro_".len() + 43..];
    let bytes = URL_SAFE_NO_PAD.decode(&key.text["callaro_".len()..]).unwrap()[32..].to_vec();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    for piece in pieces(secret).chain(pieces(&hex)) {
        let telling: Vec<_> = everything.iter().filter(|item| item.contains(piece)).collect();
        assert!(telling.is_empty(), "{piece} of {} in {telling:#?}", key.text);
    }
}

/// Eight characters each.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    (0..=text.len() - 8).map(|at| &text[at..at + 8])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_exactly_a_live_key_is_answered_401_whatever_is_wrong_with_it() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let bob = world.sign_up("bob@other.example", "Other Ltd").await;
    let key = world.make_api_key(&ada, "Importer").await;
    let (another, of_bob) = (world.make_api_key(&ada, "Exporter").await, world.make_api_key(&bob, "Bob's").await);
    let removed = world.make_api_key(&ada, "Removed").await;
    remove(&world, &ada, &removed.id).await.expect_status(204);
    let before = kept(&world).await;

    let mut wrong: Vec<(String, String)> = Vec::new();
    let (bytes, of_another, of_bob) = (bytes_of(&key), bytes_of(&another), bytes_of(&of_bob));
    wrong.push(("Bob's workspace, this key".to_owned(), text([&of_bob[..16], &bytes[16..]])));
    wrong.push(("this workspace, Bob's key".to_owned(), text([&bytes[..16], &of_bob[16..]])));
    wrong.push(("Bob's id, this secret".to_owned(), text([&of_bob[..32], &bytes[32..]])));
    wrong.push(("another key's id, this secret".to_owned(), text([&of_another[..32], &bytes[32..]])));
    wrong.push(("nobody's id".to_owned(), text([&bytes[..16], &[0; 16], &bytes[32..]])));
    wrong.push(("no secret".to_owned(), text([&bytes[..32], &[0; 32]])));
    for bit in (0..512).step_by(37) {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        wrong.push((format!("bit {bit} changed"), text([&bytes[..]])));
    }
    wrong.push(("a byte short".to_owned(), text([&bytes[..63]])));
    wrong.push(("a byte long".to_owned(), text([&bytes[..], &[0]])));
    wrong.push(("padded".to_owned(), format!("callaro_{}", URL_SAFE.encode(&bytes))));
    // With characters in which the alphabets differ.
    let other_alphabet = [&bytes[..32], &[0xff; 32]].concat();
    wrong.push(("another alphabet".to_owned(), format!("callaro_{}", STANDARD_NO_PAD.encode(other_alphabet))));
    wrong.push(("a character short".to_owned(), key.text[..93].to_owned()));
    wrong.push(("twice".to_owned(), format!("{0}{0}", key.text)));
    wrong.push(("two keys".to_owned(), format!("{}, {}", key.text, key.text)));
    wrong.push(("without its prefix".to_owned(), key.text[8..].to_owned()));
    wrong.push(("another prefix".to_owned(), key.text.replacen("callaro_", "CALLARO_", 1)));
    wrong.push(("the prefix alone".to_owned(), "callaro_".to_owned()));
    wrong.push(("its id".to_owned(), key.id.clone()));
    wrong.push(("removed".to_owned(), removed.text));
    wrong.push(("a person's access token".to_owned(), ada.access_token.clone()));
    wrong.push(("a person's refresh token".to_owned(), ada.refresh_token.clone()));
    wrong.push(("nothing".to_owned(), String::new()));

    let mut answers = Vec::new();
    for (what, token) in &wrong {
        let answer = world.get(CURRENT).token(token).header("x-tenant-id", &ada.tenant).send().await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.text);
        assert_eq!(answer.header("www-authenticate"), "Bearer", "{what}");
        answers.push(answer.expect_problem(401, "unauthenticated"));
    }
    for authorization in [format!("Basic {}", key.text), key.text.clone()] {
        let answer = world.get(CURRENT).header("authorization", &authorization).send().await;
        answers.push(answer.expect_problem(401, "unauthenticated"));
    }
    answers.push(world.get(CURRENT).send().await.expect_problem(401, "unauthenticated"));
    let texts: Vec<_> = answers.iter().map(|one| one.text.replace(&one.header("request-id"), "REQUEST")).collect();
    assert!(texts.windows(2).all(|pair| pair[0] == pair[1]), "{texts:#?}");
    assert_eq!(kept(&world).await, before);
    call(&world, &key).await.expect_status(200);
}

fn bytes_of(key: &ApiKey) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(key.text.strip_prefix("callaro_").unwrap()).unwrap()
}

fn text<const N: usize>(parts: [&[u8]; N]) -> String {
    format!("callaro_{}", URL_SAFE_NO_PAD.encode(parts.concat()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_nobody_where_people_are_asked_for() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let key = world.make_api_key(&ada, "Importer").await;
    world.invite(&ada, "grace@acme.example", "viewer").await;
    let token = world.token_mailed_to("grace@acme.example").await;
    let before = kept(&world).await;
    for request in [
        world.get("/v1/me"),
        world.get("/v1/tenant"),
        world.get("/v1/api-keys"),
        world.post("/v1/api-keys", json!({ "name": "One more" })),
        world.delete(&format!("/v1/api-keys/{}", key.id)),
        world.post("/v1/invites/accept", json!({ "token": token })),
    ] {
        let request = request.token(&key.text).header("x-tenant-id", &ada.tenant);
        request.send().await.expect_problem(401, "unauthenticated");
    }
    assert_eq!(kept(&world).await, before);
}
