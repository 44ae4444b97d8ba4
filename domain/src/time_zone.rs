//! Time zones, by their IANA names.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};

use crate::invalid::Invalid;
use crate::text::text_form;

/// A time zone of the IANA database, such as `Europe/Berlin`.
///
/// The database is the one built into the program, so that every machine knows the same zones whatever it has
/// installed. The name is spelled as the database does, whatever capitals were typed.
#[derive(Debug, Clone)]
pub struct TimeZoneName {
    name: String,
    zone: TimeZone,
}

impl TimeZoneName {
    /// Looks a name up, without regard to capitals and surrounding space.
    ///
    /// # Errors
    /// `time_zone_unknown` when it is no name of the database. That includes "local", POSIX rules ("CET-1CEST"),
    /// plain offsets ("+02:00"), and the names that stand for no zone ("Etc/Unknown", "Factory").
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let zone = TimeZoneDatabase::bundled().get(text.trim()).map_err(|_| unknown())?;
        match zone.iana_name() {
            Some("Factory") | None => Err(unknown()),
            Some(name) => Ok(Self { name: name.to_owned(), zone }),
        }
    }

    /// Coordinated universal time.
    pub fn utc() -> Self {
        Self { name: "UTC".to_owned(), zone: TimeZone::UTC }
    }

    /// The name as the database spells it.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The zone's rules.
    pub const fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// A moment as a clock in this zone shows it, for people:
    /// "Saturday, 28 November 2026, 14:05 (Europe/Berlin, UTC+1)".
    pub fn describe(&self, at: Timestamp) -> String {
        let local = at.to_zoned(self.zone.clone());
        let clock = local.strftime("%A, %-d %B %Y, %H:%M");
        if self.name == "UTC" {
            return format!("{clock} (UTC)");
        }
        format!("{clock} ({}, {})", self.name, describe_offset(local.offset()))
    }
}

/// "UTC+1", "UTC-3:30", "UTC+0"; seconds only in offsets from before standard time.
fn describe_offset(offset: Offset) -> String {
    let seconds = offset.seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.unsigned_abs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (minutes, seconds) {
        (0, 0) => format!("UTC{sign}{hours}"),
        (_, 0) => format!("UTC{sign}{hours}:{minutes:02}"),
        _ => format!("UTC{sign}{hours}:{minutes:02}:{seconds:02}"),
    }
}

fn unknown() -> Invalid {
    Invalid::new("time_zone_unknown", "This is not a known time zone. Use an IANA name such as Europe/Berlin.")
}

impl PartialEq for TimeZoneName {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for TimeZoneName {}

impl Hash for TimeZoneName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl PartialOrd for TimeZoneName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for TimeZoneName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name.cmp(&other.name)
    }
}

