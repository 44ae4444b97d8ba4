//! Telephone numbers.

use crate::invalid::Invalid;
use crate::text::text_form;

/// ITU-T E.164 §6.2.1: at most fifteen digits, country code included.
const MAX_DIGITS: usize = 15;

/// Our own floor: shorter international numbers exist on paper only, and a typing slip is far likelier.
const MIN_DIGITS: usize = 8;

/// An international telephone number: `+`, then 8 to 15 digits of which the first is not zero (ITU-T E.164).
///
/// Only the shape is checked, not whether somebody answers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Phone(String);

impl Phone {
    /// Reads a number; spaces, hyphens, dots and parentheses between the digits are dropped.
    ///
    /// # Errors
    /// `phone_invalid` when what remains has another shape, and for "+44 (0)20 …": the zero in parentheses is
    /// dialled only inside the country (ITU-T E.123 §7 asks not to print it), so keeping it makes a wrong number.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.contains("(0)") {
            return Err(trunk_zero());
        }
        let number: String = text.trim().chars().filter(|&c| !is_grouping(c)).collect();
        let digits = number.strip_prefix('+').ok_or_else(malformed)?;
        let well_formed = (MIN_DIGITS..=MAX_DIGITS).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0');
        if well_formed { Ok(Self(number)) } else { Err(malformed()) }
    }

    /// `+` and the digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What people put between digits (ITU-T E.123 §6), with the no-break forms that a copied web page has.
const fn is_grouping(c: char) -> bool {
    matches!(c, ' ' | '-' | '.' | '(' | ')' | '\u{a0}' | '\u{202f}' | '\u{2010}' | '\u{2011}')
}

fn malformed() -> Invalid {
    Invalid::new(
        "phone_invalid",
        "This is not an international phone number. Use + and the country code, like +49 30 901820.",
    )
}

fn trunk_zero() -> Invalid {
    Invalid::new(
        "phone_invalid",
        "This phone number has a zero in parentheses, which is only dialled inside the country. Leave it out.",
    )
}

text_form!(Phone, { "type": "string", "pattern": "^\\+[1-9][0-9]{7,14}$", "examples": ["+4930901820"] });

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invalid::from_wire;
    use proptest::prelude::*;
    use serde_json::{from_value, json, to_value};

    #[test]
    fn numbers_lose_what_groups_their_digits() {
        for (typed, number) in [
            ("+4930901820", "+4930901820"),
            (" +49 30 901820\n", "+4930901820"),
            ("+1 (415) 555-0132", "+14155550132"),
            ("+1.415.555.0132", "+14155550132"),
            ("(+44) 20-7946-0018", "+442079460018"),
            ("+33\u{a0}1\u{202f}99\u{2011}00 12\u{2010}34", "+33199001234"),
            ("+12345678", "+12345678"),
            ("+123456789012345", "+123456789012345"),
        ] {
            assert_eq!(Phone::parse(typed).unwrap().as_str(), number);
        }
    }

    #[test]
    fn what_is_no_international_number_is_refused() {
        for text in [
            "",
            "+",
            "030 901820",
            "0049 30 901820",
            "4930901820",
            "+1234567",
            "+1234567890123456",
            "+0 30 901820",
            "+49 30 9018a0",
            "++4930901820",
            "+49+30901820",
            "+49/30/901820",
            "+49 30 901820 ext. 5",
            "tel:+4930901820",
            "+٤٩٣٠٩٠١٨٢٠",
            "+４９３０９０１８２０",
            "+49\u{200b}30901820",
            "+49\t30901820",
            "+49 30 90;1820",
        ] {
            assert_eq!(Phone::parse(text).unwrap_err().code, "phone_invalid", "{text:?}");
        }
    }

    #[test]
    fn a_zero_for_calls_inside_the_country_is_pointed_out() {
        let refused = Phone::parse("+44 (0)20 7946 0018").unwrap_err();
        assert_eq!(refused.code, "phone_invalid");
        assert!(refused.detail.contains("zero in parentheses"));
    }

    #[test]
    fn json_is_the_number_and_a_refusal_keeps_its_code() {
        let phone: Phone = from_value(json!("+49 30 901820")).unwrap();
        assert_eq!(to_value(&phone).unwrap(), json!("+4930901820"));
        let refused = from_value::<Phone>(json!("nobody")).unwrap_err().to_string();
        assert_eq!(from_wire(&refused).unwrap().0, "phone_invalid");
    }

    proptest! {
        #[test]
        fn every_number_of_the_right_shape_passes(number in "\\+[1-9][0-9]{7,14}") {
            let parsed = Phone::parse(&number).unwrap();
            prop_assert_eq!(parsed.as_str(), number);
        }

        #[test]
        fn grouping_makes_no_difference(number in "\\+[1-9][0-9]{7,14}", group in "[ .-]{1,3}") {
            let grouped: String = number.chars().map(|c| format!("{c}{group}")).collect();
            prop_assert_eq!(Phone::parse(&grouped), Phone::parse(&number));
        }

        #[test]
        fn any_text_parses_to_itself_or_is_refused(text in "[+0-9 ().-]{0,24}|.*") {
            if let Ok(phone) = Phone::parse(&text) {
                prop_assert_eq!(Phone::parse(phone.as_str()), Ok(phone));
            }
        }
    }
}
