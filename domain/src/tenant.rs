//! A tenant's settings, and the counters that its members' comings and goings keep.

use crate::country::CountryCode;
use crate::email::Email;
use crate::id::{InviteId, TenantId, UserId};
use crate::member::Member;
use crate::patch::Patch;
use crate::phone::Phone;
use crate::text::{CompanyName, ContactName, Label, Note};
use crate::time_zone::TimeZoneName;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who did something, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mark {
    pub by: UserId,
    pub at: Timestamp,
}

/// A tenant's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    pub id: TenantId,
    pub company_name: CompanyName,
    pub business_contact: Option<BusinessContact>,
    pub country: Option<CountryCode>,
    pub labels: Vec<Label>,
    pub default_time_zone: TimeZoneName,
    /// Present when an admin said that the default time zone is meant, not merely inherited from a browser.
    pub default_time_zone_confirmed: Option<Mark>,
    pub default_time_zone_reason: Option<Note>,
    /// Who made the company details complete, and when. Absent while they are not.
    pub details_completed: Option<Mark>,
    pub created: Mark,
}

/// Whom Callaro writes to about the business side of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BusinessContact {
    pub name: ContactName,
    pub email: Email,
    pub phone: Option<Phone>,
}

/// How many seats a new tenant has: for members and for invites that are out.
pub const SEATS: u64 = 500;

/// The most labels a tenant keeps for its reports.
pub const MAX_LABELS: usize = 20;

/// A change to a tenant's settings. What is absent stays; `null` clears.
#[derive(Debug, Default)]
pub struct TenantChange {
    pub company_name: Option<CompanyName>,
    pub business_contact: Patch<BusinessContact>,
    pub country: Patch<CountryCode>,
    pub labels: Option<Vec<Label>>,
    pub default_time_zone: Option<TimeZoneName>,
    pub default_time_zone_confirmed: Option<TimeZoneConfirmation>,
    pub default_time_zone_reason: Patch<Note>,
}

/// Whether the change says that the default time zone is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeZoneConfirmation {
    Confirmed,
    Withdrawn,
}

impl Tenant {
    /// A tenant as sign-up leaves it: nothing is confirmed yet.
    pub fn new(id: TenantId, company_name: CompanyName, default_time_zone: TimeZoneName, created: Mark) -> Tenant {
        Tenant {
            id,
            company_name,
            business_contact: None,
            country: None,
            labels: Vec::new(),
            default_time_zone,
            default_time_zone_confirmed: None,
            default_time_zone_reason: None,
            details_completed: None,
            created,
        }
    }

    /// The tenant after `change`, made by and at `mark`.
    ///
    /// Another default time zone is unconfirmed until somebody says that it is meant, in the same change or later.
    pub fn changed(&self, change: TenantChange, mark: Mark) -> Tenant {
        let mut next = self.clone();
        if let Some(name) = change.company_name {
            next.company_name = name;
        }
        change.business_contact.apply(&mut next.business_contact);
        change.country.apply(&mut next.country);
        if let Some(labels) = change.labels {
            next.labels = labels;
        }
        if let Some(zone) = change.default_time_zone.filter(|zone| *zone != self.default_time_zone) {
            next.default_time_zone = zone;
            next.default_time_zone_confirmed = None;
            next.default_time_zone_reason = None;
        }
        match change.default_time_zone_confirmed {
            Some(TimeZoneConfirmation::Confirmed) => {
                next.default_time_zone_confirmed.get_or_insert(mark);
            }
            Some(TimeZoneConfirmation::Withdrawn) => next.default_time_zone_confirmed = None,
            None => {}
        }
        change.default_time_zone_reason.apply(&mut next.default_time_zone_reason);
        next.details_completed = match next.missing_details().is_empty() {
            true => self.details_completed.or(Some(mark)),
            false => None,
        };
        next
    }

    /// Which company details are not set yet, in words.
    pub fn missing_details(&self) -> Vec<&'static str> {
        let mut missing = Vec::new();
        if self.business_contact.is_none() {
            missing.push("a business contact");
        }
        if self.country.is_none() {
            missing.push("the country");
        }
        missing
    }
}

/// What the tenant's members add up to. Every write that adds, removes or re-roles a member moves these in its own
/// transaction, so nothing ever has to count members, and the last-admin rule is a condition on one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    pub tenant: TenantId,
    /// Active members, whatever their role.
    pub members: u64,
    /// Active admins. Never zero.
    pub admins: u64,
    /// How many people have come by an invite, those included who are gone again.
    pub invited_members: u64,
    /// Members, disabled ones too, and invites that are out.
    pub seats_taken: u64,
    /// The most that [`seats_taken`](Self::seats_taken) may be.
    pub seats: u64,
    /// The latest change to the set of admins.
    pub admins_changed: AdminsChanged,
    /// The first invite that was accepted. Left out while there is none: the write that accepts sets it if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_accepted: Option<Accepted>,
}

