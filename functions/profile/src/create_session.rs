//! `POST /v1/sessions`: signs in with address and password.
//!
//! A wrong address and a wrong password are answered alike and cost alike. Failures are counted per account *before* the
//! password is looked at, so that guesses made side by side count each; a success gives its count back.

use common::auth::caller::{Auth, Nobody};
use common::auth::password;
use common::auth::session::{AccessGrant, NewSession};
use common::auth::token::TokenKind;
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::keys::{self, Kind};
use common::limit::FAILED_SIGN_INS;
use common::reply::Reply;
use common::route::{Cx, Method, Route};
use common::store::Access;
use common::view::UserView;
use domain::email::Email;
use domain::user::{Credential, User};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<CreateSession>();

pub struct CreateSession;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    email: Email,
    #[schemars(extend("format" = "password"))]
    password: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct SignedIn {
    user: UserView,
    #[serde(flatten)]
    grant: AccessGrant,
}

impl Route for CreateSession {
    const NAME: &'static str = "create-session";
    const SUMMARY: &'static str = "Sign in with address and password.";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/sessions";
    const AUTH: Auth = Auth::Nobody;
    const ACCESS: &'static [Access] = &[
        Access::Get(Kind::EmailOwner),
        Access::Get(Kind::User),
        Access::Get(Kind::Credential),
        Access::Create(Kind::Session),
        Access::Update(Kind::Limit),
    ];
    const REFUSES: &'static [Code] = &[Code::SignInFailed, Code::RateLimited];
    const SUCCESS: u16 = 201;
    const SIGNS: &'static [TokenKind] = &[TokenKind::Access];
    const MEMORY_MB: u32 = 1024;
    type Caller = Nobody;
    type Input = Input;
    type Output = SignedIn;

    fn example() -> Value {
        json!({ "email": "ada@acme.example", "password": "violet harbour tin sparrow" })
    }

    async fn handle(cx: &Cx, _: Nobody, input: Input) -> Result<Reply<SignedIn>> {
        count_try(cx, &input.email).await?;
        let account = account_of(cx, &input.email).await?;
        let hash = account.as_ref().map(|(_, credential)| credential.password_hash.as_str());
        let matches = password::verify(&input.password, hash)?;
        let (user, _) = account.filter(|_| matches).ok_or_else(failed)?;

        let session = NewSession::new(user.id, cx.now())?;
        let transaction = session.create_in(cx.store().transaction());
        FAILED_SIGN_INS.give_back(transaction, &input.email, cx.now()).commit().await?;
        let (grant, cookie) = session.grant(cx)?;
        Ok(Reply::from(SignedIn { user: (&user).into(), grant }).cookie(cookie))
    }
}

async fn count_try(cx: &Cx, email: &Email) -> Result<()> {
    let detail = "There were too many failed sign-ins for this account. Wait until the time in Retry-After is over, then try again.";
    FAILED_SIGN_INS.take(cx.store().transaction(), email, cx.now(), detail).commit().await
}

async fn account_of(cx: &Cx, email: &Email) -> Result<Option<(User, Credential)>> {
    let Some(owner) = cx.store().get(keys::email_owner(email)).await? else {
        return Ok(None);
    };
    let (user, credential) = cx.store().get_all((keys::user(owner.user), keys::credential(owner.user))).await?;
    Ok(user.zip(credential).map(|(user, credential)| (user.item, credential.item)))
}

fn failed() -> Problem {
    Problem::new(Code::SignInFailed, "No account matches this address and password. Check both and try again.")
}
