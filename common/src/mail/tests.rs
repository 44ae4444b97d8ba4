//! Every mail as it is sent, committed under `snapshots/`: whoever changes a word sees it there, and a mail that no longer is
//! what was committed fails. `cargo insta review`, or `INSTA_UPDATE=always cargo test -p common mail`, takes a change over.

use super::*;
use domain::id::{InviteId, TenantId, UserId};
use domain::outbox::FallenStep;
use domain::role::Role;
use domain::text::{CompanyName, Note};
use std::collections::BTreeSet;
use uuid::Uuid;

const CONSOLE: &str = "https://app.callaro.example";

/// Made up, and as long as a real token, so that what it does to the lines of a mail is seen.
fn token() -> String {
    format!("{}.{}.{}", "header".repeat(8), "claims".repeat(45), "signature".repeat(10))
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

fn recipient() -> Email {
    parsed("grace@recipient.example")
}

fn an_invite(role: Role) -> InviteMail {
    InviteMail {
        tenant: TenantId::from_uuid(Uuid::from_u128(1)),
        invite: InviteId::from_uuid(Uuid::from_u128(2)),
        jti: Uuid::from_u128(3),
        invited_by: UserId::from_uuid(Uuid::from_u128(4)),
        inviter: "Ada Lovelace".to_owned(),
        inviter_email: parsed("ada@inviter.example"),
        company_name: parsed("Acme Inc."),
        role,
        note: None,
        expires_at: parsed("2026-11-28T13:05:00Z"),
        time_zone: parsed("Europe/Berlin"),
    }
}

const HOSTILE_COMPANY: &str = "Müller & Söhne <b>";

fn a_hostile_invite() -> InviteMail {
    InviteMail {
        inviter: r#"Ada "Countess" O'Neil </title>"#.to_owned(),
        company_name: parsed(HOSTILE_COMPANY),
        note: Some(parsed(
            "Hi Grace,\r\n\r\n<script>alert(\"1\")</script>\n<img onerror='x'> & {{ link }} &lt;\nSee you!",
        )),
        ..an_invite(Role::Operator)
    }
}

/// A name as long as it may be, with nowhere to break it.
fn an_invite_with_long_names() -> InviteMail {
    InviteMail {
        inviter: "W".repeat(100),
        company_name: parsed(&"Ж".repeat(CompanyName::MAX_CHARS)),
        note: Some(parsed(&"é".repeat(Note::MAX_CHARS))),
        ..an_invite(Role::Viewer)
    }
}

fn a_sign_up(company_name: &str) -> SignUpMail {
    SignUpMail {
        jti: Uuid::from_u128(5),
        company_name: parsed(company_name),
        time_zone: parsed("America/New_York"),
        expires_at: parsed("2026-11-28T13:05:00Z"),
    }
}

fn invited(mail: &InviteMail) -> Mail {
    invite_mail(&recipient(), mail, accept_link(CONSOLE, &token())).unwrap()
}

fn signed_up(company_name: &str) -> Mail {
    sign_up_mail(&recipient(), &a_sign_up(company_name), confirm_link(CONSOLE, &token())).unwrap()
}

fn reopened(company_name: &str) -> Mail {
    let fallen = |title: &str, why: &str| FallenStep { title: title.to_owned(), why: why.to_owned() };
    let steps = vec![
        fallen("Backup admin", "There is one admin only. Invite a second one."),
        fallen("Team invited", "The invitation to <b>grace</b>@acme.example came back: there is no such mailbox."),
    ];
    let tenant = TenantId::from_uuid(Uuid::from_u128(1));
    let mail = ChecklistReopenedMail { tenant, company_name: parsed(company_name), steps };
    checklist_reopened_mail(&mail, checklist_link(CONSOLE, tenant)).unwrap()
}

/// Every mail there is, by the name of its snapshot.
fn mails() -> Vec<(&'static str, Mail)> {
    let in_utc = InviteMail { time_zone: TimeZoneName::utc(), ..an_invite(Role::Operator) };
    let without_a_name = InviteMail { inviter: "ada@inviter.example".to_owned(), ..an_invite(Role::Operator) };
    let with_a_note = InviteMail { note: Some(parsed("See you on Monday.")), ..an_invite(Role::Operator) };
    vec![
        ("invite_admin", invited(&an_invite(Role::Admin))),
        ("invite_operator", invited(&an_invite(Role::Operator))),
        ("invite_viewer", invited(&an_invite(Role::Viewer))),
        ("invite_with_a_note", invited(&with_a_note)),
        ("invite_with_hostile_words", invited(&a_hostile_invite())),
        ("invite_with_long_names", invited(&an_invite_with_long_names())),
        ("invite_of_somebody_without_a_name", invited(&without_a_name)),
        ("invite_to_a_workspace_in_utc", invited(&in_utc)),
        ("sign_up", signed_up("Acme Inc.")),
        ("sign_up_with_hostile_words", signed_up(HOSTILE_COMPANY)),
        ("checklist_reopened", reopened("Acme Inc.")),
        ("checklist_reopened_with_hostile_words", reopened(HOSTILE_COMPANY)),
        ("account_exists", account_exists_mail(&recipient(), CONSOLE.to_owned()).unwrap()),
    ]
}

fn invites() -> Vec<(&'static str, Mail)> {
    mails().into_iter().filter(|(name, _)| name.starts_with("invite")).collect()
}

/// Where the links of an HTML part lead.
fn targets(html: &str) -> BTreeSet<&str> {
    html.split("href=").skip(1).map(|rest| rest.split('"').nth(1).unwrap()).collect()
}

#[test]
fn every_mail_is_what_was_committed() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for (name, mail) in mails() {
            let Mail { subject, text, html } = mail;
            insta::assert_snapshot!(
                name,
                format!("Subject: {subject}\n\n===== text =====\n{text}\n===== html =====\n{html}")
            );
        }
    });
}

