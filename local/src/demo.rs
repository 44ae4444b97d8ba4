//! A tenant to look at from the start, signed up through the API as anybody would be.

use crate::triggers::{NotSettled, Triggers};
use aws_local::ses::Mailbox;
use axum::body::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use serde_json::{Value, json};

/// Fixed and public: it is good on this machine only.
const SIGN_IN: SignIn = SignIn { email: "demo@callaro.example", password: "correct demo battery staple 42" };

/// What one signs in to the demo tenant with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SignIn {
    pub email: &'static str,
    pub password: &'static str,
}

/// Whether there is a demo tenant.
#[derive(Debug)]
pub enum DemoTenant {
    Ready(SignIn),
    Failed(DemoError),
    None,
}

/// Why there is no demo tenant although one was asked for. All else works.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("POST {path} answered {status}: {body}")]
    Refused { path: &'static str, status: StatusCode, body: String },
    #[error("POST {path} was not answered: {reason}")]
    Unanswered { path: &'static str, reason: String },
    #[error("no mail with a link came to {to}; the mailbox and the dead letters may say why")]
    NoMail { to: &'static str },
    #[error(transparent)]
    NotSettled(#[from] NotSettled),
}

/// Signs the demo tenant up, unless it is there already.
pub(crate) async fn ensure(api: &str, mailbox: &Mailbox, triggers: &Triggers) -> DemoTenant {
    match ensured(api, mailbox, triggers).await {
        Ok(sign_in) => DemoTenant::Ready(sign_in),
        Err(error) => DemoTenant::Failed(error),
    }
}

async fn ensured(api: &str, mailbox: &Mailbox, triggers: &Triggers) -> Result<SignIn, DemoError> {
    match post(api, "/v1/sessions", json!(SIGN_IN)).await {
        Ok(()) => return Ok(SIGN_IN),
        Err(DemoError::Refused { status: StatusCode::UNAUTHORIZED, .. }) => {}
        Err(error) => return Err(error),
    }
    let company = json!({ "email": SIGN_IN.email, "company_name": "Demo Company", "time_zone": "Europe/Berlin" });
    post(api, "/v1/sign-ups", company).await?;
    triggers.settled().await?;
    let token = mailed_token(mailbox).ok_or(DemoError::NoMail { to: SIGN_IN.email })?;
    let person = json!({ "token": token, "display_name": "Dana Demo", "password": SIGN_IN.password });
    post(api, "/v1/sign-ups/confirm", person).await?;
    triggers.settled().await?;
    Ok(SIGN_IN)
}

/// The token in the newest confirmation link: all that follows the `#`.
fn mailed_token(mailbox: &Mailbox) -> Option<String> {
    let mails = mailbox.messages_to(SIGN_IN.email);
    mails.iter().find_map(|mail| {
        let (_, rest) = mail.text.split_once("/confirm#")?;
        rest.split_whitespace().next().map(str::to_owned)
    })
}

async fn post(api: &str, path: &'static str, body: Value) -> Result<(), DemoError> {
    let unanswered = |reason: String| DemoError::Unanswered { path, reason };
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("{api}{path}"))
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .map_err(|error| unanswered(error.to_string()))?;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await.map_err(|error| unanswered(error.to_string()))?;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(|error| unanswered(error.to_string()))?;
    match status.is_success() {
        true => Ok(()),
        false => {
            let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
            Err(DemoError::Refused { path, status, body })
        }
    }
}
