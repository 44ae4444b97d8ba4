//! The endpoint as the real SDK sees it, and the mailbox as a browser does.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::config::retry::RetryConfig;
use aws_sdk_sesv2::config::{BehaviorVersion, Region};
use aws_sdk_sesv2::error::ProvideErrorMetadata;
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::types::{
    Body, Content, Destination, EmailContent, Message as SesMessage, MessageHeader, MessageTag,
};
use axum::Router;
use axum::body::Body as HttpBody;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::locking::lock;

/// A client of `mailbox`, over loopback.
async fn client(mailbox: &Mailbox) -> Client {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let router = api_router(mailbox.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let config = aws_sdk_sesv2::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::from_keys("key", "secret", None))
        .endpoint_url(endpoint)
        .retry_config(RetryConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

fn text(data: &str) -> Content {
    Content::builder().data(data).charset("UTF-8").build().unwrap()
}

fn content(subject: &str) -> EmailContent {
    let header = MessageHeader::builder().name("List-Unsubscribe").value("<https://a.test/u>").build().unwrap();
    let body = Body::builder()
        .text(text("Open https://a.test/x?a=1&b=2."))
        .html(text("<p>Open <a href='https://a.test/x'>it</a>"))
        .build();
    EmailContent::builder()
        .simple(SesMessage::builder().subject(text(subject)).body(body).headers(header).build())
        .build()
}

fn to(addresses: &[&str]) -> Destination {
    Destination::builder()
        .set_to_addresses(Some(addresses.iter().map(|address| (*address).to_owned()).collect()))
        .build()
}

async fn send(client: &Client, address: &str, subject: &str) -> Result<String, SendEmailError> {
    let sent = client
        .send_email()
        .from_email_address("Callers <from@example.com>")
        .destination(to(&[address]))
        .reply_to_addresses("reply@example.com")
        .configuration_set_name("set")
        .email_tags(MessageTag::builder().name("invite").value("inv_1").build().unwrap())
        .content(content(subject))
        .send()
        .await;
    sent.map(|sent| sent.message_id.unwrap()).map_err(|error| error.into_service_error())
}

async fn get(router: Router, uri: &str) -> (StatusCode, String, String) {
    let response = router.oneshot(Request::get(uri).body(HttpBody::empty()).unwrap()).await.unwrap();
    let status = response.status();
    let policy = response.headers().get("content-security-policy").map(|policy| policy.to_str().unwrap().to_owned());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, policy.unwrap_or_default(), String::from_utf8(body.to_vec()).unwrap())
}

async fn get_json(mailbox: &Mailbox, uri: &str) -> Value {
    serde_json::from_str(&get(mailbox_router(mailbox.clone()), uri).await.2).unwrap()
}

async fn post(mailbox: &Mailbox, request: Value) -> (StatusCode, Value) {
    let request = Request::post("/v2/email/outbound-emails").body(HttpBody::from(request.to_string())).unwrap();
    let response = api_router(mailbox.clone()).oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}

fn simple_request() -> Value {
    json!({
        "FromEmailAddress": "from@example.com",
        "Destination": {"ToAddresses": ["ada@example.com"]},
        "Content": {"Simple": {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "text"}}}},
    })
}

