//! Which steps there are: data, with a version.

use super::Standing;
use super::rules::{self, Facts};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// The steps of a checklist, in the order a person meets them.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// It changes with every change to which steps there are or when one is complete.
    pub version: u32,
    pub steps: &'static [StepDefinition],
}

/// What is fixed about a step.
#[derive(Debug, Clone)]
pub struct StepDefinition {
    pub id: StepId,
    /// As a person reads it.
    pub title: &'static str,
    pub need: Need,
    /// The version of the definition that last asked for more than the one before. What was complete by an earlier one was so by
    /// another measure.
    pub since: u32,
    /// The console page that fixes it, relative to the console.
    pub action: &'static str,
    /// Where it stands, by the facts.
    pub rule: fn(Facts<'_>) -> Standing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    Required,
    /// It may be skipped.
    Optional,
}

/// Names a step. A name that no definition knows any more, or knows yet, is read all the same: deployments overlap.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(Cow<'static, str>);

impl StepId {
    pub const COMPANY_DETAILS: StepId = StepId::named("company-details");
    pub const DEFAULT_TIMEZONE: StepId = StepId::named("default-timezone");
    pub const BILLING_OWNER: StepId = StepId::named("billing-owner");
    pub const BACKUP_ADMIN: StepId = StepId::named("backup-admin");
    pub const INVITE_TEAM: StepId = StepId::named("invite-team");
    pub const TEST_USER: StepId = StepId::named("test-user");
    pub const CRM_OR_CALENDAR: StepId = StepId::named("crm-or-calendar");
    pub const OPERATORS_SIGNED_IN: StepId = StepId::named("operators-signed-in");
    pub const REVIEWER_ASSIGNED: StepId = StepId::named("reviewer-assigned");
    pub const PHONE_NUMBER: StepId = StepId::named("phone-number");
    pub const API_KEY: StepId = StepId::named("api-key");

    pub const fn named(name: &'static str) -> StepId {
        StepId(Cow::Borrowed(name))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl JsonSchema for StepId {
    fn schema_name() -> Cow<'static, str> {
        "StepId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<_> = CURRENT.steps.iter().map(|step| step.id.as_str()).collect();
        json_schema!({ "type": "string", "enum": names })
    }
}

/// What this version of the program folds by.
pub static CURRENT: Definition = Definition {
    version: 2,
    steps: &[
        StepDefinition {
            id: StepId::COMPANY_DETAILS,
            title: "Company details",
            need: Need::Required,
            since: 1,
            action: "/settings/workspace",
            rule: rules::company_details,
        },
        StepDefinition {
            id: StepId::DEFAULT_TIMEZONE,
            title: "Default time zone",
            need: Need::Required,
            since: 1,
            action: "/settings/workspace#time-zone",
            rule: rules::default_timezone,
        },
        StepDefinition {
            id: StepId::BILLING_OWNER,
            title: "Billing owner",
            need: Need::Required,
            since: 1,
            action: "/billing",
            rule: rules::billing_owner,
        },
        StepDefinition {
            id: StepId::BACKUP_ADMIN,
            title: "Backup admin",
            need: Need::Required,
            since: 1,
            action: "/users",
            rule: rules::backup_admin,
        },
        StepDefinition {
            id: StepId::INVITE_TEAM,
            title: "Team invited",
            need: Need::Required,
            since: 1,
            action: "/users/invite",
            rule: rules::invite_team,
        },
        StepDefinition {
            id: StepId::TEST_USER,
            title: "Test user",
            need: Need::Required,
            since: 2,
            action: "/users#test-user",
            rule: rules::test_user,
        },
        StepDefinition {
            id: StepId::CRM_OR_CALENDAR,
            title: "CRM or calendar",
            need: Need::Required,
            since: 2,
            action: "/integrations",
            rule: rules::crm_or_calendar,
        },
        StepDefinition {
            id: StepId::OPERATORS_SIGNED_IN,
            title: "Operators signed in",
            need: Need::Optional,
            since: 2,
            action: "/users",
            rule: rules::operators_signed_in,
        },
        StepDefinition {
            id: StepId::REVIEWER_ASSIGNED,
            title: "Reviewer assigned",
            need: Need::Optional,
            since: 2,
            action: "/users/invite",
            rule: rules::reviewer_assigned,
        },
        StepDefinition {
            id: StepId::PHONE_NUMBER,
            title: "Phone number",
            need: Need::Optional,
            since: 2,
            action: "/phone-numbers",
            rule: rules::phone_number,
        },
        StepDefinition {
            id: StepId::API_KEY,
            title: "API key",
            need: Need::Optional,
            since: 2,
            action: "/api-keys",
            rule: rules::api_key,
        },
    ],
};

impl Definition {
    /// What is fixed about the step of this name, if there is one.
    pub fn step(&self, name: &str) -> Option<&'static StepDefinition> {
        self.steps.iter().find(|step| step.id.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_found_by_its_own_name_and_no_other() {
        for step in CURRENT.steps {
            assert_eq!(CURRENT.step(step.id.as_str()).map(|found| &found.id), Some(&step.id));
        }
        let names: std::collections::BTreeSet<_> = CURRENT.steps.iter().map(|step| &step.id).collect();
        assert_eq!(names.len(), 11);
        assert!(CURRENT.step("tea").is_none());
    }

    #[test]
    fn seven_steps_are_required_and_the_rest_may_be_skipped() {
        let required: Vec<_> = CURRENT.steps.iter().filter(|step| step.need == Need::Required).collect();
        let names: Vec<_> = required.iter().map(|step| step.id.as_str()).collect();
        assert_eq!(
            names,
            [
                "company-details",
                "default-timezone",
                "billing-owner",
                "backup-admin",
                "invite-team",
                "test-user",
                "crm-or-calendar"
            ]
        );
    }
}
