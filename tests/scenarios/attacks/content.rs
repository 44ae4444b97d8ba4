//! What people write, and our mail carries to others: no markup, no links, no headers.

use super::{assert_same, kept};
use crate::world::{PASSWORD, Person, RequestTo, World};
use serde_json::{Value, json};

const EVIL: &str = "evil.example";

/// Names that would be more than names, and the code each is refused with.
const BAD_NAMES: [(&str, &str); 16] = [
    ("Acme\r\nBcc: eve", "text_forbidden_character"),
    ("Acme\nX-Priority: 1", "text_forbidden_character"),
    ("Acme\rInc", "text_forbidden_character"),
    ("Acme\u{0}", "text_forbidden_character"),
    ("Acme\u{85}Inc", "text_forbidden_character"),
    ("Acme\u{2028}Bcc: eve", "text_forbidden_character"),
    ("Acme \u{202e}cnI", "text_forbidden_character"),
    ("Ac\u{200b}me", "text_forbidden_character"),
    ("Claim your prize at evil.example", "text_looks_like_url"),
    ("https://evil.example/x", "text_looks_like_url"),
    ("<a href=\"http://evil.example\">Callaro</a>", "text_looks_like_url"),
    ("evil\u{ff0e}example", "text_looks_like_url"),
    ("evil[.]example", "text_looks_like_url"),
    ("Write to eve@evil.example", "text_looks_like_url"),
    ("http://127.0.0.1", "text_looks_like_url"),
    ("javascript://x", "text_looks_like_url"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_would_be_a_header_or_a_link_in_our_mail_is_refused_wherever_it_comes_in() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    world.invite(&ada, "grace@acme.example", "viewer").await;
    let invite_token = world.token_mailed_to("grace@acme.example").await;
    let body = json!({ "email": "bob@other.example", "company_name": "Other Ltd", "time_zone": "UTC" });
    world.post("/v1/sign-ups", body).send().await.expect_status(202);
    let sign_up_token = world.token_mailed_to("bob@other.example").await;
    let kept_before = kept(&world).await;
    for (name, code) in BAD_NAMES {
        let company = json!({ "email": "eve@evil.example", "company_name": name, "time_zone": "UTC" });
        world.post("/v1/sign-ups", company).send().await.expect_field("/company_name", code);
        let renamed = world.change("/v1/tenant", &ada, json!({ "company_name": name })).await;
        renamed.expect_field("/company_name", code);
        for (path, token) in [("/v1/sign-ups/confirm", &sign_up_token), ("/v1/invites/accept", &invite_token)] {
            let person = json!({ "token": token, "display_name": name, "password": PASSWORD });
            world.post(path, person).send().await.expect_field("/display_name", code);
        }
        let renamed = world.patch("/v1/me", json!({ "display_name": name })).by(&ada).send().await;
        renamed.expect_field("/display_name", code);
    }
    assert_same(&kept_before, &kept(&world).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_that_holds_a_link_or_what_nobody_sees_is_refused_and_nobody_is_invited() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let kept_before = kept(&world).await;
    let lines = ["\nBcc: eve", "\r\nBcc: eve"];
    let in_notes = BAD_NAMES.iter().filter(|(name, _)| !name.contains('\n'));
    let own = [("Hello\rBcc: eve", "text_forbidden_character"), ("Hello\n\nvisit evil.example", "text_looks_like_url")];
    for (note, code) in in_notes.chain(&own) {
        let body = json!({ "invites": [{ "email": "grace@acme.example" }], "note": note });
        world.post("/v1/invites", body).by(&ada).send().await.expect_field("/note", code);
    }
    assert_same(&kept_before, &kept(&world).await);
    // A line of its own is a line of the body.
    for (n, line) in lines.into_iter().enumerate() {
        let email = format!("p{n}@acme.example");
        let body = json!({ "invites": [{ "email": email }], "note": format!("Hello{line}") });
        world.post("/v1/invites", body).by(&ada).send().await.expect_status(200);
        let mail = &world.mails_to(&email).await[0];
        assert!(mail["text"].as_str().unwrap().contains("> Hello\n> Bcc: eve\n"), "{}", mail["text"]);
        assert!(mail["html"].as_str().unwrap().contains("Hello<br>Bcc: eve<"), "{}", mail["html"]);
    }
}

/// Addresses that are more, or other, than one mailbox.
const BAD_ADDRESSES: [&str; 20] = [
    "grace@acme.example\r\nBcc: eve@evil.example",
    "grace@acme.example\nTo: eve@evil.example",
    "grace\r\n@acme.example",
    "a@b.example>, c@d.example",
    "a@b.example, c@d.example",
    "a@b.example;c@d.example",
    "a@b.example c@d.example",
    "\"grace\"@acme.example",
    "\"grace@acme.example, eve\"@evil.example",
    "\"a\\\"@evil.example, \"@acme.example",
    "Grace <grace@acme.example>",
    "<grace@acme.example>",
    "grace@acme.example (Grace)",
    "grace(Grace)@acme.example",
    "mailto:grace@acme.example",
    "grace@acme.example?bcc=eve@evil.example",
    "grace@[127.0.0.1]",
    "grace@acme\u{200b}.example",
    // Cyrillic а; fullwidth g.
    "gr\u{430}ce@acme.example",
    "\u{ff47}race@acme.example",
];

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_more_than_one_mailbox_is_refused_wherever_it_comes_in() {
    let world = World::start().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let invite = world.invite(&ada, "olga@acme.example", "viewer").await;
    let path = format!("/v1/invites/{}", invite["id"].as_str().unwrap());
    let kept_before = kept(&world).await;
    for address in BAD_ADDRESSES {
        let sign_up = json!({ "email": address, "company_name": "Evil Ltd", "time_zone": "UTC" });
        world.post("/v1/sign-ups", sign_up).send().await.expect_field("/email", "email_invalid");
        let corrected = world.patch(&path, json!({ "email": address })).by(&ada).send().await;
        corrected.expect_field("/email", "email_invalid");
        let rows = json!({ "invites": [{ "email": address, "role": "viewer" }] });
        let answer = world.post("/v1/invites", rows).by(&ada).send().await.expect_status(200);
        let row = &answer.body["results"][0];
        assert_eq!((&row["email"], &row["status"], row.get("invite")), (&json!(address), &json!("invalid"), None));
        assert!(row["detail"].as_str().unwrap().ends_with('.'), "{row}");
    }
    assert_same(&kept_before, &kept(&world).await);
}

/// A mail, and that it went to one mailbox, from us, with no header of anybody else's.
async fn only_mail_to(world: &World, mailbox: &str) -> Value {
    let mails = world.mails_to(mailbox).await;
    let [mail] = mails.as_slice() else { panic!("{} mails to {mailbox}", mails.len()) };
    assert_eq!(mail["to"], json!([mailbox]));
    assert_eq!((mail.get("cc"), mail.get("bcc"), &mail["headers"]), (None, None, &json!({})));
    assert!(!mail["from"].as_str().unwrap().contains(EVIL), "{}", mail["from"]);
    assert!(!mail["subject"].as_str().unwrap().contains(char::is_control), "{}", mail["subject"]);
    mail.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_alike_of_an_address_is_another_address_and_its_mail_goes_there() {
    let world = World::local().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    world.invite(&ada, "kate@acme.example", "viewer").await;
    let rows = json!([
        // Cyrillic а and с in the domain: another domain.
        { "email": "ada@\u{430}\u{441}me.example" },
        // A fullwidth a in the domain, which every resolver reads as an a; a Kelvin sign, which is a K by another number.
        { "email": "ada@\u{ff41}cme.example" },
        { "email": "\u{212a}ate@acme.example" },
        // Spaces and line breaks around it are none of it.
        { "email": " grace@acme.example\r\n" },
    ]);
    let answer = world.post("/v1/invites", json!({ "invites": rows })).by(&ada).send().await.expect_status(200);
    let results = answer.body["results"].as_array().unwrap();
    let statuses: Vec<_> = results.iter().map(|row| row["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["invited", "already_member", "already_invited", "invited"]);
    only_mail_to(&world, "ada@xn--me-6kc2e.example").await;
    only_mail_to(&world, "grace@acme.example").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn markup_in_names_and_notes_is_text_in_the_mail() {
    let world = World::local().await;
    let company = "Acme <script>alert(1)</script> & \"Co\"";
    let body = json!({ "email": "ada@acme.example", "company_name": company, "time_zone": "UTC" });
    world.post("/v1/sign-ups", body).send().await.expect_status(202);
    let of_sign_up = only_mail_to(&world, "ada@acme.example").await;
    assert_escaped(&of_sign_up);
    let confirm = json!({
        "token": world.token_mailed_to("ada@acme.example").await,
        "display_name": "<img src=x onerror='alert(1)'>",
        "password": PASSWORD,
    });
    let ada = Person::from(&world.post("/v1/sign-ups/confirm", confirm).send().await.expect_status(201));
    let body = json!({
        "invites": [{ "email": "grace@acme.example", "role": "viewer" }],
        "note": "</td></table><h1>Your account</h1>\n<a href=//evil>\n{{ link }} <!--",
    });
    world.post("/v1/invites", body).by(&ada).send().await.expect_status(200);
    let mail = only_mail_to(&world, "grace@acme.example").await;
    assert_escaped(&mail);
    assert_eq!(mail["subject"], format!("<img src=x onerror='alert(1)'> invites you to {company} on Callaro"));
    let text = mail["text"].as_str().unwrap();
    assert!(text.contains("> {{ link }} <!--") && text.contains(company), "plain text is not escaped: {text}");
}

#[track_caller]
fn assert_escaped(mail: &Value) {
    let html = mail["html"].as_str().unwrap();
    for markup in ["<script", "<img", "<h1>Your", "</td></table><h1", "<a href=//", "<!--\n", "onerror='"] {
        assert!(!html.contains(markup), "{markup} in {html}");
    }
    assert!(html.contains("&#60;script&#62;alert(1)&#60;/script&#62; &#38; &#34;Co&#34;"), "{html}");
    let links = html.matches("<a ").count();
    assert_eq!(html.matches("href=").count() - html.matches("&#60;a href=").count(), links, "{html}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_header_of_a_request_changes_where_the_links_of_its_mail_lead() {
    let world = World::with_console("https://app.callaro.example").await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let create = world.post("/v1/invites", json!({ "invites": [{ "email": "grace@acme.example" }] })).by(&ada);
    let created = spoofed(create).send().await.expect_status(200);
    assert!(!created.text.contains(EVIL), "{}", created.text);
    let path = format!("/v1/invites/{}", created.body["results"][0]["invite"]["id"].as_str().unwrap());
    assert_all_lead_to_the_console(&world.mails_to("grace@acme.example").await, 1);
    let resend = world.post(&format!("{path}/resend"), json!({})).by(&ada);
    spoofed(resend).send().await.expect_status(200);
    assert_all_lead_to_the_console(&world.mails_to("grace@acme.example").await, 2);
    let correct = world.patch(&path, json!({ "email": "hopper@acme.example" })).by(&ada);
    spoofed(correct).send().await.expect_status(200);
    assert_all_lead_to_the_console(&world.mails_to("hopper@acme.example").await, 1);
}

#[track_caller]
fn assert_all_lead_to_the_console(mails: &[Value], count: usize) {
    assert_eq!(mails.len(), count);
    for mail in mails {
        assert!(!mail.to_string().contains(EVIL), "{mail}");
        for part in ["text", "html"] {
            let part = mail[part].as_str().unwrap();
            assert!(part.contains("https://app.callaro.example/accept#eyJ"), "{part}");
        }
    }
}

fn spoofed(request: RequestTo<'_>) -> RequestTo<'_> {
    [
        ("host", EVIL),
        ("x-forwarded-host", EVIL),
        ("x-forwarded-proto", "http"),
        ("x-original-host", EVIL),
        ("forwarded", "host=evil.example;proto=http"),
        ("origin", "https://evil.example"),
        ("referer", "https://evil.example/accept"),
    ]
    .into_iter()
    .fold(request, |request, (name, value)| request.header(name, value))
}
