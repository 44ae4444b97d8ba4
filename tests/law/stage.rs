//! Where histories play: one stack without anybody who reads its stream, three workspaces and the people who may come to be in them.
//! It is built once, and every history begins with it as it was built.

use crate::history::{Who, Workspace};
use crate::instance::{self, Instance};
use crate::ledger::Ledger;
use crate::stream::{Batch, Stream};
use crate::world::{Answer, PASSWORD, Person, World};
use aws_local::dynamo_stream::DynamoStream;
use aws_local::event_source::Filter;
use common::app::App;
use common::auth::token::{AccessClaims, InviteClaims, SignUpClaims, TokenKeys};
use common::function::{Function, Source};
use common::keys::Kind;
use domain::id::{SessionId, TenantId, UserId};
use domain::invite::Invite;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use tempfile::TempDir;

pub struct Stage {
    pub world: World,
    pub tenants: BTreeMap<Workspace, TenantId>,
    pub people: BTreeMap<Who, Account>,
    keys: Arc<TokenKeys>,
    trigger: &'static Function,
    healthy: Arc<App>,
    reconciling: Arc<App>,
    /// For one trouble after the other.
    pub troubled: Instance,
    /// For standing still while others go on.
    pub freezing: Instance,
    as_built: TempDir,
    read_until: Option<String>,
    passed: Cell<SignedDuration>,
}

/// What it takes to act as somebody.
#[derive(Debug, Clone)]
pub struct Account {
    pub user: UserId,
    session: SessionId,
}

const SNAPSHOT: &str = "as-built.sqlite";

impl Stage {
    pub async fn build() -> Stage {
        let world = World::without(&["recompute-checklist", "send-mail"]).await;
        let trigger = named("recompute-checklist");
        let mut stage = Stage {
            tenants: BTreeMap::new(),
            people: BTreeMap::new(),
            keys: world.token_keys().await,
            trigger,
            healthy: instance::app(&world, trigger, None, world.clock()),
            reconciling: instance::app(&world, reconciler(), None, world.clock().passed_by(|_| {})),
            troubled: Instance::start(&world, trigger).await,
            freezing: Instance::start(&world, trigger).await,
            as_built: tempfile::tempdir().unwrap(),
            read_until: None,
            passed: Cell::default(),
            world,
        };
        stage.set().await;
        stage.keep().await;
        stage
    }

    /// As it was built, and at the present time.
    pub fn reset(&self) {
        self.world.stack().database().restore_from(&self.snapshot()).unwrap();
        self.world.pass(-self.passed.replace(SignedDuration::ZERO));
        self.world.observed();
    }

    /// Lets time pass, but not so much that sessions end: whoever is away for a month does nothing any more.
    pub fn pass(&self, time: SignedDuration) {
        let passed = self.passed.get() + time;
        if passed < SignedDuration::from_hours(28 * 24) {
            self.passed.set(passed);
            self.world.pass(time);
        }
    }

    /// What the trigger hears of this history, but for one kind of item if it is deaf to that.
    pub fn stream(&self, deaf_to: Option<Kind>) -> Stream {
        let listens = self.trigger.stream_source().unwrap().listens;
        let by_kind = listens.kinds.iter().zip(listens.filters());
        let heard = by_kind.filter(|(kind, _)| Some(**kind) != deaf_to);
        let filters = heard.map(|(_, filter)| Filter::read(&filter).unwrap()).collect();
        Stream::after(self.source(), self.read_until.clone(), filters)
    }

    fn source(&self) -> DynamoStream {
        DynamoStream::new(self.world.stack().database().clone(), self.world.stack().table())
    }

    fn snapshot(&self) -> String {
        self.as_built.path().join(SNAPSHOT).to_str().unwrap().to_owned()
    }

    /// Hands a batch to an instance that nothing happens to.
    pub async fn deliver(&self, batch: &Batch) -> Result<Value, String> {
        instance::invoke(self.trigger, self.healthy.clone(), batch.event()).await
    }

    /// Looks at every workspace, and mends what the stream has not brought about.
    pub async fn reconcile(&self) -> Result<(), String> {
        let Source::Schedule(schedule) = &reconciler().source else { panic!("it is run by the clock") };
        (schedule.run)(self.reconciling.clone(), json!({})).await.map(drop)
    }

    /// Somebody, in a workspace, with a token that is good now.
    pub fn person(&self, account: &Account, workspace: Workspace) -> Person {
        let claims = AccessClaims { user: account.user, session: account.session };
        let now = self.world.now();
        let access_token = self.keys.sign(claims, uuid::Uuid::nil(), now, now + SignedDuration::from_mins(15)).unwrap();
        Person {
            id: account.user.to_string(),
            email: String::new(),
            tenant: self.tenants[&workspace].to_string(),
            access_token,
            refresh_token: String::new(),
        }
    }

    /// The token in the newest link of an invite.
    pub fn link(&self, invite: &Invite) -> String {
        let claims = InviteClaims { invite: invite.id, tenant: invite.tenant, email: invite.email.clone() };
        self.keys.sign(claims, invite.jti, self.world.now(), invite.expires_at).unwrap()
    }

    /// The account of somebody new, by what coming in answered.
    pub fn account(&self, who: Who, answer: &Answer) -> Account {
        let user: UserId = answer.body["user"]["id"].as_str().unwrap().parse().unwrap();
        assert_eq!(answer.body["user"]["email"], who.email());
        Account { user, session: self.session_of(user) }
    }

