//! Real binaries behind the runtime API: the function is `examples/probe.rs`, built with `lambda_runtime`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_local::InvokeError;
use aws_local::lambda_runtime_api::{Bootstraps, time_to_first_next};
use serde_json::{Value, json};

const DEADLINE: Duration = Duration::from_secs(20);

/// Where cargo puts examples: beside the directory of the test binaries.
fn directory() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().parent().unwrap().join("examples")
}

fn bootstraps() -> Bootstraps {
    bootstraps_with(&[])
}

fn bootstraps_with(variables: &'static [(&'static str, &'static str)]) -> Bootstraps {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Bootstraps::new(directory(), Arc::new(move |_| variables.iter().map(owned).collect()))
}

async fn probe(bootstraps: &Bootstraps, event: Value) -> Result<Value, InvokeError> {
    bootstraps.invoke("probe", event, DEADLINE).await
}

fn is_running(process: &Value) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    status.contains("State:") && !status.contains("State:\tZ")
}

#[tokio::test]
async fn an_event_goes_in_and_an_answer_comes_out() {
    let answer = probe(&bootstraps(), json!({"do": "echo", "say": "hé\n"})).await.unwrap();
    assert_eq!(answer["echo"], "hé\n");
    assert_eq!(answer["function"], "probe");
    assert_eq!(answer["arn"], "arn:aws:lambda:us-east-1:000000000000:function:probe");
}

