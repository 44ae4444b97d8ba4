//! A tenant's settings, as `/v1/tenant` shows them.

use common::store::Stored;
use domain::Timestamp;
use domain::country::CountryCode;
use domain::id::TenantId;
use domain::tenant::{BusinessContact, Mark, Tenant};
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
    created_at: Timestamp,
    version: u64,
}

impl From<&Stored<Tenant>> for TenantSettings {
    fn from(stored: &Stored<Tenant>) -> TenantSettings {
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
            created_at: tenant.created.at,
            version: stored.version,
        }
    }
}
