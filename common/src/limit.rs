//! Rate limits: so many acts an address and window, counted exactly, under any concurrency, by a condition on one item.

use crate::error::Problem;
use crate::keys::{self, LimitedAct};
use crate::store::{Change, Guard, Transaction};
use domain::Timestamp;
use domain::email::Email;

/// So many acts in a window of time.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    pub act: LimitedAct,
    pub most: i64,
    pub window_seconds: i64,
}

/// Failed sign-ins to one account. A window ends by itself: nobody is locked out for good.
pub const FAILED_SIGN_INS: Allowance = Allowance { act: LimitedAct::FailedSignIn, most: 10, window_seconds: 15 * 60 };

/// Mails that somebody who is not signed in can make us send to an address.
pub const SIGN_UP_MAILS: Allowance = Allowance { act: LimitedAct::SignUpMail, most: 5, window_seconds: 60 * 60 };

impl Allowance {
    fn window(&self, now: Timestamp) -> i64 {
        now.as_second().div_euclid(self.window_seconds)
    }

    fn window_end(&self, now: Timestamp) -> i64 {
        (self.window(now) + 1) * self.window_seconds
    }

    /// In seconds: when the next act is allowed, for `Retry-After`.
    pub fn retry_after(&self, now: Timestamp) -> u64 {
        u64::try_from(self.window_end(now) - now.as_second()).unwrap_or(1)
    }

    /// Counts one act in `transaction`, which is refused with 429 once the window is used up.
    pub fn take(&self, transaction: Transaction, email: &Email, now: Timestamp, detail: &str) -> Transaction {
        let end = self.window_end(now);
        let swept_at = Timestamp::from_second(end).unwrap_or(now);
        let change = Change::new()
            .add("used", 1)
            .set_once("email", email)
            .set_once("what", self.act)
            .set_once("window", self.window(now))
            .set_once("swept_at", swept_at)
            .set_once("expires", end)
            .set_once("v", 1);
        let guard = Guard::absent_or_at_most("used", self.most - 1);
        let refusal = Problem::rate_limited(self.retry_after(now), detail);
        transaction.update(keys::limit(email, self.act, self.window(now)), change, guard, refusal)
    }

    /// Gives one act back.
    pub fn give_back(&self, transaction: Transaction, email: &Email, now: Timestamp) -> Transaction {
        let key = keys::limit(email, self.act, self.window(now));
        transaction.update(key, Change::new().add("used", -1), Guard::default(), Problem::try_again())
    }
}
