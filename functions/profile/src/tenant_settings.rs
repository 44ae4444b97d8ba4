//! A tenant's settings, as `/v1/tenant` shows them.

use common::store::Stored;
use domain::Timestamp;
use domain::country::CountryCode;
use domain::id::TenantId;
use domain::tenant::{BusinessContact, Counters, Mark, Tenant};
use domain::text::{CompanyName, Label, Note};
use domain::time_zone::TimeZoneName;
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Debug, Serialize, JsonSchema)]
pub struct TenantSettings {
    id: TenantId,
    company_name: CompanyName,
    business_contact: Option<BusinessContact>,
    country: Option<CountryCode>,
    labels: Vec<Label>,
    default_time_zone: TimeZoneName,
    /// Whether an admin has said that this time zone is meant.
    default_time_zone_confirmed: bool,
    /// Who said so, and when.
    default_time_zone_confirmation: Option<Mark>,
    /// Why this one.
    default_time_zone_reason: Option<Note>,
    /// Not settings, but what they are for whoever wants to invite somebody. They are no part of the version.
    seats: Seats,
    created_at: Timestamp,
    version: u64,
}

/// How many seats there are, and how many are taken: by members, disabled ones too, and by invitations that are out.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Seats {
    /// An invitation that has expired may count until somebody wants its seat.
    taken: u64,
    total: u64,
}

impl TenantSettings {
    pub fn show(stored: &Stored<Tenant>, counters: &Counters) -> TenantSettings {
        let tenant = stored.item.clone();
        TenantSettings {
            id: tenant.id,
            company_name: tenant.company_name,
            business_contact: tenant.business_contact,
            country: tenant.country,
            labels: tenant.labels,
            default_time_zone: tenant.default_time_zone,
            default_time_zone_confirmed: tenant.default_time_zone_confirmed.is_some(),
            default_time_zone_confirmation: tenant.default_time_zone_confirmed,
            default_time_zone_reason: tenant.default_time_zone_reason,
            seats: Seats { taken: counters.seats_taken, total: counters.seats },
            created_at: tenant.created.at,
            version: stored.version,
        }
    }
}
