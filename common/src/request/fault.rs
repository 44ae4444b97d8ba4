//! Why an input does not fit its type.
//!
//! serde tells a deserialiser's error what went wrong in parts, and only by default makes a sentence of them: one in words of
//! Rust, which repeats the input. We keep the parts, so no input can be mistaken for our words, and none is said back.

use domain::invalid;
use serde::de::{Error, Expected, Unexpected};
use std::fmt;

pub const AN_OBJECT: &str = "an object";

#[derive(Debug)]
pub enum Fault {
    /// What one of our own types said.
    Ours {
        code: String,
        detail: String,
    },
    /// With what was expected, where there is a plain word for it.
    WrongType(Option<&'static str>),
    Missing(&'static str),
    /// Two names of one field, both given.
    Repeated(&'static str),
    /// Met where the object's names are read: the path leads to it already.
    UnknownField(String),
    /// Found left over once the object had been read: the path leads to the object.
    LeftOver(String),
    /// With what is known.
    UnknownValue(&'static [&'static str]),
    Invalid,
}

impl Fault {
    pub fn code(&self) -> &str {
        match self {
            Fault::Ours { code, .. } => code,
            Fault::WrongType(_) => "wrong_type",
            Fault::Missing(_) => "missing",
            Fault::Repeated(_) => "repeated",
            Fault::UnknownField(_) | Fault::LeftOver(_) => "unknown_field",
            Fault::UnknownValue(_) => "unknown_value",
            Fault::Invalid => "invalid",
        }
    }

    pub fn detail(&self) -> String {
        match self {
            Fault::Ours { detail, .. } => detail.clone(),
            Fault::WrongType(Some(expected)) => format!("This is of the wrong type: expected {expected}."),
            Fault::WrongType(None) => "This is of the wrong type.".to_owned(),
            Fault::Missing(_) => "This field is required. Add it.".to_owned(),
            Fault::Repeated(_) => "This field is given twice. Give it once.".to_owned(),
            Fault::UnknownField(_) | Fault::LeftOver(_) => {
                "There is no such field here. Remove it, or correct its name.".to_owned()
            }
            Fault::UnknownValue(known) => format!("This is not one of: {}.", known.join(", ")),
            Fault::Invalid => "This is not valid.".to_owned(),
        }
    }

    /// The member this is about, if `path` leads only to its object.
    pub fn member_beyond(&self, path: &[String]) -> Option<&str> {
        match self {
            Fault::Missing(name) | Fault::Repeated(name) => Some(name),
            Fault::LeftOver(name) => Some(name),
            // In what serde buffers, the path stops at the object.
            Fault::UnknownField(name) => (path.last() != Some(name)).then_some(name),
            Fault::Ours { .. } | Fault::WrongType(_) | Fault::UnknownValue(_) | Fault::Invalid => None,
        }
    }
}

impl Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Fault {
        let message = message.to_string();
        if let Some((code, detail)) = invalid::from_wire(&message) {
            return Fault::Ours { code: code.to_owned(), detail: detail.to_owned() };
        }
        left_over(&message).map_or(Fault::Invalid, |name| Fault::LeftOver(name.to_owned()))
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Fault {
        Fault::WrongType(plain(&expected.to_string()))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Fault {
        Fault::WrongType(plain(&expected.to_string()))
    }

    fn invalid_length(_: usize, _: &dyn Expected) -> Fault {
        Fault::Invalid
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Fault {
        Fault::UnknownValue(known)
    }

    fn unknown_field(name: &str, _: &'static [&'static str]) -> Fault {
        Fault::UnknownField(name.to_owned())
    }

    fn missing_field(name: &'static str) -> Fault {
        Fault::Missing(name)
    }

    fn duplicate_field(name: &'static str) -> Fault {
        Fault::Repeated(name)
    }
}

/// A type that flattens another and refuses unknown fields finds them last, and tells of them only in these words. Cutting
/// off both ends leaves the name whole, whatever it holds.
fn left_over(message: &str) -> Option<&str> {
    message.strip_prefix("unknown field `")?.strip_suffix('`')
}

/// The plain word for what a visitor of serde says that it expects. It speaks of types only, never of the input.
fn plain(expected: &str) -> Option<&'static str> {
    match expected {
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => Some("a whole number"),
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => Some("a whole number"),
        "f32" | "f64" => Some("a number"),
        "a string" | "a borrowed string" | "string" | "str" => Some("text"),
        "a boolean" => Some("true or false"),
        "a sequence" => Some("a list"),
        "a map" => Some(AN_OBJECT),
        _ => is_object(expected).then_some(AN_OBJECT),
    }
}

fn is_object(expected: &str) -> bool {
    ["struct ", "internally tagged enum ", "adjacently tagged enum "].iter().any(|kind| expected.starts_with(kind))
}

/// For the trait's sake: a client is told [`Fault::detail`].
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail())
    }
}

impl std::error::Error for Fault {}
