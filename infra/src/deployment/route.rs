//! A route: its place in the HTTP API, and the API's permission to call it.

use super::intrinsic::text;
use super::lambda::Deployed;
use super::{Resources, lambda};
use common::function::Http;
use serde_json::{Map, json};

pub(super) fn resources(deployed: &Deployed<'_>, http: &Http) -> Resources {
    let function = deployed.function;
    let id = super::logical_id(function.name);
    let (integration, route_key) = (format!("{id}Integration"), format!("{} {}", http.method.as_str(), http.path));
    let mut resources = lambda::resources(deployed, Map::new(), None);
    resources.insert(
        format!("{id}Route"),
        json!({
            "Type": "AWS::ApiGatewayV2::Route",
            "Properties": {
                "ApiId": { "Ref": "ApiId" },
                "RouteKey": route_key,
                // Who calls is established by the function itself: it reads session and membership anyway.
                "AuthorizationType": "NONE",
                "Target": text(format!("integrations/${{{integration}}}")),
            },
        }),
    );
    resources.insert(
        integration,
        json!({
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": {
                "ApiId": { "Ref": "ApiId" },
                "IntegrationType": "AWS_PROXY",
                "IntegrationUri": lambda::live(&id),
                "PayloadFormatVersion": "2.0",
                "TimeoutInMillis": 30_000,
            },
        }),
    );
    resources.insert(
        format!("{id}Permission"),
        json!({
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "Action": "lambda:InvokeFunction",
                "FunctionName": lambda::live(&id),
                "Principal": "apigateway.amazonaws.com",
                // The API's one stage has a name that is a sign, and a path's parameters are whatever they are: stars, as SAM writes
                // them for its own HTTP APIs.
                "SourceArn": text(format!(
                    "arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{ApiId}}/*/{}{}",
                    http.method.as_str(),
                    with_stars(http.path),
                )),
            },
        }),
    );
    resources
}

fn with_stars(path: &str) -> String {
    let segments = path.split('/').map(|segment| if segment.starts_with('{') { "*" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}
