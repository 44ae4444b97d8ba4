//! The root stack: `base.yaml` as people wrote it, and after it the areas' stacks and the dashboard.

use super::intrinsic::{attribute, disposable, either, reference, text};
use super::yaml::{self, HEADER};
use super::{area, dashboard, logical_id, path};
use functions::Area;
use serde_json::{Map, Value, json};

/// Ends with its `Resources`, to which the rest is added.
pub(super) const BASE: &str = include_str!("../../base.yaml");

pub(super) fn render(areas: &[Area]) -> String {
    let stacks: String = areas.iter().map(|area| entry(&stack_id(area), &stack(area))).collect();
    let dashboard = entry("Dashboard", &dashboard::resource(areas));
    format!("{HEADER}{BASE}\n{stacks}{dashboard}")
}

fn entry(id: &str, resource: &Value) -> String {
    yaml::indented(&json!({ id: resource }), 2)
}

fn stack_id(area: &Area) -> String {
    format!("{}Stack", logical_id(area.name))
}

/// The stack of an area. What it is handed makes it wait for table and API; it hands nothing back.
pub(super) fn stack(area: &Area) -> Value {
    let template = area::template(area);
    let wanted = template["Parameters"].as_object().cloned().unwrap_or_default();
    let parameters: Map<String, Value> = wanted.keys().map(|name| (name.clone(), handed(name))).collect();
    let location = path(area).trim_start_matches("infra/").to_owned();
    disposable("AWS::Serverless::Application", json!({ "Location": location, "Parameters": parameters }))
}

/// What an area's parameter is given: something of the base, or the root's own parameter of that name.
fn handed(parameter: &str) -> Value {
    match parameter {
        "Prefix" => reference("AWS::StackName"),
        "TableName" => reference("Table"),
        "TableArn" => attribute("Table", "Arn"),
        "TableStreamArn" => attribute("Table", "StreamArn"),
        "ApiId" => reference("Api"),
        "AlarmTopicArn" => reference("AlarmTopic"),
        "CanaryRoleArn" => either("IsCanary", attribute("CanaryRole", "Arn"), json!("")),
        "PublicUrl" => either(
            "HasDomain",
            text("https://${DomainName}"),
            text("https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}"),
        ),
        "MailAddress" => text("${MailLocalPart}@${MailDomain}"),
        "MailFrom" => text("${MailName} <${MailLocalPart}@${MailDomain}>"),
        "MailIdentityArn" => text("arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:identity/${MailDomain}"),
        "MailConfigurationSetArn" => {
            text("arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:configuration-set/${MailConfigurationSet}")
        }
        name => reference(name),
    }
}
