//! A function: the Lambda function with its version and alias, its role, its log group.

use super::intrinsic::{attribute, disposable, either, no_value, reference, text};
use super::{Resources, policy};
use common::auth::token::TokenKind;
use common::config;
use common::function::{Function, Source};
use serde_json::{Map, Value, json};

/// The alias that everything calls: what a deployment moves from one version to the next.
pub(super) const ALIAS: &str = "live";

/// What CloudFormation makes of a function with an alias: itself, a version, the alias, and the deployment group if the alias is
/// moved gradually.
pub(super) const RESOURCES_OF_A_FUNCTION: usize = 4;

/// A function in its area's stack.
pub(super) struct Deployed<'a> {
    pub function: &'a Function,
    /// The logical id of the alarm that goes off when it fails.
    pub errors_alarm: String,
}

/// The name of the function in AWS: the stack's name before its own, so that several deployments fit into an account.
pub(super) fn name(function: &Function) -> Value {
    text(format!("${{Prefix}}-{}", function.name))
}

/// The logical id of its log group.
pub(super) fn log_group(function: &Function) -> String {
    format!("{}LogGroup", super::logical_id(function.name))
}

/// What is called: the function's alias.
pub(super) fn live(id: &str) -> Value {
    reference(&format!("{id}.Alias"))
}

/// `settings` are what its source adds to the function.
pub(super) fn resources(deployed: &Deployed<'_>, settings: Map<String, Value>, on_failure: Option<Value>) -> Resources {
    let function = deployed.function;
    let id = super::logical_id(function.name);
    let (role, log_group) = (format!("{id}Role"), log_group(function));
    let mut lambda = json!({
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "FunctionName": name(function),
            "Description": function.summary,
            "CodeUri": format!("../../target/package/{}.zip", function.name),
            "Handler": "bootstrap",
            "Runtime": "provided.al2023",
            "Architectures": [reference("Architecture")],
            "MemorySize": function.memory_mb,
            "Timeout": function.timeout().as_secs(),
            "Role": attribute(&role, "Arn"),
            "Tracing": reference("Tracing"),
            "AutoPublishAlias": ALIAS,
            // Not the code's hash alone: a version also fixes the environment, so what changes only that has to publish one too. SAM adds
            // it to the description, without which Lambda would see nothing new to publish where code and environment are the same.
            "AutoPublishCodeSha256": reference("Release"),
            "DeploymentPreference": gradually(deployed),
            "LoggingConfig": {
                "LogFormat": "JSON",
                "LogGroup": reference(&log_group),
                "ApplicationLogLevel": reference("LogLevel"),
                "SystemLogLevel": "WARN",
            },
            "Environment": { "Variables": environment(function) },
        },
    });
    if let Some(properties) = lambda["Properties"].as_object_mut() {
        properties.extend(settings);
    }
    let mut resources = Resources::new();
    resources.insert(role, role_of(function, attribute(&log_group, "Arn"), on_failure));
    resources.insert(log_group, log_group_of(function));
    resources.insert(id, lambda);
    resources
}

/// Moves the alias a part of the calls at a time, and back when an alarm goes off meanwhile
/// (<https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/automating-updates-to-serverless-apps.html>).
fn gradually(deployed: &Deployed<'_>) -> Value {
    let of_area = reference(&deployed.errors_alarm);
    let alarms = match deployed.function.source {
        Source::Http(_) => vec![of_area, reference("ServerErrorsAlarm")],
        Source::Stream(_) | Source::Feedback(_) | Source::Schedule(_) => vec![of_area],
    };
    json!({
        "Enabled": reference("Canary"),
        "Type": reference("CanaryType"),
        "Alarms": alarms,
        "Role": reference("CanaryRoleArn"),
    })
}

fn environment(function: &Function) -> Map<String, Value> {
    let shared = [
        (config::TABLE_NAME, reference("TableName")),
        (config::PUBLIC_URL, reference("PublicUrl")),
        (config::CONSOLE_URL, reference("ConsoleUrl")),
        (config::MAIL_FROM, reference("MailFrom")),
        (config::MAIL_CONFIGURATION_SET, reference("MailConfigurationSet")),
        (config::VERIFYING_KEYS, reference("VerifyingKeys")),
    ];
    let signing =
        |kind: &TokenKind| (kind.signing_variable(), text(format!("ssm:{}", policy::signing_key_parameter(*kind))));
    let all = shared.into_iter().chain(function.signs.iter().map(signing));
    all.map(|(variable, value)| (variable.to_owned(), value)).collect()
}

fn role_of(function: &Function, log_group: Value, on_failure: Option<Value>) -> Value {
    json!({
        "Type": "AWS::IAM::Role",
        "Properties": {
            "Description": format!("What {} may do.", function.name),
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [{
                    "Effect": "Allow",
                    "Principal": { "Service": "lambda.amazonaws.com" },
                    "Action": "sts:AssumeRole",
                }],
            },
            "PermissionsBoundary": either("HasPermissionsBoundary", reference("PermissionsBoundary"), no_value()),
            "Policies": [{
                "PolicyName": function.name,
                "PolicyDocument": policy::document(function, log_group, on_failure),
            }],
        },
    })
}

fn log_group_of(function: &Function) -> Value {
    let properties = json!({
        "LogGroupName": text(format!("/aws/lambda/${{Prefix}}-{}", function.name)),
        "RetentionInDays": reference("LogRetentionDays"),
    });
    disposable("AWS::Logs::LogGroup", properties)
}
