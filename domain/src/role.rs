//! Roles, permissions, and which role has which permission.

use std::fmt;

use crate::invalid::Invalid;
use crate::text::text_form;

/// What a member is in one tenant.
///
/// In JSON `"admin"`, `"operator"` or `"viewer"`; anything else is refused with `role_unknown`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Role {
    /// Manages the workspace: settings, people, integrations, billing.
    Admin,
    /// Runs campaigns. What an invite gives when it names no role: the most common, and never more than needed.
    #[default]
    Operator,
    /// Reviews quality and results, changes nothing.
    Viewer,
}

impl Role {
    /// Every role, most powerful first.
    pub const ALL: [Self; 3] = [Self::Admin, Self::Operator, Self::Viewer];

    /// Reads the name used in JSON.
    ///
    /// # Errors
    /// `role_unknown` for any other text, including other capitalisation.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| Invalid::new("role_unknown", "This is not a role. Use admin, operator or viewer."))
    }

    /// The name used in JSON and in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Viewer => "viewer",
        }
    }

    /// The name that a person reads.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Admin => "Tenant Admin",
            Self::Operator => "Tenant Operator",
            Self::Viewer => "Tenant Viewer",
        }
    }

    /// What the role is for, as one sentence to the invited person.
    pub const fn may_do(self) -> &'static str {
        match self {
            Self::Admin => "You can manage workspace settings, people, integrations and billing.",
            Self::Operator => "You can build campaigns, upload contact lists, assign phone numbers and run launches.",
            Self::Viewer => "You can see call quality, analytics and follow-up, without changing anything.",
        }
    }

    /// Whether this role has that permission.
    ///
    /// This is the only place that decides it: a new permission does not compile until every role has its answer.
    pub const fn may(self, permission: Permission) -> bool {
        match self {
            Self::Admin => true,
            Self::Operator | Self::Viewer => match permission {
                Permission::ReadTenant
                | Permission::LeaveTenant
                | Permission::ReadMembers
                | Permission::RehearseAccess
                | Permission::ReadChecklist
                | Permission::ReadConnections => true,
                Permission::UpdateTenant
                | Permission::ManageMembers
                | Permission::ManageInvites
                | Permission::ReviewAccess
                | Permission::ReadAudit
                | Permission::ManageChecklist
                | Permission::ManageConnections
                | Permission::ManageApiKeys
                | Permission::ReadBilling
                | Permission::ManageBilling => false,
            },
        }
    }
}

text_form!(Role, {
    "type": "string",
    "enum": ["admin", "operator", "viewer"],
});

/// One thing that a role may or may not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// See the tenant's settings.
    ReadTenant,
    /// Change the tenant's settings.
    UpdateTenant,
    /// Give up one's own membership.
    LeaveTenant,
    /// See who is in the tenant.
    ReadMembers,
    /// Change roles, disable and remove members.
    ManageMembers,
    /// Try out what one's own role may do, as the workspace's test user.
    RehearseAccess,
    /// See what anybody may do, and what about that should be looked at.
    ReviewAccess,
    /// See who did what.
    ReadAudit,
    /// Send, see, change, resend and revoke invites.
    ManageInvites,
    /// See the getting-started checklist.
    ReadChecklist,
    /// Skip steps, dismiss and restore the checklist.
    ManageChecklist,
    /// See integrations and phone numbers.
    ReadConnections,
    /// Plan, connect and remove integrations; add and remove phone numbers.
    ManageConnections,
    /// Make, see and remove API keys.
    ManageApiKeys,
    /// See billing settings, usage and invoices.
    ReadBilling,
    /// Change billing settings.
    ManageBilling,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 16] = [
        Self::ReadTenant,
        Self::UpdateTenant,
        Self::LeaveTenant,
        Self::ReadMembers,
        Self::ManageMembers,
        Self::RehearseAccess,
        Self::ReviewAccess,
        Self::ReadAudit,
        Self::ManageInvites,
        Self::ReadChecklist,
        Self::ManageChecklist,
        Self::ReadConnections,
        Self::ManageConnections,
        Self::ManageApiKeys,
        Self::ReadBilling,
        Self::ManageBilling,
    ];

    /// The name that a refusal carries, such as `members:read`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadTenant => "tenant:read",
            Self::UpdateTenant => "tenant:update",
            Self::LeaveTenant => "tenant:leave",
            Self::ReadMembers => "members:read",
            Self::ManageMembers => "members:manage",
            Self::RehearseAccess => "access:rehearse",
            Self::ReviewAccess => "access:review",
            Self::ReadAudit => "audit:read",
            Self::ManageInvites => "invites:manage",
            Self::ReadChecklist => "checklist:read",
            Self::ManageChecklist => "checklist:manage",
            Self::ReadConnections => "connections:read",
            Self::ManageConnections => "connections:manage",
            Self::ManageApiKeys => "api-keys:manage",
            Self::ReadBilling => "billing:read",
            Self::ManageBilling => "billing:manage",
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invalid::from_wire;
    use proptest::prelude::*;
    use serde_json::{from_value, json, to_value};

    #[test]
    fn an_admin_may_do_everything() {
        assert!(Permission::ALL.into_iter().all(|permission| Role::Admin.may(permission)));
    }

    #[test]
    fn operators_and_viewers_change_nothing_but_their_own_membership() {
        for role in [Role::Operator, Role::Viewer] {
            let allowed: Vec<_> =
                Permission::ALL.into_iter().filter(|&p| role.may(p)).map(Permission::as_str).collect();
            let own = [
                "tenant:read",
                "tenant:leave",
                "members:read",
                "access:rehearse",
                "checklist:read",
                "connections:read",
            ];
            assert_eq!(allowed, own, "{role:?}");
        }
    }

    #[test]
    fn every_permission_is_listed_once_and_named_once() {
        let mut names: Vec<_> = Permission::ALL.iter().map(ToString::to_string).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Permission::ALL.len());
    }

    #[test]
    fn the_default_is_operator() {
        assert_eq!(Role::default(), Role::Operator);
    }

    #[test]
    fn json_is_the_lower_case_name() {
        for (role, name) in [(Role::Admin, "admin"), (Role::Operator, "operator"), (Role::Viewer, "viewer")] {
            assert_eq!(to_value(role).unwrap(), json!(name));
            assert_eq!(from_value::<Role>(json!(name)).unwrap(), role);
        }
    }

    #[test]
    fn an_unknown_role_is_refused_without_repeating_it() {
        for name in ["", "Admin", "owner", " admin", "admin\0"] {
            let refused = from_value::<Role>(json!(name)).unwrap_err().to_string();
            let (code, detail) = from_wire(&refused).unwrap();
            assert_eq!(code, "role_unknown", "{name:?}");
            assert_eq!(detail, "This is not a role. Use admin, operator or viewer.");
        }
    }

    #[test]
    fn labels_and_sentences_read_well() {
        for role in Role::ALL {
            assert!(role.label().starts_with("Tenant "));
            assert!(role.may_do().starts_with("You can ") && role.may_do().ends_with('.'));
            assert_eq!(role.may_do().matches('.').count(), 1, "one sentence");
        }
    }

    #[test]
    fn the_schema_lists_every_role() {
        let names = Role::ALL.map(Role::as_str);
        assert_eq!(schemars::schema_for!(Role).get("enum"), Some(&json!(names)));
    }

    proptest! {
        #[test]
        fn only_the_three_names_parse(text in any::<String>()) {
            if let Ok(role) = Role::parse(&text) {
                prop_assert_eq!(role.as_str(), text);
            }
        }
    }
}
