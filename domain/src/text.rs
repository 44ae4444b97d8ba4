//! Text that people write and other people read: names, labels, address lines, notes.
//!
//! What is refused, and why: characters that a reader cannot see (controls, bidirectional controls, zero-width
//! and other default-ignorable characters) can hide or reorder text, so that two names look alike or one reads
//! differently from what it says (UTS #39 §5, UTR #36 §3); private-use characters and noncharacters mean
//! nothing to a reader (Unicode Standard §23.5, §23.7). Variation selectors stay: they are part of emoji and of
//! Japanese names.
//!
//! Text that our own mails carry to strangers (the inviter's name, the company's name, the note) also refuses
//! anything that looks like a web address: otherwise an attacker signs up as "Claim your prize at evil.example"
//! and has *us* send the phishing mail, from a domain that people and filters trust.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

use crate::invalid::Invalid;

mod link;

/// Implements `Display`, `FromStr`, `Serialize`, `Deserialize` and `JsonSchema` for a type that has
/// `parse(&str) -> Result<Self, Invalid>` and `as_str()`.
macro_rules! text_form {
    ($name:ident, { $($schema:tt)* }) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::invalid::Invalid;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::invalid::deserialize_parsed(deserializer, Self::parse)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ $($schema)* })
            }
        }
    };
}
pub(crate) use text_form;

/// Whether a character is never acceptable in text for a reader, wherever it stands.
///
/// Joiners (U+200C, U+200D) are not here: they are acceptable in some places, see [`misplaced_joiner`].
pub(crate) fn is_forbidden(c: char) -> bool {
    c.is_control() || is_invisible(c) || is_private_use(c) || is_noncharacter(c)
}

/// Bidirectional controls, zero-width characters, line separators and the other characters that show nothing
/// (`Default_Ignorable_Code_Point` in the Unicode Character Database, without joiners and variation selectors).
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'                         // soft hyphen
            | '\u{34f}'                  // combining grapheme joiner
            | '\u{61c}'                  // Arabic letter mark
            | '\u{115f}'..='\u{1160}'    // Hangul fillers
            | '\u{17b4}'..='\u{17b5}'    // Khmer inherent vowels
            | '\u{180e}'                 // Mongolian vowel separator
            | '\u{200b}'                 // zero-width space
            | '\u{200e}'..='\u{200f}'    // directional marks
            | '\u{2028}'..='\u{2029}'    // line and paragraph separators
            | '\u{202a}'..='\u{202e}'    // directional embeddings and overrides
            | '\u{2060}'..='\u{206f}'    // word joiner, invisible operators, isolates, deprecated controls
            | '\u{3164}'                 // Hangul filler
            | '\u{feff}'                 // zero-width no-break space
            | '\u{ffa0}'                 // halfwidth Hangul filler
            | '\u{fff0}'..='\u{fffb}'    // unassigned ignorables and interlinear annotations
            | '\u{1bca0}'..='\u{1bca3}'  // shorthand format controls
            | '\u{1d173}'..='\u{1d17a}'  // musical format controls
            | '\u{e0000}'..='\u{e00ff}'  // tags
            | '\u{e01f0}'..='\u{e0fff}' // unassigned ignorables
    )
}

const fn is_private_use(c: char) -> bool {
    matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{ffffd}' | '\u{100000}'..='\u{10fffd}')
}

/// The 66 code points that will never be characters: U+FDD0–FDEF and the last two of every plane.
const fn is_noncharacter(c: char) -> bool {
    let code = c as u32;
    matches!(code, 0xfdd0..=0xfdef) || code & 0xfffe == 0xfffe
}

const fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// Whether a zero-width joiner or non-joiner stands where it changes nothing that a reader sees.
///
/// Persian and the Indic scripts need joiners inside words. The rule is a simple superset of RFC 5892 appendix
/// A.1 and A.2: a joiner must stand between two characters of the blocks from Arabic to Vedic extensions. That
/// leaves no room for one inside a Latin, Greek or Cyrillic name, nor inside an emoji.
fn misplaced_joiner(text: &str) -> bool {
    let joins = |c: Option<char>| c.is_some_and(|c| matches!(c, '\u{600}'..='\u{1cff}') && !c.is_whitespace());
    let mut before = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if is_joiner(c) && !(joins(before) && joins(rest.clone().next())) {
            return true;
        }
        before = Some(c);
    }
    false
}

