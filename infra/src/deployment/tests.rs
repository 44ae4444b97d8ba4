//! What the templates of a small manifest say.

use super::*;
use crate::fakes::{self, ListThings, RenameThing};
use common::function::Function;
use common::route::Route;
use functions::AREAS;
use serde_json::json;
use std::slice;

fn template() -> Value {
    area::template(&fakes::sound())
}

fn resource(id: &str) -> Value {
    template()["Resources"][id].clone()
}

/// An area of so many routes.
fn area_of(routes: usize) -> Area {
    let name = |number: usize| -> &'static str { Box::leak(format!("route-{number}").into_boxed_str()) };
    let named = |number| {
        let mut function = Function::route::<ListThings>();
        function.name = name(number);
        function
    };
    fakes::area((0..routes).map(named))
}

#[test]
fn a_route_is_called_by_its_method_and_path_and_by_nobody_else() {
    assert_eq!(resource("RenameThingRoute")["Properties"]["RouteKey"], "PATCH /v1/things/{thing}");
    assert_eq!(
        resource("RenameThingPermission")["Properties"],
        json!({
            "Action": "lambda:InvokeFunction",
            "FunctionName": { "Ref": "RenameThing.Alias" },
            "Principal": "apigateway.amazonaws.com",
            "SourceArn": {
                "Fn::Sub": "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${ApiId}/*/PATCH/v1/things/*"
            },
        })
    );
}

#[test]
fn a_function_that_touches_nothing_may_only_log() {
    let statements = &resource("ListThingsRole")["Properties"]["Policies"][0]["PolicyDocument"]["Statement"];
    let sids: Vec<_> =
        statements.as_array().unwrap().iter().filter_map(|statement| statement["Sid"].as_str()).collect();
    assert_eq!(sids, ["Log"]);
}

#[test]
fn a_trigger_has_its_filters_and_gives_up_into_its_own_queue() {
    let mapping = &resource("CountThingsMapping")["Properties"];
    let filter = json!({ "eventName": ["INSERT", "REMOVE"], "dynamodb": { "Keys": { "sk": { "S": [{ "prefix": "MEMBER#" }] } } } });
    let pattern: Value =
        serde_json::from_str(mapping["FilterCriteria"]["Filters"][0]["Pattern"].as_str().unwrap()).unwrap();
    assert_eq!(pattern, filter);
    assert_eq!(mapping["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
    assert_eq!(mapping["BisectBatchOnFunctionError"], true);
    assert_eq!((&mapping["MaximumRetryAttempts"], &mapping["MaximumRecordAgeInSeconds"]), (&json!(5), &json!(3600)));
    let destination = &mapping["DestinationConfig"]["OnFailure"]["Destination"];
    assert_eq!(*destination, json!({ "Fn::GetAtt": ["CountThingsOnFailure", "Arn"] }));
}

#[test]
fn what_is_to_be_zero_in_a_log_is_a_metric_of_its_lines_with_an_alarm_for_as_long_as_it_is_not() {
    let area = AREAS.iter().find(|area| area.name == "checklist").unwrap();
    let resources = area::template(area)["Resources"].clone();
    let log_group = &resources["ReconcileChecklists"]["Properties"]["LoggingConfig"]["LogGroup"];
    for field in ["mended", "failed"] {
        let name = format!("ReconcileChecklists{}", logical_id(field));
        let filter = &resources[format!("{name}Metric")]["Properties"];
        assert_eq!(filter["LogGroupName"], *log_group);
        assert_eq!(filter["FilterPattern"], r#"{ $.message = "reconciled" }"#);
        let metric = &filter["MetricTransformations"][0];
        assert_eq!(metric["MetricValue"], format!("$.{field}"));
        let alarm = &resources[&name]["Properties"];
        assert_eq!((&alarm["Namespace"], &alarm["MetricName"]), (&metric["MetricNamespace"], &metric["MetricName"]));
        assert_eq!(metric["MetricNamespace"], json!({ "Fn::Sub": "Callaro/${Prefix}" }));
        assert_eq!((&alarm["Period"], &alarm["Threshold"]), (&json!(6 * 60 * 60), &json!(0)));
    }
}

#[test]
fn only_who_signs_may_read_signing_keys_and_only_those_of_its_kinds() {
    for area in &AREAS {
        let template = area::template(area);
        for function in area.functions {
            let role = &template["Resources"][format!("{}Role", logical_id(function.name))];
            let text = role.to_string();
            for kind in common::auth::token::TokenKind::ALL {
                let reads = text.contains(&format!("/{}/*", kind.as_str()));
                assert_eq!(reads, function.signs.contains(&kind), "{} and {kind:?}", function.name);
            }
        }
    }
}

#[test]
fn only_who_sends_mail_may_send_mail() {
    for area in &AREAS {
        let template = area::template(area);
        for function in area.functions {
            let role = template["Resources"][format!("{}Role", logical_id(function.name))].to_string();
            assert_eq!(role.contains("ses:SendEmail"), function.name == "send-mail", "{}", function.name);
        }
    }
}

#[test]
fn an_area_is_handed_every_parameter_that_it_has_and_each_is_something_of_the_root() {
    for area in &AREAS {
        let wanted: Vec<_> = area::template(area)["Parameters"].as_object().unwrap().keys().cloned().collect();
        let stack = root::stack(area);
        let handed = stack["Properties"]["Parameters"].as_object().unwrap();
        let mut names: Vec<_> = handed.keys().cloned().collect();
        names.sort();
        assert_eq!(names, wanted, "{}", area.name);
        let refers_to =
            handed.values().filter_map(|value| value["Ref"].as_str()).filter(|name| !name.starts_with("AWS::"));
        for name in refers_to {
            assert!(
                root::BASE.contains(&format!("\n  {name}:\n")),
                "{}: {name} is nothing of the root stack",
                area.name
            );
        }
    }
}

#[test]
fn a_stack_that_would_not_fit_is_found() {
    assert_eq!(findings(slice::from_ref(&area_of(50))), [""; 0]);
    let most = (1..100).take_while(|routes| area::resource_count(&area_of(*routes)) <= MOST_RESOURCES).count();
    let found = findings(slice::from_ref(&area_of(most + 1)));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("fake: its stack would have 5"), "{found:?}");
}

#[test]
fn names_become_logical_ids() {
    assert_eq!(logical_id(RenameThing::NAME), "RenameThing");
    assert_eq!(logical_id("sign_up"), "SignUp");
}
