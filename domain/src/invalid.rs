//! Why a value was refused.

use serde::de::{Deserialize, Deserializer, Error as _};

/// Encloses the parts of an [`Invalid`] on its way through a serde error.
///
/// U+001F is the ASCII "unit separator". No code and no sentence of ours has it, and text that it would come
/// in from outside is refused as a control character before anything is said about it.
const UNIT_SEPARATOR: char = '\u{1f}';

/// A value was refused: a stable code for programs and a sentence for people.
///
/// The sentence says what is wrong and what to do about it. It never repeats the refused input, so it is safe
/// to log and to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Invalid {
    /// Stable, snake_case, part of the API's contract.
    pub code: &'static str,
    /// Plain English, ends with a full stop.
    pub detail: String,
}

impl Invalid {
    /// An `Invalid` with this code and sentence.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }

    /// One message that carries both parts through `serde::de::Error::custom`, which takes only a message.
    ///
    /// [`from_wire`] reads it back.
    pub fn to_wire(&self) -> String {
        let Self { code, detail } = self;
        let detail = detail.replace(UNIT_SEPARATOR, " ");
        format!("{UNIT_SEPARATOR}{code}{UNIT_SEPARATOR}{detail}{UNIT_SEPARATOR}")
    }
}

/// Reads code and detail back from a deserialiser's message, if [`Invalid::to_wire`] wrote it.
///
/// Anything after the closing separator is ignored: `serde_json` appends " at line 1 column 2" when it parses
/// text. Anything *before* the opening one makes this `None`: messages such as "unknown field `…`" repeat what
/// the caller sent, which must not be able to choose the code of our answer.
pub fn from_wire(message: &str) -> Option<(&str, &str)> {
    let message = message.strip_prefix(UNIT_SEPARATOR)?;
    let (code, message) = message.split_once(UNIT_SEPARATOR)?;
    let (detail, _position) = message.split_once(UNIT_SEPARATOR)?;
    Some((code, detail))
}

/// Deserialises a string and parses it, keeping the code and the sentence of a refusal in the error.
pub(crate) fn deserialize_parsed<'de, D, T>(
    deserializer: D,
    parse: impl FnOnce(&str) -> Result<T, Invalid>,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
{
    let text = String::deserialize(deserializer)?;
    parse(&text).map_err(|invalid| D::Error::custom(invalid.to_wire()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_message_is_the_detail() {
        let invalid = Invalid::new("colour_unknown", "This is not a colour. Use red or blue.");
        assert_eq!(invalid.to_string(), "This is not a colour. Use red or blue.");
    }

    #[test]
    fn a_position_after_the_message_is_ignored() {
        let message = Invalid::new("a_code", "A sentence.").to_wire() + " at line 1 column 2";
        assert_eq!(from_wire(&message), Some(("a_code", "A sentence.")));
    }

    #[test]
    fn a_message_of_another_origin_is_none() {
        for message in ["", "missing field `email`", "\u{1f}", "\u{1f}code", "\u{1f}code\u{1f}never closed"] {
            assert_eq!(from_wire(message), None, "{message:?}");
        }
    }

    #[test]
    fn a_caller_cannot_smuggle_a_code_in_through_an_echoed_name() {
        let message = "unknown field `\u{1f}forged\u{1f}Pay me.\u{1f}`, expected `email`";
        assert_eq!(from_wire(message), None);
    }

    #[test]
    fn a_separator_in_the_detail_becomes_a_space() {
        let wire = Invalid::new("a_code", "One\u{1f}two.").to_wire();
        assert_eq!(from_wire(&wire), Some(("a_code", "One two.")));
    }

    #[test]
    fn serde_json_carries_the_code_from_text_and_from_a_value() {
        let parse = |_: &str| Err::<(), _>(Invalid::new("a_code", "A sentence."));
        let mut text = serde_json::Deserializer::from_str("\"x\"");
        let from_text = deserialize_parsed(&mut text, parse).unwrap_err().to_string();
        let from_value = deserialize_parsed(serde_json::json!("x"), parse).unwrap_err().to_string();
        assert_eq!(from_wire(&from_text), Some(("a_code", "A sentence.")));
        assert_eq!(from_wire(&from_value), Some(("a_code", "A sentence.")));
    }

    #[test]
    fn a_value_that_is_no_string_keeps_serdes_own_message() {
        let parse = |_: &str| Ok(());
        let message = deserialize_parsed(serde_json::json!(5), parse).unwrap_err().to_string();
        assert_eq!(from_wire(&message), None);
    }

    proptest! {
        #[test]
        fn what_goes_on_the_wire_comes_back(detail in "[^\u{1f}]*", suffix in ".*") {
            let message = Invalid::new("a_code", detail.clone()).to_wire() + &suffix;
            prop_assert_eq!(from_wire(&message), Some(("a_code", detail.as_str())));
        }

        #[test]
        fn no_message_makes_it_panic(message in any::<String>()) {
            let _ = from_wire(&message);
        }
    }
}