/// Whether more than four marks are stacked on one character, which spills over neighbouring lines
/// (UTS #39 §5.4 names four as the limit).
fn stacks_marks(text: &str) -> bool {
    let mut run = 0;
    text.chars().any(|c| {
        run = if canonical_combining_class(c) == 0 { 0 } else { run + 1 };
        run > 4
    })
}

/// Whether a reader sees nothing at all: spaces, the blank Braille pattern, and variation selectors, which only
/// alter the character before them.
fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || c == '\u{2800}' || link::is_variation_selector(c))
}

/// The rules of one type of text.
struct Rules {
    max_chars: usize,
    lines: Lines,
    links: Links,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lines {
    One,
    Many,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Links {
    Allowed,
    Refused,
}

impl Rules {
    /// Trims, normalises to NFC, and checks. Lengths count Unicode scalar values, as JSON Schema does.
    fn check(&self, input: &str) -> Result<String, Invalid> {
        let text = self.normalise(input);
        if is_blank(&text) {
            return Err(Invalid::new("text_empty", "This is empty. Write at least one character."));
        }
        if text.chars().count() > self.max_chars {
            let detail = format!("This is too long. Use at most {} characters.", self.max_chars);
            return Err(Invalid::new("text_too_long", detail));
        }
        if self.has_forbidden(&text) {
            return Err(self.forbidden());
        }
        if self.links == Links::Refused && link::looks_like_link(&text) {
            return Err(Invalid::new(
                "text_looks_like_url",
                "This looks like a web or email address, which mail programs turn into a link. \
                 Leave it out, or put a space after the full stop or the @.",
            ));
        }
        Ok(text)
    }

    fn normalise(&self, input: &str) -> String {
        let composed: String = input.trim().nfc().collect();
        match self.lines {
            Lines::One => composed,
            Lines::Many => composed.replace("\r\n", "\n"),
        }
    }

    fn has_forbidden(&self, text: &str) -> bool {
        let line_break = |c| self.lines == Lines::Many && c == '\n';
        text.chars().any(|c| is_forbidden(c) && !line_break(c)) || misplaced_joiner(text) || stacks_marks(text)
    }

    fn forbidden(&self) -> Invalid {
        let detail = match self.lines {
            Lines::One => {
                "This contains a character that is not allowed, such as a line break, a tab or an invisible \
                 character. Type the text again without it."
            }
            Lines::Many => {
                "This contains a character that is not allowed, such as a tab or an invisible character. \
                 Type the text again without it."
            }
        };
        Invalid::new("text_forbidden_character", detail)
    }
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident($max:literal, $lines:ident, $links:ident);)+) => {$(
        $(#[$doc])*
        ///
        #[doc = concat!("1 to ", $max, " characters, trimmed, NFC.")]
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The longest text, in Unicode scalar values.
            pub const MAX_CHARS: usize = $max;

            /// Trims, normalises and checks the text.
            ///
            /// # Errors
            /// `text_empty`, `text_too_long`, `text_forbidden_character`, and for types that our mails carry
            /// `text_looks_like_url`.
            pub fn parse(text: &str) -> Result<Self, Invalid> {
                const RULES: Rules = Rules { max_chars: $max, lines: Lines::$lines, links: Links::$links };
                RULES.check(text).map(Self)
            }

            /// The text, normalised.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        text_form!($name, { "type": "string", "minLength": 1, "maxLength": $max });
    )+};
}

texts! {
    /// What a person is called. Our mails carry it, so nothing that looks like a web address.
    DisplayName(100, One, Refused);
    /// What a company, and so its workspace, is called. Our mails carry it, so nothing that looks like a web
    /// address: a company such as Booking.com has to leave the ".com" out.
    CompanyName(100, One, Refused);
    /// What the person to contact at a company is called.
    ContactName(100, One, Allowed);
    /// A word for reports.
    Label(40, One, Allowed);
    /// One line of a postal address.
    AddressLine(120, One, Allowed);
    /// A customer's own purchase order number.
    PurchaseOrder(60, One, Allowed);
    /// A product that a workspace is connected to, as its users call it.
    IntegrationName(60, One, Allowed);
    /// An account at another company's product, as that names it, such as acme.my.salesforce.com. Never a secret.
    ExternalAccount(120, One, Allowed);
    /// Why somebody decided what they decided, for whoever wonders later.
    Reason(300, One, Allowed);
    /// A few words to an invited person, on one or more lines. CR LF becomes LF. Our mail carries it to an
    /// address that the writer chose, so nothing that looks like a web address: no phishing through us.
    Note(1000, Many, Refused);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invalid::from_wire;
    use proptest::prelude::*;
    use serde_json::{from_value, json, to_value};

    fn company(text: &str) -> Result<String, &'static str> {
        CompanyName::parse(text).map(|name| name.to_string()).map_err(|invalid| invalid.code)
    }