    fn session_of(&self, user: UserId) -> SessionId {
        let request = json!({
            "TableName": self.world.stack().table(),
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :sk)",
            "ExpressionAttributeValues": { ":pk": { "S": format!("USER#{user}") }, ":sk": { "S": "SESSION#" } },
        });
        let answer = self.world.stack().database().query(serde_json::from_value(request).unwrap()).unwrap();
        let answer = serde_json::to_value(answer).unwrap();
        answer["Items"][0]["id"]["S"].as_str().unwrap().parse().unwrap()
    }
}

fn reconciler() -> &'static Function {
    named("reconcile-checklists")
}

fn named(name: &str) -> &'static Function {
    functions::all().find(|function| function.name == name).unwrap()
}

/// Building it: everything by its route, as people do it.
impl Stage {
    async fn set(&mut self) {
        for (workspace, who) in Workspace::ALL.into_iter().zip([Who::Ada, Who::Bea, Who::Cem]) {
            self.sign_up(who, workspace).await;
        }
        for workspace in [Workspace::Dismissed, Workspace::Ready] {
            for (who, role) in [(Who::Dan, "admin"), (Who::Eve, "operator"), (Who::Fay, "viewer")] {
                self.bring_in(workspace, who, role).await;
            }
            self.make_ready(workspace).await;
        }
        self.catch_up().await;
        let cem = self.person(&self.people[&Who::Cem], Workspace::Dismissed);
        self.world.post("/v1/checklist/dismiss", json!({})).by(&cem).send().await.expect_status(200);
        self.catch_up().await;
    }

    async fn sign_up(&mut self, who: Who, workspace: Workspace) {
        let claims = SignUpClaims {
            email: who.email().parse().unwrap(),
            company_name: workspace.to_string().parse().unwrap(),
            time_zone: "Europe/Berlin".parse().unwrap(),
        };
        let now = self.world.now();
        let token = self.keys.sign(claims, uuid::Uuid::nil(), now, now + SignedDuration::from_mins(15)).unwrap();
        let body = json!({ "token": token, "display_name": who.to_string(), "password": PASSWORD });
        let answer = self.world.post("/v1/sign-ups/confirm", body).send().await.expect_status(201);
        self.tenants.insert(workspace, answer.body["tenant"]["id"].as_str().unwrap().parse().unwrap());
        let account = self.account(who, &answer);
        self.people.insert(who, account);
    }

    async fn bring_in(&mut self, workspace: Workspace, who: Who, role: &str) {
        let creator = self.creator(workspace);
        self.world.invite(&creator, &who.email(), role).await;
        let ledger = Ledger::of(self, self.tenants[&workspace]);
        let token = self.link(ledger.invite_to(&who.email()).unwrap());
        match self.people.get(&who).map(|account| self.person(account, workspace)) {
            Some(person) => {
                let accept = self.world.post("/v1/invites/accept", json!({ "token": token }));
                accept.token(&person.access_token).send().await.expect_status(201);
            }
            None => {
                let body = json!({ "token": token, "display_name": who.to_string(), "password": PASSWORD });
                let answer = self.world.post("/v1/invites/accept", body).send().await.expect_status(201);
                let account = self.account(who, &answer);
                self.people.insert(who, account);
            }
        }
    }

    pub fn creator(&self, workspace: Workspace) -> Person {
        let who = match workspace {
            Workspace::Fresh => Who::Ada,
            Workspace::Ready => Who::Bea,
            Workspace::Dismissed => Who::Cem,
        };
        self.person(&self.people[&who], workspace)
    }

    async fn make_ready(&self, workspace: Workspace) {
        let creator = self.creator(workspace);
        let settings = json!({
            "country": "DE",
            "business_contact": { "name": "Office", "email": "office@people.example", "phone": null },
            "default_time_zone_confirmed": true,
        });
        self.world.change("/v1/tenant", &creator, settings).await.expect_status(200);
        self.world.change("/v1/billing", &creator, json!({ "billing_owner": creator.id })).await.expect_status(200);
        let eve = &self.people[&Who::Eve];
        let mark = self.world.patch(&format!("/v1/members/{}", eve.user), json!({ "test_user": true }));
        mark.by(&creator).send().await.expect_status(200);
        let eve = self.person(eve, workspace);
        self.world.post("/v1/access-rehearsals", json!({})).by(&eve).send().await.expect_status(201);
        let calendar = json!({ "kind": "calendar", "name": "Calendar", "connection": { "account": "office" } });
        self.world.post("/v1/integrations", calendar).by(&creator).send().await.expect_status(201);
    }

    /// Delivers all there is, and sees that nothing is wrong from the start.
    async fn catch_up(&self) {
        let mut stream = self.stream(None);
        stream.read();
        for batch in stream.take_all() {
            self.deliver(&batch).await.unwrap();
        }
        for (workspace, tenant) in &self.tenants {
            let faults = Ledger::of(self, *tenant).faults(self.world.now());
            assert!(faults.is_empty(), "{workspace}: {faults:#?}");
        }
    }

    async fn keep(&mut self) {
        self.read_until = self.source().latest().unwrap();
        self.world.stack().database().vacuum_into(&self.snapshot()).unwrap();
    }
}
