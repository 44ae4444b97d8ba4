//! Days of the calendar, wherever somebody lives them.

use crate::invalid::{Invalid, deserialize_parsed};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// A day, without a time and without a place: `2026-12-01` (ISO 8601; RFC 3339 `full-date`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct CalendarDate(Date);

/// How far behind UTC the place is where a day ends last.
const LAST_TO_END: SignedDuration = SignedDuration::from_hours(12);

impl CalendarDate {
    /// Reads a day. Only the one form above: a time behind it would be dropped, and its writer meant something by it.
    ///
    /// # Errors
    /// `date_invalid` for any other text, and for days that no calendar has.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let date: Date = text.parse().map_err(|_| invalid())?;
        match date.to_string() == text {
            true => Ok(Self(date)),
            false => Err(invalid()),
        }
    }

    /// The earliest day that is still today somewhere: whoever means their own today is never told that it is over.
    pub fn earliest_today(now: Timestamp) -> Self {
        let there = now.saturating_sub(LAST_TO_END).unwrap_or(Timestamp::MIN);
        Self(there.to_zoned(TimeZone::UTC).date())
    }
}

fn invalid() -> Invalid {
    Invalid::new("date_invalid", "This is not a day. Write it as year-month-day, like 2026-12-01.")
}

impl fmt::Display for CalendarDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl<'de> Deserialize<'de> for CalendarDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_parsed(deserializer, Self::parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invalid::from_wire;
    use proptest::prelude::*;
    use serde_json::{from_value, json, to_value};

    fn day(text: &str) -> CalendarDate {
        CalendarDate::parse(text).unwrap()
    }

    #[test]
    fn json_is_the_day_and_a_refusal_keeps_its_code() {
        let leap: CalendarDate = from_value(json!("2028-02-29")).unwrap();
        assert_eq!((to_value(leap).unwrap(), leap.to_string()), (json!("2028-02-29"), "2028-02-29".to_owned()));
        let refused = from_value::<CalendarDate>(json!("tomorrow")).unwrap_err().to_string();
        assert_eq!(from_wire(&refused).unwrap().0, "date_invalid");
    }

    #[test]
    fn any_other_spelling_is_refused_and_so_is_a_day_that_no_calendar_has() {
        for text in [
            "",
            "2026-12-1",
            "20261201",
            "01.12.2026",
            "12/01/2026",
            " 2026-12-01",
            "2026-12-01\n",
            "2026-12-01T10:00",
            "2026-12-01T10:00:00Z",
            "2026-12-01[UTC]",
            "+002026-12-01",
            "2026-02-29",
            "2026-13-01",
            "2026-00-00",
            "2026-W49-2",
        ] {
            assert_eq!(CalendarDate::parse(text).unwrap_err().code, "date_invalid", "{text:?}");
        }
    }

    #[test]
    fn today_is_over_once_it_is_over_in_the_last_place_on_earth() {
        let earliest_at = |moment: &str| CalendarDate::earliest_today(moment.parse().unwrap());
        assert_eq!(earliest_at("2026-12-02T11:59:59Z"), day("2026-12-01"));
        assert_eq!(earliest_at("2026-12-02T12:00:00Z"), day("2026-12-02"));
        assert_eq!(
            CalendarDate::earliest_today(Timestamp::MIN),
            CalendarDate(TimeZone::UTC.to_datetime(Timestamp::MIN).date())
        );
    }

    #[test]
    fn the_schema_says_that_it_is_a_date() {
        assert_eq!(schemars::schema_for!(CalendarDate).get("format"), Some(&json!("date")));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_what_parses_is_said_back(text in "[0-9T:Z+-]{0,12}|.*") {
            if let Ok(date) = CalendarDate::parse(&text) {
                prop_assert_eq!(date.to_string(), text);
            }
        }

        #[test]
        fn whatever_day_it_is_anywhere_is_not_over(second in 0_i64..4_000_000_000, offset in -12_i32..=14) {
            let now = Timestamp::from_second(second).unwrap();
            let here = CalendarDate(TimeZone::fixed(jiff::tz::offset(i8::try_from(offset).unwrap())).to_datetime(now).date());
            prop_assert!(here >= CalendarDate::earliest_today(now));
        }
    }
}
