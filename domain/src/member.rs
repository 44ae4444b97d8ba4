//! A user in a tenant, with one role.

use crate::id::{InviteId, TenantId, UserId};
use crate::role::Role;
use crate::tenant::Mark;
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
    /// How many planned integrations they own. Whoever owns one cannot be removed or disabled: a plan has somebody who does it.
    #[serde(default)]
    pub plans_owned: u64,
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

/// The workspace's test user: one member who tries out what their role sees before everybody else relies on it.
///
/// A tenant has one such record at most, so it has one test user at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestUser {
    pub tenant: TenantId,
    pub user: UserId,
    pub marked: Mark,
    /// Their last rehearsal. Gone with every change of what they may do: what was seen then says nothing about now.
    pub rehearsal: Option<Rehearsal>,
}

/// What a test user found that they may do and may not do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehearsal {
    pub at: Timestamp,
    pub role: Role,
    /// Operations by name.
    pub allowed: Vec<String>,
    pub refused: Vec<String>,
    pub finding: Finding,
}

/// Whether a rehearsal found what the role should see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    AsExpected,
    NotAsExpected,
}

impl Finding {
    /// The name used in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Finding::AsExpected => "as_expected",
            Finding::NotAsExpected => "not_as_expected",
        }
    }
}

impl MemberStatus {
    /// As it is kept and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            MemberStatus::Active => "active",
            MemberStatus::Disabled => "disabled",
        }
    }
}

impl TestUser {
    /// When their access was confirmed, if it still is.
    pub fn access_confirmed_at(&self) -> Option<Timestamp> {
        self.rehearsal
            .as_ref()
            .filter(|rehearsal| rehearsal.finding == Finding::AsExpected)
            .map(|rehearsal| rehearsal.at)
    }

    /// The same test user, who has to rehearse again.
    pub fn unconfirmed(&self) -> TestUser {
        TestUser { rehearsal: None, ..self.clone() }
    }
}

impl Member {
    pub fn is_active(&self) -> bool {
        self.status == MemberStatus::Active
    }

    pub fn is_active_admin(&self) -> bool {
        self.role == Role::Admin && self.is_active()
    }
}
