//! `PATCH /v1/tenant`: changes the workspace's settings.

use crate::tenant_settings::TenantSettings;
use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::keys::{self, Kind};
use common::reply::Reply;
use common::request::if_present;
use common::route::{Cx, Method, Route};
use common::store::{Access, Stored};
use domain::audit::Action;
use domain::country::CountryCode;
use domain::patch::Patch;
use domain::role::Permission;
use domain::tenant::{BusinessContact, MAX_LABELS, Mark, Tenant, TenantChange, TimeZoneConfirmation};
use domain::text::{CompanyName, Label, Note};
use domain::time_zone::TimeZoneName;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub static FUNCTION: Function = Function::route::<UpdateTenant>();

pub struct UpdateTenant;

/// What is absent stays; null clears.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    #[serde(default, deserialize_with = "if_present")]
    #[schemars(with = "CompanyName")]
    company_name: Option<CompanyName>,
    #[serde(default)]
    business_contact: Patch<BusinessContact>,
    #[serde(default)]
    country: Patch<CountryCode>,
    /// At most 20, each once.
    #[serde(default, deserialize_with = "if_present")]
    #[schemars(with = "Vec<Label>")]
    labels: Option<Vec<Label>>,
    #[serde(default, deserialize_with = "if_present")]
    #[schemars(with = "TimeZoneName")]
    default_time_zone: Option<TimeZoneName>,
    /// True says that the default time zone is meant. Another default time zone takes that back.
    #[serde(default, deserialize_with = "if_present")]
    #[schemars(with = "bool")]
    default_time_zone_confirmed: Option<bool>,
    #[serde(default)]
    default_time_zone_reason: Patch<Note>,
}

impl Route for UpdateTenant {
    const NAME: &'static str = "update-tenant";
    const SUMMARY: &'static str = "Change the workspace's settings.";
    const METHOD: Method = Method::Patch;
    const PATH: &'static str = "/v1/tenant";
    const AUTH: Auth = Auth::Member(Permission::UpdateTenant);
    const ACCESS: &'static [Access] = &[
        Access::BatchGet(Kind::Tenant),
        Access::BatchGet(Kind::Counters),
        Access::Replace(Kind::Tenant),
        Access::Check(Kind::Member),
        Access::Create(Kind::Audit),
    ];
    const REFUSES: &'static [Code] = &[Code::IfMatchRequired, Code::VersionStale];
    type Caller = InTenant;
    type Input = Input;
    type Output = TenantSettings;

    fn example() -> Value {
        json!({
            "company_name": "Acme Inc.",
            "business_contact": { "name": "Ada", "email": "office@acme.example", "phone": "+4930123456" },
            "country": "DE",
            "labels": ["EMEA"],
            "default_time_zone": "Europe/Berlin",
            "default_time_zone_confirmed": true,
            "default_time_zone_reason": "Most of us schedule from Berlin.",
        })
    }

    async fn handle(cx: &Cx, caller: InTenant, input: Input) -> Result<Reply<TenantSettings>> {
        let version = cx.if_match()?;
        let change = input.change()?;
        let both = cx.store().get_all((keys::tenant(caller.tenant), keys::counters(caller.tenant))).await?;
        let (Some(tenant), Some(counters)) = both else {
            return Err(Problem::not_found());
        };
        if tenant.version != version {
            return Err(Problem::version_stale());
        }
        let next = tenant.changed(change, Mark { by: caller.user, at: cx.now() });
        let saved = save(cx, &caller, tenant, next).await?;
        Ok(Reply::from(TenantSettings::show(&saved, &counters)).etag(saved.version))
    }
}

/// A change that changes nothing writes nothing.
async fn save(cx: &Cx, caller: &InTenant, tenant: Stored<Tenant>, next: Tenant) -> Result<Stored<Tenant>> {
    if tenant.item == next {
        return Ok(tenant);
    }
    let audit = cx.audit(caller.tenant, caller.user, Action::TenantUpdated, caller.tenant)?;
    let transaction = cx.store().transaction().replace(&tenant, &next, Problem::version_stale());
    let transaction = transaction.create(&audit, Problem::try_again());
    caller.require_still(transaction).commit().await?;
    Ok(Stored { item: next, version: tenant.version + 1 })
}

impl Input {
    fn change(self) -> Result<TenantChange> {
        if let Some(labels) = &self.labels {
            require_labels(labels)?;
        }
        Ok(TenantChange {
            company_name: self.company_name,
            business_contact: self.business_contact,
            country: self.country,
            labels: self.labels,
            default_time_zone: self.default_time_zone,
            default_time_zone_confirmed: self.default_time_zone_confirmed.map(|confirmed| match confirmed {
                true => TimeZoneConfirmation::Confirmed,
                false => TimeZoneConfirmation::Withdrawn,
            }),
            default_time_zone_reason: self.default_time_zone_reason,
        })
    }
}

fn require_labels(labels: &[Label]) -> Result<()> {
    if labels.len() > MAX_LABELS {
        let detail = format!("A workspace has at most {MAX_LABELS} labels. Remove some.");
        return Err(Problem::field("/labels", "too_many", detail));
    }
    let distinct: BTreeSet<_> = labels.iter().map(|label| label.as_str().to_lowercase()).collect();
    if distinct.len() < labels.len() {
        return Err(Problem::field("/labels", "repeated", "A label is there twice. Keep each once."));
    }
    Ok(())
}
