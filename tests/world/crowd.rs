//! Many workspaces at once, made in the table past all functions.

use super::World;
use aws_sdk_dynamodb::types::AttributeValue;
use common::app::App;
use common::clock::Clock;
use common::error::Problem;
use common::keys::{self, Kind};
use common::store::{Access, Store, Stored};
use domain::Timestamp;
use domain::billing::Billing;
use domain::checklist::{CURRENT, Checklist, Facts, fold};
use domain::id::{InviteId, TenantId, UserId};
use domain::member::{Finding, Rehearsal, TestUser};
use domain::role::Role;
use domain::tenant::{Accepted, Counters, LastChange, Mark, Tenant};
use domain::text::CompanyName;
use domain::time_zone::TimeZoneName;
use futures::{StreamExt, stream};
use std::sync::Arc;
use uuid::Uuid;

const ACCESS: &[Access] = &[
    Access::Create(Kind::Tenant),
    Access::Create(Kind::Counters),
    Access::Create(Kind::Billing),
    Access::Create(Kind::TestUser),
    Access::Create(Kind::Checklist),
    Access::Get(Kind::Checklist),
    Access::Replace(Kind::Checklist),
    Access::Get(Kind::Cursor),
];

/// When they all did what they did.
const DONE: Timestamp = Timestamp::constant(1_790_000_000, 0);

/// Workspaces, and the table that they are in.
pub struct Crowd {
    pub store: Store,
    pub inhabitants: Vec<Inhabitant>,
    environment: Vec<(String, String)>,
    dynamo: aws_sdk_dynamodb::Client,
    table: String,
}

/// A workspace. Somebody has come by an invite; nothing else is done.
pub struct Inhabitant {
    pub number: usize,
    pub tenant: Tenant,
    pub counters: Counters,
    pub billing: Billing,
    pub test_user: Option<TestUser>,
}

impl Crowd {
    /// So many, each with a checklist that is as it should be. `shape` says what is different about them.
    pub async fn of(world: &World, size: usize, shape: impl Fn(&mut Inhabitant)) -> Crowd {
        let environment = world.stack().environment("get-checklist");
        let store = Store::of_program(&lookup(&environment), "a-test", ACCESS).unwrap();
        let inhabitants = (0..size).map(|number| {
            let mut inhabitant = Inhabitant::new(number);
            shape(&mut inhabitant);
            inhabitant
        });
        let (dynamo, table) = (world.dynamo(), world.stack().table().to_owned());
        let crowd = Crowd { store, inhabitants: inhabitants.collect(), environment, dynamo, table };
        stream::iter(&crowd.inhabitants).for_each_concurrent(8, |inhabitant| inhabitant.settle(&crowd.store)).await;
        crowd
    }

    /// Where an instance of a function finds itself, by this clock.
    pub fn app(&self, clock: Clock) -> Arc<App> {
        Arc::new(App::from(&lookup(&self.environment), &[], clock).unwrap())
    }

    /// The variables that functions are told.
    pub fn lookup(&self) -> impl Fn(&str) -> Option<String> {
        lookup(&self.environment)
    }

    /// Has a kept checklist be nothing that can be read: what should be a list of steps is a text.
    pub async fn wreck_checklist(&self, inhabitant: &Inhabitant) {
        self.change(inhabitant, "CHECKLIST", "SET steps = :text").await;
    }

    /// Has the counters be nothing that can be read.
    pub async fn wreck_counters(&self, inhabitant: &Inhabitant) {
        self.change(inhabitant, "COUNTERS", "SET admins = :text").await;
    }

    /// Has the place where a function goes on be nothing that can be read.
    pub async fn plant_cursor_wreck(&self, function: &str) {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let put = self.dynamo.put_item().table_name(&self.table).item("pk", text(&format!("FUNCTION#{function}")));
        put.item("sk", text("CURSOR")).item("after", text("nowhere")).send().await.unwrap();
    }

    pub async fn lose_checklist(&self, inhabitant: &Inhabitant) {
        let [pk, sk] = key(inhabitant, "CHECKLIST");
        let delete = self.dynamo.delete_item().table_name(&self.table).key("pk", pk).key("sk", sk);
        delete.send().await.unwrap();
    }

