//! What an invite is told of its mail, by the sender and by the mail service, in whatever order they come.
//!
//! A later mail of the same invite speaks for it, and so does later word of this one. A mail that went wrong also puts up the
//! marker by which the checklist knows that somebody has to do something.

use crate::seats;
use common::error::{Code, Problem, Result};
use common::keys;
use common::store::{Change, Guard, Store, Stored, Transaction};
use domain::id::{InviteId, OutboxId, TenantId};
use domain::invite::{Delivery, Invite};

/// A mail, and the invite it is about.
#[derive(Debug, Clone, Copy)]
pub struct About {
    pub tenant: TenantId,
    pub invite: InviteId,
    pub mail: OutboxId,
}

/// How often it is tried while the invite changes.
const TRIES: usize = 8;

/// Notes `delivery`, together with what `begin` has in its transaction. Where it is no news, only that is written.
pub async fn note(
    store: &Store,
    about: About,
    delivery: Delivery,
    begin: impl Fn() -> Option<Transaction>,
) -> Result<()> {
    for _ in 0..TRIES {
        let invite = store.get(keys::invite(about.tenant, about.invite)).await?;
        let transaction = match invite.filter(|invite| is_news(invite, about.mail, delivery)) {
            Some(invite) => Some(tell(begin().unwrap_or_else(|| store.transaction()), &invite, delivery)),
            None => begin(),
        };
        let Some(transaction) = transaction else {
            return Ok(());
        };
        match transaction.commit().await {
            Err(problem) if problem.code == SUPERSEDED => {}
            outcome => return outcome,
        }
    }
    match begin() {
        // A mail that was sent and is not said to be would be sent again: that it was comes first, and what becomes of it the mail
        // service tells the invite.
        Some(transaction) => transaction.commit().await,
        None => Err(Problem::try_again()),
    }
}

fn is_news(invite: &Invite, mail: OutboxId, delivery: Delivery) -> bool {
    invite.mail == mail && !delivery.outranked_by().contains(&invite.delivery)
}

fn tell(transaction: Transaction, invite: &Stored<Invite>, delivery: Delivery) -> Transaction {
    let change = Change::new().set("delivery", delivery);
    // What is kept of the delivery has no version: it is nobody's edit.
    let as_read = Guard::unchanged(invite).and_equals("delivery", invite.delivery);
    let transaction = transaction.update(keys::invite(invite.tenant, invite.id), change, as_read, superseded());
    let transaction = match delivery.went_wrong() || invite.delivery.went_wrong() {
        true => seats::note_change(transaction, invite.tenant),
        // There is no marker, and there will be none.
        false => transaction,
    };
    let key = keys::undelivered_invite(invite);
    match (invite.outcome, delivery.went_wrong()) {
        (None, true) => transaction.create_if(&invite.undelivered_marker(delivery), Guard::default(), superseded()),
        // Whoever has come, declined or been revoked needs no other mail.
        _ => transaction.delete(key, Guard::default(), superseded()),
    }
}

/// By this code a transaction tells that the invite is not as it was read. Nobody outside sees it.
const SUPERSEDED: Code = Code::VersionStale;

fn superseded() -> Problem {
    Problem::new(SUPERSEDED, "the invite has another mail by now, or later word of this one")
}
