//! A member, as everybody in the workspace sees them.

use common::view::UserView;
use domain::Timestamp;
use domain::id::UserId;
use domain::member::{Member, MemberStatus};
use domain::role::Role;
use domain::user::User;
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Debug, Serialize, JsonSchema)]
pub struct MemberView {
    user: UserView,
    role: Role,
    status: MemberStatus,
    joined_at: Timestamp,
    first_seen_at: Timestamp,
    /// To the hour.
    last_seen_at: Timestamp,
    /// Null for whoever created the workspace.
    invited_by: Option<UserId>,
}

pub fn show(member: &Member, user: &User) -> MemberView {
    MemberView {
        user: user.into(),
        role: member.role,
        status: member.status,
        joined_at: member.joined_at,
        first_seen_at: member.first_seen_at,
        last_seen_at: member.last_seen_at,
        invited_by: member.invited.map(|invited| invited.user),
    }
}