/// A change to the set of admins: whose, which way, by whom, when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminsChanged {
    pub member: UserId,
    pub change: AdminChange,
    pub by: UserId,
    pub at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdminChange {
    Added,
    Removed,
}

/// An invite that was accepted: which, by whom, when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    pub invite: InviteId,
    pub by: UserId,
    pub at: Timestamp,
}

/// By how much a membership's change moves the counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CountersMove {
    pub members: i64,
    pub admins: i64,
    pub seats_taken: i64,
}

impl CountersMove {
    /// From `before` to `after`; absent is not a member.
    pub fn between(before: Option<&Member>, after: Option<&Member>) -> CountersMove {
        let moved =
            |counts: fn(&Member) -> bool| i64::from(after.is_some_and(counts)) - i64::from(before.is_some_and(counts));
        CountersMove {
            members: moved(Member::is_active),
            admins: moved(Member::is_active_admin),
            seats_taken: moved(|_| true),
        }
    }
}

impl Counters {
    /// A new tenant's counters: its creator is its one member and admin.
    pub fn new(tenant: TenantId, creator: Mark) -> Counters {
        Counters {
            tenant,
            members: 1,
            admins: 1,
            invited_members: 0,
            seats_taken: 1,
            seats: SEATS,
            admins_changed: AdminsChanged {
                member: creator.by,
                change: AdminChange::Added,
                by: creator.by,
                at: creator.at,
            },
            first_accepted: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn mark(second: i64) -> Mark {
        Mark { by: UserId::from_uuid(Uuid::from_u128(7)), at: Timestamp::from_second(second).unwrap() }
    }

    fn tenant() -> Tenant {
        Tenant::new(
            TenantId::from_uuid(Uuid::from_u128(1)),
            CompanyName::parse("Acme Inc.").unwrap(),
            TimeZoneName::parse("Europe/Berlin").unwrap(),
            mark(0),
        )
    }

    fn contact() -> BusinessContact {
        BusinessContact {
            name: ContactName::parse("Ada").unwrap(),
            email: Email::parse("ada@acme.example").unwrap(),
            phone: None,
        }
    }

    #[test]
    fn company_details_are_complete_once_contact_and_country_are_set_and_keep_the_first_mark() {
        let with_contact =
            tenant().changed(TenantChange { business_contact: Patch::Set(contact()), ..Default::default() }, mark(1));
        assert_eq!(with_contact.details_completed, None);
        assert_eq!(with_contact.missing_details(), ["the country"]);

        let country = Patch::Set(CountryCode::parse("DE").unwrap());
        let complete = with_contact.changed(TenantChange { country, ..Default::default() }, mark(2));
        assert_eq!(complete.details_completed, Some(mark(2)));

        let labels = Some(vec![Label::parse("EMEA").unwrap()]);
        let relabelled = complete.changed(TenantChange { labels, ..Default::default() }, mark(3));
        assert_eq!(relabelled.details_completed, Some(mark(2)));

        let cleared = relabelled.changed(TenantChange { country: Patch::Clear, ..Default::default() }, mark(4));
        assert_eq!(cleared.details_completed, None);
    }

    #[test]
    fn another_default_time_zone_is_unconfirmed_until_it_is_confirmed_again() {
        let confirm = || Some(TimeZoneConfirmation::Confirmed);
        let confirmed =
            tenant().changed(TenantChange { default_time_zone_confirmed: confirm(), ..Default::default() }, mark(1));
        assert_eq!(confirmed.default_time_zone_confirmed, Some(mark(1)));

        let same_zone = TenantChange { default_time_zone: Some(tenant().default_time_zone), ..Default::default() };
        assert_eq!(confirmed.changed(same_zone, mark(2)).default_time_zone_confirmed, Some(mark(1)));

        let tokyo = || Some(TimeZoneName::parse("Asia/Tokyo").unwrap());
        let moved = confirmed.changed(TenantChange { default_time_zone: tokyo(), ..Default::default() }, mark(3));
        assert_eq!(moved.default_time_zone_confirmed, None);

        let both =
            TenantChange { default_time_zone: tokyo(), default_time_zone_confirmed: confirm(), ..Default::default() };
        assert_eq!(confirmed.changed(both, mark(4)).default_time_zone_confirmed, Some(mark(4)));
    }
}
