//! What a client is told when a request is refused: RFC 9457 problem details with stable codes.
//!
//! Every sentence says what happened, why, and what to do next. The inside of a failure goes to the log, never to the client.

use domain::role::Permission;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt;

pub type Result<T, E = Problem> = std::result::Result<T, E>;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal $status:literal $title:literal;)+) => {
        /// The stable names of refusals. A client decides on these, never on sentences.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $($(#[$doc])* $variant),+ }

        impl Code {
            pub const ALL: &'static [Code] = &[$(Code::$variant),+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $code),+ }
            }

            pub const fn status(self) -> u16 {
                match self { $(Code::$variant => $status),+ }
            }

            pub const fn title(self) -> &'static str {
                match self { $(Code::$variant => $title),+ }
            }
        }
    };
}

codes! {
    MalformedJson = "malformed_json" 400 "The body is not JSON";
    TenantRequired = "tenant_required" 400 "Say which workspace";
    InviteInvalid = "invite_invalid" 400 "Not a valid invitation";
    LinkInvalid = "link_invalid" 400 "Not a valid link";
    Unauthenticated = "unauthenticated" 401 "Not signed in";
    SignInFailed = "sign_in_failed" 401 "Sign-in failed";
    SignInRequired = "sign_in_required" 401 "Sign in first";
    SessionRevoked = "session_revoked" 401 "The session has ended";
    Forbidden = "forbidden" 403 "Not allowed";
    NotTestUser = "not_test_user" 403 "Not the test user";
    InviteEmailMismatch = "invite_email_mismatch" 403 "The invitation is for somebody else";
    NotFound = "not_found" 404 "Not found";
    MethodNotAllowed = "method_not_allowed" 405 "Method not allowed";
    Conflict = "conflict" 409 "Conflict";
    LastAdmin = "last_admin" 409 "The last admin";
    SeatsFull = "seats_full" 409 "No seat is left";
    InviteNotPending = "invite_not_pending" 409 "The invitation is not pending";
    InviteUndeliverable = "invite_undeliverable" 409 "The address takes no mail";
    BillingOwner = "billing_owner" 409 "The billing owner";
    StepsRequired = "steps_required" 409 "Required steps are open";
    StepRequired = "step_required" 409 "The step is required";
    IntegrationOwner = "integration_owner" 409 "The owner of a planned integration";
    NumberExists = "number_exists" 409 "The number is there already";
    IdempotencyInFlight = "idempotency_in_flight" 409 "The same request is still under way";
    InviteGone = "invite_gone" 410 "The invitation is not open any more";
    LinkGone = "link_gone" 410 "The link is not good any more";
    VersionStale = "version_stale" 412 "Changed in the meantime";
    BodyTooLarge = "body_too_large" 413 "The body is too large";
    MediaType = "media_type" 415 "Unsupported media type";
    ValidationFailed = "validation_failed" 422 "The request is not valid";
    IdempotencyMismatch = "idempotency_mismatch" 422 "The key belongs to another request";
    IfMatchRequired = "if_match_required" 428 "If-Match is required";
    RateLimited = "rate_limited" 429 "Too many requests";
    Internal = "internal" 500 "Something went wrong";
    TryAgain = "try_again" 503 "Try again";
}

/// A refusal.
#[derive(Debug, Clone)]
pub struct Problem {
    pub code: Code,
    pub detail: String,
    pub errors: Vec<FieldError>,
    pub permission: Option<Permission>,
    /// In seconds; sent as `Retry-After`.
    pub retry_after: Option<u64>,
    /// For the log only.
    inside: Option<String>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FieldError {
    /// A JSON pointer into the request body (RFC 6901), `?name` for a query parameter, or a header's name.
    pub pointer: String,
    pub code: String,
    pub detail: String,
}

impl Problem {
    pub fn new(code: Code, detail: impl Into<String>) -> Problem {
        Problem { code, detail: detail.into(), errors: Vec::new(), permission: None, retry_after: None, inside: None }
    }

