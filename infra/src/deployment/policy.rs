//! Least privilege: what ACCESS says, in IAM's words.
//!
//! A function gets exactly the actions that its ACCESS needs, on the table or its index by name, and only on partitions of the
//! kinds it declared (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html>). No action and
//! no resource is a wildcard where AWS can tell resources apart.

use super::intrinsic::{either, no_value, reference, text};
use common::auth::token::TokenKind;
use common::function::{Function, Source};
use common::keys::Kind;
use common::store::Access;
use common::trigger::SendsMail;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What a call acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum On {
    Table,
    Index,
}

/// One action on the table, and the starts of the partition keys on which it is granted; none where it cannot be held to any.
pub type Grants = BTreeMap<(On, &'static str), BTreeSet<&'static str>>;

/// What `function` may do to the table.
pub fn grants(function: &Function) -> Grants {
    let mut grants = Grants::new();
    for access in function.access() {
        let (on, action, partitions) = grant(access);
        grants.entry((on, action)).or_default().extend(partitions);
    }
    grants
}

/// The actions that DynamoDB asks for. Those of a transaction are asked for write by write
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html>).
fn grant(access: Access) -> (On, &'static str, Vec<&'static str>) {
    match access {
        Access::Get(kind) => (On::Table, "dynamodb:GetItem", partitions(kind)),
        Access::BatchGet(kind) => (On::Table, "dynamodb:BatchGetItem", partitions(kind)),
        Access::Query(kind) => (On::Table, "dynamodb:Query", partitions(kind)),
        // A scan names no key: there is none to hold it to.
        Access::Scan(_) => (On::Table, "dynamodb:Scan", Vec::new()),
        Access::QueryIndex(kind) => (On::Index, "dynamodb:Query", index_partition(kind).into_iter().collect()),
        Access::CreateIn(_, partition) => (On::Table, "dynamodb:PutItem", vec![partition.prefix()]),
        Access::Create(kind) | Access::Replace(kind) => (On::Table, "dynamodb:PutItem", partitions(kind)),
        Access::UpdateIn(_, partition) => (On::Table, "dynamodb:UpdateItem", vec![partition.prefix()]),
        Access::Update(kind) => (On::Table, "dynamodb:UpdateItem", partitions(kind)),
        Access::Delete(kind) => (On::Table, "dynamodb:DeleteItem", partitions(kind)),
        Access::Check(kind) => (On::Table, "dynamodb:ConditionCheckItem", partitions(kind)),
    }
}

fn partitions(kind: Kind) -> Vec<&'static str> {
    kind.chart().partitions.iter().map(|partition| partition.prefix()).collect()
}

/// The start of the index's partition key, which is what the condition looks at in a query of the index.
fn index_partition(kind: Kind) -> Option<&'static str> {
    let end = kind.chart().index?.find('#')?;
    kind.chart().index.map(|keys| &keys[..=end])
}

/// The policy of a function's role. `log_group` is the attribute that is its log group's ARN.
pub(super) fn document(function: &Function, log_group: Value, on_failure: Option<Value>) -> Value {
    let mut statements = vec![logs(log_group)];
    statements.extend(table(function));
    if let Source::Stream(_) = function.source {
        statements.extend(stream());
    }
    statements.extend(on_failure.map(|queue| allow("GiveUp", &["sqs:SendMessage"], vec![queue])));
    if function.sends_mail == SendsMail::Yes {
        statements.extend([mail(), either("IsMailSandbox", mail_to_verified(), no_value())]);
    }
    if !function.signs.is_empty() {
        statements.push(signing_keys(function.signs));
    }
    statements.push(either("HasTracing", tracing(), no_value()));
    json!({ "Version": "2012-10-17", "Statement": statements })
}

fn allow(sid: &str, actions: &[&str], resources: Vec<Value>) -> Value {
    json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources })
}

fn logs(log_group: Value) -> Value {
    allow("Log", &["logs:CreateLogStream", "logs:PutLogEvents"], vec![log_group])
}

