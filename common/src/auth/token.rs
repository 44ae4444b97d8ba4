//! Signed tokens: one way to make one, one way to check one.
//!
//! ES256 JWTs (RFC 7519), held to RFC 8725: every kind has its own `typ`, its own audience *and* its own key, so no token
//! can stand in for another's kind; the algorithm is fixed by us, never by the token; every claim is required. All other
//! decoding is disallowed by clippy.

use crate::config::{self, ConfigError, Lookup};
use crate::error::{Problem, Result};
use crate::random;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::Timestamp;
use domain::email::Email;
use domain::id::{InviteId, SessionId, TenantId, UserId};
use domain::text::CompanyName;
use domain::time_zone::TimeZoneName;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// How far a peer's clock may be off, in seconds.
const LEEWAY: i64 = 5;

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// Carried by every signed-in request.
    Access,
    /// In the link of an invite.
    Invite,
    /// In the link that confirms a sign-up.
    SignUp,
}

impl TokenKind {
    pub const ALL: [TokenKind; 3] = [TokenKind::Access, TokenKind::Invite, TokenKind::SignUp];

    /// The `typ` header (RFC 8725 §3.11; `at+jwt` is RFC 9068's).
    pub const fn typ(self) -> &'static str {
        match self {
            TokenKind::Access => "at+jwt",
            TokenKind::Invite => "invite+jwt",
            TokenKind::SignUp => "sign-up+jwt",
        }
    }

    pub const fn audience(self) -> &'static str {
        match self {
            TokenKind::Access => "callaro:api",
            TokenKind::Invite => "callaro:invites",
            TokenKind::SignUp => "callaro:sign-ups",
        }
    }

    /// What it is called in configuration: the name that serialisation gives it.
    pub const fn as_str(self) -> &'static str {
        match self {
            TokenKind::Access => "access",
            TokenKind::Invite => "invite",
            TokenKind::SignUp => "sign_up",
        }
    }

    /// The variable that holds the private key, in a function that signs this kind.
    pub const fn signing_variable(self) -> &'static str {
        match self {
            TokenKind::Access => "SIGNING_KEY_ACCESS",
            TokenKind::Invite => "SIGNING_KEY_INVITE",
            TokenKind::SignUp => "SIGNING_KEY_SIGN_UP",
        }
    }
}

