//! An integration, as everybody in the workspace sees it.

use domain::connect::{Integration, IntegrationKind, IntegrationProgress};
use domain::date::CalendarDate;
use domain::id::{IntegrationId, UserId};
use domain::tenant::Mark;
use domain::text::{ExternalAccount, IntegrationName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, JsonSchema)]
pub struct IntegrationView {
    id: IntegrationId,
    kind: IntegrationKind,
    name: IntegrationName,
    status: IntegrationStatus,
    /// Null once it is connected.
    plan: Option<IntegrationPlan>,
    /// Null while it is planned.
    connection: Option<IntegrationConnection>,
    created: Mark,
}

#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IntegrationStatus {
    Planned,
    Connected,
}

/// Who connects it, and by when.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IntegrationPlan {
    /// An active member. For as long as the plan is there, they cannot be removed or disabled, and cannot leave.
    pub owner: UserId,
    pub due_on: CalendarDate,
}

/// What an admin declares to be connected: nothing was tried out at the other end.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IntegrationConnection {
    /// The account there, by its name. Never a secret.
    pub account: ExternalAccount,
}

impl From<&Integration> for IntegrationView {
    fn from(integration: &Integration) -> IntegrationView {
        let (status, plan, connection) = match integration.progress.clone() {
            IntegrationProgress::Planned { owner, due_on } => {
                (IntegrationStatus::Planned, Some(IntegrationPlan { owner, due_on }), None)
            }
            IntegrationProgress::Connected { account } => {
                (IntegrationStatus::Connected, None, Some(IntegrationConnection { account }))
            }
        };
        IntegrationView {
            id: integration.id,
            kind: integration.kind,
            name: integration.name.clone(),
            status,
            plan,
            connection,
            created: integration.created,
        }
    }
}
