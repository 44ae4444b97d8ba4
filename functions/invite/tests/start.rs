//! How a function's binary starts, and what it says when it cannot.
#![expect(clippy::unwrap_used, reason = "what a test does not expect ends it")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::auth::token::{new_private_key, public_jwk};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::thread;

/// Signs access tokens, so it needs all that a function can need.
const BINARY: &str = env!("CARGO_BIN_EXE_accept-invite");

/// EX_CONFIG of sysexits.h.
const MISCONFIGURED: i32 = 78;

const ENVIRONMENT: [(&str, &str); 9] = [
    ("TABLE_NAME", "callaro"),
    ("PUBLIC_URL", "https://api.example.com"),
    ("MAIL_FROM", "Callaro <no-reply@example.com>"),
    ("VERIFYING_KEYS", r#"{"access":{"keys":[]}}"#), // Overridden where a key has to be trusted.
    ("SIGNING_KEY_ACCESS", "ssm:/callaro/signing-keys/access/1"),
    ("AWS_REGION", "eu-central-1"),
    ("AWS_ACCESS_KEY_ID", "test"),
    ("AWS_SECRET_ACCESS_KEY", "test"),
    // The discard port: nothing listens there.
    ("AWS_ENDPOINT_URL_SSM", "http://127.0.0.1:9"),
];

/// Runs the binary in an environment that holds nothing else than this.
fn started_with(changes: &[(&str, &str)]) -> Output {
    command(changes).output().unwrap()
}

fn command(changes: &[(&str, &str)]) -> Command {
    let kept = ENVIRONMENT.into_iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    let mut command = Command::new(BINARY);
    command.env_clear().envs(kept).envs(changes.iter().copied().filter(|(_, value)| *value != "(unset)"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A key that nobody uses, and the public keys that a function is to be told with it.
fn key_pair() -> (String, String) {
    let private = new_private_key().unwrap();
    let public = public_jwk(&STANDARD.decode(&private).unwrap()).unwrap();
    (private, json!({ "access": { "keys": [public] } }).to_string())
}

/// What the one line of its log says that a function writes which cannot start.
fn reason(output: &Output) -> String {
    let line = output.stdout.trim_ascii().rsplit(|byte| *byte == b'\n').next().unwrap();
    let line: Value = serde_json::from_slice(line).unwrap();
    assert_eq!(
        (&line["level"], &line["function"], &line["message"]),
        (&json!("ERROR"), &json!("accept-invite"), &json!("cannot start"))
    );
    assert!(output.stderr.is_empty(), "Lambda would take this for INFO: {}", String::from_utf8_lossy(&output.stderr));
    line["error"].as_str().unwrap().to_owned()
}

#[test]
fn a_function_without_its_configuration_ends_at_once_and_names_what_it_lacks() {
    let (key, trusted) = key_pair();
    let (other_key, _) = key_pair();
    for (variable, value, why) in [
        ("TABLE_NAME", "(unset)", "is not set; it should hold the name of the DynamoDB table"),
        ("PUBLIC_URL", "(unset)", "is not set; it should hold an absolute URL without a path"),
        ("PUBLIC_URL", "api.example.com", "is not a URL we can build links with; it should hold an absolute URL"),
        ("CONSOLE_URL", "app.example.com/x", "is not a URL we can build links with; it should hold an absolute URL"),
        ("MAIL_FROM", "", "is not set; it should hold the sender of mail"),
        ("VERIFYING_KEYS", "(unset)", "is not set; it should hold a JSON object of public JWK sets"),
        ("VERIFYING_KEYS", "[]", "is not readable; it should hold a JSON object of public JWK sets"),
        ("SIGNING_KEY_ACCESS", "(unset)", "is not set; it should hold a P-256 private key"),
        ("SIGNING_KEY_ACCESS", "not a key", "is not readable; it should hold a P-256 private key"),
        ("SIGNING_KEY_ACCESS", &other_key, "is a key that VERIFYING_KEYS does not have; it should hold a private key"),
        ("AWS_REGION", "(unset)", "is not set; it should hold an AWS region"),
        ("AWS_ACCESS_KEY_ID", "(unset)", "is not set; it should hold an AWS access key id"),
    ] {
        let mut changes = vec![("SIGNING_KEY_ACCESS", key.as_str()), ("VERIFYING_KEYS", trusted.as_str())];
        changes.retain(|(name, _)| *name != variable);
        changes.push((variable, value));
        let output = started_with(&changes);
        let said = reason(&output);
        assert_eq!(output.status.code(), Some(MISCONFIGURED), "{variable}={value}: {said}");
        assert!(said.starts_with(&format!("{variable} {why}")), "{variable}={value}: {said}");
    }
}

#[test]
fn a_signing_key_that_ssm_does_not_hand_out_is_named_by_its_variable() {
    for answer in [r#"{"InvalidParameters":["/callaro/signing-keys/access/1"],"Parameters":[]}"#, ""] {
        let endpoint = ssm_that_answers(answer);
        let output = started_with(&[("AWS_ENDPOINT_URL_SSM", &endpoint)]);
        let said = reason(&output);
        assert_eq!(output.status.code(), Some(MISCONFIGURED), "{said}");
        assert!(said.starts_with("SIGNING_KEY_ACCESS names a parameter that cannot be read"), "{said}");
    }
}

#[test]
fn a_function_whose_key_ssm_hands_out_asks_for_its_first_event() {
    let (key, trusted) = key_pair();
    let name = "/callaro/signing-keys/access/1";
    let endpoint =
        ssm_that_answers(&format!(r#"{{"Parameters":[{{"Name":"{name}","Type":"SecureString","Value":"{key}"}}]}}"#));
    let runtime = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = runtime.local_addr().unwrap().to_string();
    let mut function = command(&[
        ("AWS_ENDPOINT_URL_SSM", &endpoint),
        ("VERIFYING_KEYS", &trusted),
        ("AWS_LAMBDA_RUNTIME_API", &address),
        ("AWS_LAMBDA_FUNCTION_NAME", "accept-invite"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "log"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "logs"),
    ])
    .spawn()
    .unwrap();
    let (mut connection, _) = runtime.accept().unwrap();
    assert!(read_request(&mut connection).starts_with("GET /2018-06-01/runtime/invocation/next "));
    function.kill().unwrap();
    function.wait().unwrap();
}

/// Answers every request with `body`; with nothing at all, the connection is closed.
fn ssm_that_answers(body: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let body = body.to_owned();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let request = read_request(&mut connection);
            if body.is_empty() {
                continue;
            }
            assert!(request.contains("AmazonSSM.GetParameters"), "{request}");
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1\r\nconnection: close";
            write!(connection, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        }
    });
    endpoint
}

/// A request's head, and as much of its body as has come.
fn read_request(connection: &mut TcpStream) -> String {
    let mut request = String::new();
    let mut buffer = [0; 4096];
    while !request.contains("\r\n\r\n") {
        let read = connection.read(&mut buffer).unwrap();
        assert!(read > 0, "the connection ended within a request: {request}");
        request.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    request
}
