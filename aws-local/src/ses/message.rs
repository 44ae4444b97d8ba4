//! A message as the mailbox keeps and shows it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A message that SES accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// The `MessageId` that SES answered with. Later messages have greater ids.
    pub id: String,
    /// The addresses in `To`, as sent.
    pub to: Vec<String>,
    /// The addresses in `Cc`, as sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cc: Vec<String>,
    /// The addresses that got a blind copy, as sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bcc: Vec<String>,
    /// The sender, as sent.
    pub from: String,
    /// The subject.
    pub subject: String,
    /// `Reply-To` and the headers that the sender added.
    pub headers: BTreeMap<String, String>,
    /// The plain text part; empty when there is none.
    pub text: String,
    /// The HTML part; empty when there is none.
    pub html: String,
    /// When SES took it: RFC 3339, UTC.
    pub sent_at: String,
    /// What became of it, in the shape in which EventBridge delivers SES events. Empty when the message named no
    /// configuration set, because SES then publishes nothing.
    pub events: Vec<Value>,
}

impl Message {
    /// Everybody it went to.
    pub(crate) fn recipients(&self) -> impl Iterator<Item = &str> {
        self.to.iter().chain(&self.cc).chain(&self.bcc).map(String::as_str)
    }

    /// The first link in the text part, or else in the HTML part.
    pub(crate) fn first_link(&self) -> Option<String> {
        first_url(&self.text).or_else(|| first_url(&self.html.replace("&amp;", "&")))
    }
}

/// The address inside `Name <address>`, or the whole text.
pub(crate) fn bare_address(address: &str) -> &str {
    match address.rsplit_once('<') {
        Some((_, rest)) => rest.trim_end().trim_end_matches('>').trim(),
        None => address.trim(),
    }
}

fn first_url(text: &str) -> Option<String> {
    let start = ["https://", "http://"].iter().filter_map(|scheme| text.find(scheme)).min()?;
    let rest = &text[start..];
    let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>')).unwrap_or(rest.len());
    Some(rest[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', ')']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_inside_its_display_name() {
        assert_eq!(bare_address("Ada <ada@example.com>"), "ada@example.com");
        assert_eq!(bare_address(" ada@example.com "), "ada@example.com");
    }

    #[test]
    fn a_link_ends_where_the_sentence_goes_on() {
        assert_eq!(first_url("Open https://a.test/x?y=1. Thanks").as_deref(), Some("https://a.test/x?y=1"));
        assert_eq!(first_url("<a href=\"http://a.test/\">x</a>").as_deref(), Some("http://a.test/"));
        assert_eq!(first_url("no link"), None);
    }
}
