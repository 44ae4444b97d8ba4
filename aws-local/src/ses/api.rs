//! The endpoint that `aws-sdk-sesv2` talks to.
//!
//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html>; errors as the REST JSON protocol
//! has them: the name in `x-amzn-errortype`, the message in the body.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::json;

use super::Mailbox;
use super::send_email::SendEmail;
use crate::stamp;

/// The largest message SES takes by this API: <https://docs.aws.amazon.com/ses/latest/dg/quotas.html>.
const MAX_REQUEST_BYTES: usize = 40 * 1024 * 1024;

/// SES v2's endpoint, of which there is `POST /v2/email/outbound-emails`.
pub fn api_router(mailbox: Mailbox) -> Router {
    Router::new()
        .route("/v2/email/outbound-emails", post(send_email))
        .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
        .with_state(mailbox)
}

async fn send_email(State(mailbox): State<Mailbox>, body: Bytes) -> Response {
    if let Some(fault) = mailbox.take_fault() {
        return error(fault.status, &fault.error_type, "injected");
    }
    let accepted = match SendEmail::read(&body).and_then(SendEmail::accept) {
        Ok(accepted) => accepted,
        Err(refused) => return error(StatusCode::BAD_REQUEST, "BadRequestException", &refused.to_string()),
    };
    match mailbox.send(accepted) {
        Ok(id) => answer(StatusCode::OK, json!({"MessageId": id})),
        Err(reason) => error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServiceErrorException", &reason.to_string()),
    }
}

fn error(status: StatusCode, error_type: &str, message: &str) -> Response {
    let mut response = answer(status, json!({"__type": error_type, "message": message}));
    if let Ok(name) = error_type.parse() {
        response.headers_mut().insert("x-amzn-errortype", name);
    }
    response
}

fn answer(status: StatusCode, body: serde_json::Value) -> Response {
    (status, [("x-amzn-requestid", stamp::unique_id().to_string())], Json(body)).into_response()
}
