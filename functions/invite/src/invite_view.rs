//! An invite, as admins see it. Never its token.

use common::error::{Code, Problem};
use common::view::UserView;
use domain::Timestamp;
use domain::email::Email;
use domain::id::{InviteId, UserId};
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
    /// When it was last sent: its link is of then.
    sent_at: Timestamp,
    expires_at: Timestamp,
    /// When it was accepted, declined or revoked; null while it was not.
    ended_at: Option<Timestamp>,
    /// Who accepted or revoked it. Nobody is known to have declined: whoever holds the link may.
    ended_by: Option<UserId>,
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
        sent_at: invite.link_made_at(),
        expires_at: invite.expires_at,
        ended_at: invite.outcome.map(|outcome| outcome.at()),
        ended_by: invite.outcome.and_then(|outcome| outcome.by()),
        note: invite.note.clone(),
    }
}

/// The problem of an invite that is not open any more.
pub fn not_pending(status: InviteStatus) -> Problem {
    let detail = match status {
        InviteStatus::Pending => "This invitation has changed. Read it again, then decide.",
        InviteStatus::Accepted => {
            "This invitation was accepted, so it was left as it is. The person is a member: change their role, or remove them."
        }
        InviteStatus::Declined => "This invitation was declined, so it was left as it is. Invite the person anew.",
        InviteStatus::Revoked => "This invitation was revoked, so it was left as it is. Invite the person anew.",
        InviteStatus::Expired => {
            "This invitation has expired, so it was left as it is. Send it again, correct its address, or invite the person anew."
        }
    };
    Problem::new(Code::InviteNotPending, detail)
}
