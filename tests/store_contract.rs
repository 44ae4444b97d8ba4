//! What the store promises to those who build on it, on the table that stands in for DynamoDB here.

use crate::world::World;
use common::app::App;
use common::clock::Clock;
use common::error::{Code, Problem};
use common::keys::{self, Kind, Whose};
use common::paging::{self, Limit};
use common::store::{Access, Change, Guard, Order, Store, was_refused_with};
use domain::Timestamp;
use domain::billing::Billing;
use domain::id::{InviteId, TenantId, UserId};
use domain::invite::OpenInvite;
use domain::role::Role;
use domain::tenant::{Counters, Mark};
use serde_json::json;
use uuid::Uuid;

const EVERYTHING: &[Access] = &[
    Access::Get(Kind::Billing),
    Access::Get(Kind::Counters),
    Access::BatchGet(Kind::Billing),
    Access::BatchGet(Kind::Counters),
    Access::Scan(Kind::Billing),
    Access::Create(Kind::Billing),
    Access::Create(Kind::Counters),
    Access::Create(Kind::OpenInvite),
    Access::Query(Kind::OpenInvite),
    Access::Replace(Kind::Billing),
    Access::Update(Kind::Counters),
    Access::Delete(Kind::Billing),
    Access::Check(Kind::Billing),
];

/// A store of a function that declared `access`, on a table of its own.
async fn store(access: &'static [Access]) -> (World, Store) {
    let world = World::in_process().await;
    let environment = world.stack().environment("get-billing");
    let lookup = |name: &str| environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let app = App::from(&lookup, &[], Clock::system()).unwrap();
    let store = Store::new(&app, "a-test", [access, &[], &[]]);
    (world, store)
}

fn tenant(n: u128) -> TenantId {
    TenantId::from_uuid(Uuid::from_u128(n))
}

fn mark() -> Mark {
    Mark { by: UserId::from_uuid(Uuid::from_u128(9)), at: Timestamp::UNIX_EPOCH }
}

