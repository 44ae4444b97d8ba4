//! An invite, as admins see it. Never its token.

use common::error::{Code, Problem};
use common::view::UserView;
use domain::Timestamp;
use domain::email::Email;
use domain::id::InviteId;
use domain::invite::{Delivery, Invite, InviteStatus};
use domain::role::Role;
use domain::text::Note;
use domain::user::User;
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct InviteView {
    id: InviteId,
    email: Email,
    role: Role,
    status: InviteStatus,
    delivery: Delivery,
    invited_by: Option<UserView>,
    created_at: Timestamp,
    expires_at: Timestamp,
    note: Option<Note>,
}

/// `inviter` is absent where their account is gone.
pub fn show(invite: &Invite, inviter: Option<&User>, now: Timestamp) -> InviteView {
    InviteView {
        id: invite.id,
        email: invite.email.clone(),
        role: invite.role,
        status: invite.status(now),
        delivery: invite.delivery,
        invited_by: inviter.map(UserView::from),
        created_at: invite.created_at,
        expires_at: invite.expires_at,
        note: invite.note.clone(),
    }
}

/// The problem of an invite that is not open any more.
pub fn not_pending(status: InviteStatus) -> Problem {
    let what = match status {
        InviteStatus::Pending => "has changed",
        InviteStatus::Accepted => "was accepted",
        InviteStatus::Declined => "was declined",
        InviteStatus::Revoked => "was revoked",
        InviteStatus::Expired => "has expired",
    };
    Problem::new(
        Code::InviteNotPending,
        format!("This invitation {what}, so it was left as it is. Invite the person anew."),
    )
}
