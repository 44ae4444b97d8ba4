//! A membership changes or ends, and everything that depends on it with it, in one transaction: the counters, the rules that a
//! workspace keeps an admin, that its billing owner is one, and that a plan has its owner, the test user's confirmation, the audit
//! lines.

use common::auth::caller::InTenant;
use common::error::{Code, Problem, Result};
use common::keys;
use common::route::Cx;
use common::store::{Change, Guard, Stored, Transaction};
use domain::audit::{Action, Audit};
use domain::id::{TenantId, UserId};
use domain::member::{Member, MemberStatus, TestUser};
use domain::tenant::{CountersMove, LastChange, SetChange};

pub struct MembershipChange<'a> {
    pub cx: &'a Cx,
    /// Who does it.
    pub caller: &'a InTenant,
    pub before: &'a Stored<Member>,
    /// Absent where the membership ends.
    pub after: Option<Member>,
    /// The workspace's test user, whoever that is.
    pub test_user: Option<Stored<TestUser>>,
    /// The test user afterwards, if this change is about that too.
    pub marking: Marking,
}

/// What a change says about who the test user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marking {
    AsBefore,
    /// This member.
    Marked,
    /// Not this member.
    Unmarked,
}

impl MembershipChange<'_> {
    pub async fn commit(&self) -> Result<()> {
        self.require_no_plans()?;
        let transaction = self.require_caller(self.cx.store().transaction());
        let transaction = self.write_member(transaction);
        let transaction = self.write_test_user(self.move_counters(transaction));
        let audits = self.audits()?;
        audits
            .iter()
            .fold(transaction, |transaction, audit| transaction.create(audit, Problem::try_again()))
            .commit()
            .await
    }

    /// The test user once this is done.
    pub fn test_user_after(&self) -> Option<TestUser> {
        let before = self.test_user.as_ref().map(|stored| &stored.item);
        let is_theirs = before.is_some_and(|test_user| test_user.user == self.before.user);
        match (&self.after, self.marking) {
            (None, _) | (_, Marking::Unmarked) if is_theirs => None,
            (Some(_), Marking::Marked) if !is_theirs => Some(self.newly_marked()),
            // What was seen before the change says nothing about what may be seen now.
            (Some(after), _) if is_theirs && *after != self.before.item => before.map(TestUser::unconfirmed),
            _ => before.cloned(),
        }
    }

    fn newly_marked(&self) -> TestUser {
        let marked = domain::tenant::Mark { by: self.caller.user, at: self.cx.now() };
        TestUser { tenant: self.tenant(), user: self.before.user, marked, rehearsal: None }
    }

    fn tenant(&self) -> TenantId {
        self.before.tenant
    }

    /// Whoever changes their own membership is held to it by that.
    fn require_caller(&self, transaction: Transaction) -> Transaction {
        match self.caller.user == self.before.user {
            true => transaction,
            false => self.caller.require_still(transaction),
        }
    }

    /// A planned integration has somebody who does it. Whoever comes to own a plan after this was read has another version of their
    /// membership then, and [`write_member`](Self::write_member) is held to the one that was read.
    fn require_no_plans(&self) -> Result<()> {
        let stays = self.after.as_ref().is_some_and(Member::is_active);
        match stays || self.before.plans_owned == 0 {
            true => Ok(()),
            false => Err(integration_owner()),
        }
    }

    fn write_member(&self, transaction: Transaction) -> Transaction {
        let key = keys::member(self.tenant(), self.before.user);
        let unchanged = Guard::unchanged(self.before);
        match &self.after {
            None => transaction.delete(key, unchanged, changed_meanwhile()),
            Some(after) if *after == self.before.item => transaction.check(key, unchanged, changed_meanwhile()),
            Some(after) => transaction.replace(self.before, after, changed_meanwhile()),
        }
    }

    fn move_counters(&self, transaction: Transaction) -> Transaction {
        let moved = CountersMove::between(Some(self.before), self.after.as_ref());
        if moved == CountersMove::default() {
            return transaction;
        }
        let change = Change::new().add("members", moved.members).add("seats_taken", moved.seats_taken);
        let change = moved.roles.iter().fold(change, |change, (set, how)| change.count(*set, &self.last_change(*how)));
        let counters = keys::counters(self.tenant());
        match moved.loses_an_admin() {
            false => transaction.update(counters, change, Guard::present(), Problem::try_again()),
            true => {
                let another = Guard::present().and_at_least("admins", 2);
                self.require_no_bills(transaction.update(counters, change, another, last_admin()))
            }
        }
    }

    /// Billing owner and backup are active admins: whoever stops being one is neither.
    fn require_no_bills(&self, transaction: Transaction) -> Transaction {
        let user = self.before.user;
        let pays_not = Guard::present().and_not_equals("owner", user).and_not_equals("backup", user);
        transaction.check(keys::billing(self.tenant()), pays_not, billing_owner())
    }

    fn last_change(&self, change: SetChange) -> LastChange {
        LastChange { record: self.before.user.to_string(), change, by: self.caller.user, at: self.cx.now() }
    }

    fn write_test_user(&self, transaction: Transaction) -> Transaction {
        let (before, after) = (self.test_user.as_ref(), self.test_user_after());
        match (before, &after) {
            (None, Some(after)) => transaction.create(after, changed_meanwhile()),
            (Some(before), Some(after)) if before.item != *after => {
                transaction.replace(before, after, changed_meanwhile())
            }
            (Some(before), None) => {
                transaction.delete(keys::test_user(self.tenant()), Guard::unchanged(before), changed_meanwhile())
            }
            // Nobody makes this member the test user, or confirms their access, while it changes.
            (None, None) | (Some(_), Some(_)) => {
                let not_theirs = Guard::present().and_not_equals("user", self.before.user);
                let as_read = before.map_or(Guard::absent(), Guard::unchanged);
                let still = Guard::any_of([as_read, not_theirs]);
                transaction.check(keys::test_user(self.tenant()), still, changed_meanwhile())
            }
        }
    }

    fn audit(&self, action: Action, about: UserId) -> Result<Audit> {
        self.cx.audit(self.tenant(), self.caller.user, action, about)
    }

    /// A line for each thing that is different afterwards.
    fn audits(&self) -> Result<Vec<Audit>> {
        let mut audits = Vec::new();
        let line = |action| self.audit(action, self.before.user);
        match &self.after {
            None if self.caller.user == self.before.user => audits.push(line(Action::MemberLeft)?),
            None => audits.push(line(Action::MemberRemoved)?),
            Some(after) => {
                if after.role != self.before.role {
                    let line = line(Action::MemberRoleChanged)?;
                    audits.push(line.with("role", after.role).with("role_before", self.before.role));
                }
                match (self.before.status, after.status) {
                    (MemberStatus::Active, MemberStatus::Disabled) => audits.push(line(Action::MemberDisabled)?),
                    (MemberStatus::Disabled, MemberStatus::Active) => audits.push(line(Action::MemberEnabled)?),
                    _ => {}
                }
            }
        }
        let before = self.test_user.as_ref().map(|test_user| test_user.user);
        let after = self.test_user_after().map(|test_user| test_user.user);
        if before != after {
            audits.extend(before.map(|user| self.audit(Action::TestUserUnmarked, user)).transpose()?);
            audits.extend(after.map(|user| self.audit(Action::TestUserMarked, user)).transpose()?);
        }
        let ended = self.after.is_none();
        Ok(audits.into_iter().map(|audit| if ended { audit.with("role", self.before.role) } else { audit }).collect())
    }
}

fn last_admin() -> Problem {
    Problem::new(
        Code::LastAdmin,
        "This is the only admin, and a workspace needs one. Make somebody else an admin first.",
    )
}

fn billing_owner() -> Problem {
    Problem::new(
        Code::BillingOwner,
        "This person is the billing owner or their backup, and has to be an admin for that. Name somebody else in the billing settings first.",
    )
}

fn integration_owner() -> Problem {
    Problem::new(
        Code::IntegrationOwner,
        "This person is to connect an integration that is planned. Remove that plan first (GET /v1/integrations shows whose each is; a Tenant Admin can), and plan it anew with somebody else.",
    )
}

fn changed_meanwhile() -> Problem {
    Problem::new(
        Code::Conflict,
        "This member was changed at the same moment, so nothing was saved. Read the list again, then decide.",
    )
}
