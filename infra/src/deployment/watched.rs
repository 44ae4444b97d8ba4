//! The numbers of a trigger's log that are to be zero: a metric of each, made of the log's lines, and an alarm.

use super::intrinsic::{reference, text};
use super::{Resources, alarm, lambda};
use common::function::{Function, Schedule};
use common::schedule::Watched;
use serde_json::{Value, json};

pub(super) fn resources(function: &Function, schedule: &Schedule) -> Resources {
    let mut resources = Resources::new();
    for watched in schedule.watched {
        let name = metric(function, watched);
        resources.insert(format!("{name}Metric"), filter(function, watched));
        resources.insert(name, alarm::not_zero(function, watched, schedule.every));
    }
    resources
}

/// The name of the metric, in [`namespace`].
pub(super) fn metric(function: &Function, watched: &Watched) -> String {
    super::logical_id(&format!("{}-{}", function.name, watched.field))
}

/// Metrics of several deployments in one account are kept apart by it. `prefix` is the template's name for the stack.
pub(super) fn namespace(prefix: &str) -> String {
    format!("Callaro/${{{prefix}}}")
}

/// The lines are JSON, which the pattern looks into
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>). The number of each line with the message is
/// a value of the metric, zero too.
fn filter(function: &Function, watched: &Watched) -> Value {
    json!({
        "Type": "AWS::Logs::MetricFilter",
        "Properties": {
            "LogGroupName": reference(&lambda::log_group(function)),
            "FilterPattern": format!("{{ $.message = \"{}\" }}", watched.message),
            "MetricTransformations": [{
                "MetricNamespace": text(namespace("Prefix")),
                "MetricName": metric(function, watched),
                "MetricValue": format!("$.{}", watched.field),
                "Unit": "Count",
            }],
        },
    })
}
