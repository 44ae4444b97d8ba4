//! From the token in a link to the invite it opens, or to the problem that says why it opens none.

use common::auth::caller::TENANT_HEADER;
use common::auth::token::{InviteClaims, Rejected};
use common::error::{Code, Problem, Result};
use common::keys;
use common::route::Cx;
use domain::id::TenantId;
use domain::invite::{Invite, InviteStatus};
use domain::tenant::Tenant;
use domain::user::EmailOwner;

/// An invite that can be accepted now.
pub struct OpenLink {
    pub invite: Invite,
    pub tenant: Tenant,
    /// Whose the invited address is, if it has an account.
    pub owner: Option<EmailOwner>,
}

/// Opens a link, in one round trip, changing nothing.
pub async fn open(cx: &Cx, token: &str) -> Result<OpenLink> {
    let verified = cx.verify::<InviteClaims>(token).map_err(rejected)?;
    let claims = verified.claims;
    require_tenant(cx, claims.tenant)?;
    let wanted =
        (keys::invite(claims.tenant, claims.invite), keys::tenant(claims.tenant), keys::email_owner(&claims.email));
    let (invite, tenant, owner) = cx.store().get_all(wanted).await?;
    let (Some(invite), Some(tenant)) = (invite, tenant) else {
        return Err(invalid());
    };
    if invite.jti != verified.jti {
        return Err(gone("A newer invitation was sent in place of this one. Use the link in the latest mail."));
    }
    // Whose the address is was read by the token's word, so that has to be the invite's.
    if invite.email != claims.email {
        return Err(invalid());
    }
    match invite.status(cx.now()) {
        InviteStatus::Pending => {
            Ok(OpenLink { invite: invite.item, tenant: tenant.item, owner: owner.map(|owner| owner.item) })
        }
        InviteStatus::Accepted => Err(used()),
        InviteStatus::Declined => Err(gone("This invitation was declined. If that was a mistake, ask for a new one.")),
        InviteStatus::Revoked => {
            Err(gone("This invitation was withdrawn. If you think that is a mistake, ask whoever invited you."))
        }
        InviteStatus::Expired => Err(expired()),
    }
}

/// A client that says which workspace it is in cannot be handed another one's invite.
fn require_tenant(cx: &Cx, tenant: TenantId) -> Result<()> {
    match cx.header(TENANT_HEADER) {
        Some(named) if named != tenant.to_string() => Err(Problem::new(
            Code::InviteInvalid,
            "This invitation is to another workspace than the one that X-Tenant-Id names. Send it without that header.",
        )),
        _ => Ok(()),
    }
}

fn rejected(rejected: Rejected) -> Problem {
    match rejected {
        Rejected::Expired => expired(),
        Rejected::Invalid => invalid(),
    }
}

fn invalid() -> Problem {
    Problem::new(
        Code::InviteInvalid,
        "This link is not one of ours, or not whole. Open it from the mail again, or copy all of it.",
    )
}

/// The problem of an invite whose time is over.
pub fn expired() -> Problem {
    gone("This invitation has expired. Ask whoever invited you to send a new one.")
}

/// The problem of an invite that was accepted before.
pub fn used() -> Problem {
    gone("This invitation has been accepted already. If that was you, sign in; if not, ask whoever invited you.")
}

fn gone(detail: &str) -> Problem {
    Problem::new(Code::InviteGone, detail)
}
