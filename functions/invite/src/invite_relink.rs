//! An invite gets another link: its mail is sent again, or to a corrected address. One transaction: the old link is dead, the
//! address is held and the seat taken for the new time, and the mail is in the outbox.

use crate::address::{self, Holder};
use crate::invite_end::is_its_own;
use crate::invite_mail;
use crate::moved::moved;
use crate::seats;
use common::auth::caller::InTenant;
use common::error::{Code, Problem, Result};
use common::keys;
use common::route::Cx;
use common::store::{Change, Guard, Stored, Transaction};
use domain::audit::Audit;
use domain::invite::{Invite, InviteStatus, NewLink};
use domain::tenant::Tenant;
use domain::user::User;

/// An invite, and what a mail about it has to say.
pub struct Subject {
    pub invite: Stored<Invite>,
    pub tenant: Tenant,
    /// Whoever sends the mail.
    pub sender: User,
}

impl Subject {
    /// Reads it in one round trip; an id that is nobody's or another tenant's is not found.
    pub async fn read(cx: &Cx, caller: &InTenant, invite: &str) -> Result<Subject> {
        let invite = invite.parse().map_err(|_| Problem::not_found())?;
        let wanted = (keys::invite(caller.tenant, invite), keys::tenant(caller.tenant), keys::user(caller.user));
        let (invite, tenant, sender) = cx.store().get_all(wanted).await?;
        let (Some(invite), Some(tenant)) = (invite, tenant) else {
            return Err(Problem::not_found());
        };
        Ok(Subject { invite, tenant: tenant.item, sender: sender.ok_or_else(Problem::unauthenticated)?.item })
    }

    pub fn new_link(&self, cx: &Cx) -> Result<NewLink> {
        Ok(NewLink { by: self.sender.id, jti: cx.new_id()?, mail: invite_mail::id(cx, self.invite.id)? })
    }
}

/// Writes `next`, the subject's invite with another link. Where the invite is not what was read any more: [`moved`].
pub async fn write(cx: &Cx, caller: &InTenant, subject: &Subject, next: &Invite, audit: &Audit) -> Result<()> {
    let marker = keys::open_invite(&subject.invite.open_marker());
    let (seat, holder) = futures::try_join!(cx.store().get(marker), address::holder_of(cx, next.tenant, &next.email))?;
    if let Holder::Member = holder {
        require_unmoved(cx, &subject.invite).await?;
    }
    let seat = match (seat, subject.invite.status(cx.now())) {
        (Some(_), _) => Seat::Held,
        // It ended since it was read, or another clock, which is ahead, found that it had expired.
        (None, InviteStatus::Pending) => return Err(moved()),
        (None, _) => Seat::GivenBack,
    };
    let attempt = || Ok(caller.require_still(transaction(cx, subject, next, audit, seat, holder)?));
    seats::commit(cx, next.tenant, attempt).await
}

/// Whoever is in by now may have come by this very invite: then that is what there is to say.
async fn require_unmoved(cx: &Cx, before: &Stored<Invite>) -> Result<()> {
    let now = cx.store().get_each(&[keys::invite(before.tenant, before.id)]).await?;
    match now.first() {
        Some(Some(now)) if now.version == before.version => Ok(()),
        _ => Err(moved()),
    }
}

/// Whether the invite still has its seat: one that expired may have lost it.
#[derive(Debug, Clone, Copy)]
enum Seat {
    Held,
    GivenBack,
}

fn transaction(
    cx: &Cx,
    subject: &Subject,
    next: &Invite,
    audit: &Audit,
    seat: Seat,
    holder: Holder,
) -> Result<Transaction> {
    let (before, tenant) = (&subject.invite, next.tenant);
    let unchanged = Guard::unchanged(before).and_lacks("outcome");
    let transaction = cx
        .store()
        .transaction()
        .update(keys::invite(tenant, next.id), relinked(next), unchanged, moved())
        .create_if(&next.email_hold(), free_for(next, cx), address::already_invited())
        .delete(keys::undelivered_invite(before), Guard::default(), moved())
        .create(&invite_mail::row(cx, next, &subject.tenant, &subject.sender), sent_before())
        .create(audit, Problem::try_again());
    let transaction = match before.email == next.email {
        true => transaction,
        false => transaction.delete(keys::invite_email(tenant, &before.email), is_its_own(before), moved()),
    };
    let transaction = keep_seat(transaction, before, next, seat);
    let transaction = address::require_outside(transaction, tenant, &next.email, holder, address::already_member())?;
    Ok(invite_mail::act(cx, next, subject.sender.id).take(transaction, invite_mail::TOO_MANY))
}

/// What is different about an invite with another link.
fn relinked(next: &Invite) -> Change {
    Change::new()
        .set("email", &next.email)
        .set("role", next.role)
        .set("jti", next.jti)
        .set("mail", next.mail)
        .set("invited_by", next.invited_by)
        .set("delivery", next.delivery)
        .set("expires_at", next.expires_at)
        .set("resent_at", &next.resent_at)
        .add("v", 1)
}

/// Nobody is invited under the address, or only by this invite, or by one that has expired.
fn free_for(invite: &Invite, cx: &Cx) -> Guard {
    let expired = Guard::present().and_at_most("open_until", cx.now().as_second());
    Guard::any_of([is_its_own(invite), expired])
}

fn keep_seat(transaction: Transaction, before: &Invite, next: &Invite, seat: Seat) -> Transaction {
    let (old, new) = (before.open_marker(), next.open_marker());
    match seat {
        Seat::GivenBack => seats::take(transaction.create(&new, moved()), next.tenant),
        // Both end in the same second and give the same role: they are one item, which a transaction may write once.
        Seat::Held if (old.role, old.expires_at) == (new.role, new.expires_at) => {
            seats::note_change(transaction.create_if(&new, Guard::present(), moved()), next.tenant)
        }
        Seat::Held => {
            let transaction = transaction.delete(keys::open_invite(&old), Guard::present(), moved());
            seats::note_change(transaction.create(&new, moved()), next.tenant)
        }
    }
}

/// This very request sent it, and somebody else sent it again since.
fn sent_before() -> Problem {
    Problem::new(
        Code::Conflict,
        "This request was carried out before, and the invitation was sent again since. Read it again.",
    )
}
