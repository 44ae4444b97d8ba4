//! `GET /v1/me`: my profile.

use crate::me::{self, Me};
use common::auth::caller::{Auth, SignedIn};
use common::error::{Code, Result};
use common::function::Function;
use common::keys::Kind;
use common::reply::Reply;
use common::route::{Cx, Method, NoInput, Route};
use common::store::Access;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<GetMe>();

pub struct GetMe;

impl Route for GetMe {
    const NAME: &'static str = "get-me";
    const SUMMARY: &'static str = "My profile: address, name, time zone in force, roles.";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/me";
    const AUTH: Auth = Auth::User;
    const ACCESS: &'static [Access] =
        &[Access::Get(Kind::User), Access::QueryIndex(Kind::Member), Access::BatchGet(Kind::Tenant)];
    const REFUSES: &'static [Code] = &[];
    type Caller = SignedIn;
    type Input = NoInput;
    type Output = Me;

    fn example() -> Value {
        json!({})
    }

    async fn handle(cx: &Cx, caller: SignedIn, _: NoInput) -> Result<Reply<Me>> {
        let (user, memberships) = futures::try_join!(me::read_user(cx, &caller), me::read_memberships(cx, &caller))?;
        Ok(me::show(cx, &user, &memberships).into())
    }
}
