//! `DELETE /v1/sessions/current`: signs out here.

use common::auth::caller::{Auth, SignedIn};
use common::auth::session;
use common::error::{Code, Result};
use common::function::Function;
use common::keys::Kind;
use common::reply::{NoContent, Reply};
use common::route::{Cx, Method, NoInput, Route};
use common::store::Access;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<DeleteCurrentSession>();

pub struct DeleteCurrentSession;

impl Route for DeleteCurrentSession {
    const NAME: &'static str = "delete-current-session";
    const SUMMARY: &'static str = "Sign out here.";
    const METHOD: Method = Method::Delete;
    const PATH: &'static str = "/v1/sessions/current";
    const AUTH: Auth = Auth::User;
    const ACCESS: &'static [Access] = &[Access::Delete(Kind::Session)];
    const REFUSES: &'static [Code] = &[];
    const SUCCESS: u16 = 204;
    type Caller = SignedIn;
    type Input = NoInput;
    type Output = NoContent;

    fn example() -> Value {
        json!({})
    }

    async fn handle(cx: &Cx, caller: SignedIn, _: NoInput) -> Result<Reply<NoContent>> {
        session::end(cx, caller.user, caller.session).await?;
        Ok(Reply::from(NoContent).cookie(session::expired_cookie()))
    }
}
