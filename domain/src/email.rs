//! Email addresses.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use email_address::{EmailAddress, Options};
use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use unicode_normalization::UnicodeNormalization;

use crate::invalid::Invalid;
use crate::text::{is_forbidden, text_form};

/// RFC 5321 §4.5.3.1.3 allows a path of 256 octets, and a path puts the address in angle brackets.
const MAX_BYTES: usize = 254;

/// RFC 5321 §4.5.3.1.1.
const MAX_LOCAL_BYTES: usize = 64;

/// The address of one mailbox, `local@domain`.
///
/// Shape: at most 254 bytes, the local part at most 64 and a dot-atom in ASCII (RFC 5322 §3.2.3: no quotes, comments
/// or display name; SES has no SMTPUTF8, so mail to another local part would never arrive:
/// <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Destination.html>), the domain a host name with at least one dot, internationalised or not. Kept as it was typed,
/// trimmed and in NFC, because that is how its owner writes it; compared, hashed and sorted by [`identity`].
///
/// Send mail to an address that is *stored*, never to one that merely compares equal to it: the lower-case local
/// part is our notion of sameness, and a mail host may have another (RFC 5321 §2.4).
///
/// [`identity`]: Email::identity
#[derive(Debug, Clone)]
pub struct Email {
    typed: String,
    identity: String,
}

impl Email {
    /// Reads an address.
    ///
    /// # Errors
    /// `email_invalid` when it has another shape than the type's description gives.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let typed: String = text.trim().nfc().collect();
        if typed.len() > MAX_BYTES {
            return Err(too_long());
        }
        if typed.chars().any(is_refused) {
            return Err(malformed());
        }
        let (local, domain) = typed.rsplit_once('@').ok_or_else(malformed)?;
        if local.len() > MAX_LOCAL_BYTES {
            return Err(too_long());
        }
        let domain = ascii_domain(domain).ok_or_else(malformed)?;
        let identity = format!("{}@{domain}", lower_case(local));
        check_grammar(&identity)?;
        if !local.is_ascii() {
            return Err(undeliverable());
        }
        // The ASCII form of a domain is what travels over SMTP, and it can be longer than what was typed.
        if identity.len() > MAX_BYTES {
            return Err(too_long());
        }
        Ok(Self { typed, identity })
    }

    /// The address as it was typed, trimmed and in NFC.
    pub fn as_str(&self) -> &str {
        &self.typed
    }

    /// What makes two addresses the same: NFC, lower-case local part, ASCII (IDNA) lower-case domain.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// The address as a mail transport takes it: the local part as it was typed, the domain in ASCII.
    pub fn envelope(&self) -> String {
        let local = self.typed.rsplit_once('@').map_or("", |(local, _)| local);
        let domain = self.identity.rsplit_once('@').map_or("", |(_, domain)| domain);
        format!("{local}@{domain}")
    }
}

/// Characters that no address of ours has: what a reader cannot see, and the joiners, which IDNA deletes from
/// some domains and keeps in others.
fn is_refused(c: char) -> bool {
    is_forbidden(c) || c.is_whitespace() || matches!(c, '\u{200c}' | '\u{200d}')
}

/// The domain in lower-case ASCII (UTS #46 ToASCII), if it is a host name: letters, digits and hyphens, labels of
/// 1 to 63 bytes, at least two of them, and a top-level domain that is no number.
///
/// A number at the end would make it an IPv4 address (RFC 3696 §2), which is no domain of anybody's.
fn ascii_domain(domain: &str) -> Option<String> {
    let ascii = Uts46::new()
        .to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify)
        .ok()?;
    let (_, top) = ascii.rsplit_once('.')?;
    let top_is_a_name = top.len() >= 2 && top.starts_with(|c: char| c.is_ascii_alphabetic());
    top_is_a_name.then(|| ascii.into_owned())
}

/// The grammar of RFC 5322 §3.4.1, less quoted local parts, display names and literal domains.
///
/// Checking the identity checks the typed form too, since lower-casing changes nothing but letters, and makes
/// sure that the identity is an address itself.
fn check_grammar(identity: &str) -> Result<(), Invalid> {
    if identity.contains('"') {
        return Err(malformed());
    }
    let options = Options::default().with_required_tld().without_display_text().without_domain_literal();
    EmailAddress::parse_with_options(identity, options).map_err(|_| malformed())?;
    Ok(())
}

/// Lower-case, one character at a time, so that a letter's place in a word does not matter (a final Σ would
/// otherwise become another letter than a Σ inside).
///
/// Lower-casing and not case-folding: folding makes "ß" and "ss", and upper-casing makes "ı" and "i", the same
/// mailbox, which they are not.
fn lower_case(local: &str) -> String {
    local.chars().flat_map(char::to_lowercase).nfc().collect()
}

fn malformed() -> Invalid {
    Invalid::new("email_invalid", "This is not an email address. Use a form like name@example.com.")
}

fn undeliverable() -> Invalid {
    Invalid::new(
        "email_invalid",
        "Our mail cannot reach an address with such letters before the @. Use another address of this person.",
    )
}

