//! How people and tenants appear in answers: the same shape wherever they do.

use domain::email::Email;
use domain::id::{TenantId, UserId};
use domain::tenant::Tenant;
use domain::text::{CompanyName, DisplayName};
use domain::user::User;
use schemars::JsonSchema;
use serde::Serialize;

/// A person.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct UserView {
    pub id: UserId,
    pub email: Email,
    pub display_name: Option<DisplayName>,
}

impl From<&User> for UserView {
    fn from(user: &User) -> UserView {
        UserView { id: user.id, email: user.email.clone(), display_name: user.display_name.clone() }
    }
}

/// A workspace, by name.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TenantView {
    pub id: TenantId,
    pub company_name: CompanyName,
}

impl From<&Tenant> for TenantView {
    fn from(tenant: &Tenant) -> TenantView {
        TenantView { id: tenant.id, company_name: tenant.company_name.clone() }
    }
}

/// What a password is judged against: the person's own words.
pub fn own_words<'a>(
    email: &'a Email,
    display_name: Option<&'a DisplayName>,
    company: &'a CompanyName,
) -> Vec<&'a str> {
    let address = email.as_str();
    let parts = address.split(['@', '.', '+', '-', '_']);
    let name = display_name.into_iter().flat_map(|name| name.as_str().split_whitespace());
    let company = company.as_str().split_whitespace().chain([company.as_str()]);
    parts.chain([address]).chain(name).chain(company).collect()
}
