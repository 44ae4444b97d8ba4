//! Sessions: a family of refresh tokens, of which only the newest is good.
//!
//! A refresh token is `user | session | family | secret`, opaque to the client. `family` is the same for all tokens of one
//! session, `secret` (256 bits) is new with every rotation; the table keeps the SHA-256 of each. So a token that was rotated
//! away is told from one that somebody made up: the first ends the session (RFC 9700 §4.14.2), the second does nothing.

use crate::auth::token::AccessClaims;
use crate::error::{Code, Problem, Result};
use crate::keys;
use crate::random;
use crate::route::Cx;
use crate::store::{Guard, Stored, Transaction};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Timestamp;
use domain::id::{SessionId, UserId};
use domain::user::Session;
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// How long an access token is good.
pub const ACCESS_SECONDS: i64 = 15 * 60;
/// How long a session lasts without being used.
const SESSION_DAYS: i64 = 30;

/// The browser's name for the refresh token. `__Host-` binds it to this origin, HTTPS and path `/`
/// (<https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes>).
pub const REFRESH_COOKIE: &str = "__Host-refresh";

/// A refresh token in the clear: it exists only on its way to or from the client.
pub struct RefreshToken {
    pub user: UserId,
    pub session: SessionId,
    family: [u8; 16],
    secret: [u8; 32],
}

impl RefreshToken {
    fn to_text(&self) -> String {
        let (user, session) = (self.user.uuid().into_bytes(), self.session.uuid().into_bytes());
        URL_SAFE_NO_PAD.encode([&user[..], &session[..], &self.family[..], &self.secret[..]].concat())
    }

    pub fn parse(text: &str) -> Option<RefreshToken> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (user, rest) = bytes.split_first_chunk::<16>()?;
        let (session, rest) = rest.split_first_chunk::<16>()?;
        let (family, rest) = rest.split_first_chunk::<16>()?;
        Some(RefreshToken {
            user: UserId::from_uuid(Uuid::from_bytes(*user)),
            session: SessionId::from_uuid(Uuid::from_bytes(*session)),
            family: *family,
            secret: rest.try_into().ok()?,
        })
    }

    /// The `Set-Cookie` value that hands the token to a browser.
    pub fn cookie(&self) -> String {
        let max_age = SESSION_DAYS * 24 * 60 * 60;
        format!("{REFRESH_COOKIE}={}; Path=/; Max-Age={max_age}; Secure; HttpOnly; SameSite=Strict", self.to_text())
    }
}

/// The `Set-Cookie` value that takes the refresh token away.
pub fn expired_cookie() -> String {
    format!("{REFRESH_COOKIE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict")
}

/// What signs a client in: the same shape wherever that happens.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AccessGrant {
    /// Send as `Authorization: Bearer …`. Keep it in memory only.
    pub access_token: String,
    pub token_type: TokenType,
    /// In seconds.
    pub expires_in: i64,
}

#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub enum TokenType {
    Bearer,
}

/// A session that a transaction is about to create.
pub struct NewSession {
    session: Session,
    token: RefreshToken,
}

impl NewSession {
    pub fn new(user: UserId, now: Timestamp) -> Result<NewSession> {
        let session = SessionId::from_uuid(random::uuid(now)?);
        let token = RefreshToken { user, session, family: random::bytes()?, secret: random::bytes()? };
        let session = Session {
            user,
            id: session,
            family_hash: hash(&token.family),
            secret_hash: hash(&token.secret),
            created_at: now,
            last_used_at: now,
            expires_at: expiry(now),
        };
        Ok(NewSession { session, token })
    }

    /// Adds the session to the transaction that signs its user in.
    pub fn create_in(&self, transaction: Transaction) -> Transaction {
        transaction.create(&self.session, Problem::try_again())
    }

    /// Once it is created: what the client gets.
    pub fn grant(&self, cx: &Cx) -> Result<(AccessGrant, String)> {
        Ok((access_grant(cx, self.session.user, self.session.id)?, self.token.cookie()))
    }
}

/// Signs an access token for a session.
pub fn access_grant(cx: &Cx, user: UserId, session: SessionId) -> Result<AccessGrant> {
    let expires_at = cx.now().saturating_add(SignedDuration::from_secs(ACCESS_SECONDS)).map_err(Problem::internal)?;
    let access_token = cx.sign_access(AccessClaims { user, session }, expires_at)?;
    Ok(AccessGrant { access_token, token_type: TokenType::Bearer, expires_in: ACCESS_SECONDS })
}

/// What a presented refresh token amounts to.
pub enum Presented {
    /// The newest of its family.
    Current,
    /// Of this family, but rotated away: it was copied, by a thief or from one.
    Reused,
    /// Not of this family.
    MadeUp,
}

pub fn judge(session: &Session, token: &RefreshToken) -> Presented {
    match (session.family_hash == hash(&token.family), session.secret_hash == hash(&token.secret)) {
        (true, true) => Presented::Current,
        (true, false) => Presented::Reused,
        (false, _) => Presented::MadeUp,
    }
}

/// Puts a new token in the place of `token`, which must be the current one.
pub async fn rotate(cx: &Cx, session: &Stored<Session>, token: &RefreshToken) -> Result<RefreshToken> {
    let now = cx.now();
    let next =
        RefreshToken { secret: random::bytes()?, family: token.family, user: token.user, session: token.session };
    let rotated =
        Session { secret_hash: hash(&next.secret), last_used_at: now, expires_at: expiry(now), ..session.item.clone() };
    cx.store().transaction().replace(session, &rotated, revoked()).commit().await?;
    Ok(next)
}

/// Ends a session: its refresh tokens at once, its access tokens with their next use.
pub async fn end(cx: &Cx, user: UserId, session: SessionId) -> Result<()> {
    cx.store().transaction().delete(keys::session(user, session), Guard::default(), Problem::try_again()).commit().await
}

pub fn revoked() -> Problem {
    Problem::new(
        Code::SessionRevoked,
        "This session has ended, because it was signed out, expired, or its refresh token was used twice. Sign in again.",
    )
}

fn expiry(now: Timestamp) -> Timestamp {
    now.saturating_add(SignedDuration::from_hours(24 * SESSION_DAYS)).unwrap_or(Timestamp::MAX)
}

fn hash(secret: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(secret))
}
