//! Identifiers: a three-letter kind, an underscore and 32 lower-case hexadecimal digits.
//!
//! The kind in the text makes a mixed-up id fail to parse instead of finding nothing, and the fixed alphabet
//! keeps '#', which separates the parts of our storage keys, out of every id.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::invalid::{Invalid, deserialize_parsed};

/// Reads exactly 32 lower-case hexadecimal digits; `uuid` alone would also take hyphens, braces, `urn:uuid:`
/// and capitals, and then one id would have several spellings.
fn parse_simple(digits: &str) -> Option<Uuid> {
    let canonical = digits.len() == 32 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if canonical { Uuid::try_parse(digits).ok() } else { None }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident($prefix:literal, $noun:literal);)+) => {$(
        $(#[$doc])*
        ///
        #[doc = concat!("Text form: `", $prefix, "` and 32 lower-case hexadecimal digits; no other spelling parses.")]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// What the text form starts with.
            pub const PREFIX: &'static str = $prefix;

            /// The id with this UUID.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID inside.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", Self::PREFIX, self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                text.strip_prefix(Self::PREFIX).and_then(parse_simple).map(Self).ok_or_else(|| {
                    Invalid::new("id_invalid", concat!(
                        "This is not ", $noun, " id. Use the id as the API gave it: ", $prefix,
                        " and 32 lower-case hexadecimal digits."
                    ))
                })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserialize_parsed(deserializer, str::parse)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "pattern": concat!("^", $prefix, "[0-9a-f]{32}$"),
                })
            }
        }
    )+};
}

ids! {
    /// Names a tenant (a workspace).
    TenantId("ten_", "a tenant");
    /// Names a user (a person).
    UserId("usr_", "a user");
    /// Names an invite.
    InviteId("inv_", "an invite");
    /// Names a session (a family of refresh tokens).
    SessionId("ses_", "a session");
    /// Names a message waiting in the outbox.
    OutboxId("out_", "an outbox");
    /// Names an entry of a tenant's audit log.
    AuditId("aud_", "an audit");
    /// Names a CRM or calendar that a tenant plans or has connected.
    IntegrationId("con_", "an integration");
    /// Names a phone number of a tenant.
    PhoneNumberId("num_", "a phone number");
    /// Names an API key.
    ApiKeyId("key_", "an API key");
    /// Marks what one request of a client made, however often that request was sent: what a later run of it finds under its
    /// own mark, an earlier run has done.
    RequestMark("req_", "a request");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invalid::from_wire;
    use proptest::prelude::*;
    use std::hint::black_box;

    const DIGITS: &str = "0192f0c1a2b37c4d8e5f60718293a4b5";

    #[test]
    fn the_text_form_is_the_prefix_and_32_digits() {
        let id = TenantId::from_uuid(Uuid::from_u128(0x0192_f0c1_a2b3_7c4d_8e5f_6071_8293_a4b5));
        assert_eq!(id.to_string(), format!("ten_{DIGITS}"));
        assert_eq!(format!("{id:?}"), id.to_string());
    }

    #[test]
    fn every_kind_has_its_own_prefix() {
        let mut prefixes = vec![
            TenantId::PREFIX,
            UserId::PREFIX,
            InviteId::PREFIX,
            SessionId::PREFIX,
            OutboxId::PREFIX,
            AuditId::PREFIX,
            IntegrationId::PREFIX,
            PhoneNumberId::PREFIX,
            ApiKeyId::PREFIX,
            RequestMark::PREFIX,
        ];
        prefixes.sort_unstable();
        assert_eq!(prefixes, ["aud_", "con_", "inv_", "key_", "num_", "out_", "req_", "ses_", "ten_", "usr_"]);
    }

    #[test]
    fn any_other_spelling_is_refused() {
        for text in [
            String::new(),
            "ten_".into(),
            DIGITS.into(),
            format!("usr_{DIGITS}"),
            format!("TEN_{DIGITS}"),
            format!("ten-{DIGITS}"),
            format!("ten_{}", DIGITS.to_uppercase()),
            format!("ten_{DIGITS}0"),
            format!("ten_{}", &DIGITS[1..]),
            format!(" ten_{DIGITS}"),
            format!("ten_{DIGITS}\n"),
            format!("ten_{{{DIGITS}}}"),
            "ten_0192f0c1-a2b3-7c4d-8e5f-60718293a4b5".into(),
            format!("ten_ten_{}", &DIGITS[4..]),
            format!("ten_{}g", &DIGITS[1..]),
            format!("ten_{}é", &DIGITS[2..]),
            format!("ten_{}#", &DIGITS[1..]),
        ] {
            let refused = text.parse::<TenantId>().unwrap_err();
            assert_eq!(refused.code, "id_invalid", "{text:?}");
        }
    }

    #[test]
    fn json_is_the_text_form_and_a_refusal_keeps_its_code() {
        let id: UserId = format!("usr_{DIGITS}").parse().unwrap();
        let json = serde_json::to_value(id).unwrap();
        assert_eq!(json, serde_json::json!(format!("usr_{DIGITS}")));
        assert_eq!(serde_json::from_value::<UserId>(json.clone()).unwrap(), id);
        let refused = serde_json::from_value::<InviteId>(json).unwrap_err().to_string();
        assert_eq!(from_wire(&refused).unwrap().0, "id_invalid");
    }

    #[test]
    fn the_schema_names_the_pattern() {
        let schema = schemars::schema_for!(SessionId);
        assert_eq!(schema.get("pattern"), Some(&serde_json::json!("^ses_[0-9a-f]{32}$")));
    }

    proptest! {
        #[test]
        fn what_is_displayed_parses_to_the_same_id(bits in any::<u128>()) {
            let id = AuditId::from_uuid(Uuid::from_u128(bits));
            let text = id.to_string();
            prop_assert!(!text.contains('#'));
            prop_assert_eq!(text.parse::<AuditId>().unwrap(), id);
        }

        #[test]
        fn ids_sort_as_their_text_does(a in any::<u128>(), b in any::<u128>()) {
            let (a, b) = (OutboxId::from_uuid(Uuid::from_u128(a)), OutboxId::from_uuid(Uuid::from_u128(b)));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            black_box(text.parse::<SessionId>()).ok();
            black_box(format!("ses_{text}").parse::<SessionId>()).ok();
        }

        #[test]
        fn only_the_canonical_text_parses(text in "inv_[0-9a-fA-F-]{30,36}") {
            if let Ok(id) = text.parse::<InviteId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
