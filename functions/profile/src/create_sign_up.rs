//! `POST /v1/sign-ups`: asks for a workspace; the mail holds the link that creates it.
//!
//! The answer is the same whether or not the address has an account, so nobody learns who has one. It is the same, too,
//! when no mail is sent because the address got, or the source asked for, too many ([`common::limit`]).

use common::auth::caller::{Auth, Nobody};
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::keys::{self, Kind, Partition};
use common::limit::SIGN_UP_MAILS;
use common::reply::Reply;
use common::route::{Cx, Method, Route};
use common::store::{self, Access};
use domain::Timestamp;
use domain::email::Email;
use domain::id::OutboxId;
use domain::outbox::{Message, Outbox, Owner, Recipients, SignUpMail};
use domain::text::CompanyName;
use domain::time_zone::TimeZoneName;
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<CreateSignUp>();

pub struct CreateSignUp;

/// How long the link is good.
const LINK_HOURS: i64 = 24;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    email: Email,
    company_name: CompanyName,
    /// The default time zone of the workspace, to begin with: the browser's.
    time_zone: TimeZoneName,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Accepted {
    /// What happens next, for a person to read.
    detail: &'static str,
}

impl Route for CreateSignUp {
    const NAME: &'static str = "create-sign-up";
    const SUMMARY: &'static str = "Ask for a workspace. The mail holds the link that creates it.";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/sign-ups";
    const AUTH: Auth = Auth::Nobody;
    const ACCESS: &'static [Access] = &[
        Access::Get(Kind::EmailOwner),
        Access::CreateIn(Kind::Outbox, Partition::Email),
        Access::UpdateIn(Kind::Limit, Partition::Email),
        Access::UpdateIn(Kind::Limit, Partition::Source),
    ];
    const REFUSES: &'static [Code] = &[];
    const SUCCESS: u16 = 202;
    type Caller = Nobody;
    type Input = Input;
    type Output = Accepted;

    fn example() -> Value {
        json!({ "email": "ada@acme.example", "company_name": "Acme Inc.", "time_zone": "Europe/Berlin" })
    }

    async fn handle(cx: &Cx, _: Nobody, input: Input) -> Result<Reply<Accepted>> {
        let owner = cx.store().get(keys::email_owner(&input.email)).await?;
        let message = match owner {
            Some(_) => Message::AccountExists,
            None => Message::SignUp(SignUpMail {
                jti: cx.new_id()?,
                company_name: input.company_name,
                time_zone: input.time_zone,
                expires_at: after_hours(cx.now(), LINK_HOURS),
            }),
        };
        let row = Outbox::new(
            OutboxId::from_uuid(cx.new_id()?),
            Owner::Email(input.email.clone()),
            Recipients::Email(input.email.clone()),
            message,
            cx.now(),
        );
        let transaction = cx.store().transaction().create(&row, Problem::try_again());
        let sent = SIGN_UP_MAILS.act(&input.email, cx.source(), cx.now()).take(transaction, "").commit().await;
        // An address that was written to often enough gets no more mail, a source that asked often enough causes no more, and
        // whoever asks learns nothing from that either.
        if !store::was_refused_with(&sent, Code::RateLimited) {
            sent?;
        }
        Ok(Accepted { detail: "We have sent a mail to this address. Follow the link in it to go on." }.into())
    }
}

fn after_hours(now: Timestamp, hours: i64) -> Timestamp {
    now.saturating_add(SignedDuration::from_hours(hours)).unwrap_or(Timestamp::MAX)
}
