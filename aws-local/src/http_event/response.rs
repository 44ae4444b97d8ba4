//! A function's answer as an HTTP response.
//!
//! Reproduces "Format of a Lambda function response for payload format 2.0" in
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>: an
//! answer with a `statusCode` is a response; JSON without one is the body of a 200; what is neither is answered
//! by the gateway itself, with 502.

use axum::body::Bytes;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_TYPE, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};

/// A function's answer that is no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the function's answer is not a valid response: {reason}")]
pub struct MalformedResponse {
    reason: String,
}

impl MalformedResponse {
    fn new(reason: impl ToString) -> Self {
        Self { reason: reason.to_string() }
    }

    /// What API Gateway answers then: 502, without a word about the function.
    #[must_use]
    pub fn into_response(self) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from_static(br#"{"message":"Internal Server Error"}"#));
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    #[serde(default)]
    headers: Option<Map<String, Value>>,
    #[serde(default)]
    multi_value_headers: Option<Map<String, Value>>,
    #[serde(default)]
    cookies: Option<Vec<String>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: Option<bool>,
}

/// The response that a function's `answer` means.
///
/// # Errors
/// When the answer has a status code and is no valid response all the same.
pub fn from_response(answer: Value) -> Result<Response<Bytes>, MalformedResponse> {
    if answer.get("statusCode").is_none() {
        return Ok(inferred(&answer));
    }
    let answer: Answer = serde_json::from_value(answer).map_err(MalformedResponse::new)?;
    let status = StatusCode::from_u16(answer.status_code).map_err(MalformedResponse::new)?;
    let headers = headers(&answer)?;
    let mut response = Response::new(body(answer)?);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

fn inferred(answer: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(answer.to_string()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn body(answer: Answer) -> Result<Bytes, MalformedResponse> {
    let body = answer.body.unwrap_or_default();
    match answer.is_base64_encoded {
        Some(true) => STANDARD.decode(body).map(Bytes::from).map_err(MalformedResponse::new),
        Some(false) | None => Ok(Bytes::from(body)),
    }
}

fn headers(answer: &Answer) -> Result<HeaderMap, MalformedResponse> {
    let mut headers = HeaderMap::new();
    for (name, value) in answer.headers.iter().flatten() {
        headers.insert(header_name(name)?, single_value(value)?);
    }
    for (name, values) in answer.multi_value_headers.iter().flatten() {
        replace_all(&mut headers, header_name(name)?, values)?;
    }
    for cookie in answer.cookies.iter().flatten() {
        headers.append(SET_COOKIE, header_value(cookie)?);
    }
    Ok(headers)
}

/// A name in both maps has its values from the list, which says more.
fn replace_all(headers: &mut HeaderMap, name: HeaderName, values: &Value) -> Result<(), MalformedResponse> {
    let values = values.as_array().ok_or_else(|| MalformedResponse::new(format!("{name} is not a list")))?;
    headers.remove(&name);
    for value in values {
        headers.append(name.clone(), single_value(value)?);
    }
    Ok(())
}

fn header_name(name: &str) -> Result<HeaderName, MalformedResponse> {
    name.parse().map_err(|_| MalformedResponse::new(format!("{name:?} is no header name")))
}

fn single_value(value: &Value) -> Result<HeaderValue, MalformedResponse> {
    match value {
        Value::String(text) => header_value(text),
        Value::Number(_) | Value::Bool(_) => header_value(&value.to_string()),
        other => Err(MalformedResponse::new(format!("{other} is no header value"))),
    }
}

fn header_value(text: &str) -> Result<HeaderValue, MalformedResponse> {
    HeaderValue::from_str(text).map_err(|_| MalformedResponse::new(format!("{text:?} is no header value")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_full_answer_becomes_a_response() {
        let response = from_response(json!({
            "statusCode": 201,
            "headers": {"content-type": "application/json", "x-count": 3},
            "multiValueHeaders": {"vary": ["origin", "accept"]},
            "cookies": ["a=1; HttpOnly", "b=2"],
            "body": "{}",
        }))
        .unwrap();
        assert_eq!(response.status(), StatusCode::CREATED);
        assert_eq!(response.headers()["x-count"], "3");
        assert_eq!(response.headers().get_all("vary").iter().collect::<Vec<_>>(), ["origin", "accept"]);
        assert_eq!(response.headers().get_all("set-cookie").iter().collect::<Vec<_>>(), ["a=1; HttpOnly", "b=2"]);
        assert_eq!(response.body().as_ref(), b"{}");
    }

    #[test]
    fn a_header_in_both_maps_is_sent_once() {
        let response = from_response(json!({
            "statusCode": 200, "headers": {"etag": "x"}, "multiValueHeaders": {"etag": ["x"]},
        }))
        .unwrap();
        assert_eq!(response.headers().get_all("etag").iter().count(), 1);
    }

    #[test]
    fn a_base64_body_is_decoded() {
        let response = from_response(json!({"statusCode": 200, "body": "/w==", "isBase64Encoded": true})).unwrap();
        assert_eq!(response.body().as_ref(), [0xff]);
    }

    #[test]
    fn json_without_a_status_code_is_the_body_of_a_200() {
        let response = from_response(json!({"hello": "world"})).unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(response.body().as_ref(), br#"{"hello":"world"}"#);
    }

    #[test]
    fn a_malformed_answer_is_a_502() {
        for answer in [
            json!({"statusCode": "200"}),
            json!({"statusCode": 42}),
            json!({"statusCode": 200, "body": {"not": "text"}}),
            json!({"statusCode": 200, "body": "***", "isBase64Encoded": true}),
            json!({"statusCode": 200, "headers": {"a b": "c"}}),
            json!({"statusCode": 200, "headers": {"location": "a\r\nset-cookie: b"}}),
            json!({"statusCode": 200, "multiValueHeaders": {"a": "b"}}),
        ] {
            let refused = from_response(answer.clone()).expect_err(&answer.to_string());
            assert_eq!(refused.into_response().status(), StatusCode::BAD_GATEWAY);
        }
    }
}
