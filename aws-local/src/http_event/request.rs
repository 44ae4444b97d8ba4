//! An HTTP request as an API Gateway v2 event.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use crate::stamp;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_TYPE, COOKIE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, Method};
use jiff::tz::TimeZone;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

const ACCOUNT_ID: &str = "000000000000";
const API_ID: &str = "local";

/// The gateway that requests arrive at. Its authority is configuration, as a deployed API's domain is: a client
/// cannot make a function believe in another host, nor break a function with a malformed one.
#[derive(Debug, Clone)]
pub struct Gateway {
    authority: String,
}

/// A request that a route was found for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its path as sent: percent-encoded, without the query.
    pub path: &'a str,
    /// Its query as sent, without `?`; empty when there is none.
    pub raw_query: &'a str,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its body; empty when there is none.
    pub body: &'a [u8],
    /// Where it came from.
    pub source_ip: IpAddr,
    /// Its route, e.g. `GET /v1/invites/{invite}`.
    pub route_key: &'a str,
    /// The route's parameters, percent-decoded.
    pub path_parameters: &'a [(String, String)],
}

impl Gateway {
    /// The gateway at `authority`, e.g. `127.0.0.1:8080`.
    #[must_use]
    pub fn at(authority: impl Into<String>) -> Self {
        Self { authority: authority.into() }
    }

    /// The event that a function gets for `request`. Like API Gateway, leaves out what is empty.
    #[must_use]
    pub fn to_event(&self, request: &Request<'_>) -> Value {
        let mut event = Map::from_iter([
            ("version".to_owned(), json!("2.0")),
            ("routeKey".to_owned(), json!(request.route_key)),
            ("rawPath".to_owned(), json!(request.path)),
            ("rawQueryString".to_owned(), json!(request.raw_query)),
            ("headers".to_owned(), Value::Object(self.headers(request))),
            ("requestContext".to_owned(), self.context(request)),
        ]);
        insert_unless_empty(&mut event, "cookies", cookies(request.headers));
        insert_unless_empty(&mut event, "queryStringParameters", query_parameters(request.raw_query));
        insert_unless_empty(&mut event, "pathParameters", path_parameters(request.path_parameters));
        insert_body(&mut event, request);
        Value::Object(event)
    }

    fn headers(&self, request: &Request<'_>) -> Map<String, Value> {
        let passed_on = request.headers.keys().filter(|name| **name != COOKIE && **name != HOST);
        let mut headers: Map<String, Value> =
            passed_on.map(|name| (name.as_str().to_owned(), Value::from(joined(request.headers, name)))).collect();
        headers.insert("host".to_owned(), json!(self.authority));
        headers.insert("x-forwarded-for".to_owned(), json!(forwarded_for(request)));
        headers.insert("x-forwarded-proto".to_owned(), json!("http"));
        headers
    }

    fn context(&self, request: &Request<'_>) -> Value {
        let now = stamp::now();
        json!({
            "accountId": ACCOUNT_ID,
            "apiId": API_ID,
            "domainName": self.domain(),
            "domainPrefix": API_ID,
            "http": {
                "method": request.method.as_str(),
                "path": request.path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.source_ip.to_string(),
                "userAgent": joined(request.headers, &USER_AGENT),
            },
            "requestId": stamp::unique_id().to_string(),
            "routeKey": request.route_key,
            "stage": "$default",
            "time": now.to_zoned(TimeZone::UTC).strftime("%d/%b/%Y:%H:%M:%S %z").to_string(),
            "timeEpoch": now.as_millisecond(),
        })
    }

    /// The authority without its port: a domain name has none.
    fn domain(&self) -> &str {
        match self.authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => &self.authority,
        }
    }
}

/// All values of a header, joined with commas as format 2.0 does.
fn joined(headers: &HeaderMap, name: &HeaderName) -> String {
    let values: Vec<_> = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    values.join(",")
}

/// API Gateway appends the caller's address to what the caller claims.
fn forwarded_for(request: &Request<'_>) -> String {
    let claimed = joined(request.headers, &HeaderName::from_static("x-forwarded-for"));
    if claimed.is_empty() { request.source_ip.to_string() } else { format!("{claimed}, {}", request.source_ip) }
}

fn cookies(headers: &HeaderMap) -> Value {
    let lines = headers.get_all(COOKIE).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let cookies: Vec<String> = lines
        .flat_map(|line| line.split(';').map(|cookie| cookie.trim().to_owned()).collect::<Vec<_>>())
        .filter(|cookie| !cookie.is_empty())
        .collect();
    Value::from(cookies)
}

fn query_parameters(raw_query: &str) -> Value {
    let mut parameters: Map<String, Value> = Map::new();
    for pair in raw_query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = form_decoded(value);
        let joined = match parameters.get(&form_decoded(name)).and_then(Value::as_str) {
            Some(before) => format!("{before},{value}"),
            None => value,
        };
        parameters.insert(form_decoded(name), Value::from(joined));
    }
    Value::Object(parameters)
}

fn form_decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

fn path_parameters(parameters: &[(String, String)]) -> Value {
    Value::Object(parameters.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect())
}

