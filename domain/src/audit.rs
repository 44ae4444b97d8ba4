//! The tenant's audit log: who did what to which record, when. Appended in the transaction of the change itself.

use crate::id::{AuditId, TenantId, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One line of a tenant's audit log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Audit {
    pub tenant: TenantId,
    pub id: AuditId,
    pub at: Timestamp,
    pub actor: UserId,
    pub action: Action,
    /// The id of the record that was changed.
    pub target: String,
}

/// What was done. The wire form is `record.verb`, as in WorkOS and Stripe event names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
    #[serde(rename = "member.role_changed")]
    MemberRoleChanged,
}