#[tokio::test]
async fn a_function_sees_its_own_environment_and_nothing_of_ours() {
    let answer = probe(&bootstraps_with(&[("TABLE", "t")]), json!({"do": "environment"})).await.unwrap();
    assert_eq!(answer["TABLE"], "t");
    assert_eq!(
        (&answer["AWS_LAMBDA_FUNCTION_NAME"], &answer["AWS_LAMBDA_FUNCTION_VERSION"]),
        (&json!("probe"), &json!("$LATEST"))
    );
    assert_eq!(answer["AWS_LAMBDA_LOG_FORMAT"], "JSON");
    assert!(answer["AWS_LAMBDA_RUNTIME_API"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert!(answer["LAMBDA_TASK_ROOT"].is_string() && answer["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"].is_string());
    assert!(answer.get("PATH").is_none() && answer.get("HOME").is_none());
}

#[tokio::test]
async fn a_warm_environment_is_used_again() {
    let bootstraps = bootstraps();
    let first = probe(&bootstraps, json!({"do": "echo"})).await.unwrap();
    let second = probe(&bootstraps, json!({"do": "echo"})).await.unwrap();
    assert_eq!(first["process"], second["process"]);
}

#[tokio::test]
async fn an_environment_handles_one_event_at_a_time_and_there_are_at_most_so_many() {
    let bootstraps = bootstraps().with_concurrency(NonZeroUsize::new(2).unwrap());
    let started = Instant::now();
    let calls = (0..4).map(|_| probe(&bootstraps, json!({"do": "sleep", "ms": 300})));
    let answers = futures::future::try_join_all(calls).await.unwrap();
    let mut processes: Vec<u64> = answers.iter().map(|answer| answer["process"].as_u64().unwrap()).collect();
    processes.sort_unstable();
    processes.dedup();
    assert_eq!(processes.len(), 2);
    assert!(started.elapsed() >= Duration::from_millis(600), "four events of 300 ms in two environments");
}

#[tokio::test]
async fn a_functions_own_error_leaves_its_environment_warm() {
    let bootstraps = bootstraps();
    let before = probe(&bootstraps, json!({"do": "echo"})).await.unwrap();
    let error = probe(&bootstraps, json!({"do": "fail"})).await.unwrap_err();
    assert!(matches!(&error, InvokeError::Function { message, .. } if message == "no such luck"), "{error:?}");
    let after = probe(&bootstraps, json!({"do": "echo"})).await.unwrap();
    assert_eq!(before["process"], after["process"]);
}

#[tokio::test]
async fn a_process_that_ends_within_an_event_is_reported_and_replaced() {
    let bootstraps = bootstraps();
    let error = probe(&bootstraps, json!({"do": "exit"})).await.unwrap_err();
    assert_eq!(error, InvokeError::Exited { status: "exit status: 3".to_owned() });
    assert_eq!(probe(&bootstraps, json!({"do": "echo", "say": 1})).await.unwrap()["echo"], 1);
}

#[tokio::test]
async fn a_function_that_cannot_start_says_why() {
    let error = probe(&bootstraps_with(&[("PROBE_INIT", "error")]), json!({})).await.unwrap_err();
    assert_eq!(
        error,
        InvokeError::Init { error_type: "Config.Missing".to_owned(), message: "TABLE_NAME is not set".to_owned() }
    );
    let error = probe(&bootstraps_with(&[("PROBE_INIT", "exit")]), json!({})).await.unwrap_err();
    assert_eq!(error, InvokeError::Exited { status: "exit status: 7".to_owned() });
}

#[tokio::test]
async fn a_function_that_takes_too_long_is_killed_and_replaced() {
    let bootstraps = bootstraps();
    let before = probe(&bootstraps, json!({"do": "echo"})).await.unwrap();
    let limit = Duration::from_millis(300);
    let error = bootstraps.invoke("probe", json!({"do": "sleep", "ms": 60_000}), limit).await.unwrap_err();
    assert_eq!(error, InvokeError::TimedOut { after: limit });
    assert!(!is_running(&before["process"]));
    let after = probe(&bootstraps, json!({"do": "echo"})).await.unwrap();
    assert_ne!(before["process"], after["process"]);
}

#[tokio::test]
async fn an_answer_larger_than_lambda_takes_is_an_error_and_the_next_event_is_handled() {
    let bootstraps = bootstraps();
    let error = probe(&bootstraps, json!({"do": "large"})).await.unwrap_err();
    assert!(
        matches!(&error, InvokeError::Function { error_type, .. } if error_type == "Function.ResponseSizeTooLarge"),
        "{error:?}"
    );
    assert_eq!(probe(&bootstraps, json!({"do": "echo", "say": 1})).await.unwrap()["echo"], 1);
}

#[tokio::test]
async fn a_function_that_does_not_exist_is_unavailable_and_a_name_is_no_path() {
    let bootstraps = bootstraps();
    for name in ["no-such-function", "../examples/probe", "", ".."] {
        let error = bootstraps.invoke(name, json!({}), DEADLINE).await.unwrap_err();
        assert!(matches!(error, InvokeError::Unavailable { .. }), "{name}: {error:?}");
    }
}

#[tokio::test]
async fn a_functions_output_is_passed_on_line_by_line() {
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&lines);
    let bootstraps = bootstraps()
        .with_log_sink(Arc::new(move |function, line| log.lock().unwrap().push(format!("{function}: {line}"))));
    probe(&bootstraps, json!({"do": "echo"})).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(lines.lock().unwrap()[0], "probe: probe starts");
}

#[tokio::test]
async fn a_function_runs_to_its_end_although_the_caller_stopped_waiting() {
    let bootstraps = bootstraps();
    let before = probe(&bootstraps, json!({"do": "echo"})).await.unwrap();
    let impatient =
        tokio::time::timeout(Duration::from_millis(100), probe(&bootstraps, json!({"do": "sleep", "ms": 400}))).await;
    assert!(impatient.is_err());
    tokio::time::sleep(Duration::from_millis(600)).await;
    let after = probe(&bootstraps, json!({"do": "echo"})).await.unwrap();
    assert_eq!(before["process"], after["process"]);
}

#[tokio::test]
async fn the_processes_end_with_their_bootstraps() {
    let bootstraps = bootstraps();
    let answer = probe(&bootstraps, json!({"do": "echo"})).await.unwrap();
    assert!(is_running(&answer["process"]));
    drop(bootstraps);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!is_running(&answer["process"]));
}

#[tokio::test]
async fn a_cold_start_is_measured_in_time_and_memory() {
    let measured = time_to_first_next(&directory().join("probe"), Vec::new()).await.unwrap();
    assert!(measured.time_to_first_next > Duration::ZERO && measured.time_to_first_next < Duration::from_secs(10));
    assert!(measured.peak_rss_kib > 500, "{measured:?}");
    let broken = vec![("PROBE_INIT".to_owned(), "exit".to_owned())];
    let error = time_to_first_next(&directory().join("probe"), broken).await.unwrap_err();
    assert_eq!(error, InvokeError::Exited { status: "exit status: 7".to_owned() });
}
