//! A tenant's settings, and the counters that its members' comings and goings keep.

use crate::country::CountryCode;
use crate::email::Email;
use crate::id::{InviteId, TenantId, UserId};
use crate::member::Member;
use crate::patch::Patch;
use crate::phone::Phone;
use crate::role::Role;
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

/// What the tenant's records add up to. Every write that adds, removes or changes one of them moves these in its own
/// transaction, so nothing ever has to count records, and the last-admin rule is a condition on one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    pub tenant: TenantId,
    /// Active members, whatever their role.
    pub members: u64,
    /// Active admins. Never zero.
    pub admins: u64,
    /// Active operators.
    pub operators: u64,
    /// Active viewers.
    pub viewers: u64,
    /// Integrations, planned or connected.
    pub integrations: u64,
    /// Active phone numbers.
    pub phone_numbers: u64,
    /// Live API keys that have been used.
    pub used_api_keys: u64,
    /// How many people have come by an invite, those included who are gone again.
    pub invited_members: u64,
    /// Members, disabled ones too, and invites that are out.
    pub seats_taken: u64,
    /// The most that [`seats_taken`](Self::seats_taken) may be.
    pub seats: u64,
    /// How often the invites that are out, or what is known of their mail, changed. Whoever reads those after this can tell whether
    /// both are of one moment.
    pub invite_changes: u64,
    /// The latest change to each [`CountedSet`] that ever changed: left out until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admins_changed: Option<LastChange>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operators_changed: Option<LastChange>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub viewers_changed: Option<LastChange>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integrations_changed: Option<LastChange>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_numbers_changed: Option<LastChange>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_api_keys_changed: Option<LastChange>,
    /// The first invite that was accepted. Left out while there is none: the write that accepts sets it if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_accepted: Option<Accepted>,
}

/// A set of a tenant's records whose size the counters keep, with the latest change to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CountedSet {
    Admins,
    Operators,
    Viewers,
    Integrations,
    PhoneNumbers,
    UsedApiKeys,
}

/// A change to a set of records: which came or went, by whom, when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastChange {
    /// The id of the record.
    pub record: String,
    pub change: SetChange,
    pub by: UserId,
    pub at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetChange {
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

impl CountedSet {
    /// The set of the active members with this role.
    pub const fn of_role(role: Role) -> CountedSet {
        match role {
            Role::Admin => CountedSet::Admins,
            Role::Operator => CountedSet::Operators,
            Role::Viewer => CountedSet::Viewers,
        }
    }

    /// The attribute of [`Counters`] with its size.
    pub const fn size_attribute(self) -> &'static str {
        match self {
            CountedSet::Admins => "admins",
            CountedSet::Operators => "operators",
            CountedSet::Viewers => "viewers",
            CountedSet::Integrations => "integrations",
            CountedSet::PhoneNumbers => "phone_numbers",
            CountedSet::UsedApiKeys => "used_api_keys",
        }
    }

    /// The attribute of [`Counters`] with the latest change to it.
    pub const fn changed_attribute(self) -> &'static str {
        match self {
            CountedSet::Admins => "admins_changed",
            CountedSet::Operators => "operators_changed",
            CountedSet::Viewers => "viewers_changed",
            CountedSet::Integrations => "integrations_changed",
            CountedSet::PhoneNumbers => "phone_numbers_changed",
            CountedSet::UsedApiKeys => "used_api_keys_changed",
        }
    }
}

impl SetChange {
    /// What it does to the size of the set.
    pub const fn amount(self) -> i64 {
        match self {
            SetChange::Added => 1,
            SetChange::Removed => -1,
        }
    }
}

impl LastChange {
    pub fn added(record: impl ToString, mark: Mark) -> LastChange {
        LastChange { record: record.to_string(), change: SetChange::Added, by: mark.by, at: mark.at }
    }

    pub fn removed(record: impl ToString, mark: Mark) -> LastChange {
        LastChange { record: record.to_string(), change: SetChange::Removed, by: mark.by, at: mark.at }
    }

