//! `POST /v1/sessions/refresh`: a new access token for the refresh cookie, which is rotated.

use common::auth::caller::{Auth, Nobody};
use common::auth::session::{self, AccessGrant, Presented, REFRESH_COOKIE, RefreshToken};
use common::auth::token::TokenKind;
use common::error::{Code, Result};
use common::function::Function;
use common::keys::{self, Kind};
use common::reply::Reply;
use common::route::{Cx, Method, NoInput, Route};
use common::store::Access;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<RefreshSession>();

pub struct RefreshSession;

impl Route for RefreshSession {
    const NAME: &'static str = "refresh-session";
    const SUMMARY: &'static str = "A new access token for the refresh cookie, which is rotated.";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/sessions/refresh";
    const AUTH: Auth = Auth::Nobody;
    const ACCESS: &'static [Access] =
        &[Access::Get(Kind::Session), Access::Replace(Kind::Session), Access::Delete(Kind::Session)];
    const REFUSES: &'static [Code] = &[Code::SessionRevoked];
    const SIGNS: &'static [TokenKind] = &[TokenKind::Access];
    type Caller = Nobody;
    type Input = NoInput;
    type Output = AccessGrant;

    fn example() -> Value {
        json!({})
    }

    async fn handle(cx: &Cx, _: Nobody, _: NoInput) -> Result<Reply<AccessGrant>> {
        let token = cx.cookie(REFRESH_COOKIE).and_then(RefreshToken::parse).ok_or_else(session::revoked)?;
        let session = cx.store().get(keys::session(token.user, token.session)).await?;
        let session = session.filter(|session| session.expires_at > cx.now()).ok_or_else(session::revoked)?;
        match session::judge(&session, &token) {
            Presented::Current => {
                let next = session::rotate(cx, &session, &token).await?;
                let grant = session::access_grant(cx, next.user, next.session)?;
                Ok(Reply::from(grant).cookie(next.cookie()))
            }
            Presented::Reused => {
                session::end(cx, token.user, token.session).await?;
                Err(session::revoked())
            }
            Presented::MadeUp => Err(session::revoked()),
        }
    }
}
