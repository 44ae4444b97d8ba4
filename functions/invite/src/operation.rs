//! One thing that the API can be asked to do, and what is decided about it for a member.
//!
//! `operations.rs` has all of them, written by `infra sync` from the manifest. Beside each stand the roles that the policy let in when
//! the file was written. That is said twice on purpose: `domain::role` decides, the file remembers what was decided when somebody
//! last read its diff, and a rehearsal holds the one against the other.

use common::auth::caller::{self, Auth};
use common::error::Code;
use common::route::Method;
use domain::member::Member;
use domain::role::{Permission, Role};

/// What stands in the manifest for an HTTP function.
#[derive(Debug)]
pub struct Operation {
    pub name: &'static str,
    pub method: Method,
    pub path: &'static str,
    pub summary: &'static str,
    pub needs: Auth,
    /// Whom the policy let in when this was written.
    pub roles: &'static [Role],
}

/// What is decided about an operation for a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It is nothing that a workspace decides: no membership is asked for.
    NotAsked,
    /// It is for programs, by their API keys: no person may do it, whatever their role.
    ForPrograms,
    Allowed(Permission),
    /// The member's role does not include it.
    Lacks(Permission),
    /// Whoever is disabled is no member to any operation.
    NotActive(Permission),
}

impl Operation {
    /// Whether a membership decides about it, and so a role.
    pub fn is_of_members(&self) -> bool {
        matches!(self.needs, Auth::Member(_))
    }

    /// Asks what a request of theirs is asked: the same function, with the membership as it is now.
    pub fn decide(&self, member: &Member) -> Decision {
        let permission = match self.needs {
            Auth::Nobody | Auth::Visitor | Auth::User => return Decision::NotAsked,
            Auth::ApiKey => return Decision::ForPrograms,
            Auth::Member(permission) => permission,
        };
        match caller::admit(Some(member), permission) {
            Ok(_) => Decision::Allowed(permission),
            Err(problem) if problem.code == Code::Forbidden => Decision::Lacks(permission),
            Err(_) => Decision::NotActive(permission),
        }
    }
}

impl Decision {
    pub fn lets_in(self) -> bool {
        matches!(self, Decision::NotAsked | Decision::Allowed(_))
    }

    /// What decides it, where a membership is asked for.
    pub fn permission(self) -> Option<Permission> {
        match self {
            Decision::NotAsked | Decision::ForPrograms => None,
            Decision::Allowed(permission) | Decision::Lacks(permission) | Decision::NotActive(permission) => {
                Some(permission)
            }
        }
    }
}