fn insert_unless_empty(event: &mut Map<String, Value>, name: &str, value: Value) {
    let is_empty = match &value {
        Value::Array(elements) => elements.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    };
    if !is_empty {
        event.insert(name.to_owned(), value);
    }
}

fn insert_body(event: &mut Map<String, Value>, request: &Request<'_>) {
    let text = std::str::from_utf8(request.body).ok().filter(|_| is_text(request.headers));
    event.insert("isBase64Encoded".to_owned(), Value::from(text.is_none() && !request.body.is_empty()));
    if !request.body.is_empty() {
        let body = text.map_or_else(|| STANDARD.encode(request.body), str::to_owned);
        event.insert("body".to_owned(), Value::from(body));
    }
}

/// HTTP APIs have no list of binary media types to configure: text is text, all else is base64.
fn is_text(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type.starts_with("text/")
        || media_type.ends_with("+json")
        || media_type.ends_with("+xml")
        || matches!(media_type.as_str(), "application/json" | "application/xml" | "application/javascript")
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use http::HeaderValue;

    use super::*;

    fn event(
        headers: &[(&'static str, &'static str)],
        raw_query: &str,
        body: &[u8],
        path_parameters: &[(String, String)],
    ) -> Value {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        Gateway::at("127.0.0.1:8080").to_event(&Request {
            method: &Method::POST,
            path: "/v1/invites/a%20b",
            raw_query,
            headers: &map,
            body,
            source_ip: Ipv4Addr::LOCALHOST.into(),
            route_key: "POST /v1/invites/{invite}",
            path_parameters,
        })
    }

    #[test]
    fn the_context_says_which_route_and_who_asked() {
        let event = event(&[("user-agent", "test/1")], "", b"", &[("invite".to_owned(), "a b".to_owned())]);
        assert_eq!(event["version"], "2.0");
        assert_eq!(event["routeKey"], "POST /v1/invites/{invite}");
        assert_eq!(event["rawPath"], "/v1/invites/a%20b");
        assert_eq!(event["pathParameters"], json!({"invite": "a b"}));
        let context = &event["requestContext"];
        assert_eq!(context["stage"], "$default");
        assert_eq!(
            context["http"],
            json!({"method": "POST", "path": "/v1/invites/a%20b", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "test/1"})
        );
        assert!(context["timeEpoch"].as_i64().unwrap() > 1_600_000_000_000);
        let time = context["time"].as_str().unwrap();
        assert!(time.ends_with(" +0000") && time.matches('/').count() == 2, "{time}");
    }

    #[test]
    fn the_host_is_the_gateways_own_whatever_the_client_sent() {
        let event = event(&[("host", "x.execute-api.127.0.0.1:14566")], "", b"", &[]);
        assert_eq!(event["headers"]["host"], "127.0.0.1:8080");
        assert_eq!(event["requestContext"]["domainName"], "127.0.0.1");
    }

    #[test]
    fn cookies_are_split_and_leave_the_headers() {
        let event = event(&[("cookie", "a=1; b=2"), ("cookie", "c=3")], "", b"", &[]);
        assert_eq!(event["cookies"], json!(["a=1", "b=2", "c=3"]));
        assert!(event["headers"].get("cookie").is_none());
    }

    #[test]
    fn repeated_headers_and_parameters_are_joined_with_commas() {
        let event = event(&[("X-Tag", "a"), ("x-tag", "b")], "tag=a+b&tag=%C3%A9&flag", b"", &[]);
        assert_eq!(event["headers"]["x-tag"], "a,b");
        assert_eq!(event["rawQueryString"], "tag=a+b&tag=%C3%A9&flag");
        assert_eq!(event["queryStringParameters"], json!({"tag": "a b,é", "flag": ""}));
    }

    #[test]
    fn what_is_empty_is_left_out() {
        let event = event(&[], "", b"", &[]);
        for absent in ["cookies", "queryStringParameters", "pathParameters", "body"] {
            assert!(event.get(absent).is_none(), "{absent}");
        }
        assert_eq!(event["isBase64Encoded"], false);
    }

    #[test]
    fn a_text_body_is_text_and_any_other_is_base64() {
        let json_body = event(&[("content-type", "application/problem+json; charset=utf-8")], "", b"{}", &[]);
        assert_eq!((&json_body["body"], &json_body["isBase64Encoded"]), (&json!("{}"), &json!(false)));
        let form = event(&[("content-type", "application/x-www-form-urlencoded")], "", b"a=1", &[]);
        assert_eq!((&form["body"], &form["isBase64Encoded"]), (&json!("YT0x"), &json!(true)));
        let broken_text = event(&[("content-type", "text/plain")], "", &[0xff], &[]);
        assert_eq!((&broken_text["body"], &broken_text["isBase64Encoded"]), (&json!("/w=="), &json!(true)));
    }

    #[test]
    fn the_callers_address_is_appended_to_what_it_claims() {
        let event = event(&[("x-forwarded-for", "10.0.0.1")], "", b"", &[]);
        assert_eq!(event["headers"]["x-forwarded-for"], "10.0.0.1, 127.0.0.1");
    }
}