/// Actions that are granted on the same partitions are one statement.
fn table(function: &Function) -> Vec<Value> {
    let mut by_partitions: BTreeMap<(On, BTreeSet<&str>), Vec<&str>> = BTreeMap::new();
    for ((on, action), partitions) in grants(function) {
        by_partitions.entry((on, partitions)).or_default().push(action);
    }
    by_partitions.into_iter().map(|((on, partitions), actions)| partitioned(on, &partitions, &actions)).collect()
}

fn partitioned(on: On, partitions: &BTreeSet<&str>, actions: &[&str]) -> Value {
    let (place, resource) = match on {
        On::Table => ("Table", reference("TableArn")),
        On::Index => ("Index", text("${TableArn}/index/gsi1")),
    };
    let names: String =
        partitions.iter().map(|prefix| super::logical_id(&prefix.trim_end_matches('#').to_lowercase())).collect();
    let mut statement = allow(&format!("{place}{names}"), actions, vec![resource]);
    if partitions.is_empty() {
        statement["Sid"] = json!(format!("Whole{place}"));
        return statement;
    }
    let patterns: Vec<_> = partitions.iter().map(|prefix| format!("{prefix}*")).collect();
    statement["Condition"] = json!({
        "ForAllValues:StringLike": { "dynamodb:LeadingKeys": patterns },
        // `ForAllValues` is true of no values at all: without this a call that names no key would be let through
        // (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html).
        "Null": { "dynamodb:LeadingKeys": "false" },
    });
    statement
}

/// What an event source mapping does on the function's behalf
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html>). Streams are listed by table, so that
/// one has an ARN that ends in anything.
fn stream() -> [Value; 2] {
    let read = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"];
    [
        allow("ReadStream", &read, vec![reference("TableStreamArn")]),
        allow("ListStreams", &["dynamodb:ListStreams"], vec![text("${TableArn}/stream/*")]),
    ]
}

/// As the configured sender and nobody else. SES asks for the configuration set too
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsimpleemailservicev2.html>).
fn mail() -> Value {
    let mut statement =
        allow("SendMail", &["ses:SendEmail"], vec![reference("MailIdentityArn"), reference("MailConfigurationSetArn")]);
    statement["Condition"] = json!({ "StringEquals": { "ses:FromAddress": reference("MailAddress") } });
    statement
}

/// In its sandbox SES also asks for permission on the recipient's identity, by reports of people who met that
/// (<https://github.com/aws/aws-sdk-js/issues/3641>).
fn mail_to_verified() -> Value {
    let identities = text("arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:identity/*");
    let mut statement = allow("SendMailInSandbox", &["ses:SendEmail"], vec![identities]);
    statement["Condition"] = json!({ "StringEquals": { "ses:FromAddress": reference("MailAddress") } });
    statement
}

/// Every key of the kinds that it signs, not the one that signs now alone: roles have no versions. While a deployment moves to another
/// key, and after going back to an earlier one, functions start that are told the other.
fn signing_keys(signs: &[TokenKind]) -> Value {
    let parameter = |kind: &TokenKind| {
        text(format!(
            "arn:${{AWS::Partition}}:ssm:${{AWS::Region}}:${{AWS::AccountId}}:parameter${{SigningKeysPath}}/{}/*",
            kind.as_str()
        ))
    };
    allow("ReadSigningKeys", &["ssm:GetParameters"], signs.iter().map(parameter).collect())
}

/// The name of the parameter that holds a private key, as a template.
pub(super) fn signing_key_parameter(kind: TokenKind) -> String {
    format!("${{SigningKeysPath}}/{}/${{{}}}", kind.as_str(), key_id_parameter(kind))
}

/// The template parameter that says which key of a kind signs.
pub(super) fn key_id_parameter(kind: TokenKind) -> String {
    format!("{}KeyId", super::logical_id(kind.as_str()))
}

/// X-Ray takes traces for the account as a whole: it knows no resources to name
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html>).
fn tracing() -> Value {
    allow("Trace", &["xray:PutTelemetryRecords", "xray:PutTraceSegments"], vec![json!("*")])
}
