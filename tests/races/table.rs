//! The table, past all functions: what it holds, and numbers that a test wants it to hold.

use crate::world::World;
use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::HashMap;

pub type Item = HashMap<String, AttributeValue>;

pub fn partition(tenant: &str) -> String {
    format!("TENANT#{tenant}")
}

pub fn key(pk: &str, sk: &str) -> Item {
    [("pk", pk), ("sk", sk)].map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned()))).into()
}

/// One item of a tenant.
pub async fn read(world: &World, tenant: &str, sk: &str) -> Item {
    let key = key(&partition(tenant), sk);
    let get = world.dynamo().get_item().table_name(world.stack().table()).set_key(Some(key)).consistent_read(true);
    get.send().await.unwrap().item.unwrap()
}

/// All items of a tenant whose sort keys start so.
pub async fn items(world: &World, tenant: &str, prefix: &str) -> Vec<Item> {
    let query = world.dynamo().query().table_name(world.stack().table()).consistent_read(true);
    let query = query
        .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
        .expression_attribute_values(":pk", AttributeValue::S(partition(tenant)))
        .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned()));
    query.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.unwrap()
}

pub fn number(item: &Item, name: &str) -> i64 {
    item[name].as_n().unwrap().parse().unwrap()
}

pub fn text<'i>(item: &'i Item, name: &str) -> &'i str {
    item[name].as_s().unwrap()
}

/// Makes one number of an item another one, whatever it was.
pub async fn set_number(world: &World, pk: &str, sk: &str, name: &str, number: i64) {
    let update = world.dynamo().update_item().table_name(world.stack().table()).set_key(Some(key(pk, sk)));
    let update = update
        .update_expression("SET #name = :number")
        .expression_attribute_names("#name", name)
        .expression_attribute_values(":number", AttributeValue::N(number.to_string()));
    update.send().await.unwrap();
}

/// Leaves a workspace this many seats; a negative number is how many too many are taken.
pub async fn leave_seats(world: &World, tenant: &str, left: i64) {
    let taken = number(&read(world, tenant, "COUNTERS").await, "seats_taken");
    set_number(world, &partition(tenant), "COUNTERS", "seats", taken + left).await;
}

/// The ids of a tenant's active admins.
pub async fn admins(world: &World, tenant: &str) -> Vec<String> {
    let members = items(world, tenant, "MEMBER#").await;
    members.iter().filter(|member| is_active_admin(member)).map(|member| text(member, "user").to_owned()).collect()
}

fn is_active_admin(member: &Item) -> bool {
    text(member, "role") == "admin" && text(member, "status") == "active"
}

/// The counters say what a count of members and of open invites says.
pub async fn assert_counters(world: &World, tenant: &str, when: &str) {
    let members = items(world, tenant, "MEMBER#").await;
    let open = items(world, tenant, "OPEN_INVITE#").await;
    let counters = read(world, tenant, "COUNTERS").await;
    let active = members.iter().filter(|member| text(member, "status") == "active").count();
    let admins = members.iter().filter(|member| is_active_admin(member)).count();
    let counted = [active, admins, members.len() + open.len()].map(|count| i64::try_from(count).unwrap());
    let kept = ["members", "admins", "seats_taken"].map(|name| number(&counters, name));
    assert_eq!(kept, counted, "{when}: members, admins, seats");
}
