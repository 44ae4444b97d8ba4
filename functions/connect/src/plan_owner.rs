//! Whoever owns a planned integration has it counted on their membership, in the transaction that plans or removes it. That makes
//! another version of the membership: nobody removes or disables a member who they read as the owner of nothing, and who came to own a
//! plan meanwhile.

use common::auth::caller::InTenant;
use common::error::Problem;
use common::keys;
use common::store::{Change, Guard, Transaction};
use domain::id::UserId;
use domain::member::MemberStatus;

/// `owner` owns one plan more. They have to be an active member at the moment of the write, and the caller still has to be what the
/// request was let in as.
pub fn take_on(transaction: Transaction, caller: &InTenant, owner: UserId) -> Transaction {
    let active = Guard::present().and_equals("status", MemberStatus::Active.as_str());
    count(transaction, caller, owner, 1, active, not_an_active_member())
}

/// `owner` owns one plan less.
pub fn give_up(transaction: Transaction, caller: &InTenant, owner: UserId) -> Transaction {
    count(transaction, caller, owner, -1, Guard::present(), Problem::try_again())
}

/// Whoever plans for themselves is held to being a member by what is asked of the caller.
fn count(
    transaction: Transaction,
    caller: &InTenant,
    owner: UserId,
    plans: i64,
    guard: Guard,
    refusal: Problem,
) -> Transaction {
    let change = Change::new().add("plans_owned", plans).add("v", 1);
    match owner == caller.user {
        true => caller.change_own(transaction, change),
        false => {
            let key = keys::member(caller.tenant, owner);
            caller.require_still(transaction).update(key, change, guard, refusal)
        }
    }
}

fn not_an_active_member() -> Problem {
    Problem::field(
        "/plan/owner",
        "not_an_active_member",
        "This is not an active member of this workspace. Choose one; if this person is disabled, enable them, or invite them if they are not a member.",
    )
}