#[tokio::test]
async fn what_the_sdk_sends_is_in_the_mailbox() {
    let mailbox = Mailbox::in_memory();
    let id = send(&client(&mailbox).await, "Ada <ada@example.com>", "Hello – again").await.unwrap();
    let messages = get_json(&mailbox, "/mailbox/messages").await;
    let message = &messages[0];
    assert_eq!(message["id"], id);
    assert_eq!(message["to"], json!(["Ada <ada@example.com>"]));
    assert_eq!(message["from"], "Callers <from@example.com>");
    assert_eq!(message["subject"], "Hello – again");
    assert_eq!(message["headers"], json!({"List-Unsubscribe": "<https://a.test/u>", "Reply-To": "reply@example.com"}));
    assert_eq!(message["text"], "Open https://a.test/x?a=1&b=2.");
    assert!(message["html"].as_str().unwrap().starts_with("<p>Open"));
    message["sent_at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
}

#[tokio::test]
async fn messages_are_listed_newest_first_and_by_recipient() {
    let mailbox = Mailbox::in_memory();
    let client = client(&mailbox).await;
    for (address, subject) in [("a@example.com", "1"), ("b@example.com", "2"), ("A@Example.com", "3")] {
        send(&client, address, subject).await.unwrap();
    }
    let subjects = |messages: Value| {
        messages.as_array().unwrap().iter().map(|message| message["subject"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(subjects(get_json(&mailbox, "/mailbox/messages").await), ["3", "2", "1"]);
    assert_eq!(subjects(get_json(&mailbox, "/mailbox/messages?to=a%40example.com").await), ["3", "1"]);
    assert_eq!(subjects(get_json(&mailbox, "/mailbox/messages?to=c%40example.com").await), [""; 0]);
}

#[tokio::test]
async fn a_request_that_ses_refuses_is_a_bad_request_and_sends_nothing() {
    let with = |pointer: &str, value: Value| {
        let mut request = simple_request();
        *request.pointer_mut(pointer).unwrap() = value;
        request
    };
    let simple = |headers: Value| {
        let mut request = simple_request();
        request["Content"]["Simple"]["Headers"] = headers;
        request
    };
    let mailbox = Mailbox::in_memory();
    for request in [
        with("/FromEmailAddress", json!(null)),
        with("/FromEmailAddress", json!("")),
        with("/Destination", json!({})),
        with("/Destination/ToAddresses", json!([])),
        with("/Destination/ToAddresses", json!(["ada"])),
        with("/Destination/ToAddresses", json!(["a b@example.com"])),
        with("/Destination/ToAddresses", json!(["ada@example.com\r\nBcc: eve@example.com"])),
        with("/Destination/ToAddresses", json!(vec!["ada@example.com"; 51])),
        with("/Content/Simple/Subject/Data", json!("Hello\r\nBcc: eve@example.com")),
        with("/Content/Simple/Body", json!({})),
        with("/Content", json!({"Raw": {"Data": ""}})),
        simple(json!([{"Name": "X", "Value": "a\r\nBcc: eve@example.com"}])),
        simple(json!([{"Name": "X:Y", "Value": "a"}])),
        simple(json!([{"Name": "X", "Value": "a".repeat(996)}])),
    ] {
        let (status, body) = post(&mailbox, request.clone()).await;
        assert_eq!((status, &body["__type"]), (StatusCode::BAD_REQUEST, &json!("BadRequestException")), "{request}");
    }
    assert!(mailbox.messages().is_empty());
    let (status, body) = post(&mailbox, simple_request()).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body["MessageId"].is_string());
}

#[tokio::test]
async fn injected_faults_are_what_the_sdk_knows_them_as_and_then_are_over() {
    let mailbox = Mailbox::in_memory();
    let client = client(&mailbox).await;
    mailbox.fail_next(1, StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException");
    mailbox.fail_next(1, StatusCode::BAD_REQUEST, "MessageRejected");
    mailbox.fail_next(1, StatusCode::INTERNAL_SERVER_ERROR, "InternalServiceErrorException");
    assert!(send(&client, "a@example.com", "x").await.unwrap_err().is_too_many_requests_exception());
    assert!(send(&client, "a@example.com", "x").await.unwrap_err().is_message_rejected());
    assert_eq!(send(&client, "a@example.com", "x").await.unwrap_err().code(), Some("InternalServiceErrorException"));
    assert!(mailbox.messages().is_empty());
    send(&client, "a@example.com", "x").await.unwrap();
}

#[tokio::test]
async fn the_simulators_addresses_make_their_events_which_come_after_the_answer() {
    let events: Arc<Mutex<Vec<Value>>> = Arc::default();
    let mailbox = Mailbox::in_memory();
    let log = Arc::clone(&events);
    mailbox.on_event(Arc::new(move |event| {
        lock(&log).push(event);
        Box::pin(std::future::ready(()))
    }));
    let client = client(&mailbox).await;
    for (local, expected) in [
        ("success", vec!["Send", "Delivery"]),
        ("bounce+x", vec!["Send", "Bounce"]),
        ("suppressionlist", vec!["Send", "Bounce"]),
        ("complaint", vec!["Send", "Delivery", "Complaint"]),
        ("ooto", vec!["Send", "Delivery"]),
    ] {
        lock(&events).clear();
        let id = send(&client, &format!("{local}@simulator.amazonses.com"), "x").await.unwrap();
        assert!(lock(&events).is_empty(), "{local}: an event came before the answer");
        tokio::time::sleep(Duration::from_millis(200)).await;
        let events = lock(&events).clone();
        assert_eq!(
            events.iter().map(|event| event["detail"]["eventType"].as_str().unwrap()).collect::<Vec<_>>(),
            expected,
            "{local}"
        );
        assert!(events.iter().all(|event| event["source"] == "aws.ses" && event["detail"]["mail"]["messageId"] == id));
        assert!(events.iter().all(|event| event["detail"]["mail"]["tags"]["invite"] == json!(["inv_1"])));
        assert_eq!(mailbox.message(&id).unwrap().events, events);
    }
}

#[tokio::test]
async fn a_bounce_says_who_and_how() {
    let mailbox = Mailbox::in_memory();
    let id = send(&client(&mailbox).await, "bounce@simulator.amazonses.com", "x").await.unwrap();
    let bounce = &mailbox.message(&id).unwrap().events[1];
    assert_eq!(bounce["detail-type"], "Email Bounced");
    assert_eq!(bounce["detail"]["bounce"]["bounceType"], "Permanent");
    assert_eq!(bounce["detail"]["bounce"]["bouncedRecipients"][0]["emailAddress"], "bounce@simulator.amazonses.com");
}

#[tokio::test]
async fn without_a_configuration_set_ses_publishes_nothing() {
    let mailbox = Mailbox::in_memory();
    post(&mailbox, simple_request()).await;
    assert!(mailbox.messages()[0].events.is_empty());
}

#[tokio::test]
async fn a_mailbox_in_a_directory_is_there_for_the_next_process() {
    let directory = tempfile::tempdir().unwrap();
    let mailbox = Mailbox::in_directory(directory.path()).unwrap();
    for _ in 0..3 {
        post(&mailbox, simple_request()).await;
    }
    assert_eq!(Mailbox::in_directory(directory.path()).unwrap().messages(), mailbox.messages());
}

#[tokio::test]
async fn the_html_part_alone_is_served_in_a_sandbox() {
    let mailbox = Mailbox::in_memory();
    let id = send(&client(&mailbox).await, "a@example.com", "x").await.unwrap();
    let (status, policy, body) = get(mailbox_router(mailbox), &format!("/mailbox/messages/{id}/html")).await;
    assert_eq!((status, policy.as_str()), (StatusCode::OK, "sandbox"));
    assert_eq!(body, "<p>Open <a href='https://a.test/x'>it</a>");
}

#[tokio::test]
async fn the_pages_show_a_message_and_none_of_its_markup() {
    let mailbox = Mailbox::in_memory();
    let id = send(&client(&mailbox).await, "a@example.com", "<script>alert(1)</script>").await.unwrap();
    let (status, policy, list) = get(mailbox_router(mailbox.clone()), "/mailbox").await;
    assert_eq!(status, StatusCode::OK);
    assert!(policy.starts_with("default-src 'none'"));
    assert!(list.contains("<html lang=\"en\">") && list.contains(&format!("href=\"/mailbox/{id}\"")));
    let (_, _, page) = get(mailbox_router(mailbox.clone()), &format!("/mailbox/{id}")).await;
    assert!(!list.contains("<script>") && !page.contains("<script>"));
    assert!(page.contains(
        "class=\"button\" href=\"https://a.test/x?a=1&amp;b=2\" target=\"_blank\" rel=\"noopener noreferrer\""
    ));
    assert!(page.contains(
        "<iframe title=\"The message as HTML\" sandbox=\"allow-popups allow-popups-to-escape-sandbox\" srcdoc=\""
    ));
    assert!(page.contains("List-Unsubscribe"));
    let (status, _, _) = get(mailbox_router(mailbox), "/mailbox/none").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}
