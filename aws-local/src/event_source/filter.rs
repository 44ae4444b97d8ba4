//! Event filtering: which records a mapping hands to its function.
//!
//! Reproduces <https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html>: a pattern is an
//! object shaped like the record, whose leaves are arrays of alternatives. All fields of a pattern must match
//! (AND); one alternative of a leaf suffices (OR); one pattern of several suffices (OR). A comparison this
//! module does not know is refused when the pattern is read, because a filter that silently never matches
//! looks the same as an idle stream.

use serde_json::{Map, Value};

/// A filter pattern, read and found valid.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    fields: Vec<(String, Node)>,
}

/// A filter pattern that AWS, or this stand-in, would refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// A pattern, and every level of it above the leaves, is an object.
    #[error("a filter pattern is an object whose leaves are arrays; found {found}")]
    NotAPattern {
        /// What stood there instead.
        found: String,
    },
    /// An alternative of a leaf uses a comparison that does not exist here.
    #[error("no such comparison: {comparison}")]
    UnknownComparison {
        /// The alternative as written.
        comparison: String,
    },
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Fields(Vec<(String, Node)>),
    AnyOf(Vec<Comparison>),
}

#[derive(Debug, Clone, PartialEq)]
enum Comparison {
    Equals(Value),
    EqualsIgnoringCase(String),
    Prefix(String),
    Suffix(String),
    AnythingBut(Vec<Value>),
    AnythingButPrefix(String),
    Present,
    Absent,
}

impl Filter {
    /// Reads a pattern, e.g. `{"eventName": ["INSERT"], "dynamodb": {"Keys": {"pk": {"S": [{"prefix": "A#"}]}}}}`.
    ///
    /// # Errors
    /// When the pattern is not an object of objects of arrays, or uses an unknown comparison.
    pub fn read(pattern: &Value) -> Result<Self, FilterError> {
        let object = pattern.as_object().ok_or_else(|| not_a_pattern(pattern))?;
        Ok(Self { fields: read_fields(object)? })
    }

    /// Whether `record` passes.
    #[must_use]
    pub fn matches(&self, record: &Value) -> bool {
        fields_match(&self.fields, Some(record))
    }
}

/// Whether a record passes a mapping's filters: one match suffices, and no filters at all let everything through.
#[must_use]
pub fn passes(filters: &[Filter], record: &Value) -> bool {
    filters.is_empty() || filters.iter().any(|filter| filter.matches(record))
}

fn read_fields(object: &Map<String, Value>) -> Result<Vec<(String, Node)>, FilterError> {
    object.iter().map(|(name, node)| Ok((name.clone(), read_node(node)?))).collect()
}

fn read_node(node: &Value) -> Result<Node, FilterError> {
    match node {
        Value::Object(object) => Ok(Node::Fields(read_fields(object)?)),
        Value::Array(alternatives) if !alternatives.is_empty() => {
            alternatives.iter().map(read_comparison).collect::<Result<_, _>>().map(Node::AnyOf)
        }
        other => Err(not_a_pattern(other)),
    }
}

fn read_comparison(alternative: &Value) -> Result<Comparison, FilterError> {
    match alternative {
        Value::Object(comparison) => read_named_comparison(comparison)
            .ok_or_else(|| FilterError::UnknownComparison { comparison: alternative.to_string() }),
        Value::Array(_) => Err(not_a_pattern(alternative)),
        exact => Ok(Comparison::Equals(exact.clone())),
    }
}

fn read_named_comparison(comparison: &Map<String, Value>) -> Option<Comparison> {
    let (name, operand) = single_entry(comparison)?;
    match (name, operand) {
        ("prefix", Value::String(prefix)) => Some(Comparison::Prefix(prefix.clone())),
        ("suffix", Value::String(suffix)) => Some(Comparison::Suffix(suffix.clone())),
        ("equals-ignore-case", Value::String(text)) => Some(Comparison::EqualsIgnoringCase(text.clone())),
        ("exists", Value::Bool(true)) => Some(Comparison::Present),
        ("exists", Value::Bool(false)) => Some(Comparison::Absent),
        ("anything-but", Value::Object(inner)) => match single_entry(inner)? {
            ("prefix", Value::String(prefix)) => Some(Comparison::AnythingButPrefix(prefix.clone())),
            _ => None,
        },
        ("anything-but", Value::Array(values)) => Some(Comparison::AnythingBut(values.clone())),
        ("anything-but", value @ (Value::String(_) | Value::Number(_))) => {
            Some(Comparison::AnythingBut(vec![value.clone()]))
        }
        _ => None,
    }
}

fn single_entry(object: &Map<String, Value>) -> Option<(&str, &Value)> {
    match object.len() {
        1 => object.iter().next().map(|(name, value)| (name.as_str(), value)),
        _ => None,
    }
}

fn not_a_pattern(found: &Value) -> FilterError {
    FilterError::NotAPattern { found: found.to_string() }
}

fn fields_match(fields: &[(String, Node)], value: Option<&Value>) -> bool {
    fields.iter().all(|(name, node)| {
        let field = value.and_then(|value| value.get(name));
        match node {
            Node::Fields(fields) => fields_match(fields, field),
            Node::AnyOf(alternatives) => leaf_matches(alternatives, field),
        }
    })
}

