//! API keys in the clear: `callaro_` and the base64url (RFC 4648 §5, no padding) of `tenant | key | secret`.
//!
//! The key names its own record, so nobody needs an index to find that. The table keeps the SHA-256 of `secret` alone: whoever reads
//! the table can call nothing. The prefix is there for people, and for scanners that look for secrets in what is published.

use crate::error::Result;
use crate::random;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::connect::ApiKey;
use domain::id::{ApiKeyId, TenantId};
use domain::tenant::Mark;
use domain::text::Label;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What every key starts with.
pub const PREFIX: &str = "callaro_";

/// An API key in the clear: it exists only on its way to or from the client.
pub struct ClearKey {
    pub tenant: TenantId,
    pub id: ApiKeyId,
    secret: [u8; 32],
}

impl ClearKey {
    pub fn new(tenant: TenantId, id: ApiKeyId) -> Result<ClearKey> {
        Ok(ClearKey { tenant, id, secret: random::bytes()? })
    }

    /// As it is sent: 94 characters.
    pub fn to_text(&self) -> String {
        let (tenant, id) = (self.tenant.uuid().into_bytes(), self.id.uuid().into_bytes());
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode([&tenant[..], &id[..], &self.secret[..]].concat()))
    }

    /// Takes the one spelling that a key has: the decoder refuses padding, other alphabets and trailing bits.
    pub fn parse(text: &str) -> Option<ClearKey> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let (tenant, rest) = bytes.split_first_chunk::<16>()?;
        let (id, rest) = rest.split_first_chunk::<16>()?;
        Some(ClearKey {
            tenant: TenantId::from_uuid(Uuid::from_bytes(*tenant)),
            id: ApiKeyId::from_uuid(Uuid::from_bytes(*id)),
            secret: rest.try_into().ok()?,
        })
    }

    /// What is kept of it.
    pub fn record(&self, name: Label, created: Mark) -> ApiKey {
        let text = self.to_text();
        // All of it is ASCII.
        let last_four = text.get(text.len() - 4..).unwrap_or_default().to_owned();
        ApiKey {
            tenant: self.tenant,
            id: self.id,
            name,
            secret_hash: self.secret_hash(),
            last_four,
            created,
            first_used_at: None,
        }
    }

    /// Whether this is the key of which `record` was kept, in a time that does not tell how much of it is right.
    pub fn is_of(&self, record: &ApiKey) -> bool {
        verify_slices_are_equal(self.secret_hash().as_bytes(), record.secret_hash.as_bytes()).is_ok()
    }

    fn secret_hash(&self) -> String {
        Sha256::digest(self.secret).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
    use domain::Timestamp;
    use domain::id::UserId;

    fn key(secret: [u8; 32]) -> ClearKey {
        let (tenant, id) = (TenantId::from_uuid(Uuid::from_u128(1)), ApiKeyId::from_uuid(Uuid::from_u128(2)));
        ClearKey { tenant, id, secret }
    }

    fn record(key: &ClearKey) -> ApiKey {
        let created = Mark { by: UserId::from_uuid(Uuid::from_u128(3)), at: Timestamp::UNIX_EPOCH };
        key.record("Importer".parse().unwrap(), created)
    }

    #[test]
    fn what_is_sent_is_read_back_and_what_is_kept_is_its_hash() {
        let made = key([7; 32]);
        let text = made.to_text();
        assert_eq!((text.len(), text.starts_with(PREFIX)), (94, true), "{text}");
        let read = ClearKey::parse(&text).unwrap();
        assert_eq!((read.tenant, read.id, read.secret), (made.tenant, made.id, made.secret));

        let kept = record(&made);
        assert_eq!(kept.secret_hash, "4bb06f8e4e3a7715d201d573d0aa423762e55dabd61a2c02278fa56cc6d294e0");
        assert!(text.ends_with(&kept.last_four) && kept.last_four.len() == 4, "{}", kept.last_four);
        assert!(read.is_of(&kept));
    }

    #[test]
    fn a_key_with_one_bit_changed_is_not_the_one_that_was_kept() {
        let kept = record(&key([7; 32]));
        for bit in 0..256 {
            let mut secret = [7; 32];
            secret[bit / 8] ^= 1 << (bit % 8);
            assert!(!key(secret).is_of(&kept), "bit {bit}");
        }
        let cut = ApiKey { secret_hash: kept.secret_hash[..63].to_owned(), ..kept };
        assert!(!key([7; 32]).is_of(&cut));
    }

    #[test]
    fn two_keys_never_have_one_secret() {
        let made = |_| ClearKey::new(key([0; 32]).tenant, key([0; 32]).id).unwrap().secret;
        let secrets: std::collections::BTreeSet<_> = (0..100).map(made).collect();
        assert_eq!(secrets.len(), 100);
    }

    #[test]
    fn a_key_has_one_spelling() {
        // With characters in which the alphabets differ.
        let bytes = [[0xfb; 16], [0xff; 16], [0xbe; 16], [0xef; 16]].concat();
        let good = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(&bytes));
        assert_eq!(ClearKey::parse(&good).unwrap().to_text(), good);
        let last = good.chars().last().unwrap();
        for bad in [
            String::new(),
            PREFIX.to_owned(),
            good[PREFIX.len()..].to_owned(),
            good.replacen("callaro_", "Callaro_", 1),
            good.replacen("callaro_", "callaro-", 1),
            format!("{PREFIX}{good}"),
            format!("{PREFIX}{}", URL_SAFE.encode(&bytes)),
            format!("{PREFIX}{}", STANDARD.encode(&bytes)),
            format!("{PREFIX}{}", STANDARD_NO_PAD.encode(&bytes)),
            format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(&bytes[1..])),
            format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode([&bytes[..], &[0]].concat())),
            // The last character carries two bits of the key: the next one in the alphabet would be the same key, and another text.
            format!("{}{}", &good[..good.len() - 1], char::from(u8::try_from(last).unwrap() + 1)),
            good[..good.len() - 1].to_owned(),
            format!("{good}="),
            format!("{good} "),
            format!(" {good}"),
            format!("{good}\n"),
            format!("{good}é"),
        ] {
            assert!(ClearKey::parse(&bad).is_none(), "{bad:?}");
        }
    }
}