#[test]
fn no_mail_loads_anything_or_leads_away_by_itself() {
    for (name, mail) in mails() {
        // The hostile note has an `<img` of its own; escaped, it is text.
        let html = mail.html.to_lowercase();
        for tag in ["<img", "<script", "<link", "<iframe", "<object", "<form", "<svg", "<base"] {
            assert!(!html.contains(tag), "{name} has {tag}");
        }
        for attribute in
            ["http-equiv", "src=", "srcset=", "url(", "@import", "background=", " onerror=\"", "javascript:"]
        {
            assert!(!html.contains(attribute), "{name} has {attribute}");
        }
    }
}

#[test]
fn a_mail_has_one_link_target_and_its_two_parts_have_the_same() {
    for (name, mail) in mails() {
        let targets = targets(&mail.html);
        assert_eq!(targets.len(), 1, "{name}: {targets:?}");
        let target = targets.first().unwrap();
        assert!(target.starts_with(CONSOLE), "{name}: {target}");
        assert_eq!(mail.text.matches("://").count(), 1, "{name}");
        assert!(mail.text.lines().any(|line| line == *target), "{name} has its link on a line of its own");
    }
}

#[test]
fn an_invite_leads_to_the_accept_page_with_the_token_in_the_fragment() {
    assert_eq!(accept_link(CONSOLE, "a.b.c"), "https://app.callaro.example/accept#a.b.c");
    assert_eq!(confirm_link(CONSOLE, "a.b.c"), "https://app.callaro.example/confirm#a.b.c");
    for (name, mail) in invites() {
        assert_eq!(targets(&mail.html), BTreeSet::from([accept_link(CONSOLE, &token()).as_str()]), "{name}");
    }
}

#[test]
fn an_invite_says_in_both_parts_what_the_role_may_do_until_when_it_is_open_what_to_check_and_how_to_decline() {
    for role in Role::ALL {
        let mail = invited(&an_invite(role));
        for part in [&mail.text, &mail.html] {
            assert!(part.contains(role.label()) && part.contains(role.may_do()), "{role}");
            assert!(part.contains("Saturday, 28 November 2026, 14:05 (Europe/Berlin, UTC+1)"), "{role}");
            assert!(part.contains("Saturday, 28 November 2026, 13:05 (UTC)"), "{role}");
            assert!(part.contains("What to check on first login"), "{role}");
            assert!(part.contains("If you do not want to join, open the link and decline."), "{role}");
        }
    }
}

#[test]
fn what_people_wrote_is_escaped_in_html_and_as_it_is_in_text() {
    let mail = invited(&a_hostile_invite());
    assert_eq!(mail.subject, r#"Ada "Countess" O'Neil </title> invites you to Müller & Söhne <b> on Callaro"#);
    assert!(mail.text.contains("> <script>alert(\"1\")</script>\n> <img onerror='x'> & {{ link }} &lt;\n> See you!\n"));
    assert!(mail.text.contains("> Hi Grace,\n>\n>"));
    for raw in ["<script", "<b>", "<img", "O'Neil", "\"Countess\"", "& "] {
        assert!(!mail.html.contains(raw), "{raw} stands in the HTML as it was written");
    }
    assert_eq!(mail.html.matches("</title>").count(), 1);
    assert!(!signed_up(HOSTILE_COMPANY).html.contains("<b>"));
}

#[test]
fn a_subject_never_holds_a_control_character_or_a_line_break() {
    let mail = InviteMail { inviter: "Ada\r\nBcc: eve\u{0}\u{85}\u{2028}\t".to_owned(), ..an_invite(Role::Admin) };
    assert_eq!(invited(&mail).subject, "Ada  Bcc: eve     invites you to Acme Inc. on Callaro");
    for c in '\0'..=char::MAX {
        let is_break = c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
        assert_eq!(on_one_line(&c.to_string()) == " ", is_break || c == ' ', "U+{:04X}", c as u32);
    }
    for (name, mail) in mails() {
        assert!(!mail.subject.contains(char::is_control), "{name}");
    }
}
