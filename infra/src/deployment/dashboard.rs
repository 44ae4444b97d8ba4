//! One page that says how it goes: requests, failures, time, the table, the triggers, mail.

use super::intrinsic::text;
use super::watched;
use common::function::Function;
use functions::Area;
use serde_json::{Value, json};

/// Of 24 columns: two widgets a row.
const WIDTH: u32 = 12;
const HEIGHT: u32 = 6;

pub(super) fn resource(areas: &[Area]) -> Value {
    let functions: Vec<_> = areas.iter().flat_map(|area| area.functions).copied().collect();
    let body = json!({ "widgets": widgets(&functions) });
    json!({
        "Type": "AWS::CloudWatch::Dashboard",
        "Properties": {
            "DashboardName": text("${AWS::StackName}"),
            "DashboardBody": text(body.to_string()),
        },
    })
}

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html>
fn widgets(functions: &[&Function]) -> Vec<Value> {
    let is_trigger = |function: &&&Function| function.http().is_none();
    let triggers: Vec<_> = functions.iter().filter(is_trigger).copied().collect();
    let streams: Vec<_> = functions.iter().filter(|function| function.stream_source().is_some()).copied().collect();
    let all = [
        ("Requests and refusals", "Sum", api(&["Count", "4xx", "5xx"])),
        ("Time to answer, p50 and p99, milliseconds", "p99", api_latency()),
        ("Functions that failed", "Sum", of_functions("Errors", functions)),
        ("Functions that were not let run", "Sum", of_functions("Throttles", functions)),
        ("How far triggers are behind, milliseconds", "Maximum", of_functions("IteratorAge", &streams)),
        ("Given up", "Maximum", queues(&triggers)),
        ("What is to be zero in the logs of triggers", "Sum", watched_of(&triggers)),
        ("Capacity the table used", "Sum", table(&["ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"])),
        ("Requests the table throttled", "Sum", table(&["ReadThrottleEvents", "WriteThrottleEvents"])),
        ("Mail", "Sum", mail(&["Send", "Delivery", "Bounce", "Complaint", "Reject"])),
        (
            "Share of mail that bounced or was called spam",
            "Maximum",
            mail(&["Reputation.BounceRate", "Reputation.ComplaintRate"]),
        ),
    ];
    let place = |at: usize| (at as u32 % 2 * WIDTH, at as u32 / 2 * HEIGHT);
    all.into_iter()
        .enumerate()
        .map(|(at, (title, statistic, metrics))| widget(place(at), title, statistic, metrics))
        .collect()
}

fn widget((x, y): (u32, u32), title: &str, statistic: &str, metrics: Vec<Value>) -> Value {
    json!({
        "type": "metric",
        "x": x,
        "y": y,
        "width": WIDTH,
        "height": HEIGHT,
        "properties": {
            "title": title,
            "region": "${AWS::Region}",
            "view": "timeSeries",
            "stat": statistic,
            "period": 60,
            "metrics": metrics,
        },
    })
}

fn api(names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| json!(["AWS/ApiGateway", name, "ApiId", "${Api}"])).collect()
}

fn api_latency() -> Vec<Value> {
    let of = |stat| json!(["AWS/ApiGateway", "Latency", "ApiId", "${Api}", { "stat": stat, "label": stat }]);
    vec![of("p50"), of("p99")]
}

fn of_functions(metric: &str, functions: &[&Function]) -> Vec<Value> {
    let of = |function: &&Function| {
        json!(["AWS/Lambda", metric, "FunctionName", format!("${{AWS::StackName}}-{}", function.name)])
    };
    functions.iter().map(of).collect()
}

fn queues(triggers: &[&Function]) -> Vec<Value> {
    let of = |function: &&Function| {
        let queue = format!("${{AWS::StackName}}-{}-on-failure", function.name);
        json!(["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue])
    };
    triggers.iter().map(of).collect()
}

fn watched_of(triggers: &[&Function]) -> Vec<Value> {
    let schedules = triggers.iter().filter_map(|function| Some((function, function.schedule_source()?)));
    let metrics = schedules
        .flat_map(|(function, schedule)| schedule.watched.iter().map(|watched| watched::metric(function, watched)));
    metrics.map(|metric| json!([watched::namespace("AWS::StackName"), metric])).collect()
}

fn table(names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| json!(["AWS/DynamoDB", name, "TableName", "${Table}"])).collect()
}

fn mail(names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| json!(["AWS/SES", name])).collect()
}
