//! Whose an address is that somebody wants to invite. What was read is a condition of the write, so nobody is invited who came in
//! meanwhile.

use common::error::{Code, Problem, Result};
use common::keys;
use common::route::Cx;
use common::store::{Guard, Transaction};
use domain::email::Email;
use domain::id::{TenantId, UserId};
use domain::user::EmailOwner;
use std::collections::HashMap;

/// Who has an address.
#[derive(Debug, Clone, Copy)]
pub enum Holder {
    /// It has no account.
    Nobody,
    /// Somebody who is not in this workspace.
    Outsider(UserId),
    Member,
}

/// Who has each address: one round trip where none has an account, two otherwise.
pub struct Holders(HashMap<String, Holder>);

impl Holders {
    pub async fn of(cx: &Cx, tenant: TenantId, addresses: &[&Email]) -> Result<Holders> {
        let wanted: Vec<_> = addresses.iter().map(|email| keys::email_owner(email)).collect();
        let owners: Vec<EmailOwner> =
            cx.store().get_each(&wanted).await?.into_iter().flatten().map(|owner| owner.item).collect();
        if owners.is_empty() {
            return Ok(Holders(HashMap::new()));
        }
        let wanted: Vec<_> = owners.iter().map(|owner| keys::member(tenant, owner.user)).collect();
        let members = cx.store().get_each(&wanted).await?;
        let holder = |(owner, member): (EmailOwner, Option<_>)| {
            let holder = if member.is_some() { Holder::Member } else { Holder::Outsider(owner.user) };
            (owner.email.identity().to_owned(), holder)
        };
        Ok(Holders(owners.into_iter().zip(members).map(holder).collect()))
    }

    pub fn holder(&self, email: &Email) -> Holder {
        self.0.get(email.identity()).copied().unwrap_or(Holder::Nobody)
    }
}

/// Who has one address.
pub async fn holder_of(cx: &Cx, tenant: TenantId, email: &Email) -> Result<Holder> {
    Ok(Holders::of(cx, tenant, &[email]).await?.holder(email))
}

/// Holds the transaction to it that whoever has the address is still no member; `came_in` is the refusal where they are.
pub fn require_outside(
    transaction: Transaction,
    tenant: TenantId,
    email: &Email,
    holder: Holder,
    came_in: Problem,
) -> Result<Transaction> {
    match holder {
        Holder::Nobody => Ok(transaction.check(keys::email_owner(email), Guard::absent(), came_in)),
        Holder::Outsider(user) => Ok(transaction.check(keys::member(tenant, user), Guard::absent(), came_in)),
        Holder::Member => Err(already_member()),
    }
}

pub const ALREADY_MEMBER: &str =
    "This person is in the workspace already. To change what they may do, change their role.";
pub const ALREADY_INVITED: &str = "An invitation to this address is open already. It was left as it is.";

pub fn already_member() -> Problem {
    Problem::new(Code::Conflict, ALREADY_MEMBER)
}

pub fn already_invited() -> Problem {
    Problem::new(Code::Conflict, ALREADY_INVITED)
}
