//! A user in a tenant, with one role.

use crate::id::{InviteId, TenantId, UserId};
use crate::role::Role;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A user's membership of a tenant.
///
/// `first_seen_at` is always set: every way into a tenant (confirming a sign-up, accepting an invite) is itself a
/// signed-in act, so "has signed in" and "is a member" begin together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub tenant: TenantId,
    pub user: UserId,
    pub role: Role,
    pub status: MemberStatus,
    pub joined_at: Timestamp,
    pub first_seen_at: Timestamp,
    pub last_seen_at: Timestamp,
    /// How they came in; absent for the person who created the tenant.
    pub invited: Option<InvitedBy>,
}

/// The invite that a member accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitedBy {
    pub user: UserId,
    pub invite: InviteId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MemberStatus {
    Active,
    Disabled,
}

impl Member {
    pub fn is_active_admin(&self) -> bool {
        self.role == Role::Admin && self.status == MemberStatus::Active
    }
}