    fn note(text: &str) -> Result<String, &'static str> {
        Note::parse(text).map(|note| note.to_string()).map_err(|invalid| invalid.code)
    }

    #[test]
    fn ordinary_names_of_the_world_pass_unchanged() {
        for name in [
            "Acme Inc.",
            "St. John's",
            "A.B. Dick",
            "U.S.A.",
            "Yahoo!",
            "3.5 Tonnes",
            "Awww. Cute Toys",
            "No.1 Plumbing",
            "Ben & Jerry's",
            "O'Reilly (Ireland) Ltd.",
            "Nguyễn Văn A",
            "株式会社ローソン",
            "شرکت می\u{200c}خواهم",
            "क्\u{200d}ष",
            "מגדל בע\"מ",
            "Straße 12 GmbH & Co. KG",
            "🦄 Unicorns",
            "❤\u{fe0f} Bakery",
            "渡邉\u{e0100}",
            "-",
            "0",
        ] {
            assert_eq!(company(name).as_deref(), Ok(name));
        }
    }

    #[test]
    fn text_is_trimmed_and_composed() {
        assert_eq!(company("  Cafe\u{301}\u{a0}\n").as_deref(), Ok("Café"));
        assert_eq!(company("\u{3000}Å\u{3000}").as_deref(), Ok("Å"));
    }

    #[test]
    fn text_that_shows_nothing_is_empty() {
        for text in ["", " ", "\n\t", "\u{a0}\u{3000}", "\u{fe0f}", "\u{2800}", " \u{e0100} "] {
            assert_eq!(company(text), Err("text_empty"), "{text:?}");
            assert_eq!(note(text), Err("text_empty"), "{text:?}");
        }
    }

    #[test]
    fn length_is_counted_in_characters_after_composing() {
        assert!(company(&"é".repeat(100)).is_ok());
        assert!(company(&"e\u{301}".repeat(100)).is_ok());
        assert!(company(&format!(" {} ", "🦄".repeat(100))).is_ok());
        assert_eq!(company(&"é".repeat(101)), Err("text_too_long"));
        assert!(Label::parse(&"x".repeat(40)).is_ok());
        let refused = Label::parse(&"x".repeat(41)).unwrap_err();
        assert_eq!(refused.detail, "This is too long. Use at most 40 characters.");
    }

    #[test]
    fn characters_that_a_reader_cannot_see_are_refused() {
        for c in [
            '\0',
            '\t',
            '\n',
            '\r',
            '\u{1b}',
            '\u{7f}',
            '\u{85}',
            '\u{9f}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{180e}',
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{200e}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{206f}',
            '\u{3164}',
            '\u{e000}',
            '\u{f8ff}',
            '\u{fdd0}',
            '\u{fdef}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{fffe}',
            '\u{ffff}',
            '\u{1fffe}',
            '\u{e0001}',
            '\u{e0061}',
            '\u{f0000}',
            '\u{fffff}',
            '\u{100000}',
            '\u{10ffff}',
        ] {
            let text = format!("Ac{c}me");
            assert_eq!(company(&text), Err("text_forbidden_character"), "U+{:04X}", c as u32);
            assert!(Label::parse(&text).is_err(), "U+{:04X}", c as u32);
            if c != '\n' {
                assert_eq!(note(&text), Err("text_forbidden_character"), "U+{:04X}", c as u32);
            }
        }
    }

    #[test]
    fn a_joiner_needs_a_letter_that_joins_on_both_sides() {
        for text in
            ["\u{200c}م", "م\u{200c}", "م\u{200c}a", "a\u{200d}م", "م\u{200d}\u{200d}م", "👩\u{200d}👩", "م\u{200c} م"]
        {
            assert_eq!(company(text), Err("text_forbidden_character"), "{text:?}");
        }
    }

    #[test]
    fn four_stacked_marks_pass_and_five_do_not() {
        let stacked = |marks: usize| format!("x{}", "\u{302}".repeat(marks));
        assert!(company(&stacked(4)).is_ok());
        assert_eq!(company(&stacked(5)), Err("text_forbidden_character"));
    }

    #[test]
    fn what_a_mail_program_would_link_is_refused_where_mails_carry_the_text() {
        for text in [
            "Booking.com",
            "Visit evil.example now",
            "http://1.2.3.4",
            "hTTps://x",
            "ftp://a",
            "www.1a",
            "WWW.1",
            "x\u{302}.com",
            "भारत.भारत",
            "t.me/prize",
            "bob@example.com",
            "пример.рф",
            "xn--e1afmkfd.xn--p1ai",
            "evil\u{ff0e}com",
            "J.P.Morgan",
            "win.zip",
            "evil。com",
            "evil\u{2024}com",
            "hxxp：／／evil",
            "evil[.]example",
            "203.0.113.7",
            "ada@host",
            "XN--e1afmkfd",
        ] {
            assert_eq!(company(text), Err("text_looks_like_url"), "{text:?}");
            assert_eq!(note(text), Err("text_looks_like_url"), "{text:?}");
            assert_eq!(DisplayName::parse(text).unwrap_err().code, "text_looks_like_url", "{text:?}");
        }
    }

    /// What each type that our mails carry says of a text, by name.
    fn carried_by_mails(text: &str) -> [(&'static str, Result<String, &'static str>); 3] {
        let display_name = DisplayName::parse(text).map(|name| name.to_string()).map_err(|invalid| invalid.code);
        [("company name", company(text)), ("display name", display_name), ("note", note(text))]
    }

    /// A line break could start a header of its own (RFC 5322 §2.2), NUL ends strings elsewhere, and a bidirectional control
    /// reorders what stands around it (UTR #36 §2.3, and <https://trojansource.codes>).
    #[test]
    fn no_text_in_a_mail_holds_a_nul_a_bare_cr_or_a_bidirectional_control() {
        let bidirectional = ['\u{61c}', '\u{200e}', '\u{200f}'].into_iter();
        let bidirectional = bidirectional.chain('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}');
        for c in ['\0', '\r'].into_iter().chain(bidirectional) {
            for (kind, said) in carried_by_mails(&format!("Ac{c}me")) {
                assert_eq!(said, Err("text_forbidden_character"), "{kind}, U+{:04X}", c as u32);
            }
        }
    }

    #[test]
    fn only_a_note_has_line_breaks() {
        for text in ["Ac\nme", "Ac\r\nme"] {
            let said = carried_by_mails(text).map(|(_, said)| said);
            let refused = Err("text_forbidden_character");
            assert_eq!(said, [refused.clone(), refused, Ok("Ac\nme".to_owned())], "{text:?}");
        }
    }

    #[test]
    fn text_that_no_mail_to_strangers_carries_may_have_a_web_address() {
        assert!(ContactName::parse("Booking.com desk").is_ok());
        assert!(Label::parse("node.js").is_ok());
        assert!(AddressLine::parse("c/o Booking.com").is_ok());
        assert!(PurchaseOrder::parse("PO.ab/17").is_ok());
    }

    #[test]
    fn a_note_keeps_its_lines() {
        assert_eq!(
            note("Hello.\r\n\r\nSee you at 9.30 a.m.\nAda\n").as_deref(),
            Ok("Hello.\n\nSee you at 9.30 a.m.\nAda")
        );
        assert_eq!(note("a\rb"), Err("text_forbidden_character"));
        assert_eq!(note("a\r\r\nb"), Err("text_forbidden_character"));
        assert!(note(&"x".repeat(1000)).is_ok());
        // A line break is one character, however many bytes it came in.
        assert!(note(&format!("{}x", "x\r\n".repeat(499))).is_ok());
        assert_eq!(note(&"x".repeat(1001)), Err("text_too_long"));
    }

    #[test]
    fn json_is_the_text_and_a_refusal_keeps_its_code() {
        let name: DisplayName = from_value(json!(" Ada ")).unwrap();
        assert_eq!(to_value(&name).unwrap(), json!("Ada"));
        let refused = from_value::<DisplayName>(json!("a\u{202e}b")).unwrap_err().to_string();
        assert_eq!(from_wire(&refused).unwrap().0, "text_forbidden_character");
    }

    #[test]
    fn the_schema_gives_the_lengths() {
        let schema = schemars::schema_for!(Note);
        assert_eq!(schema.get("minLength"), Some(&json!(1)));
        assert_eq!(schema.get("maxLength"), Some(&json!(1000)));
        assert_eq!(schema.get("type"), Some(&json!("string")));
    }

    proptest! {
        #[test]
        fn parsing_what_was_displayed_changes_nothing(text in any::<String>()) {
            if let Ok(label) = Label::parse(&text) {
                prop_assert_eq!(Label::parse(label.as_str()), Ok(label));
            }
            if let Ok(note) = Note::parse(&text) {
                prop_assert_eq!(Note::parse(note.as_str()), Ok(note));
            }
        }

        #[test]
        fn tricky_text_never_panics_and_stays_put(text in "[a\u{301}\u{327}\u{200c}\u{200d}م्क .\r\n\u{fe0f}\u{a0}]{0,30}") {
            if let Ok(note) = Note::parse(&text) {
                prop_assert!(!note.as_str().contains('\r'));
                prop_assert_eq!(note.as_str().trim(), note.as_str());
                prop_assert_eq!(Note::parse(note.as_str()), Ok(note));
            }
            if let Ok(name) = CompanyName::parse(&text) {
                prop_assert!(!name.as_str().contains(char::is_control));
                prop_assert_eq!(CompanyName::parse(name.as_str()), Ok(name));
            }
        }

        #[test]
        fn what_a_mail_carries_has_no_control_but_a_notes_line_feed(text in "[a .\\PC\u{0}-\u{1f}\u{7f}-\u{9f}\u{202a}-\u{202e}]{0,12}") {
            for (kind, said) in carried_by_mails(&text) {
                let said = said.unwrap_or_default();
                prop_assert!(!said.contains(|c| is_forbidden(c) && !(c == '\n' && kind == "note")), "{kind}");
            }
        }

        #[test]
        fn a_refusal_never_repeats_the_input(secret in "[a-z]{12,20}") {
            let refused = DisplayName::parse(&format!("{secret}.com")).unwrap_err();
            prop_assert!(!refused.detail.contains(&secret));
            prop_assert!(refused.detail.ends_with('.'));
        }

        #[test]
        fn any_bare_domain_is_refused(label in "[a-z0-9]{1,10}", tld in "[a-zA-Z]{2,10}", before in "[A-Z ]{0,5}") {
            prop_assert_eq!(company(&format!("{before}{label}.{tld}")), Err("text_looks_like_url"));
        }
    }
}
