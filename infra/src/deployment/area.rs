//! The stack of an area: its functions, what runs them, and the alarms about them.

use super::intrinsic::reference;
use super::lambda::{Deployed, RESOURCES_OF_A_FUNCTION};
use super::yaml::{self, HEADER};
use super::{Resources, alarm, event, route, stream, watched};
use common::function::Source;
use functions::Area;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// What CloudFormation adds to a stack whose functions are moved gradually: CodeDeploy's application.
const RESOURCES_OF_GRADUAL_DEPLOYMENT: usize = 1;

pub(super) fn render(area: &Area) -> String {
    format!("{HEADER}{}", yaml::render(&template(area)))
}

pub(super) fn template(area: &Area) -> Value {
    let resources = resources(area);
    let parameters = parameters(&resources);
    let conditions = conditions(&parameters);
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Description": format!("Callaro: the functions of the area {}.", area.name),
        // For infra/lint, which counts what SAM really makes of it.
        "Metadata": { "MostResources": resource_count(area) },
        "Parameters": parameters.iter().map(|name| (name.clone(), parameter(name))).collect::<Map<_, _>>(),
        "Conditions": conditions,
        "Resources": resources,
    })
}

/// What CloudFormation counts, at its most: a function is several resources, and a deployment by degrees adds its own.
pub(super) fn resource_count(area: &Area) -> usize {
    let written = resources(area).len();
    let event_destinations = area
        .functions
        .iter()
        .filter(|function| function.is_run_by_feedback() || function.schedule_source().is_some())
        .count();
    let made_of_functions = area.functions.len() * (RESOURCES_OF_A_FUNCTION - 1);
    written + made_of_functions + event_destinations + RESOURCES_OF_GRADUAL_DEPLOYMENT
}

fn resources(area: &Area) -> Resources {
    let mut resources = Resources::new();
    for (part, functions) in area.functions.chunks(alarm::MOST_FUNCTIONS).enumerate() {
        // The first part needs no number.
        let part = if part == 0 { String::new() } else { format!("{}", part + 1) };
        let errors_alarm = format!("ErrorsAlarm{part}");
        resources.insert(errors_alarm.clone(), alarm::errors(functions));
        resources.insert(format!("ThrottlesAlarm{part}"), alarm::throttles(functions));
        for function in functions.iter().copied() {
            resources.extend(of_function(&Deployed { function, errors_alarm: errors_alarm.clone() }));
        }
    }
    resources
}

fn of_function(deployed: &Deployed<'_>) -> Resources {
    match &deployed.function.source {
        Source::Http(http) => route::resources(deployed, http),
        Source::Stream(stream) => stream::resources(deployed, stream),
        Source::Feedback(_) => event::resources(deployed, event::of_mail()),
        Source::Schedule(schedule) => {
            let mut resources = event::resources(deployed, event::of_clock(schedule));
            resources.extend(watched::resources(deployed.function, schedule));
            resources
        }
    }
}

/// The parameters that the root stack has to hand over: all that the resources refer to and that is none of them.
pub(super) fn parameters(resources: &Resources) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for resource in resources.values() {
        references(resource, &mut names);
    }
    names.retain(|name| !name.starts_with("AWS::") && !name.contains('.') && !resources.contains_key(name));
    names
}

/// The names that a template's value refers to, conditions among them.
fn references(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (member, value) in members {
                match (member.as_str(), value) {
                    ("Ref", Value::String(name)) => drop(names.insert(name.clone())),
                    ("Fn::Sub", Value::String(text)) => names.extend(placeholders(text)),
                    ("Fn::If", Value::Array(parts)) => {
                        names.extend(parts.first().and_then(Value::as_str).and_then(decided_by).map(str::to_owned));
                        parts.iter().skip(1).for_each(|part| references(part, names));
                    }
                    _ => references(value, names),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, names)),
        _ => {}
    }
}

fn placeholders(text: &str) -> impl Iterator<Item = String> {
    text.split("${").skip(1).filter_map(|rest| Some(rest.split_once('}')?.0.to_owned()))
}

/// The parameter that decides a condition.
fn decided_by(condition: &str) -> Option<&'static str> {
    match condition {
        "HasTracing" => Some("Tracing"),
        "IsMailSandbox" => Some("MailSandbox"),
        "HasPermissionsBoundary" => Some("PermissionsBoundary"),
        _ => None,
    }
}

fn conditions(parameters: &BTreeSet<String>) -> Map<String, Value> {
    let all = [
        ("HasTracing", "Tracing", json!({ "Fn::Equals": [reference("Tracing"), "Active"] })),
        ("IsMailSandbox", "MailSandbox", json!({ "Fn::Equals": [reference("MailSandbox"), "true"] })),
        (
            "HasPermissionsBoundary",
            "PermissionsBoundary",
            json!({ "Fn::Not": [{ "Fn::Equals": [reference("PermissionsBoundary"), ""] }] }),
        ),
    ];
    let used = all.into_iter().filter(|(_, parameter, _)| parameters.contains(*parameter));
    used.map(|(name, _, condition)| (name.to_owned(), condition)).collect()
}

/// Their values are checked where people give them, in the root stack.
fn parameter(name: &str) -> Value {
    match name {
        "LogRetentionDays" => json!({ "Type": "Number" }),
        _ => json!({ "Type": "String" }),
    }
}
