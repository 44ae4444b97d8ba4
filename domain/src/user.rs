//! A person, how they prove who they are, and where they are signed in.

use crate::email::Email;
use crate::id::{SessionId, UserId};
use crate::text::DisplayName;
use crate::time_zone::TimeZoneName;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A person. Verified by construction: no user exists until a link sent to the address was used.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct User {
    pub id: UserId,
    pub email: Email,
    pub display_name: Option<DisplayName>,
    pub time_zone: Option<TimeZoneName>,
    pub created_at: Timestamp,
}

/// Which user an address belongs to: the uniqueness of an address, and the way from it to its user.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EmailOwner {
    pub email: Email,
    pub user: UserId,
}

/// What a person signs in with. Apart from [`User`], so that no route that shows a person can read it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Credential {
    pub user: UserId,
    /// argon2id in PHC string format.
    pub password_hash: String,
    pub changed_at: Timestamp,
}

/// One signed-in browser: a family of refresh tokens, of which only the newest is good.
#[derive(Clone, Serialize, Deserialize)]
pub struct Session {
    pub user: UserId,
    pub id: SessionId,
    /// SHA-256 of the part all refresh tokens of this family share: it tells a reused token from a made-up one.
    pub family_hash: String,
    /// SHA-256 of the newest token's secret.
    pub secret_hash: String,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
    /// When the family ends unless it is used before.
    pub expires_at: Timestamp,
}

/// The time zone in force for a person, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EffectiveTimeZone {
    pub name: TimeZoneName,
    pub source: TimeZoneSource,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimeZoneSource {
    /// The person chose it.
    User,
    /// The tenant's default.
    Tenant,
    /// Neither is set: UTC.
    Fallback,
}

/// The person's own choice, else the tenant's default, else UTC.
pub fn effective_time_zone(user: Option<&TimeZoneName>, tenant: Option<&TimeZoneName>) -> EffectiveTimeZone {
    let of = |name: &TimeZoneName, source| EffectiveTimeZone { name: name.clone(), source };
    match (user, tenant) {
        (Some(name), _) => of(name, TimeZoneSource::User),
        (None, Some(name)) => of(name, TimeZoneSource::Tenant),
        (None, None) => of(&TimeZoneName::utc(), TimeZoneSource::Fallback),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_persons_own_time_zone_wins_over_the_tenants_and_utc_is_the_last_resort() {
        let berlin = TimeZoneName::parse("Europe/Berlin").unwrap();
        let tokyo = TimeZoneName::parse("Asia/Tokyo").unwrap();
        let cases = [
            (Some(&berlin), Some(&tokyo), "Europe/Berlin", TimeZoneSource::User),
            (Some(&berlin), None, "Europe/Berlin", TimeZoneSource::User),
            (None, Some(&tokyo), "Asia/Tokyo", TimeZoneSource::Tenant),
            (None, None, "UTC", TimeZoneSource::Fallback),
        ];
        for (user, tenant, name, source) in cases {
            let effective = effective_time_zone(user, tenant);
            assert_eq!((effective.name.as_str(), effective.source), (name, source));
        }
    }
}