fn refusal() -> Problem {
    Problem::new(Code::Conflict, "the condition did not hold")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_declared_is_not_done() {
    let (world, store) = store(&[Access::Get(Kind::Billing)]).await;
    assert!(store.get(keys::billing(tenant(1))).await.unwrap().is_none());
    assert_eq!(store.get(keys::counters(tenant(1))).await.unwrap_err().code, Code::Internal);
    let written = store.transaction().create(&Billing::new(tenant(1)), refusal()).commit().await;
    assert_eq!(written.unwrap_err().code, Code::Internal);
    assert!(world.everything_kept().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_one_tenant_reaches_no_others() {
    let (world, store) = store(EVERYTHING).await;
    let store = store.scoped_to(tenant(1));
    assert_eq!(store.get(keys::billing(tenant(2))).await.unwrap_err().code, Code::Internal);
    let both =
        store.transaction().create(&Billing::new(tenant(1)), refusal()).create(&Billing::new(tenant(2)), refusal());
    assert_eq!(both.commit().await.unwrap_err().code, Code::Internal);
    assert!(world.everything_kept().await.is_empty(), "not even the half that was allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn creating_needs_absence_and_replacing_needs_the_version_that_was_read() {
    let (_world, store) = store(EVERYTHING).await;
    let billing = Billing::new(tenant(1));
    store.transaction().create(&billing, refusal()).commit().await.unwrap();
    assert!(was_refused_with(&store.transaction().create(&billing, refusal()).commit().await, Code::Conflict));

    let read = store.get(keys::billing(tenant(1))).await.unwrap().unwrap();
    assert_eq!(read.version, 1);
    store.transaction().replace(&read, &billing, refusal()).commit().await.unwrap();
    assert!(was_refused_with(&store.transaction().replace(&read, &billing, refusal()).commit().await, Code::Conflict));
    assert_eq!(store.get(keys::billing(tenant(1))).await.unwrap().unwrap().version, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_happens_whole_or_not_at_all_and_answers_with_the_refusal_of_the_write_that_failed() {
    let (world, store) = store(EVERYTHING).await;
    let absent = Guard::present();
    let transaction = store.transaction().create(&Billing::new(tenant(1)), refusal()).check(
        keys::billing(tenant(2)),
        absent,
        Problem::version_stale(),
    );
    assert!(was_refused_with(&transaction.commit().await, Code::VersionStale));
    assert!(world.everything_kept().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_counter_moves_only_while_its_guard_holds() {
    let (_world, store) = store(EVERYTHING).await;
    let counters = Counters { admins: 3, ..Counters::new(tenant(1), mark()) };
    store.transaction().create(&counters, refusal()).commit().await.unwrap();
    let less = || {
        let guard = Guard::present().and_at_least("admins", 2);
        store
            .transaction()
            .update(keys::counters(tenant(1)), Change::new().add("admins", -1), guard, refusal())
            .commit()
    };
    let outcomes = futures::future::join_all((0..8).map(|_| less())).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 2);
    assert_eq!(store.get(keys::counters(tenant(1))).await.unwrap().unwrap().admins, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_items_come_in_the_order_they_were_asked_for_with_gaps_where_nothing_is() {
    let (_world, store) = store(EVERYTHING).await;
    for n in (0..150).step_by(2) {
        store.transaction().create(&Billing::new(tenant(n)), refusal()).commit().await.unwrap();
    }
    let wanted: Vec<_> = (0..150).rev().map(|n| keys::billing(tenant(n))).collect();
    let found = store.get_each(&wanted).await.unwrap();
    let found: Vec<_> = found.iter().map(|billing| billing.as_ref().map(|billing| billing.tenant)).collect();
    let expected: Vec<_> = (0..150).rev().map(|n| (n % 2 == 0).then(|| tenant(n))).collect();
    assert_eq!(found, expected);

    let (one, none) = store.get_all((keys::billing(tenant(0)), keys::counters(tenant(0)))).await.unwrap();
    assert!(one.is_some() && none.is_none());
    let (one, none) = store.snapshot((keys::billing(tenant(0)), keys::counters(tenant(0)))).await.unwrap();
    assert!(one.is_some() && none.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_through_the_table_comes_by_every_item_of_a_kind_once_and_is_not_for_one_tenant() {
    let (_world, store) = store(EVERYTHING).await;
    for n in 0..25 {
        store.transaction().create(&Billing::new(tenant(n)), refusal()).commit().await.unwrap();
        store.transaction().create(&Counters::new(tenant(n), mark()), refusal()).commit().await.unwrap();
    }
    let (mut found, mut after, mut calls) = (Vec::new(), None, 0);
    loop {
        let part = store.scan(Kind::Billing, 10, after).await.unwrap();
        calls += 1;
        found.extend(part.found);
        after = part.next;
        if after.is_none() {
            break;
        }
    }
    let everybody: Vec<_> = (0..25).map(|n| Whose::Tenant(tenant(n))).collect();
    assert_eq!(found.len(), everybody.len());
    assert!(everybody.iter().all(|whose| found.contains(whose)), "{found:?}");
    assert!(calls >= 5, "50 items, 10 at a time, came in {calls} calls");

    let of_one = store.scoped_to(tenant(1)).scan(Kind::Billing, 10, None).await;
    assert_eq!(of_one.unwrap_err().code, Code::Internal);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_is_read_page_by_page_in_either_order_and_holds_one_tenant() {
    let (_world, store) = store(EVERYTHING).await;
    for (owner, seconds) in [(1, 300), (1, 100), (1, 200), (2, 999)] {
        let invite = InviteId::from_uuid(Uuid::from_u128(seconds));
        let expires_at = Timestamp::from_second(i64::try_from(seconds).unwrap()).unwrap();
        let invited_by = UserId::from_uuid(Uuid::nil());
        let open = OpenInvite { tenant: tenant(owner), invite, expires_at, role: Role::Viewer, invited_by };
        store.transaction().create(&open, refusal()).commit().await.unwrap();
    }
    let seconds = |page: &common::store::Page<OpenInvite>| {
        page.items.iter().map(|open| open.expires_at.as_second()).collect::<Vec<_>>()
    };
    let first = store.query(keys::open_invites(tenant(1)), Order::Ascending, 2, None).await.unwrap();
    assert_eq!(seconds(&first), [100, 200]);
    let second = store.query(keys::open_invites(tenant(1)), Order::Ascending, 2, first.next).await.unwrap();
    assert_eq!((seconds(&second), second.next), (vec![300], None));
    let newest = store.query(keys::open_invites(tenant(1)), Order::Descending, 1, None).await.unwrap();
    assert_eq!(seconds(&newest), [300]);
}

fn open(n: u128, role: Role) -> OpenInvite {
    let expires_at = Timestamp::from_second(i64::try_from(n).unwrap()).unwrap();
    let (invite, invited_by) = (InviteId::from_uuid(Uuid::from_u128(n)), UserId::from_uuid(Uuid::nil()));
    OpenInvite { tenant: tenant(1), invite, expires_at, role, invited_by }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filtered_page_is_filled_from_five_hundred_items_at_most_and_its_cursor_skips_none_and_repeats_none() {
    let (_world, store) = store(EVERYTHING).await;
    // Of 1201 every fifth of the first 100 is an admin's, and the very last.
    let role = |n| if n == 1200 || (n < 100 && n % 5 == 0) { Role::Admin } else { Role::Viewer };
    for some in (0..1201).collect::<Vec<_>>().chunks(100) {
        let transaction =
            some.iter().fold(store.transaction(), |transaction, n| transaction.create(&open(*n, role(*n)), refusal()));
        transaction.commit().await.unwrap();
    }
    let wanted: Vec<u128> = (0..1201).filter(|n| role(*n) == Role::Admin).collect();
    for (order, limit) in [Order::Ascending, Order::Descending].into_iter().flat_map(|order| [(order, 3), (order, 25)])
    {
        let mut expected = wanted.clone();
        if order == Order::Descending {
            expected.reverse();
        }
        let (mut found, mut cursor, mut empty_pages) = (Vec::new(), None::<String>, 0);
        loop {
            let before = store.meter().tally().calls;
            let is_wanted = |open: &OpenInvite| open.role == Role::Admin;
            let per_page: Limit = serde_json::from_value(json!(limit.to_string())).unwrap();
            let range = keys::open_invites(tenant(1));
            let page = paging::page_of_matching(&store, range, order, per_page, cursor.as_deref(), is_wanted);
            let (rows, next) = page.await.unwrap();
            assert!(rows.len() <= limit && store.meter().tally().calls - before <= 6, "{} rows", rows.len());
            empty_pages += usize::from(rows.is_empty());
            found.extend(rows.iter().map(|open| open.invite.uuid().as_u128()));
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(found, expected, "{order:?}, {limit} at a time");
        assert!(empty_pages > 0, "a thousand in between match nothing, and no page looks at more than five hundred");
    }
}
