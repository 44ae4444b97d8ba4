//! The tenant's audit log: who did what to which record, when. Appended in the transaction of the change itself.

use crate::id::{AuditId, TenantId, UserId};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One line of a tenant's audit log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Audit {
    pub tenant: TenantId,
    pub id: AuditId,
    pub at: Timestamp,
    pub actor: Actor,
    pub action: Action,
    /// The id of the record that was changed.
    pub target: String,
    /// What was different afterwards, in names and values: never a secret, never what people wrote.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
}

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Actor {
    User {
        id: UserId,
    },
    /// Whoever held the link of an invite: nobody was signed in.
    LinkHolder,
    /// This program by itself: what it did follows from what somebody did before.
    System,
}

impl From<UserId> for Actor {
    fn from(id: UserId) -> Actor {
        Actor::User { id }
    }
}

impl Audit {
    pub fn with(mut self, name: &str, value: impl ToString) -> Audit {
        self.details.insert(name.to_owned(), value.to_string());
        self
    }
}

/// What was done. The wire form is `record.verb`, as in WorkOS and Stripe event names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Action {
    #[serde(rename = "tenant.created")]
    TenantCreated,
    #[serde(rename = "tenant.updated")]
    TenantUpdated,
    #[serde(rename = "billing.updated")]
    BillingUpdated,
    #[serde(rename = "invite.created")]
    InviteCreated,
    #[serde(rename = "invite.accepted")]
    InviteAccepted,
    #[serde(rename = "invite.resent")]
    InviteResent,
    #[serde(rename = "invite.updated")]
    InviteUpdated,
    #[serde(rename = "invite.declined")]
    InviteDeclined,
    #[serde(rename = "invite.revoked")]
    InviteRevoked,
    #[serde(rename = "member.role_changed")]
    MemberRoleChanged,
    #[serde(rename = "member.disabled")]
    MemberDisabled,
    #[serde(rename = "member.enabled")]
    MemberEnabled,
    #[serde(rename = "member.removed")]
    MemberRemoved,
    #[serde(rename = "member.left")]
    MemberLeft,
    #[serde(rename = "test_user.marked")]
    TestUserMarked,
    #[serde(rename = "test_user.unmarked")]
    TestUserUnmarked,
    #[serde(rename = "access.rehearsed")]
    AccessRehearsed,
    #[serde(rename = "checklist.dismissed")]
    ChecklistDismissed,
    #[serde(rename = "checklist.restored")]
    ChecklistRestored,
    #[serde(rename = "checklist.reopened")]
    ChecklistReopened,
    #[serde(rename = "checklist_step.skipped")]
    ChecklistStepSkipped,
    #[serde(rename = "checklist_step.unskipped")]
    ChecklistStepUnskipped,
    #[serde(rename = "integration.planned")]
    IntegrationPlanned,
    #[serde(rename = "integration.connected")]
    IntegrationConnected,
    #[serde(rename = "integration.removed")]
    IntegrationRemoved,
    #[serde(rename = "phone_number.added")]
    PhoneNumberAdded,
    #[serde(rename = "phone_number.removed")]
    PhoneNumberRemoved,
    #[serde(rename = "api_key.created")]
    ApiKeyCreated,
    #[serde(rename = "api_key.removed")]
    ApiKeyRemoved,
}
