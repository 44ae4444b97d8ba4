//! A member, as everybody in the workspace sees them.

use common::view::UserView;
use domain::Timestamp;
use domain::id::UserId;
use domain::member::{Member, MemberStatus, TestUser};
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
    /// Whether this is the workspace's test user.
    test_user: bool,
    /// When the test user's own rehearsal found that they see what their role should. A later change of their role takes it back.
    access_confirmed_at: Option<Timestamp>,
}

/// `test_user` is the workspace's, whoever that is.
pub fn show(member: &Member, user: &User, test_user: Option<&TestUser>) -> MemberView {
    let test_user = test_user.filter(|test_user| test_user.user == member.user);
    MemberView {
        user: user.into(),
        role: member.role,
        status: member.status,
        joined_at: member.joined_at,
        first_seen_at: member.first_seen_at,
        last_seen_at: member.last_seen_at,
        invited_by: member.invited.map(|invited| invited.user),
        test_user: test_user.is_some(),
        access_confirmed_at: test_user.and_then(TestUser::access_confirmed_at),
    }
}
