//! `POST /v1/access-rehearsals`: the workspace's test user finds out what their role sees, before everybody else relies on it.
//!
//! Nothing is simulated: the membership is the one that this very request was let in with, and every operation there is is put to
//! the function that lets requests in. The result is held against `operations.rs`, where it stands written down whom the policy let in
//! when somebody last read that. Their access is confirmed if the two agree and something was refused: a role that is refused nothing
//! shows nothing about what the others may not do.

use crate::operation::Operation;
use crate::operations::OPERATIONS;
use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::idempotency::Idempotency;
use common::keys::{self, Kind};
use common::reply::Reply;
use common::route::{Cx, Method, NoInput, Route};
use common::store::{Access, Guard};
use domain::Timestamp;
use domain::audit::{Action, Audit};
use domain::member::{Finding, Member, Rehearsal, TestUser};
use domain::role::{Permission, Role};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<CreateAccessRehearsal>();

pub struct CreateAccessRehearsal;

#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Rehearsed {
    role: Role,
    /// The operations that this role may do, by their ids in this document; those too that ask for no membership.
    allowed: Vec<String>,
    /// Those that it may not.
    refused: Vec<String>,
    /// Whether that is what the role should see.
    expected: bool,
    /// Null where it is not.
    confirmed_at: Option<Timestamp>,
    /// What is not as expected, and what to do about it; null where everything is.
    detail: Option<String>,
}

impl Route for CreateAccessRehearsal {
    const NAME: &'static str = "create-access-rehearsal";
    const SUMMARY: &'static str = "Try out, as the workspace's test user, what my role may do.";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/access-rehearsals";
    const AUTH: Auth = Auth::Member(Permission::RehearseAccess);
    const ACCESS: &'static [Access] = &[
        Access::Get(Kind::TestUser),
        Access::Replace(Kind::TestUser),
        Access::Check(Kind::Member),
        Access::Create(Kind::Audit),
    ];
    const REFUSES: &'static [Code] = &[Code::NotTestUser, Code::Conflict];
    const IDEMPOTENCY: Idempotency = Idempotency::ByKey;
    const SUCCESS: u16 = 201;
    type Caller = InTenant;
    type Input = NoInput;
    type Output = Rehearsed;

    fn example() -> Value {
        json!({})
    }

    async fn handle(cx: &Cx, caller: InTenant, _: NoInput) -> Result<Reply<Rehearsed>> {
        let marked = cx.store().get(keys::test_user(caller.tenant)).await?;
        let marked = marked.filter(|marked| marked.user == caller.user).ok_or_else(not_test_user)?;
        let decisions = Decisions::of(&caller.member, OPERATIONS);
        let verdict = decisions.verdict();
        let next = TestUser { rehearsal: Some(decisions.record(&verdict, cx.now())), ..marked.item.clone() };
        let transaction = cx.store().transaction().replace(&marked, &next, changed_meanwhile());
        // What was decided says nothing about a role that was changed while it was.
        let same_member = Guard::unchanged(&caller.member);
        let transaction = transaction.check(keys::member(caller.tenant, caller.user), same_member, changed_meanwhile());
        let audit = audit(cx, &caller, &decisions, &verdict)?;
        transaction.create(&audit, Problem::try_again()).commit().await?;
        Ok(decisions.show(&verdict, next.access_confirmed_at()).into())
    }
}

fn audit(cx: &Cx, caller: &InTenant, decisions: &Decisions, verdict: &Verdict) -> Result<Audit> {
    let audit = cx.audit(caller.tenant, caller.user, Action::AccessRehearsed, caller.user)?;
    let audit = audit.with("role", decisions.role).with("finding", verdict.finding().as_str());
    Ok(audit.with("allowed", decisions.allowed.len()).with("refused", decisions.refused.len()))
}

/// What was decided for a member, operation by operation.
struct Decisions<'o> {
    role: Role,
    allowed: Vec<&'o Operation>,
    refused: Vec<&'o Operation>,
}

/// What that shows.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    AsExpected,
    /// These were decided otherwise than it was written down.
    Deviates(Vec<&'static str>),
    NothingRefused,
    NothingAllowed,
}

impl<'o> Decisions<'o> {
    fn of(member: &Member, operations: &'o [Operation]) -> Decisions<'o> {
        let (allowed, refused) = operations.iter().partition(|operation| operation.decide(member).lets_in());
        Decisions { role: member.role, allowed, refused }
    }

    fn verdict(&self) -> Verdict {
        let is_written = |operation: &&&Operation| operation.roles.contains(&self.role);
        let too_many = self.allowed.iter().filter(|operation| !is_written(operation));
        let too_few = self.refused.iter().filter(is_written);
        let deviating: Vec<_> = too_many.chain(too_few).map(|operation| operation.name).collect();
        // What is open to everybody, or to programs alone, shows nothing about a role.
        let nothing_allowed = !self.allowed.iter().any(|operation| operation.is_of_members());
        let nothing_refused = !self.refused.iter().any(|operation| operation.is_of_members());
        match (nothing_allowed, nothing_refused) {
            _ if !deviating.is_empty() => Verdict::Deviates(deviating),
            (true, _) => Verdict::NothingAllowed,
            (_, true) => Verdict::NothingRefused,
            (false, false) => Verdict::AsExpected,
        }
    }

    fn record(&self, verdict: &Verdict, at: Timestamp) -> Rehearsal {
        let (allowed, refused) = (names(&self.allowed), names(&self.refused));
        Rehearsal { at, role: self.role, allowed, refused, finding: verdict.finding() }
    }

    fn show(&self, verdict: &Verdict, confirmed_at: Option<Timestamp>) -> Rehearsed {
        Rehearsed {
            role: self.role,
            allowed: names(&self.allowed),
            refused: names(&self.refused),
            expected: verdict.finding() == Finding::AsExpected,
            confirmed_at,
            detail: verdict.detail(self.role),
        }
    }
}

fn names(operations: &[&Operation]) -> Vec<String> {
    operations.iter().map(|operation| operation.name.to_owned()).collect()
}

impl Verdict {
    fn finding(&self) -> Finding {
        match self {
            Verdict::AsExpected => Finding::AsExpected,
            Verdict::Deviates(_) | Verdict::NothingRefused | Verdict::NothingAllowed => Finding::NotAsExpected,
        }
    }

