//! JSON values, one spelling each.

use serde_json::Value;

/// The same value with the members of its objects by name, whatever order `serde_json` keeps them in, which other crates of
/// the build decide (its feature `preserve_order`).
pub fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            members.into_iter().map(|(name, value)| (name.clone(), sorted(value))).collect()
        }
        Value::Array(values) => values.iter().map(sorted).collect(),
        plain => plain.clone(),
    }
}
