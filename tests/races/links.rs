//! The links of invites, without waiting for their mails.

use super::table::{self, Item};
use crate::world::{Answer, Person, World};
use aws_sdk_dynamodb::types::AttributeValue;
use common::auth::token::InviteClaims;
use serde_json::{Value, json};

pub struct Link {
    /// What tells it from the others: a token is another each time it is signed.
    pub jti: String,
    pub token: String,
}

/// The token of an invite's newest link.
pub async fn newest(world: &World, admin: &Person, invite: &Value) -> String {
    newest_link(world, admin, invite).await.token
}

pub async fn newest_link(world: &World, admin: &Person, invite: &Value) -> Link {
    let item = table::read(world, &admin.tenant, &format!("INVITE#{}", id(invite))).await;
    link(world, admin, invite, &item)
}

/// All links that an invite ever had.
pub async fn all(world: &World, admin: &Person, invite: &Value) -> Vec<Link> {
    let mails = table::items(world, &admin.tenant, "OUTBOX#").await;
    let words = mails.iter().map(|mail| mail["message"].as_m().unwrap());
    let theirs = words.filter(|words| words.get("invite") == Some(&AttributeValue::S(id(invite).to_owned())));
    theirs.map(|words| link(world, admin, invite, words)).collect()
}

/// The link of which `item` says what it is.
fn link(world: &World, admin: &Person, invite: &Value, item: &Item) -> Link {
    let claims = InviteClaims {
        invite: id(invite).parse().unwrap(),
        tenant: admin.tenant.parse().unwrap(),
        email: invite["email"].as_str().unwrap().parse().unwrap(),
    };
    let (jti, expires_at) = (table::text(item, "jti"), table::text(item, "expires_at").parse().unwrap());
    let token = world.stack().token_keys().sign(claims, jti.parse().unwrap(), world.now(), expires_at).unwrap();
    Link { jti: jti.to_owned(), token }
}

pub fn id(invite: &Value) -> &str {
    invite["id"].as_str().unwrap()
}

pub async fn preview(world: &World, token: &str) -> Answer {
    world.post("/v1/invites/preview", json!({ "token": token })).send().await
}

/// Somebody with an account accepts: no time goes to a password.
pub async fn accept(world: &World, person: &Person, token: &str) -> Answer {
    world.post("/v1/invites/accept", json!({ "token": token })).token(&person.access_token).send().await
}

/// How an invite ended, if it did.
pub async fn outcome(world: &World, admin: &Person, invite: &Value) -> Option<String> {
    let item = table::read(world, &admin.tenant, &format!("INVITE#{}", id(invite))).await;
    item.get("outcome").map(|outcome| table::text(outcome.as_m().unwrap(), "outcome").to_owned())
}
