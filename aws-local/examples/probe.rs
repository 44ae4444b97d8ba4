//! A function for the tests of `lambda_runtime_api`: a real `lambda_runtime` binary that does what its event
//! says. It cannot start when `PROBE_INIT` is `error` or `exit`.

#![expect(clippy::disallowed_methods, reason = "a function of its own, without common::config")]

use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    eprintln!("probe starts");
    match std::env::var("PROBE_INIT").as_deref() {
        Ok("exit") => std::process::exit(7),
        Ok("error") => report_init_error().await,
        _ => lambda_runtime::run(service_fn(handle)).await,
    }
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let payload = &event.payload;
    match payload["do"].as_str().unwrap_or_default() {
        "echo" => Ok(json!({
            "echo": payload["say"],
            "process": std::process::id(),
            "arn": event.context.invoked_function_arn,
            "function": event.context.env_config.function_name,
        })),
        "environment" => Ok(json!(std::env::vars().collect::<std::collections::BTreeMap<_, _>>())),
        "sleep" => {
            tokio::time::sleep(Duration::from_millis(payload["ms"].as_u64().unwrap_or_default())).await;
            Ok(json!({"process": std::process::id()}))
        }
        "fail" => Err("no such luck".into()),
        "exit" => std::process::exit(3),
        "large" => Ok(json!("x".repeat(7 * 1024 * 1024))),
        other => Err(format!("probe cannot do {other:?}").into()),
    }
}

/// What a runtime sends when it cannot start; `lambda_runtime` itself does so only with SnapStart.
async fn report_init_error() -> Result<(), Error> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut connection = tokio::net::TcpStream::connect(std::env::var("AWS_LAMBDA_RUNTIME_API")?).await?;
    let report = r#"{"errorType":"Config.Missing","errorMessage":"TABLE_NAME is not set"}"#;
    let request = format!(
        "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nhost: runtime\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{report}",
        report.len()
    );
    connection.write_all(request.as_bytes()).await?;
    connection.read_to_end(&mut Vec::new()).await?;
    std::process::exit(1)
}