/// AWS compares leaves only: an object in the record at a leaf's place counts as absent, and an array matches
/// when one of its elements does.
fn leaf_matches(alternatives: &[Comparison], field: Option<&Value>) -> bool {
    match field {
        None | Some(Value::Object(_)) => alternatives.contains(&Comparison::Absent),
        Some(Value::Array(elements)) => {
            elements.iter().any(|element| alternatives.iter().any(|comparison| comparison.holds_for(element)))
        }
        Some(leaf) => alternatives.iter().any(|comparison| comparison.holds_for(leaf)),
    }
}

impl Comparison {
    fn holds_for(&self, leaf: &Value) -> bool {
        match self {
            Self::Equals(value) => leaf == value,
            Self::EqualsIgnoringCase(text) => leaf.as_str().is_some_and(|leaf| leaf.eq_ignore_ascii_case(text)),
            Self::Prefix(prefix) => leaf.as_str().is_some_and(|leaf| leaf.starts_with(prefix)),
            Self::Suffix(suffix) => leaf.as_str().is_some_and(|leaf| leaf.ends_with(suffix)),
            Self::AnythingBut(values) => !values.contains(leaf),
            Self::AnythingButPrefix(prefix) => leaf.as_str().is_some_and(|leaf| !leaf.starts_with(prefix)),
            Self::Present => true,
            Self::Absent => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn matches(pattern: Value, record: Value) -> bool {
        Filter::read(&pattern).unwrap().matches(&record)
    }

    fn insert_of(pk: &str) -> Value {
        json!({"eventName": "INSERT", "dynamodb": {"Keys": {"pk": {"S": pk}}}})
    }

    #[test]
    fn an_exact_value_matches_itself_only() {
        assert!(matches(json!({"eventName": ["INSERT"]}), insert_of("A")));
        assert!(!matches(json!({"eventName": ["REMOVE"]}), insert_of("A")));
        assert!(matches(json!({"eventName": ["REMOVE", "INSERT"]}), insert_of("A")));
        assert!(matches(json!({"n": [3, null]}), json!({"n": null})));
    }

    #[test]
    fn a_nested_prefix_matches_the_start_of_a_key() {
        let pattern = json!({"dynamodb": {"Keys": {"pk": {"S": [{"prefix": "TENANT#"}]}}}});
        assert!(matches(pattern.clone(), insert_of("TENANT#1")));
        assert!(!matches(pattern, insert_of("USER#1")));
    }

    #[test]
    fn all_fields_of_a_pattern_must_match() {
        let pattern = json!({"eventName": ["REMOVE"], "dynamodb": {"Keys": {"pk": {"S": [{"prefix": "TENANT#"}]}}}});
        assert!(!matches(pattern, insert_of("TENANT#1")));
    }

    #[test]
    fn anything_but_wants_the_field_to_be_there_and_different() {
        let pattern = json!({"dynamodb": {"Keys": {"pk": {"S": [{"anything-but": ["A", "B"]}]}}}});
        assert!(matches(pattern.clone(), insert_of("C")));
        assert!(!matches(pattern.clone(), insert_of("B")));
        assert!(!matches(pattern, json!({"eventName": "INSERT"})));
        let prefix = json!({"dynamodb": {"Keys": {"pk": {"S": [{"anything-but": {"prefix": "AUDIT#"}}]}}}});
        assert!(matches(prefix.clone(), insert_of("TENANT#1")));
        assert!(!matches(prefix, insert_of("AUDIT#1")));
    }

    #[test]
    fn exists_looks_at_leaves_only() {
        let record = json!({"dynamodb": {"NewImage": {"v": {"N": "1"}}}});
        assert!(matches(json!({"dynamodb": {"NewImage": {"v": {"N": [{"exists": true}]}}}}), record.clone()));
        assert!(matches(json!({"dynamodb": {"OldImage": {"v": {"N": [{"exists": false}]}}}}), record.clone()));
        assert!(!matches(json!({"dynamodb": {"NewImage": [{"exists": true}]}}), record));
    }

    #[test]
    fn an_array_in_the_record_matches_when_one_element_does() {
        assert!(matches(json!({"tags": [{"suffix": "z"}]}), json!({"tags": ["a", "xyz"]})));
        assert!(matches(json!({"tags": [{"equals-ignore-case": "A"}]}), json!({"tags": ["a"]})));
    }

    #[test]
    fn one_filter_of_several_suffices_and_none_lets_everything_through() {
        let filters = [json!({"eventName": ["REMOVE"]}), json!({"eventName": ["INSERT"]})]
            .map(|pattern| Filter::read(&pattern).unwrap());
        assert!(passes(&filters, &insert_of("A")));
        assert!(!passes(&filters[..1], &insert_of("A")));
        assert!(passes(&[], &insert_of("A")));
    }

    #[test]
    fn a_pattern_that_could_never_match_is_refused_when_read() {
        for pattern in
            [json!({"eventName": "INSERT"}), json!({"eventName": []}), json!([]), json!({"eventName": [["INSERT"]]})]
        {
            assert!(matches!(Filter::read(&pattern), Err(FilterError::NotAPattern { .. })), "{pattern}");
        }
        for comparison in [json!({"wildcard": "*"}), json!({"prefix": 1}), json!({"prefix": "a", "suffix": "b"})] {
            let pattern = json!({"eventName": [comparison]});
            assert!(matches!(Filter::read(&pattern), Err(FilterError::UnknownComparison { .. })), "{pattern}");
        }
    }
}
