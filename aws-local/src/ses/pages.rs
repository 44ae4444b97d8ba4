//! The mailbox, to look into: as pages, and as JSON for tests.
//!
//! Mail is untrusted: everything is escaped, the HTML part is shown in a sandbox without scripts or an origin,
//! and nothing is loaded from elsewhere.

use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::http::{HeaderName, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;

use super::{Mailbox, Message};

const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const STYLE: &str = "
:root { color-scheme: light dark; font: 100%/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1.5rem; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; padding-bottom: .5rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid #8886; overflow-wrap: anywhere; }
thead th { white-space: nowrap; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid #8886; padding: 1rem; }
iframe { width: 100%; height: 32rem; border: 1px solid #8886; background: #fff; }
.button { display: inline-block; padding: .6rem 1.2rem; border-radius: .3rem; background: #0b57d0; color: #fff; text-decoration: none; font-weight: 600; }
a:focus-visible { outline: 3px solid #f9ab00; outline-offset: 2px; }
";

/// `GET /mailbox`, `GET /mailbox/{id}`, `GET /mailbox/messages?to=` (JSON, newest first) and
/// `GET /mailbox/messages/{id}/html` (the HTML part alone).
pub fn mailbox_router(mailbox: Mailbox) -> Router {
    Router::new()
        .route("/mailbox", get(list_page))
        .route("/mailbox/messages", get(messages))
        .route("/mailbox/messages/{id}/html", get(html_part))
        .route("/mailbox/{id}", get(message_page))
        .with_state(mailbox)
}

#[derive(Deserialize)]
struct Recipient {
    to: Option<String>,
}

async fn messages(State(mailbox): State<Mailbox>, Query(recipient): Query<Recipient>) -> Json<Vec<Message>> {
    Json(found(&mailbox, &recipient))
}

async fn html_part(State(mailbox): State<Mailbox>, Path(id): Path<String>) -> Response {
    match mailbox.message(&id) {
        Some(message) => {
            ([(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, "sandbox")], message.html)
                .into_response()
        }
        None => not_found(),
    }
}

async fn list_page(State(mailbox): State<Mailbox>, Query(recipient): Query<Recipient>) -> Response {
    page(StatusCode::OK, "Mailbox", &list(&found(&mailbox, &recipient), recipient.to.as_deref().unwrap_or_default()))
}

async fn message_page(State(mailbox): State<Mailbox>, Path(id): Path<String>) -> Response {
    match mailbox.message(&id) {
        Some(message) => page(StatusCode::OK, &message.subject, &details(&message)),
        None => not_found(),
    }
}

fn found(mailbox: &Mailbox, recipient: &Recipient) -> Vec<Message> {
    match recipient.to.as_deref() {
        Some(address) if !address.trim().is_empty() => mailbox.messages_to(address),
        _ => mailbox.messages(),
    }
}

fn not_found() -> Response {
    page(StatusCode::NOT_FOUND, "No such message", "<p><a href=\"/mailbox\">All messages</a></p>")
}

fn page(status: StatusCode, title: &str, content: &str) -> Response {
    let title = escaped(title);
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} – Mailbox</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<main>\n<h1>{title}</h1>\n{content}\n</main>\n</body>\n</html>\n"
    );
    let headers: [(HeaderName, &str); 2] = [(CONTENT_SECURITY_POLICY, PAGE_POLICY), (REFERRER_POLICY, "no-referrer")];
    (status, headers, Html(html)).into_response()
}

fn list(messages: &[Message], to: &str) -> String {
    let form = format!(
        "<form><label for=\"to\">Sent to</label> <input id=\"to\" name=\"to\" type=\"search\" value=\"{}\"> <button>Show</button></form>",
        escaped(to)
    );
    if messages.is_empty() {
        return format!("{form}<p>No messages. Reload this page once something was sent.</p>");
    }
    let rows: String = messages.iter().map(row).collect();
    format!(
        "{form}<table><caption>{} messages, newest first</caption>\
         <thead><tr><th scope=\"col\">Subject</th><th scope=\"col\">To</th><th scope=\"col\">Sent</th><th scope=\"col\">Then</th></tr></thead>\
         <tbody>{rows}</tbody></table>",
        messages.len()
    )
}

fn row(message: &Message) -> String {
    let subject = if message.subject.is_empty() { "(no subject)" } else { &message.subject };
    format!(
        "<tr><th scope=\"row\"><a href=\"/mailbox/{}\">{}</a></th><td>{}</td><td>{}</td><td>{}</td></tr>",
        escaped(&message.id),
        escaped(subject),
        escaped(&message.recipients().collect::<Vec<_>>().join(", ")),
        time(&message.sent_at),
        escaped(&fates(message)),
    )
}

fn details(message: &Message) -> String {
    [
        "<p><a href=\"/mailbox\">All messages</a></p>".to_owned(),
        message.first_link().map(|link| button(&link)).unwrap_or_default(),
        headers(message),
        text_part(&message.text),
        html_frame(&message.html),
    ]
    .concat()
}

fn button(link: &str) -> String {
    format!(
        "<p><a class=\"button\" href=\"{link}\" target=\"_blank\" rel=\"noopener noreferrer\">Open the first link (new tab)</a></p>",
        link = escaped(link)
    )
}

fn headers(message: &Message) -> String {
    let listed = [
        ("From", message.from.clone()),
        ("To", message.to.join(", ")),
        ("Cc", message.cc.join(", ")),
        ("Bcc", message.bcc.join(", ")),
    ];
    let fixed: String = listed
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| header(name, &escaped(value)))
        .collect();
    let added: String = message.headers.iter().map(|(name, value)| header(name, &escaped(value))).collect();
    let sent = header("Sent", &time(&message.sent_at));
    let events = header("Events", &escaped(&fates(message)));
    format!("<h2>Headers</h2><table><tbody>{fixed}{sent}{added}{events}</tbody></table>")
}

fn header(name: &str, escaped_value: &str) -> String {
    format!("<tr><th scope=\"row\">{}</th><td>{escaped_value}</td></tr>", escaped(name))
}

fn text_part(text: &str) -> String {
    if text.is_empty() {
        "<h2>Text</h2><p>None.</p>".to_owned()
    } else {
        format!("<h2>Text</h2><pre>{}</pre>", escaped(text))
    }
}

/// The frame has no origin and runs no scripts; its links open in a new tab, which is all it may do.
fn html_frame(html: &str) -> String {
    if html.is_empty() {
        return "<h2>HTML</h2><p>None.</p>".to_owned();
    }
    format!(
        "<h2>HTML</h2><iframe title=\"The message as HTML\" sandbox=\"allow-popups allow-popups-to-escape-sandbox\" srcdoc=\"{}\"></iframe>",
        escaped(&with_links_in_new_tabs(html))
    )
}

/// Puts `<base target>` where it counts: in the head, or in front of a fragment that has none.
fn with_links_in_new_tabs(html: &str) -> String {
    const BASE: &str = "<base target=\"_blank\">";
    let lower = html.to_ascii_lowercase();
    let head = ["<head>", "<head "].iter().filter_map(|tag| lower.find(tag)).min();
    let in_head = head.and_then(|start| lower[start..].find('>').map(|end| start + end + 1));
    match in_head {
        Some(at) => format!("{}{BASE}{}", &html[..at], &html[at..]),
        None => format!("{BASE}{html}"),
    }
}

fn fates(message: &Message) -> String {
    let types = message.events.iter().filter_map(|event| event["detail"]["eventType"].as_str());
    types.collect::<Vec<_>>().join(", ")
}

fn time(rfc3339: &str) -> String {
    format!("<time datetime=\"{0}\">{0}</time>", escaped(rfc3339))
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_open_in_new_tabs_with_and_without_a_head() {
        assert_eq!(
            with_links_in_new_tabs("<!doctype html><HEAD lang=x><title>"),
            "<!doctype html><HEAD lang=x><base target=\"_blank\"><title>"
        );
        assert_eq!(with_links_in_new_tabs("<header>x"), "<base target=\"_blank\"><header>x");
        assert_eq!(with_links_in_new_tabs("<p>x"), "<base target=\"_blank\"><p>x");
    }

    #[test]
    fn nothing_of_a_message_becomes_markup() {
        assert_eq!(escaped("<a href=\"x\" id='y'>&"), "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;");
    }
}