fn too_long() -> Invalid {
    Invalid::new(
        "email_invalid",
        "This email address is too long. Use one with at most 254 characters, 64 of them before the @.",
    )
}

impl PartialEq for Email {
    fn eq(&self, other: &Self) -> bool {
        self.identity == other.identity
    }
}

impl Eq for Email {}

impl Hash for Email {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity.hash(state);
    }
}

impl PartialOrd for Email {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Email {
    fn cmp(&self, other: &Self) -> Ordering {
        self.identity.cmp(&other.identity)
    }
}

text_form!(Email, { "type": "string", "format": "email", "maxLength": MAX_BYTES });

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invalid::from_wire;
    use proptest::prelude::*;
    use serde_json::{from_value, json, to_value};
    use std::collections::HashSet;

    fn email(text: &str) -> Email {
        Email::parse(text).unwrap_or_else(|invalid| panic!("{text:?}: {invalid}"))
    }

    #[test]
    fn ordinary_addresses_pass_and_stay_as_typed() {
        for (text, identity) in [
            ("ada@example.com", "ada@example.com"),
            ("Ada.Lovelace+news@Example.COM", "ada.lovelace+news@example.com"),
            ("o'brien@mail.example.co.uk", "o'brien@mail.example.co.uk"),
            ("x@y.io", "x@y.io"),
            ("a!#$%&'*+-/=?^_`{|}~b@example.org", "a!#$%&'*+-/=?^_`{|}~b@example.org"),
            ("1@2.example", "1@2.example"),
            ("ada@3com.com", "ada@3com.com"),
            ("ada@Bücher.example", "ada@xn--bcher-kva.example"),
            ("ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
            ("user@例子.公益", "user@xn--fsqu00a.xn--55qw42g"),
        ] {
            let email = email(text);
            assert_eq!(email.as_str(), text);
            assert_eq!(email.identity(), identity);
        }
    }

    #[test]
    fn an_address_is_trimmed_and_composed() {
        let email = email("\u{a0} uber@u\u{308}ber.example\r\n");
        assert_eq!(email.as_str(), "uber@über.example");
    }

    #[test]
    fn what_is_no_plain_mailbox_is_refused() {
        for text in [
            "",
            " ",
            "@",
            "ada",
            "ada@",
            "@example.com",
            "ada@example",
            "ada@localhost",
            "ada@example.com.",
            "ada@.example.com",
            "ada@example..com",
            "ada@-example.com",
            "ada@example-.com",
            "ada@exa_mple.com",
            "ada@exam ple.com",
            "ada@example.c",
            "ada@example.123",
            "ada@127.0.0.1",
            "ada@[127.0.0.1]",
            "ada@[IPv6:::1]",
            ".ada@example.com",
            "ada.@example.com",
            "a..da@example.com",
            "a da@example.com",
            "a@b@example.com",
            "\"ada\"@example.com",
            "\"a b\"@example.com",
            "a\"d\"a@example.com",
            "Ada <ada@example.com>",
            "<ada@example.com>",
            "ada@example.com (Ada)",
            "(Ada)ada@example.com",
            "ada@example.com,bob@example.com",
            "ada@example.com;bob@example.com",
            "ada@example.com bob@example.com",
            "mailto:ada@example.com",
            "ada\\@example.com",
            "ada@example.com\nBcc: bob@example.com",
            "ada\r\n@example.com",
            "ada\0@example.com",
            "ad\u{202e}a@example.com",
            "ad\u{200b}a@example.com",
            "ad\u{200d}a@example.com",
            "ad\u{ad}a@example.com",
            "mİke@example.com",
            "ada\u{fe0f}@example.com",
            "😀@example.com",
            "ad\u{3164}a@example.com",
            "ada@exam\u{ad}ple.com",
            "ada@exam\u{200b}ple.com",
            "ada@exa\u{2060}mple.com",
            "ada@xn--a.com",
            "ada@xn--.com",
        ] {
            let refused = Email::parse(text).map(|email| email.typed).unwrap_err();
            assert_eq!(refused.code, "email_invalid", "{text:?}");
            assert!(refused.detail.contains("name@example.com"), "{text:?}");
        }
    }

    #[test]
    fn limits_are_those_of_smtp() {
        let local = |n| format!("{}@example.com", "a".repeat(n));
        assert!(Email::parse(&local(64)).is_ok());
        assert!(Email::parse(&local(65)).unwrap_err().detail.contains("too long"));
        // 64 + 1 + 63 + 1 + 63 + 1 + n + 4 bytes.
        let (a, b) = ("a".repeat(64), "b".repeat(63));
        let long = |n| format!("{a}@{b}.{b}.{}.com", "c".repeat(n));
        assert_eq!(long(57).len(), 254);
        assert!(Email::parse(&long(57)).is_ok());
        assert!(Email::parse(&long(58)).unwrap_err().detail.contains("too long"));
        assert!(Email::parse(&format!("a@{}.com", "b".repeat(64))).is_err());
    }

    #[test]
    fn an_address_whose_ascii_form_is_too_long_is_refused() {
        // A label of one "ü" has two bytes as typed and seven in ASCII ("xn--tda").
        let with = |labels| format!("{}@{}example", "a".repeat(64), "ü.".repeat(labels));
        assert_eq!(email(&with(22)).identity().len(), 64 + 1 + 22 * 8 + 7);
        assert!(with(23).len() <= 254);
        assert!(Email::parse(&with(23)).unwrap_err().detail.contains("too long"));
    }

    #[test]
    fn addresses_are_the_same_when_their_identity_is() {
        let same =
            [email("Ada@Bücher.example"), email("ada@xn--BCHER-KVA.example"), email("ADA@BU\u{308}CHER.example")];
        assert_eq!(same.iter().collect::<HashSet<_>>().len(), 1);
        assert_eq!(same[0].cmp(&same[1]), Ordering::Equal);
        assert_ne!(email("ada@example.com"), email("ada@example.org"));
        assert!(email("ada@example.com") < email("Bob@example.com"));
    }

    #[test]
    fn look_alike_mailboxes_stay_apart() {
        let plain = email("mike@example.com");
        for other in ["mike+1@example.com", "m.ike@example.com"] {
            assert_ne!(plain, email(other), "{other}");
        }
    }

    #[test]
    fn an_address_that_our_mail_cannot_reach_is_refused_with_the_reason() {
        for text in ["Jürgen@example.de", "mıke@example.com", "mіke@example.com", "用户@例子.公益"] {
            let refused = Email::parse(text).unwrap_err();
            assert_eq!(refused.code, "email_invalid", "{text}");
            assert!(refused.detail.contains("before the @"), "{}", refused.detail);
        }
    }

    #[test]
    fn the_envelope_keeps_the_local_part_and_has_an_ascii_domain() {
        assert_eq!(email("Ada@Bücher.example").envelope(), "Ada@xn--bcher-kva.example");
        assert_eq!(email("Ada@Example.com").envelope(), "Ada@example.com");
    }

    #[test]
    fn json_is_the_typed_form_and_a_refusal_keeps_its_code() {
        let ada: Email = from_value(json!(" Ada@Example.com")).unwrap();
        assert_eq!(to_value(&ada).unwrap(), json!("Ada@Example.com"));
        let refused = from_value::<Email>(json!("secret-thing")).unwrap_err().to_string();
        let (code, detail) = from_wire(&refused).unwrap();
        assert_eq!(code, "email_invalid");
        assert!(!detail.contains("secret-thing"));
    }

    #[test]
    fn the_schema_gives_format_and_length() {
        let schema = schemars::schema_for!(Email);
        assert_eq!(schema.get("format"), Some(&json!("email")));
        assert_eq!(schema.get("maxLength"), Some(&json!(254)));
    }

    fn check_laws(text: &str) -> Result<(), TestCaseError> {
        let Ok(email) = Email::parse(text) else { return Ok(()) };
        let again = Email::parse(email.as_str()).unwrap();
        prop_assert_eq!(again.as_str(), email.as_str());
        prop_assert_eq!(again.identity(), email.identity());
        let identity = Email::parse(email.identity()).unwrap();
        prop_assert_eq!(identity.identity(), email.identity());
        prop_assert_eq!(identity.as_str(), email.identity());
        prop_assert_eq!(Email::parse(&email.envelope()).unwrap(), email.clone());
        prop_assert!(email.as_str().len() <= 254 && email.identity().len() <= 254);
        prop_assert_eq!(email.as_str().matches('@').count(), 1);
        prop_assert!(!email.as_str().contains(|c: char| c.is_control() || c.is_whitespace()));
        Ok(())
    }

    /// Leaves out the ideographs and Hangul, which have no case and are many.
    #[test]
    fn every_character_obeys_the_laws_in_a_local_part() {
        for c in ('\0'..='\u{30ff}').chain('\u{a000}'..='\u{abff}').chain('\u{f900}'..='\u{10fff}') {
            if let Err(broken) = check_laws(&format!("A{c}b@example.com")) {
                panic!("U+{:04X}: {broken}", c as u32);
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_parses_to_itself_or_is_refused(text in any::<String>()) {
            check_laws(&text)?;
        }

        #[test]
        fn any_local_part_obeys_the_laws(local in "\\PC{1,20}") {
            check_laws(&format!("{local}@example.com"))?;
        }

        #[test]
        fn any_domain_obeys_the_laws(domain in "\\PC{1,20}") {
            check_laws(&format!("ada@{domain}.com"))?;
            check_laws(&format!("ada@{domain}"))?;
        }

        #[test]
        fn plain_addresses_pass_whatever_their_case(local in "[a-zA-Z0-9]{1,20}", domain in "[a-zA-Z][a-zA-Z0-9]{0,20}") {
            let text = format!("{local}@{domain}.com");
            let parsed = Email::parse(&text).unwrap();
            prop_assert_eq!(parsed.as_str(), &text);
            prop_assert_eq!(parsed.identity(), text.to_lowercase());
            prop_assert_eq!(Email::parse(&text.to_uppercase()).unwrap(), parsed);
        }
    }
}
