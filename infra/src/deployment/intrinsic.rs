//! CloudFormation's intrinsic functions, in their long form
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html>).

use serde_json::{Value, json};

/// A parameter's value, or a resource's name.
pub(super) fn reference(name: &str) -> Value {
    json!({ "Ref": name })
}

/// An attribute of a resource.
pub(super) fn attribute(resource: &str, attribute: &str) -> Value {
    json!({ "Fn::GetAtt": [resource, attribute] })
}

/// A text in which `${Name}` stands for a parameter or resource.
pub(super) fn text(template: impl Into<String>) -> Value {
    json!({ "Fn::Sub": template.into() })
}

/// One of two, by a condition of the template.
pub(super) fn either(condition: &str, then: Value, otherwise: Value) -> Value {
    json!({ "Fn::If": [condition, then, otherwise] })
}

/// A resource that goes when its stack goes. Said and not left to the default, because what it holds goes with it.
pub(super) fn disposable(kind: &str, properties: Value) -> Value {
    json!({ "Type": kind, "DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete", "Properties": properties })
}

/// Nothing: the property is left out.
pub(super) fn no_value() -> Value {
    reference("AWS::NoValue")
}
