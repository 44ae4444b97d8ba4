//! Alarms. All tell the one topic, when they go off and when they are over.

use super::intrinsic::{attribute, reference, text};
use super::{lambda, watched};
use common::function::Function;
use common::schedule::{Hours, Watched};
use serde_json::{Value, json};

/// The most functions that one alarm can be about: its expression may name ten metrics
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>).
pub(super) const MOST_FUNCTIONS: usize = 10;

/// A stream keeps its records for a day, and a checklist is to follow within seconds: five minutes behind is something to look at.
const BEHIND_MS: u32 = 5 * 60 * 1000;

/// Some of the functions failed: they ended without an answer, did not take an event, or met a record of the stream that can never be
/// done. Not among these are a route's own 500, which the API's alarm sees, and records that may be done another time: those are an orderly
/// answer, and come again until a trigger is behind or gives up, which have alarms of their own.
pub(super) fn errors(functions: &[&Function]) -> Value {
    sum("Errors", functions, "Functions ended without an answer, by a panic or out of time: see their logs.")
}

/// Some of the functions were not let run.
pub(super) fn throttles(functions: &[&Function]) -> Value {
    sum(
        "Throttles",
        functions,
        "Lambda let functions not run: the account's concurrency is used up. See docs/scale.md.",
    )
}

fn sum(metric: &str, functions: &[&Function], about: &str) -> Value {
    let series = functions.iter().enumerate().map(|(at, function)| {
        json!({
            "Id": format!("m{at}"),
            "ReturnData": false,
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/Lambda",
                    "MetricName": metric,
                    "Dimensions": [{ "Name": "FunctionName", "Value": lambda::name(function) }],
                },
                "Period": 60,
                "Stat": "Sum",
            },
        })
    });
    let total = json!({ "Id": "total", "Expression": "SUM(METRICS())", "Label": metric, "ReturnData": true });
    alarm(json!({
        "AlarmDescription": about,
        "Metrics": std::iter::once(total).chain(series).collect::<Vec<_>>(),
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": 1,
        "EvaluationPeriods": 1,
    }))
}

/// The stream's records wait too long.
pub(super) fn iterator_age(function: &Function) -> Value {
    alarm(json!({
        "AlarmDescription": format!(
            "{} is minutes behind the table's stream: look for errors and throttles, then docs/deploy.md.",
            function.name
        ),
        "Namespace": "AWS/Lambda",
        "MetricName": "IteratorAge",
        "Dimensions": [{ "Name": "FunctionName", "Value": lambda::name(function) }],
        "Statistic": "Maximum",
        "Period": 60,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": BEHIND_MS,
        "EvaluationPeriods": 3,
    }))
}

/// Something is in the on-failure queue.
pub(super) fn given_up(function: &Function, queue: &str) -> Value {
    alarm(json!({
        "AlarmDescription": format!(
            "{} gave up on what is in its on-failure queue; docs/deploy.md says what to do with it.",
            function.name
        ),
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateNumberOfMessagesVisible",
        "Dimensions": [{ "Name": "QueueName", "Value": attribute(queue, "QueueName") }],
        "Statistic": "Maximum",
        "Period": 60,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 0,
        "EvaluationPeriods": 1,
    }))
}

/// A number of a trigger's log is not zero. It stays on until a run finds that it is.
pub(super) fn not_zero(function: &Function, watched: &Watched, every: Hours) -> Value {
    alarm(json!({
        "AlarmDescription": format!("{}: {}", function.name, watched.about),
        "Namespace": text(watched::namespace("Prefix")),
        "MetricName": watched::metric(function, watched),
        "Statistic": "Sum",
        "Period": every.duration().as_secs(),
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 0,
        "EvaluationPeriods": 1,
    }))
}

fn alarm(mut properties: Value) -> Value {
    let topic = json!([reference("AlarmTopicArn")]);
    properties["AlarmActions"] = topic.clone();
    properties["OKActions"] = topic;
    // No calls are no failures.
    properties["TreatMissingData"] = json!("notBreaching");
    json!({ "Type": "AWS::CloudWatch::Alarm", "Properties": properties })
}
