//! How an open invite ends without anybody coming in: declined or revoked. One transaction: the invite says so, its address and its
//! seat are free, and nothing says any more that it is out.

use common::error::Problem;
use common::keys;
use common::route::Cx;
use common::store::{Change, Guard, Transaction};
use domain::Timestamp;
use domain::audit::Audit;
use domain::invite::{Invite, Outcome};

/// Ends the invite as it was read. `moved` is the refusal where it is not that any more.
pub fn transaction(cx: &Cx, invite: &Invite, outcome: Outcome, audit: &Audit, moved: &Problem) -> Transaction {
    let tenant = invite.tenant;
    let ended = Change::new().set("outcome", outcome).add("v", 1);
    let transaction = cx
        .store()
        .transaction()
        .update(keys::invite(tenant, invite.id), ended, still_open(invite, cx.now()), moved.clone())
        .delete(keys::invite_email(tenant, &invite.email), is_its_own(invite), moved.clone())
        .delete(keys::open_invite(&invite.open_marker()), Guard::present(), moved.clone())
        .delete(keys::undelivered_invite(invite), Guard::default(), moved.clone())
        .create(audit, Problem::try_again());
    crate::seats::give_back(transaction, tenant, 1)
}

/// Nobody has accepted, declined, revoked or sent it again, and it has not expired.
pub fn still_open(invite: &Invite, now: Timestamp) -> Guard {
    Guard::present().and_lacks("outcome").and_equals("jti", invite.jti).and_after("expires_at", now)
}

/// The address is free or held by this very invite: an expired one may have lost it to another.
pub fn is_its_own(invite: &Invite) -> Guard {
    Guard::any_of([Guard::absent(), Guard::present().and_equals("invite", invite.id)])
}
