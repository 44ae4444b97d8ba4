//! Seats: a workspace has so many, for its members and for the invites that are out.
//!
//! A condition of DynamoDB cannot add, so one number counts both, and every transaction that makes or ends a membership or an
//! open invite moves it: however many try at once, no more get in than there are seats. An invite gives its seat to whoever
//! accepts it. One that has expired holds its seat until somebody wants it: nothing happens at the second it expires, so
//! whoever finds no seat left looks whether there are such.

use common::error::{Code, Problem, Result};
use common::keys;
use common::route::Cx;
use common::store::{Change, Guard, Order, Transaction};
use domain::id::TenantId;
use domain::role::Role;
use futures::future::try_join_all;

/// How many seats are given back at a time: as many as a request can want.
const AT_A_TIME: u16 = domain::invite::MAX_ROWS as u16;

/// Takes a seat for an invite.
pub fn take(transaction: Transaction, tenant: TenantId) -> Transaction {
    let one_more = Change::new().add("seats_taken", 1).add("invite_changes", 1);
    let one_is_left = Guard::present().and_below_other("seats_taken", "seats");
    transaction.update(keys::counters(tenant), one_more, one_is_left, full())
}

/// Says that the invites that are out changed, where no seat is taken or given back by that.
pub fn note_change(transaction: Transaction, tenant: TenantId) -> Transaction {
    let changed = Change::new().add("invite_changes", 1);
    transaction.update(keys::counters(tenant), changed, Guard::present(), Problem::try_again())
}

/// Gives the seats of `count` open invites back.
pub fn give_back(transaction: Transaction, tenant: TenantId, count: i64) -> Transaction {
    let less = Change::new().add("seats_taken", -count).add("invite_changes", 1);
    transaction.update(keys::counters(tenant), less, Guard::present(), Problem::try_again())
}

/// Commits what `attempt` makes; where it finds no seat, once more after those of expired invites were given back.
pub async fn commit(cx: &Cx, tenant: TenantId, attempt: impl Fn() -> Result<Transaction>) -> Result<()> {
    match attempt()?.commit().await {
        Err(problem) if problem.code == Code::SeatsFull && reclaim(cx, tenant).await? == Reclaimed::Some => {
            attempt()?.commit().await
        }
        outcome => outcome,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reclaimed {
    /// By this call, or by somebody else at the same time.
    Some,
    None,
}

/// Takes their seats from invites that have expired.
pub async fn reclaim(cx: &Cx, tenant: TenantId) -> Result<Reclaimed> {
    let first_to_end = |role| cx.store().query(keys::open_invites_for(tenant, role), Order::Ascending, AT_A_TIME, None);
    let pages = try_join_all(Role::ALL.map(first_to_end)).await?;
    let open = pages.iter().flat_map(|page| &page.items);
    let expired: Vec<_> = open.filter(|open| open.expires_at <= cx.now()).take(AT_A_TIME.into()).collect();
    if expired.is_empty() {
        return Ok(Reclaimed::None);
    }
    let count = i64::try_from(expired.len()).map_err(Problem::internal)?;
    let transaction = give_back(cx.store().transaction(), tenant, count);
    let freed = expired.into_iter().fold(transaction, |transaction, open| {
        transaction.delete(keys::open_invite(open), Guard::present(), freed_by_somebody_else())
    });
    match freed.commit().await {
        Err(problem) if problem.code != Code::Conflict => Err(problem),
        Ok(()) | Err(_) => Ok(Reclaimed::Some),
    }
}

fn freed_by_somebody_else() -> Problem {
    Problem::new(Code::Conflict, "the seat of an expired invite was given back at the same moment")
}

pub const FULL: &str = "The workspace has no seat left: GET /v1/tenant says how many there are. Revoke invitations that are not needed, remove members who have left, or ask Callaro for more seats.";

pub fn full() -> Problem {
    Problem::new(Code::SeatsFull, FULL)
}
