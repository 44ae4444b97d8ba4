//! To which addresses a mail goes, when it is sent.

use common::error::{Problem, Result};
use common::keys;
use common::mail::MAX_RECIPIENTS;
use common::trigger::TriggerCx;
use domain::email::Email;
use domain::id::TenantId;
use domain::outbox::{Outbox, Owner, Recipients};

pub async fn of(cx: &TriggerCx, row: &Outbox) -> Result<Vec<Email>> {
    match (&row.to, &row.owner) {
        (Recipients::Email(email), _) => Ok(vec![email.clone()]),
        (Recipients::Admins, Owner::Tenant(tenant)) => admins(cx, *tenant).await,
        (Recipients::Admins, Owner::Email(_)) => Err(Problem::internal("a mail to the admins of no tenant")),
    }
}

/// The addresses of the active admins. Of more than a mail can go to, those whose accounts are the oldest: ids sort by age.
async fn admins(cx: &TriggerCx, tenant: TenantId) -> Result<Vec<Email>> {
    let members = cx.store().query_all(keys::members(tenant)).await?;
    let admins = members.iter().filter(|member| member.is_active_admin()).take(MAX_RECIPIENTS);
    let keys: Vec<_> = admins.map(|admin| keys::user(admin.user)).collect();
    let users = cx.store().get_each(&keys).await?;
    Ok(users.into_iter().flatten().map(|user| user.item.email).collect())
}
