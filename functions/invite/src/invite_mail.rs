//! The mail that carries an invite's link.

use common::error::Result;
use common::limit::{Act, INVITE_MAILS};
use common::route::Cx;
use domain::id::{InviteId, OutboxId, UserId};
use domain::invite::Invite;
use domain::outbox::{InviteMail, Message, Outbox, Owner, Recipients};
use domain::tenant::Tenant;
use domain::user::User;

/// What an invite's mail says, as it is to be sent.
pub fn row(cx: &Cx, invite: &Invite, tenant: &Tenant, inviter: &User) -> Outbox {
    let message = Message::Invite(Box::new(words(invite, tenant, inviter)));
    let to = Recipients::Email(invite.email.clone());
    Outbox::new(invite.mail, Owner::Tenant(invite.tenant), to, message, cx.now())
}

fn words(invite: &Invite, tenant: &Tenant, inviter: &User) -> InviteMail {
    let name = inviter.display_name.as_ref().map(ToString::to_string);
    InviteMail {
        tenant: invite.tenant,
        invite: invite.id,
        jti: invite.jti,
        invited_by: invite.invited_by,
        inviter: name.unwrap_or_else(|| inviter.email.to_string()),
        inviter_email: inviter.email.clone(),
        company_name: tenant.company_name.clone(),
        role: invite.role,
        note: invite.note.clone(),
        expires_at: invite.expires_at,
        time_zone: tenant.default_time_zone.clone(),
    }
}

/// The sending of it, which is limited.
pub fn act(cx: &Cx, invite: &Invite, by: UserId) -> Act {
    INVITE_MAILS.act(&invite.email, invite.tenant, by, cx.now())
}

/// The id of the mail that this request sends about an invite: the same when the request is sent again.
pub fn id(cx: &Cx, invite: InviteId) -> Result<OutboxId> {
    Ok(OutboxId::from_uuid(cx.id_for(&format!("mail of {invite}"))?))
}

pub const TOO_MANY: &str = "Too many invitations were sent in the last hour, by you, by this workspace, or to this address. Nothing was sent to it. Send it again once the time in Retry-After is over.";