    pub fn unauthenticated() -> Problem {
        Problem::new(
            Code::Unauthenticated,
            "This needs a valid access token, and the request had none, or one that has expired. Sign in, or refresh the session.",
        )
    }

    /// One answer to all API keys that are not good, whatever is wrong with them.
    pub fn no_live_key() -> Problem {
        Problem::new(
            Code::Unauthenticated,
            "This needs a live API key as the bearer token, and the request had none, or one that is mistyped or was removed. Ask a Tenant Admin for a new one.",
        )
    }

    /// One answer for what is not there and for what is somebody else's, so that nobody can tell them apart.
    pub fn not_found() -> Problem {
        Problem::new(Code::NotFound, "There is nothing here that you can see. Check the address and the workspace.")
    }

    pub fn forbidden(permission: Permission) -> Problem {
        let detail = format!(
            "Your role in this workspace does not include {permission}. Ask a Tenant Admin to do this or to change your role."
        );
        Problem { permission: Some(permission), ..Problem::new(Code::Forbidden, detail) }
    }

    /// One field is wrong.
    pub fn field(pointer: impl Into<String>, code: impl Into<String>, detail: impl Into<String>) -> Problem {
        Problem::fields(vec![FieldError { pointer: pointer.into(), code: code.into(), detail: detail.into() }])
    }

    pub fn fields(errors: Vec<FieldError>) -> Problem {
        let detail = match errors.as_slice() {
            [only] => only.detail.clone(),
            several => {
                format!("{} fields are not valid. See errors, correct them and send the request again.", several.len())
            }
        };
        Problem { errors, ..Problem::new(Code::ValidationFailed, detail) }
    }

    pub fn version_stale() -> Problem {
        Problem::new(
            Code::VersionStale,
            "Somebody else changed this since you read it, so nothing was saved. Read it again and repeat your change.",
        )
    }

    pub fn rate_limited(retry_after: u64, detail: impl Into<String>) -> Problem {
        Problem { retry_after: Some(retry_after), ..Problem::new(Code::RateLimited, detail) }
    }

    pub fn try_again() -> Problem {
        let detail = "The service is busy and nothing was changed. Try again in a moment.";
        Problem { retry_after: Some(1), ..Problem::new(Code::TryAgain, detail) }
    }

    /// A fault of ours. `inside` is logged; the client learns only that there was one.
    pub fn internal(inside: impl fmt::Display) -> Problem {
        let detail = "This is our fault, not yours. Try again; if it stays, tell support the request id.";
        Problem { inside: Some(inside.to_string()), ..Problem::new(Code::Internal, detail) }
    }

    /// What only the log may see.
    pub fn inside(&self) -> Option<&str> {
        self.inside.as_deref()
    }

    /// The problem as a response body.
    pub fn body(&self, request_id: &str) -> ProblemDetails {
        ProblemDetails {
            r#type: "about:blank".to_owned(),
            title: self.code.title().to_owned(),
            status: self.code.status(),
            code: self.code.as_str().to_owned(),
            detail: self.detail.clone(),
            request_id: request_id.to_owned(),
            errors: self.errors.clone(),
            permission: self.permission.map(|permission| permission.as_str().to_owned()),
        }
    }

    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.inside.as_deref().unwrap_or(&self.detail))
    }
}

/// The body of every refusal (RFC 9457, `application/problem+json`).
#[derive(Debug, Serialize, JsonSchema)]
pub struct ProblemDetails {
    /// Always `about:blank`: `code` is what tells problems apart.
    pub r#type: String,
    pub title: String,
    pub status: u16,
    /// Stable; see the operation's responses for the codes it can answer.
    pub code: String,
    /// What happened, why, and what to do next.
    pub detail: String,
    /// Names this request in our logs.
    pub request_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The permission that was missing, on 403 `forbidden`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permission: Option<String>,
}
