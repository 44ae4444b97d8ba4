//! A request's body, within API Gateway's bound.

use axum::body::{Body, Bytes};
use http_body_util::BodyExt;

/// The largest that an HTTP API takes (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>).
pub(crate) const MAX_BYTES: usize = 10 * 1024 * 1024;
/// How much of a body that is too large is read and dropped: a client that is still writing when the connection closes
/// never sees the answer.
const DRAINED_BYTES: usize = 8 * MAX_BYTES;

/// Why there is no body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    TooLarge,
    /// It ended early, or is not HTTP.
    Broken,
}

pub(crate) async fn read(mut body: Body) -> Result<Bytes, BodyError> {
    let mut kept = Vec::new();
    let mut size = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        size += data.len();
        if size <= MAX_BYTES {
            kept.extend_from_slice(&data);
        } else if size > DRAINED_BYTES {
            break;
        } else {
            kept = Vec::new();
        }
    }
    if size > MAX_BYTES { Err(BodyError::TooLarge) } else { Ok(Bytes::from(kept)) }
}