/// The claims of one kind of token, beside the registered ones.
pub trait Claims: Serialize + DeserializeOwned {
    const KIND: TokenKind;
    /// Whom or what the token is about: the `sub` claim.
    fn subject(&self) -> String;
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccessClaims {
    pub user: UserId,
    pub session: SessionId,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InviteClaims {
    pub invite: InviteId,
    pub tenant: TenantId,
    pub email: Email,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SignUpClaims {
    pub email: Email,
    pub company_name: CompanyName,
    pub time_zone: TimeZoneName,
}

impl Claims for AccessClaims {
    const KIND: TokenKind = TokenKind::Access;
    fn subject(&self) -> String {
        self.user.to_string()
    }
}

impl Claims for InviteClaims {
    const KIND: TokenKind = TokenKind::Invite;
    fn subject(&self) -> String {
        self.invite.to_string()
    }
}

impl Claims for SignUpClaims {
    const KIND: TokenKind = TokenKind::SignUp;
    fn subject(&self) -> String {
        self.email.identity().to_owned()
    }
}

/// The registered claims (RFC 7519 §4.1), all required.
#[derive(Debug, Serialize, Deserialize)]
struct Envelope<C> {
    iss: String,
    aud: String,
    sub: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: Uuid,
    #[serde(flatten)]
    claims: C,
}

/// A token that was checked.
#[derive(Debug, Clone)]
pub struct Verified<C> {
    pub claims: C,
    pub jti: Uuid,
}

/// Why a token is not good. Which of the two is all that a caller may learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// It was ours, but its time is over.
    Expired,
    /// Not ours, not of this kind, or not whole.
    Invalid,
}

/// The keys this process holds: the public ones of every kind, the private ones of the kinds it signs.
pub struct TokenKeys {
    issuer: String,
    verifying: BTreeMap<TokenKind, BTreeMap<String, DecodingKey>>,
    signing: BTreeMap<TokenKind, SigningKey>,
}

struct SigningKey {
    key_id: String,
    key: EncodingKey,
}

/// The public keys by kind: what [`config::VERIFYING_KEYS`] holds, as JSON. Two keys of a kind may be good at once, so a
/// key can be rotated without signing anybody out.
pub type KeySets = BTreeMap<TokenKind, JwkSet>;

impl TokenKeys {
    /// Reads the public keys, and the private keys of the kinds in `signs`.
    pub fn from(lookup: Lookup<'_>, issuer: &str, signs: &[TokenKind]) -> Result<TokenKeys, ConfigError> {
        let expected = "a JSON object of public JWK sets by token kind";
        let text = config::required(lookup, config::VERIFYING_KEYS, expected)?;
        let malformed = |_| ConfigError { variable: config::VERIFYING_KEYS, what: "is not readable", expected };
        let sets: KeySets = serde_json::from_str(&text).map_err(|error| malformed(error.to_string()))?;
        let mut verifying = BTreeMap::new();
        for (kind, set) in sets {
            let keys = set.keys.iter().map(|jwk| Ok((key_id(jwk)?, DecodingKey::from_jwk(jwk)?)));
            let keys = keys.collect::<Result<_, jsonwebtoken::errors::Error>>();
            verifying.insert(kind, keys.map_err(|error| malformed(error.to_string()))?);
        }
        let mut signing = BTreeMap::new();
        for kind in signs {
            let key = SigningKey::from(lookup, kind.signing_variable())?;
            if !verifying.get(kind).is_some_and(|trusted: &BTreeMap<_, _>| trusted.contains_key(&key.key_id)) {
                // What it signs nobody would take.
                return Err(ConfigError {
                    variable: kind.signing_variable(),
                    what: "is a key that VERIFYING_KEYS does not have",
                    expected: "a private key whose public half is in VERIFYING_KEYS",
                });
            }
            signing.insert(*kind, key);
        }
        Ok(TokenKeys { issuer: issuer.to_owned(), verifying, signing })
    }

    /// Signs a token that is good from `now` until `expires_at`.
    pub fn sign<C: Claims>(&self, claims: C, jti: Uuid, now: Timestamp, expires_at: Timestamp) -> Result<String> {
        let signing = self.signing.get(&C::KIND);
        let signing = signing.ok_or_else(|| Problem::internal(format!("no key to sign {:?} with", C::KIND)))?;
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some(C::KIND.typ().to_owned());
        header.kid = Some(signing.key_id.clone());
        let envelope = Envelope {
            iss: self.issuer.clone(),
            aud: C::KIND.audience().to_owned(),
            sub: claims.subject(),
            iat: now.as_second(),
            nbf: now.as_second(),
            exp: expires_at.as_second(),
            jti,
            claims,
        };
        #[expect(clippy::disallowed_methods, reason = "the one place that signs")]
        jsonwebtoken::encode(&header, &envelope, &signing.key).map_err(Problem::internal)
    }

    /// A new access token for a session.
    pub fn sign_access(&self, claims: AccessClaims, now: Timestamp, expires_at: Timestamp) -> Result<String> {
        self.sign(claims, random::uuid(now)?, now, expires_at)
    }

    /// Checks a token of kind `C`.
    pub fn verify<C: Claims>(&self, token: &str, now: Timestamp) -> Result<Verified<C>, Rejected> {
        let invalid = |_| Rejected::Invalid;
        let header = jsonwebtoken::decode_header(token).map_err(invalid)?;
        let is_ours = header.alg == Algorithm::ES256 && header.typ.as_deref() == Some(C::KIND.typ());
        let key = header.kid.as_deref().and_then(|kid| self.verifying.get(&C::KIND)?.get(kid));
        let key = key.filter(|_| is_ours).ok_or(Rejected::Invalid)?;
        #[expect(clippy::disallowed_methods, reason = "the one place that decodes")]
        let decoded = jsonwebtoken::decode::<Envelope<C>>(token, key, &signature_only()).map_err(invalid)?;
        let envelope = decoded.claims;
        let is_for_us = envelope.iss == self.issuer
            && envelope.aud == C::KIND.audience()
            && envelope.sub == envelope.claims.subject()
            && envelope.nbf <= now.as_second() + LEEWAY
            && envelope.iat <= now.as_second() + LEEWAY;
        match is_for_us {
            false => Err(Rejected::Invalid),
            true if envelope.exp + LEEWAY <= now.as_second() => Err(Rejected::Expired),
            true => Ok(Verified { claims: envelope.claims, jti: envelope.jti }),
        }
    }
}

/// The crate checks the signature; the claims are checked by us, against our clock. Its own checks pass what they must not:
/// an absent `iss` or `aud`, any `typ`, an `iat` in the future.
fn signature_only() -> Validation {
    let mut validation = Validation::new(Algorithm::ES256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    validation
}

impl SigningKey {
    fn from(lookup: Lookup<'_>, variable: &'static str) -> Result<SigningKey, ConfigError> {
        let expected = "a P-256 private key as PKCS #8 DER in base64";
        let malformed = || ConfigError { variable, what: "is not readable", expected };
        let text = config::required(lookup, variable, expected)?;
        let der = STANDARD.decode(text.trim()).map_err(|_| malformed())?;
        let key = EncodingKey::from_ec_der(&der);
        let key_id = public_jwk(&der).and_then(|jwk| key_id(&jwk)).map_err(|_| malformed())?;
        Ok(SigningKey { key_id, key })
    }
}

/// A new private key, as a signing variable holds it: P-256, PKCS #8 DER in base64.
pub fn new_private_key() -> Result<String, aws_lc_rs::error::Unspecified> {
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())?;
    Ok(STANDARD.encode(key))
}

/// The public half of a private key in PKCS #8 DER form.
pub fn public_jwk(pkcs8_der: &[u8]) -> Result<Jwk, jsonwebtoken::errors::Error> {
    Jwk::from_encoding_key(&EncodingKey::from_ec_der(pkcs8_der), Algorithm::ES256)
}

/// A key's name: its thumbprint (RFC 7638), so that both sides arrive at it on their own.
pub fn key_id(jwk: &Jwk) -> Result<String, jsonwebtoken::errors::Error> {
    jwk.thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256)
}
