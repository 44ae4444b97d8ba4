//! `POST /v1/sessions`: signs in with address and password.
//!
//! A wrong address and a wrong password are answered alike and cost alike: the same reads, the same hashing, the same
//! writes. Failures are counted *before* the password is looked at, so that guesses made side by side count each, per
//! account, per source and per both ([`common::limit`]); a success gives its counts back in the session's transaction.

use common::auth::caller::{Auth, Nobody};
use common::auth::password;
use common::auth::session::{AccessGrant, NewSession};
use common::auth::token::TokenKind;
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::keys::{self, Kind, Partition};
use common::limit::FAILED_SIGN_INS;
use common::reply::Reply;
use common::route::{Cx, Method, Route};
use common::store::Access;
use common::view::UserView;
use domain::email::Email;
use domain::id::UserId;
use domain::user::{Credential, User};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<CreateSession>();

pub struct CreateSession;

const TOO_MANY: &str =
    "There were too many failed sign-ins. Wait until the time in Retry-After is over, then try again.";

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
        Access::BatchGet(Kind::User),
        Access::BatchGet(Kind::Credential),
        Access::Create(Kind::Session),
        Access::UpdateIn(Kind::Limit, Partition::Email),
        Access::UpdateIn(Kind::Limit, Partition::Source),
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
        let attempt = FAILED_SIGN_INS.act(&input.email, cx.source(), cx.now());
        // Side by side: what counts is that the count stands before the password is looked at.
        let counted = attempt.take(cx.store().transaction(), TOO_MANY).commit();
        let ((), account) = futures::try_join!(counted, account_of(cx, &input.email))?;
        let hash = account.as_ref().map(|(_, credential)| credential.password_hash.as_str());
        let matches = password::verify(&input.password, hash)?;
        let (user, _) = account.filter(|_| matches).ok_or_else(failed)?;

        let session = NewSession::new(user.id, cx.now())?;
        attempt.give_back(session.create_in(cx.store().transaction())).commit().await?;
        let (grant, cookie) = session.grant(cx)?;
        Ok(Reply::from(SignedIn { user: (&user).into(), grant }).cookie(cookie))
    }
}

/// The account of an address. An unknown address takes as many round trips as a known one, so that their number does not
/// tell who has an account.
async fn account_of(cx: &Cx, email: &Email) -> Result<Option<(User, Credential)>> {
    let owner = cx.store().get(keys::email_owner(email)).await?;
    let user = owner.map_or_else(|| nobody(cx), |owner| Ok(owner.user))?;
    let (user, credential) = cx.store().get_all((keys::user(user), keys::credential(user))).await?;
    Ok(user.zip(credential).map(|(user, credential)| (user.item, credential.item)))
}

/// A user who does not exist: made up just now, and never created. A fixed id would do, but all guesses would then read
/// the same partition, and a hot one answers with a time of its own.
fn nobody(cx: &Cx) -> Result<UserId> {
    cx.new_id().map(UserId::from_uuid)
}

fn failed() -> Problem {
    Problem::new(Code::SignInFailed, "No account matches this address and password. Check both and try again.")
}