    /// Changes one of its items, past all rules. `:text` is a text, `:none` an empty list.
    pub async fn change(&self, inhabitant: &Inhabitant, sk: &str, expression: &str) {
        let [pk, sk] = key(inhabitant, sk);
        let update = self.dynamo.update_item().table_name(&self.table).key("pk", pk).key("sk", sk);
        let update = update.update_expression(expression);
        let update = match expression {
            names if names.contains(":text") => {
                update.expression_attribute_values(":text", AttributeValue::S("not this".to_owned()))
            }
            names if names.contains(":none") => {
                update.expression_attribute_values(":none", AttributeValue::L(Vec::new()))
            }
            _ => update,
        };
        update.send().await.unwrap();
    }

    /// Puts another checklist in the place of the one that is kept.
    pub async fn keep(&self, inhabitant: &Inhabitant, checklist: &Checklist) {
        let kept = self.kept(inhabitant).await.unwrap();
        let transaction = self.store.transaction().replace(&kept, checklist, Problem::try_again());
        transaction.commit().await.unwrap();
    }

    /// What is kept for one of them.
    pub async fn kept(&self, inhabitant: &Inhabitant) -> Option<Stored<Checklist>> {
        self.store.get(keys::checklist(inhabitant.tenant.id)).await.unwrap()
    }
}

fn key(inhabitant: &Inhabitant, sk: &str) -> [AttributeValue; 2] {
    [format!("TENANT#{}", inhabitant.tenant.id), sk.to_owned()].map(AttributeValue::S)
}

fn lookup(environment: &[(String, String)]) -> impl Fn(&str) -> Option<String> {
    |name| environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
}

impl Inhabitant {
    fn new(number: usize) -> Inhabitant {
        let id = TenantId::from_uuid(Uuid::from_u128(1_000_000 + number as u128));
        let zone = TimeZoneName::parse("Europe/Berlin").unwrap();
        let invite = InviteId::from_uuid(Uuid::from_u128(1));
        let first_accepted = Some(Accepted { invite, by: user(2), at: DONE });
        Inhabitant {
            number,
            tenant: Tenant::new(id, CompanyName::parse("Acme Inc.").unwrap(), zone, mark()),
            counters: Counters { first_accepted, invited_members: 1, ..Counters::new(id, mark()) },
            billing: Billing::new(id),
            test_user: None,
        }
    }

    /// Everything that is required is done.
    pub fn launch_ready(&mut self) {
        self.tenant.details_completed = Some(mark());
        self.tenant.default_time_zone_confirmed = Some(mark());
        self.billing.owner = Some(user(1));
        self.billing.owner_named = Some(mark());
        self.admins(2);
        self.counters.integrations = 1;
        self.counters.integrations_changed = Some(LastChange::added("con_1", mark()));
        let rehearsal = Rehearsal {
            at: DONE,
            role: Role::Operator,
            allowed: Vec::new(),
            refused: Vec::new(),
            finding: Finding::AsExpected,
        };
        let (tenant, marked) = (self.tenant.id, mark());
        self.test_user = Some(TestUser { tenant, user: user(2), marked, rehearsal: Some(rehearsal) });
    }

    pub fn admins(&mut self, admins: u64) {
        self.counters.admins = admins;
        self.counters.admins_changed = Some(LastChange::added(user(2), mark()));
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            tenant: &self.tenant,
            counters: &self.counters,
            billing: &self.billing,
            test_user: self.test_user.as_ref(),
            choices: None,
            last_open_invite: None,
            last_open_operator_invite: None,
            last_undelivered_invite: None,
        }
    }

    /// The checklist that it should have.
    pub fn checklist(&self) -> Checklist {
        fold(&CURRENT, self.facts(), None, DONE).checklist
    }

    async fn settle(&self, store: &Store) {
        let transaction = store
            .transaction()
            .create(&self.tenant, Problem::try_again())
            .create(&self.counters, Problem::try_again())
            .create(&self.billing, Problem::try_again())
            .create(&self.checklist(), Problem::try_again());
        let transaction = match &self.test_user {
            Some(test_user) => transaction.create(test_user, Problem::try_again()),
            None => transaction,
        };
        transaction.commit().await.unwrap();
    }
}

fn user(n: u128) -> UserId {
    UserId::from_uuid(Uuid::from_u128(n))
}

fn mark() -> Mark {
    Mark { by: user(1), at: DONE }
}
