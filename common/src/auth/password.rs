//! Passwords: what is good enough, how they are kept, how they are checked.
//!
//! argon2id with OWASP's minimum parameters (19 MiB, 2 passes, 1 lane: the crate's defaults), in PHC string format.
//! 12 to 128 characters and a zxcvbn score of 3 or more; no rules of composition, no truncation (NIST SP 800-63B §5.1.1).

use crate::error::{Problem, Result};
use crate::random;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use domain::invalid::Invalid;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::fmt;
use unicode_normalization::UnicodeNormalization;
use zxcvbn::Score;

const MIN_CHARACTERS: usize = 12;
const MAX_CHARACTERS: usize = 128;

/// A password as a person typed it, normalised (NFKC, RFC 8265 §4.2.1). Never shown, never logged.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    pub fn parse(typed: &str) -> Result<Password, Invalid> {
        let normalised: String = typed.nfkc().collect();
        match normalised.chars().count() {
            0..MIN_CHARACTERS => Err(Invalid::new(
                "password_too_short",
                format!(
                    "The password is too short. Use {MIN_CHARACTERS} characters or more; a few random words are easy to keep."
                ),
            )),
            MIN_CHARACTERS..=MAX_CHARACTERS => Ok(Password(normalised)),
            _ => Err(Invalid::new(
                "password_too_long",
                format!("The password is too long. Use at most {MAX_CHARACTERS} characters."),
            )),
        }
    }

    /// Refuses what is easily guessed, the person's own words among it.
    pub fn require_strong(&self, own_words: &[&str]) -> Result<()> {
        // zxcvbn's time grows with the square of the length; what is this long and weak in its first part only does not exist
        // in practice.
        let looked_at: String = self.0.chars().take(MAX_CHARACTERS).collect();
        match zxcvbn::zxcvbn(&looked_at, own_words).score() {
            Score::Three | Score::Four => Ok(()),
            _ => Err(Problem::field(
                "/password",
                "password_too_weak",
                "This password is easy to guess. Use a longer one; a few random words that have nothing to do with you are good.",
            )),
        }
    }

    /// The form in which it is kept. Takes tens of milliseconds on purpose.
    pub fn hash(&self) -> Result<String> {
        let salt: [u8; 16] = random::bytes()?;
        let hash: PasswordHash =
            Argon2::default().hash_password_with_salt(self.0.as_bytes(), &salt).map_err(Problem::internal)?;
        Ok(hash.to_string())
    }
}

/// Whether a typed password is the one that was kept. `kept` is absent where there is no such account: that costs the same
/// time, so nobody learns from it who has one.
pub fn verify(typed: &str, kept: Option<&str>) -> Result<bool> {
    let typed: String = typed.nfkc().take(4 * MAX_CHARACTERS).collect();
    let hash = PasswordHash::new(kept.unwrap_or(NOBODYS_HASH)).map_err(Problem::internal)?;
    let matches = Argon2::default().verify_password(typed.as_bytes(), &hash).is_ok();
    Ok(matches && kept.is_some())
}

/// The hash of a random secret that was thrown away, with the parameters of every other.
const NOBODYS_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5cy1zYWx0LTAx$AzC3kWvEn8FYnEr8M1gHsHfzMd4HPGRH2hQrnzKTDsk";

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Password, D::Error> {
        let typed = String::deserialize(deserializer)?;
        Password::parse(&typed).map_err(|invalid| serde::de::Error::custom(invalid.to_wire()))
    }
}

impl JsonSchema for Password {
    fn schema_name() -> Cow<'static, str> {
        "Password".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "format": "password",
            "minLength": MIN_CHARACTERS,
            "maxLength": MAX_CHARACTERS,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_counted_in_characters_and_never_truncated() {
        for (typed, code) in [("short", "password_too_short"), (&*"x".repeat(129), "password_too_long")] {
            assert_eq!(Password::parse(typed).unwrap_err().code, code);
        }
        assert!(Password::parse(&"é".repeat(128)).is_ok());
    }

    #[test]
    fn what_is_easily_guessed_is_refused_and_so_are_the_persons_own_words() {
        for weak in ["passwordpassword", "aaaaaaaaaaaa", "123456789012"] {
            assert!(Password::parse(weak).unwrap().require_strong(&[]).is_err(), "{weak}");
        }
        let own = Password::parse("ada.lovelace@acme").unwrap();
        assert!(own.require_strong(&["ada.lovelace@acme.example", "ada.lovelace@acme", "Acme"]).is_err());
        assert!(Password::parse("violet harbour tin sparrow").unwrap().require_strong(&["Acme"]).is_ok());
    }

    #[test]
    fn only_the_same_password_verifies_and_nobodys_never_does() {
        let kept = Password::parse("violet harbour tin sparrow").unwrap().hash().unwrap();
        assert!(verify("violet harbour tin sparrow", Some(&kept)).unwrap());
        assert!(!verify("violet harbour tin sparroW", Some(&kept)).unwrap());
        assert!(!verify("violet harbour tin sparrow", None).unwrap());
    }
}
