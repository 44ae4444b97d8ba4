//! To which addresses a mail goes, when it is sent.

use common::error::{Problem, Result};
use common::keys;
use common::mail::MAX_RECIPIENTS;
use common::store::Order;
use common::trigger::TriggerCx;
use domain::email::Email;
use domain::id::{TenantId, UserId};
use domain::outbox::{Outbox, Owner, Recipients};

/// How many members are read at a time. There are no more than seats.
const AT_A_TIME: u16 = 500;

pub async fn of(cx: &TriggerCx, row: &Outbox) -> Result<Vec<Email>> {
    match (&row.to, &row.owner) {
        (Recipients::Email(email), _) => Ok(vec![email.clone()]),
        (Recipients::Admins, Owner::Tenant(tenant)) => admins(cx, *tenant).await,
        (Recipients::Admins, Owner::Email(_)) => Err(Problem::internal("a mail to the admins of no tenant")),
    }
}

/// The addresses of the active admins. Of more than a mail can go to, those whose accounts are the oldest: ids sort by age.
async fn admins(cx: &TriggerCx, tenant: TenantId) -> Result<Vec<Email>> {
    let admins = admin_ids(cx, tenant).await?;
    let keys: Vec<_> = admins.into_iter().take(MAX_RECIPIENTS).map(keys::user).collect();
    let users = cx.store().get_each(&keys).await?;
    Ok(users.into_iter().flatten().map(|user| user.item.email).collect())
}

async fn admin_ids(cx: &TriggerCx, tenant: TenantId) -> Result<Vec<UserId>> {
    let (mut admins, mut after) = (Vec::new(), None);
    loop {
        let page = cx.store().query(keys::members(tenant), Order::Ascending, AT_A_TIME, after).await?;
        admins.extend(page.items.iter().filter(|member| member.is_active_admin()).map(|member| member.user));
        after = page.next;
        if after.is_none() {
            return Ok(admins);
        }
    }
}