text_form!(TimeZoneName, {
    "type": "string",
    "description": "A time zone of the IANA database.",
    "examples": ["Europe/Berlin"],
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invalid::from_wire;
    use proptest::prelude::*;
    use serde_json::{from_value, json, to_value};
    use std::hint::black_box;

    fn zone(text: &str) -> TimeZoneName {
        TimeZoneName::parse(text).unwrap_or_else(|invalid| panic!("{text:?}: {invalid}"))
    }

    fn describe(name: &str, at: &str) -> String {
        zone(name).describe(at.parse().unwrap())
    }

    #[test]
    fn names_get_the_databases_spelling() {
        for (typed, name) in [
            ("Europe/Berlin", "Europe/Berlin"),
            (" america/new_york\n", "America/New_York"),
            ("AMERICA/ARGENTINA/BUENOS_AIRES", "America/Argentina/Buenos_Aires"),
            ("Asia/Calcutta", "Asia/Calcutta"),
            ("utc", "UTC"),
            ("Etc/UTC", "Etc/UTC"),
            ("etc/gmt+5", "Etc/GMT+5"),
        ] {
            assert_eq!(zone(typed).as_str(), name);
        }
    }

    #[test]
    fn what_names_no_zone_is_refused() {
        for text in [
            "",
            " ",
            "local",
            "Local",
            "localtime",
            "posixrules",
            "Etc/Unknown",
            "etc/unknown",
            "Factory",
            "CET-1CEST",
            "EST5EDT,M3.2.0,M11.1.0",
            ":Europe/Berlin",
            "+02:00",
            "-05",
            "UTC+1",
            "Z",
            "Berlin",
            "Europe/",
            "/Europe/Berlin",
            "Europe/Berlin/",
            "Europe/../Europe/Berlin",
            "Europe/Atlantis",
            "Europe Berlin",
            "Europe/Ber\0lin",
            "é",
        ] {
            let refused = TimeZoneName::parse(text).map(|zone| zone.name).unwrap_err();
            assert_eq!(refused.code, "time_zone_unknown", "{text:?}");
        }
    }

    #[test]
    fn every_zone_of_the_database_but_factory_parses_to_its_own_name() {
        let mut count = 0;
        for name in TimeZoneDatabase::bundled().available() {
            if name.as_str() != "Factory" {
                assert_eq!(zone(name.as_str()).as_str(), name.as_str());
                count += 1;
            }
        }
        assert!(count > 400, "{count}");
    }

    #[test]
    fn a_moment_reads_as_people_write_it() {
        let at = "2026-11-28T13:05:59Z";
        for (name, text) in [
            ("Europe/Berlin", "Saturday, 28 November 2026, 14:05 (Europe/Berlin, UTC+1)"),
            ("Europe/London", "Saturday, 28 November 2026, 13:05 (Europe/London, UTC+0)"),
            ("Asia/Kolkata", "Saturday, 28 November 2026, 18:35 (Asia/Kolkata, UTC+5:30)"),
            ("America/St_Johns", "Saturday, 28 November 2026, 09:35 (America/St_Johns, UTC-3:30)"),
            ("Pacific/Kiritimati", "Sunday, 29 November 2026, 03:05 (Pacific/Kiritimati, UTC+14)"),
            ("America/New_York", "Saturday, 28 November 2026, 08:05 (America/New_York, UTC-5)"),
            ("UTC", "Saturday, 28 November 2026, 13:05 (UTC)"),
        ] {
            assert_eq!(describe(name, at), text);
        }
        assert_eq!(TimeZoneName::utc(), zone("UTC"));
    }

    #[test]
    fn summer_time_changes_the_offset_and_days_have_no_leading_zero() {
        let (before, after) = ("2026-10-25T00:59:00Z", "2026-10-25T01:00:00Z");
        assert_eq!(describe("Europe/Berlin", before), "Sunday, 25 October 2026, 02:59 (Europe/Berlin, UTC+2)");
        assert_eq!(describe("Europe/Berlin", after), "Sunday, 25 October 2026, 02:00 (Europe/Berlin, UTC+1)");
        assert_eq!(
            describe("Europe/Berlin", "2026-07-01T10:00:00Z"),
            "Wednesday, 1 July 2026, 12:00 (Europe/Berlin, UTC+2)"
        );
    }

    #[test]
    fn the_ends_of_time_can_be_described() {
        for at in [Timestamp::MIN, Timestamp::MAX, Timestamp::UNIX_EPOCH] {
            for name in ["UTC", "Pacific/Kiritimati", "Pacific/Niue", "Europe/Amsterdam"] {
                assert!(zone(name).describe(at).ends_with(')'));
            }
        }
    }

    #[test]
    fn json_is_the_name_and_a_refusal_keeps_its_code() {
        let berlin: TimeZoneName = from_value(json!("europe/berlin")).unwrap();
        assert_eq!(to_value(&berlin).unwrap(), json!("Europe/Berlin"));
        let refused = from_value::<TimeZoneName>(json!("Mars/Olympus")).unwrap_err().to_string();
        assert_eq!(from_wire(&refused).unwrap().0, "time_zone_unknown");
    }

    proptest! {
        #[test]
        fn what_is_displayed_parses_to_the_same_zone(text in "(?i)(europe|america|asia|etc)/[a-z_+0-9-]{2,10}|.{0,12}") {
            if let Ok(zone) = TimeZoneName::parse(&text) {
                prop_assert_eq!(TimeZoneName::parse(zone.as_str()), Ok(zone));
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            black_box(TimeZoneName::parse(&text)).ok();
        }
    }
}
