//! A trigger of what becomes of mail: the rule that picks SES's events, and where the events go that it could not take.

use super::intrinsic::{attribute, reference};
use super::lambda::Deployed;
use super::{Resources, alarm, lambda, stream};
use common::feedback::DETAIL_TYPES;
use serde_json::{Map, Value, json};

/// How often Lambda tries an event again that the function failed on.
const RETRIES: u32 = 2;

pub(super) fn resources(deployed: &Deployed<'_>) -> Resources {
    let function = deployed.function;
    let id = super::logical_id(function.name);
    let (rule, queue) = (format!("{id}Rule"), stream::on_failure(&id));
    let mut resources = lambda::resources(deployed, settings(&queue), Some(attribute(&queue, "Arn")));
    resources.insert(format!("{id}Permission"), permission(&id, &rule));
    resources.insert(format!("{queue}Policy"), undeliverable(&queue, &rule));
    resources.insert(rule, rule_of(&id, &queue));
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
fn rule_of(id: &str, queue: &str) -> Value {
    json!({
        "Type": "AWS::Events::Rule",
        "Properties": {
            "Description": "What becomes of the mail that this deployment sends.",
            "EventPattern": {
                "source": ["aws.ses"],
                "detail-type": DETAIL_TYPES,
                "resources": [reference("MailConfigurationSetArn")],
            },
            "Targets": [{
                "Id": "live",
                "Arn": lambda::live(id),
                "DeadLetterConfig": { "Arn": attribute(queue, "Arn") },
            }],
        },
    })
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
