//! Where in a request something is: a JSON pointer (RFC 6901) into the body, or `?name` for a query parameter.

use super::MembersFrom;
use serde_path_to_error::{Path, Segment};

/// The names on the way to where an input went wrong, outermost first.
pub fn names(path: &Path) -> Vec<String> {
    path.iter().filter_map(name).collect()
}

fn name(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Seq { index } => Some(index.to_string()),
        // JSON writes an enum with content as an object whose one member is named like the variant.
        Segment::Map { key } | Segment::Enum { variant: key } => Some(key.clone()),
        Segment::Unknown => None,
    }
}

/// Points to what these names lead to, outermost first.
pub fn to<'a>(names: impl IntoIterator<Item = &'a str>, from: MembersFrom) -> String {
    let mut names = names.into_iter();
    match from {
        MembersFrom::Body => names.map(token).collect(),
        // A query is flat, and its names are no JSON pointers: they stand for themselves.
        MembersFrom::Query => names.next().map(|name| format!("?{name}")).unwrap_or_default(),
    }
}

/// One step of a JSON pointer: RFC 6901 §3 escapes what would otherwise end it.
pub fn token(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}
