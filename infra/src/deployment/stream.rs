//! A trigger of the table's stream: its event source mapping, and where it leaves what it gave up.

use super::intrinsic::{attribute, disposable, reference, text};
use super::lambda::Deployed;
use super::{Resources, alarm, lambda};
use common::function::{Function, Stream};
use common::trigger::Patience;
use serde_json::{Map, Value, json};

/// The longest that a record may be tried for, where a later record does the same work anyway: an hour.
const HOUR: u32 = 60 * 60;

/// An hour less than a stream keeps its records, which is a day: what is given up is then said in the queue, and not just gone.
const LONGEST: u32 = 23 * HOUR;

pub(super) fn resources(deployed: &Deployed<'_>, stream: &Stream) -> Resources {
    let function = deployed.function;
    let id = super::logical_id(function.name);
    let queue = on_failure(&id);
    let mut resources = lambda::resources(deployed, Map::new(), Some(attribute(&queue, "Arn")));
    resources.insert(format!("{id}Mapping"), mapping(&id, stream));
    resources.insert(format!("{id}IsBehind"), alarm::iterator_age(function));
    resources.insert(format!("{id}GaveUp"), alarm::given_up(function, &queue));
    resources.insert(queue, queue_of(function));
    resources
}

/// The logical id of a trigger's on-failure queue.
pub(super) fn on_failure(id: &str) -> String {
    format!("{id}OnFailure")
}

/// Kept as long as a queue keeps anything, 14 days: somebody has to look, and may be away.
pub(super) fn queue_of(function: &Function) -> Value {
    let properties = json!({
        "QueueName": text(format!("${{Prefix}}-{}-on-failure", function.name)),
        "MessageRetentionPeriod": 1_209_600,
        "SqsManagedSseEnabled": true,
    });
    disposable("AWS::SQS::Queue", properties)
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html>
fn mapping(id: &str, stream: &Stream) -> Value {
    let (retries, age) = match stream.patience {
        Patience::Retries(retries) => (i64::from(retries), HOUR),
        // -1 is without end.
        Patience::AsLongAsTheStream => (-1, LONGEST),
    };
    let filters: Vec<_> =
        stream.listens.filters().into_iter().map(|pattern| json!({ "Pattern": pattern.to_string() })).collect();
    json!({
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {
            "FunctionName": lambda::live(id),
            "EventSourceArn": reference("TableStreamArn"),
            "StartingPosition": "TRIM_HORIZON",
            "BatchSize": stream.batch_size,
            "ParallelizationFactor": stream.parallelization,
            "FilterCriteria": { "Filters": filters },
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "BisectBatchOnFunctionError": true,
            "MaximumRetryAttempts": retries,
            "MaximumRecordAgeInSeconds": age,
            "DestinationConfig": { "OnFailure": { "Destination": attribute(&on_failure(id), "Arn") } },
        },
    })
}
