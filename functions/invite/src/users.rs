//! The people that a page of a list names, read once each.

use common::error::Result;
use common::keys;
use common::route::Cx;
use domain::id::UserId;
use domain::user::User;
use std::collections::{BTreeSet, HashMap};

/// Those of them who have an account still.
pub async fn by_id(cx: &Cx, ids: impl IntoIterator<Item = UserId>) -> Result<HashMap<UserId, User>> {
    let distinct: BTreeSet<_> = ids.into_iter().collect();
    let wanted: Vec<_> = distinct.into_iter().map(keys::user).collect();
    let users = cx.store().get_each(&wanted).await?;
    Ok(users.into_iter().flatten().map(|user| (user.id, user.item)).collect())
}
