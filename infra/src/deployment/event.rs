//! A trigger that EventBridge runs, by what becomes of mail or by the clock: the rule, and where the events go that it could not take.

use super::intrinsic::{attribute, reference};
use super::lambda::Deployed;
use super::{Resources, alarm, lambda, stream};
use common::feedback::DETAIL_TYPES;
use common::function::Schedule;
use serde_json::{Map, Value, json};

/// How often Lambda tries an event again that the function failed on.
const RETRIES: u32 = 2;

/// `run_by` is what its rule says: of which events, or when.
pub(super) fn resources(deployed: &Deployed<'_>, run_by: Map<String, Value>) -> Resources {
    let function = deployed.function;
    let id = super::logical_id(function.name);
    let (rule, queue) = (format!("{id}Rule"), stream::on_failure(&id));
    let mut resources = lambda::resources(deployed, settings(&queue), Some(attribute(&queue, "Arn")));
    resources.insert(format!("{id}Permission"), permission(&id, &rule));
    resources.insert(format!("{queue}Policy"), undeliverable(&queue, &rule));
    resources.insert(rule, rule_of(&id, &queue, run_by));
    resources.insert(format!("{id}GaveUp"), alarm::given_up(function, &queue));
    resources.insert(queue, stream::queue_of(function));
    resources
}

fn settings(queue: &str) -> Map<String, Value> {
    let destination = json!({ "OnFailure": { "Type": "SQS", "Destination": attribute(queue, "Arn") } });
    let invocation = json!({ "MaximumRetryAttempts": RETRIES, "DestinationConfig": destination });
    Map::from_iter([("EventInvokeConfig".to_owned(), invocation)])
}

/// <https://docs.aws.amazon.com/ses/latest/dg/monitoring-eventbridge.html>
pub(super) fn of_mail() -> Map<String, Value> {
    let pattern = json!({
        "source": ["aws.ses"],
        "detail-type": DETAIL_TYPES,
        "resources": [reference("MailConfigurationSetArn")],
    });
    Map::from_iter([
        ("Description".to_owned(), json!("What becomes of the mail that this deployment sends.")),
        ("EventPattern".to_owned(), pattern),
    ])
}

/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>
pub(super) fn of_clock(schedule: &Schedule) -> Map<String, Value> {
    Map::from_iter([("ScheduleExpression".to_owned(), json!(schedule.every.expression()))])
}

fn rule_of(id: &str, queue: &str, mut properties: Map<String, Value>) -> Value {
    let target = json!({
        "Id": "live",
        "Arn": lambda::live(id),
        "DeadLetterConfig": { "Arn": attribute(queue, "Arn") },
    });
    properties.insert("Targets".to_owned(), json!([target]));
    json!({ "Type": "AWS::Events::Rule", "Properties": properties })
}

fn permission(id: &str, rule: &str) -> Value {
    json!({
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "Action": "lambda:InvokeFunction",
            "FunctionName": lambda::live(id),
            "Principal": "events.amazonaws.com",
            "SourceArn": attribute(rule, "Arn"),
        },
    })
}

/// Lets the rule leave what it could not hand over.
fn undeliverable(queue: &str, rule: &str) -> Value {
    json!({
        "Type": "AWS::SQS::QueuePolicy",
        "Properties": {
            "Queues": [reference(queue)],
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [{
                    "Effect": "Allow",
                    "Principal": { "Service": "events.amazonaws.com" },
                    "Action": "sqs:SendMessage",
                    "Resource": attribute(queue, "Arn"),
                    "Condition": { "ArnEquals": { "aws:SourceArn": attribute(rule, "Arn") } },
                }],
            },
        },
    })
}