    fn detail(&self, role: Role) -> Option<String> {
        let role = role.label();
        match self {
            Verdict::AsExpected => None,
            Verdict::Deviates(operations) => Some(format!(
                "What {role} may do is not what was written down for it, so nothing is confirmed: {} went the other way. That is our \
                 fault. Tell support.",
                operations.join(", ")
            )),
            Verdict::NothingRefused => Some(format!(
                "Nothing that a role decides was refused, because the role is {role}: this shows nothing about what your team will not see, so nothing is \
                 confirmed. Mark somebody with the role that your team will have."
            )),
            Verdict::NothingAllowed => Some(format!(
                "Nothing was allowed to {role}, so nothing is confirmed. Mark somebody with the role that your team will have."
            )),
        }
    }
}

fn not_test_user() -> Problem {
    Problem::new(
        Code::NotTestUser,
        "Only the workspace's test user rehearses access, and that is not you. A Tenant Admin marks one: PATCH /v1/members/{user} with \
         {\"test_user\": true}.",
    )
}

fn changed_meanwhile() -> Problem {
    Problem::new(
        Code::Conflict,
        "Your role, or who is the test user, was changed at the same moment, so nothing was recorded. Rehearse again.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::member;
    use domain::member::MemberStatus;

    const fn operation(name: &'static str, needs: Auth, roles: &'static [Role]) -> Operation {
        Operation { name, method: Method::Get, path: "/v1/things", summary: "Things.", needs, roles }
    }

    const EVERYBODYS: Operation =
        operation("list-things", Auth::Member(Permission::ReadMembers), &[Role::Admin, Role::Operator, Role::Viewer]);
    const ADMINS: Operation = operation("drop-things", Auth::Member(Permission::ManageMembers), &[Role::Admin]);

    fn verdict(member: &Member, operations: &[Operation]) -> Verdict {
        Decisions::of(member, operations).verdict()
    }

    #[test]
    fn operators_and_viewers_find_what_was_written_down_of_every_operation_there_is() {
        for role in [Role::Operator, Role::Viewer] {
            let member = member(role);
            let decisions = Decisions::of(&member, OPERATIONS);
            assert_eq!(decisions.verdict(), Verdict::AsExpected, "{role:?}");
            assert!(names(&decisions.allowed).contains(&"create-access-rehearsal".to_owned()));
            assert!(names(&decisions.refused).contains(&"create-invites".to_owned()));
            assert_eq!(decisions.allowed.len() + decisions.refused.len(), OPERATIONS.len());
        }
    }

    #[test]
    fn an_admin_is_refused_nothing_and_that_confirms_nothing() {
        let verdict = verdict(&member(Role::Admin), OPERATIONS);
        assert_eq!((&verdict, verdict.finding()), (&Verdict::NothingRefused, Finding::NotAsExpected));
        let detail = verdict.detail(Role::Admin).unwrap();
        let expected = "Nothing that a role decides was refused, because the role is Tenant Admin";
        assert!(detail.starts_with(expected), "{detail}");
        assert!(detail.ends_with("Mark somebody with the role that your team will have."), "{detail}");
    }

    #[test]
    fn a_decision_that_is_not_the_one_that_was_written_down_is_named_whichever_way_it_went() {
        let viewer = member(Role::Viewer);
        let opened = operation("list-secrets", Auth::Member(Permission::ReadMembers), &[Role::Admin]);
        let closed = operation("close-things", Auth::Member(Permission::ManageMembers), &[Role::Admin, Role::Viewer]);
        let found = verdict(&viewer, &[EVERYBODYS, ADMINS, opened, closed]);
        assert_eq!(found, Verdict::Deviates(vec!["list-secrets", "close-things"]));
        let detail = found.detail(Role::Viewer).unwrap();
        assert!(detail.contains("list-secrets, close-things went the other way"), "{detail}");
    }

    #[test]
    fn something_has_to_be_allowed_and_something_refused() {
        let viewer = member(Role::Viewer);
        assert_eq!(verdict(&viewer, &[EVERYBODYS, ADMINS]), Verdict::AsExpected);
        assert_eq!(verdict(&viewer, &[EVERYBODYS]), Verdict::NothingRefused);
        assert_eq!(verdict(&viewer, &[ADMINS]), Verdict::NothingAllowed);
        let everybodys = operation("read-about-things", Auth::Nobody, &Role::ALL);
        assert_eq!(verdict(&viewer, &[everybodys, ADMINS]), Verdict::NothingAllowed);
        let programs = operation("import-things", Auth::ApiKey, &[]);
        assert_eq!(verdict(&viewer, &[EVERYBODYS, programs]), Verdict::NothingRefused);
        assert_eq!(verdict(&viewer, &[]), Verdict::NothingAllowed);
    }

    #[test]
    fn somebody_disabled_is_refused_what_was_written_down_as_theirs() {
        let disabled = Member { status: MemberStatus::Disabled, ..member(Role::Viewer) };
        assert_eq!(verdict(&disabled, &[EVERYBODYS, ADMINS]), Verdict::Deviates(vec!["list-things"]));
    }
}
