//! A person who comes to be a user: by confirming a sign-up, or by accepting an invite.

use crate::auth::password::Password;
use crate::auth::session::NewSession;
use crate::error::{Problem, Result};
use crate::route::Cx;
use crate::store::Transaction;
use domain::email::Email;
use domain::id::UserId;
use domain::text::DisplayName;
use domain::user::{Credential, EmailOwner, User};

/// A user that a transaction is about to create, signed in from the start.
pub struct NewAccount {
    pub user: User,
    pub session: NewSession,
    owner: EmailOwner,
    credential: Credential,
}

impl NewAccount {
    /// Hashes the password, which takes tens of milliseconds on purpose.
    pub fn new(cx: &Cx, email: &Email, display_name: Option<DisplayName>, password: &Password) -> Result<NewAccount> {
        let (id, now) = (UserId::from_uuid(cx.new_id()?), cx.now());
        Ok(NewAccount {
            user: User { id, email: email.clone(), display_name, time_zone: None, created_at: now },
            session: NewSession::new(id, now)?,
            owner: EmailOwner { email: email.clone(), user: id },
            credential: Credential { user: id, password_hash: password.hash()?, changed_at: now },
        })
    }

    /// Adds all of it to the transaction; `taken` is the refusal where the address has an account.
    pub fn create_in(&self, transaction: Transaction, taken: Problem) -> Transaction {
        let transaction = transaction
            .create(&self.owner, taken)
            .create(&self.user, Problem::try_again())
            .create(&self.credential, Problem::try_again());
        self.session.create_in(transaction)
    }
}