    pub fn mark(&self) -> Mark {
        Mark { by: self.by, at: self.at }
    }
}

/// By how much a membership's change moves the counters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CountersMove {
    pub members: i64,
    pub seats_taken: i64,
    /// The sets of members by role that it leaves and comes to.
    pub roles: Vec<(CountedSet, SetChange)>,
}

impl CountersMove {
    /// From `before` to `after`; absent is not a member.
    pub fn between(before: Option<&Member>, after: Option<&Member>) -> CountersMove {
        let role = |member: Option<&Member>| member.filter(|member| member.is_active()).map(|member| member.role);
        let (left, taken) = (role(before), role(after));
        let moved = |is: fn(Option<&Member>) -> bool| i64::from(is(after)) - i64::from(is(before));
        let mut roles = Vec::new();
        if left != taken {
            roles.extend(left.map(|role| (CountedSet::of_role(role), SetChange::Removed)));
            roles.extend(taken.map(|role| (CountedSet::of_role(role), SetChange::Added)));
        }
        CountersMove {
            members: moved(|member| member.is_some_and(Member::is_active)),
            seats_taken: moved(|member| member.is_some()),
            roles,
        }
    }

    /// Whether an admin goes, by which there could be none left.
    pub fn loses_an_admin(&self) -> bool {
        self.roles.contains(&(CountedSet::Admins, SetChange::Removed))
    }
}

impl Counters {
    /// A new tenant's counters: its creator is its one member and admin.
    pub fn new(tenant: TenantId, creator: Mark) -> Counters {
        Counters {
            tenant,
            members: 1,
            admins: 1,
            operators: 0,
            viewers: 0,
            integrations: 0,
            phone_numbers: 0,
            used_api_keys: 0,
            invited_members: 0,
            seats_taken: 1,
            seats: SEATS,
            invite_changes: 0,
            admins_changed: Some(LastChange::added(creator.by, creator)),
            operators_changed: None,
            viewers_changed: None,
            integrations_changed: None,
            phone_numbers_changed: None,
            used_api_keys_changed: None,
            first_accepted: None,
        }
    }

    /// How many records a set has.
    pub fn size(&self, set: CountedSet) -> u64 {
        match set {
            CountedSet::Admins => self.admins,
            CountedSet::Operators => self.operators,
            CountedSet::Viewers => self.viewers,
            CountedSet::Integrations => self.integrations,
            CountedSet::PhoneNumbers => self.phone_numbers,
            CountedSet::UsedApiKeys => self.used_api_keys,
        }
    }

    /// The latest change to a set; nothing if it never had a record.
    pub fn last_change(&self, set: CountedSet) -> Option<&LastChange> {
        match set {
            CountedSet::Admins => self.admins_changed.as_ref(),
            CountedSet::Operators => self.operators_changed.as_ref(),
            CountedSet::Viewers => self.viewers_changed.as_ref(),
            CountedSet::Integrations => self.integrations_changed.as_ref(),
            CountedSet::PhoneNumbers => self.phone_numbers_changed.as_ref(),
            CountedSet::UsedApiKeys => self.used_api_keys_changed.as_ref(),
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

    const SETS: [CountedSet; 6] = [
        CountedSet::Admins,
        CountedSet::Operators,
        CountedSet::Viewers,
        CountedSet::Integrations,
        CountedSet::PhoneNumbers,
        CountedSet::UsedApiKeys,
    ];

    #[test]
    fn every_counted_set_is_kept_under_the_attributes_that_it_names() {
        let counters = Counters::new(TenantId::from_uuid(Uuid::from_u128(1)), mark(0));
        for set in SETS {
            let mut kept = serde_json::to_value(&counters).unwrap();
            kept[set.size_attribute()] = 7.into();
            let change = LastChange::added("rec_1", mark(5));
            kept[set.changed_attribute()] = serde_json::to_value(&change).unwrap();
            let read: Counters = serde_json::from_value(kept).unwrap();
            assert_eq!((read.size(set), read.last_change(set)), (7, Some(&change)), "{set:?}");
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
