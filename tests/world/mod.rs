//! A running stack, and what a browser and a person do with it.

mod answer;
mod api_key;
mod books;
mod crowd;
mod deployed;
mod document;
pub mod forward;
mod held_table;
mod logs;
mod lossy_table;
mod mortal;
mod person;
mod recorded_table;
mod request;
mod standing_clock;

pub use answer::Answer;
pub use api_key::ApiKey;
pub use books::Books;
pub use crowd::{Crowd, Inhabitant};
pub use held_table::HeldTable;
pub use logs::Logs;
pub use lossy_table::LossyTable;
pub use mortal::{Death, Mortal};
pub use person::Person;
pub use recorded_table::RecordedTable;
pub use request::RequestTo;
pub use standing_clock::StandingClock;

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use common::app::Observation;
use common::auth::token::TokenKeys;
use common::clock::Clock;
use deployed::Deployed;
use document::Document;
use domain::checklist::{CURRENT, Choices, Dismissal};
use domain::tenant::Mark;
use futures::FutureExt;
use jiff::SignedDuration;
use local::{Options, Stack, TableFront, Target};
use logs::Discretion;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

/// Names the file that describes a deployment to test.
const DEPLOYED: &str = "CALLARO_DEPLOYED";

/// A good password, and another.
pub const PASSWORD: &str = "violet harbour tin sparrow";

pub struct World {
    place: Place,
    http: reqwest::Client,
    document: Arc<Document>,
    /// How far the functions' clock is ahead of the system's, in seconds.
    ahead: Arc<AtomicI64>,
    observed: Arc<Mutex<Vec<Observation>>>,
    _discretion: Discretion,
}

/// Where the system runs.
enum Place {
    Local(Box<Stack>),
    Deployed(Deployed),
}

impl World {
    /// A fresh stack on the target that this run is about.
    pub async fn start() -> World {
        match common::config::process_environment(DEPLOYED) {
            Some(description) => World::at(Place::Deployed(Deployed::described_by(&description).await)),
            None => World::local().await,
        }
    }

    /// A fresh stack on this machine: for what has AWS fail, or hears of mail, which the emulator does not tell of.
    pub async fn local() -> World {
        let target = match common::config::process_environment("CALLARO_BOOTSTRAPS") {
            Some(directory) => Target::Bootstraps(PathBuf::from(directory)),
            None => Target::InProcess,
        };
        World::on(target).await
    }

    /// A fresh stack in this process: for what needs its clock or watches its table.
    pub async fn in_process() -> World {
        World::on(Target::InProcess).await
    }

    /// A fresh stack in this process, between whose functions and table somebody writes down every call.
    pub async fn recorded() -> (World, RecordedTable) {
        let table = RecordedTable::default();
        let before = table.clone();
        let front = move |endpoint| {
            let table = before.clone();
            async move { table.stand_before(endpoint).await }.boxed()
        };
        (World::behind(Arc::new(front)).await, table)
    }

    /// A fresh stack in this process, between whose functions and table somebody can lose the answers that are kept for repeats.
    pub async fn lossy() -> (World, LossyTable) {
        let table = LossyTable::default();
        let before = table.clone();
        let front = move |endpoint| {
            let table = before.clone();
            async move { table.stand_before(endpoint).await }.boxed()
        };
        (World::behind(Arc::new(front)).await, table)
    }

    async fn behind(front: TableFront) -> World {
        World::with(Options { table_front: Some(front), ..Options::ephemeral() }).await
    }

    /// A fresh stack in this process without some of its functions: a test runs those by hand.
    pub async fn without(functions: &[&str]) -> World {
        let functions = functions::all().filter(|other| !functions.contains(&other.name)).collect();
        World::with(Options { functions, ..Options::ephemeral() }).await
    }

    /// A fresh stack in this process whose deployer has a console.
    pub async fn with_console(url: &str) -> World {
        World::with(Options { console_url: Some(url.to_owned()), ..Options::ephemeral() }).await
    }

    async fn on(target: Target) -> World {
        World::with(Options { target, ..Options::ephemeral() }).await
    }

    async fn with(options: Options) -> World {
        let ahead = Arc::new(AtomicI64::new(0));
        let observed = Arc::new(Mutex::new(Vec::new()));
        let options = Options {
            clock: clock_ahead_by(ahead.clone()),
            observer: Some(Arc::new({
                let observed = observed.clone();
                move |observation| observed.lock().unwrap().push(observation)
            })),
            ..options
        };
        let here = common::config::process_environment(DEPLOYED).is_none();
        assert!(here, "this test needs a stack of its own, so tests/deploy/not-here.txt has to name it");
        let stack = Stack::start(options).await.unwrap();
        World { ahead, observed, ..World::at(Place::Local(Box::new(stack))) }
    }

    fn at(place: Place) -> World {
        World {
            place,
            http: reqwest::Client::new(),
            document: Document::current(),
            ahead: Arc::default(),
            observed: Arc::default(),
            _discretion: Discretion::expected(),
        }
    }

    /// The stack on this machine.
    pub fn stack(&self) -> &Stack {
        match &self.place {
            Place::Local(stack) => stack,
            Place::Deployed(_) => panic!("a test of a deployment has no stack to reach into"),
        }
    }

    /// Where requests go.
    fn url(&self) -> &str {
        match &self.place {
            Place::Local(stack) => stack.url(),
            Place::Deployed(deployed) => deployed.url(),
        }
    }

    /// Where the links in mail lead.
    pub fn public_url(&self) -> &str {
        match &self.place {
            Place::Local(stack) => stack.url(),
            Place::Deployed(deployed) => deployed.public_url(),
        }
    }

    /// Keys that sign and check every kind of token.
    pub async fn token_keys(&self) -> Arc<TokenKeys> {
        match &self.place {
            Place::Local(stack) => stack.token_keys(),
            Place::Deployed(deployed) => Arc::new(deployed.token_keys().await),
        }
    }

    /// Lets time pass for the functions.
    pub fn pass(&self, time: SignedDuration) {
        assert!(matches!(self.place, Place::Local(_)), "a deployment's time is everybody's");
        self.ahead.fetch_add(time.as_secs(), Ordering::SeqCst);
    }

    pub fn now(&self) -> jiff::Timestamp {
        self.clock().now()
    }

    /// The clock that the functions go by.
    pub fn clock(&self) -> Clock {
        clock_ahead_by(self.ahead.clone())
    }

    /// What every request did to the table since this was last asked.
    pub fn observed(&self) -> Vec<Observation> {
        std::mem::take(&mut self.observed.lock().unwrap())
    }

    pub fn get(&self, path: &str) -> RequestTo<'_> {
        RequestTo::new(self, "GET", path)
    }

    pub fn post(&self, path: &str, body: Value) -> RequestTo<'_> {
        RequestTo::new(self, "POST", path).json(body)
    }

    pub fn put(&self, path: &str, body: Value) -> RequestTo<'_> {
        RequestTo::new(self, "PUT", path).json(body)
    }

    pub fn patch(&self, path: &str, body: Value) -> RequestTo<'_> {
        RequestTo::new(self, "PATCH", path).json(body)
    }

    pub fn delete(&self, path: &str) -> RequestTo<'_> {
        RequestTo::new(self, "DELETE", path)
    }

    /// The mails to an address, newest first, once every trigger has caught up.
    pub async fn mails_to(&self, email: &str) -> Vec<Value> {
        self.settled().await;
        let url = match &self.place {
            Place::Local(stack) => format!("{}/mailbox/messages", stack.url()),
            Place::Deployed(deployed) => return deployed.mails_to(email).await,
        };
        let answer = self.http.get(url).query(&[("to", email)]).send().await.unwrap();
        answer.json().await.unwrap()
    }

    /// The token in the link of the newest mail to an address.
    pub async fn token_mailed_to(&self, email: &str) -> String {
        World::token_in(self.mails_to(email).await[0]["text"].as_str().unwrap())
    }

    /// The token in the link of a mail with this text.
    pub fn token_in(text: &str) -> String {
        let link = text.split_whitespace().find(|word| word.starts_with("http") && word.contains('#')).unwrap();
        link.split_once('#').unwrap().1.to_owned()
    }

    /// Waits until the triggers have done all there is to do.
    pub async fn settled(&self) {
        match &self.place {
            Place::Local(stack) => stack.settled().await.unwrap(),
            Place::Deployed(deployed) => deployed.settled().await,
        }
    }

    /// Somebody signs up and becomes the admin of a workspace of their own.
    pub async fn sign_up(&self, email: &str, company: &str) -> Person {
        self.ask_to_sign_up(email, company).await;
        self.confirm_sign_up(email).await
    }

    /// Somebody asks for the mail by which they can sign up.
    pub async fn ask_to_sign_up(&self, email: &str, company: &str) {
        let body = json!({ "email": email, "company_name": company, "time_zone": "Europe/Berlin" });
        self.post("/v1/sign-ups", body).send().await.expect_status(202);
    }

    /// They follow its link.
    pub async fn confirm_sign_up(&self, email: &str) -> Person {
        let token = self.token_mailed_to(email).await;
        let name = email.split('@').next().unwrap();
        let body = json!({ "token": token, "display_name": name, "password": PASSWORD });
        let answer = self.post("/v1/sign-ups/confirm", body).send().await.expect_status(201);
        Person::from(&answer)
    }

    /// An admin invites somebody, who follows the link and comes in as a new person.
    pub async fn bring_in(&self, admin: &Person, email: &str, role: &str) -> Person {
        self.invite(admin, email, role).await;
        let token = self.token_mailed_to(email).await;
        let name = email.split('@').next().unwrap();
        let body = json!({ "token": token, "display_name": name, "password": PASSWORD });
        let answer = self.post("/v1/invites/accept", body).send().await.expect_status(201);
        Person::from(&answer)
    }

    /// The same person with a fresh access token, as a browser gets one when the old has expired.
    pub async fn refreshed(&self, person: &Person) -> Person {
        let cookie = format!("__Host-refresh={}", person.refresh_token);
        let request = self.post("/v1/sessions/refresh", json!({})).header("cookie", &cookie);
        let answer = request.send().await.expect_status(200);
        Person {
            access_token: answer.body["access_token"].as_str().unwrap().to_owned(),
            refresh_token: answer.cookie("__Host-refresh").unwrap(),
            ..person.clone()
        }
    }

    /// The same person in a new session, as after a long time away.
    pub async fn sign_in(&self, person: &Person) -> Person {
        let body = json!({ "email": person.email, "password": PASSWORD });
        let answer = self.post("/v1/sessions", body).send().await.expect_status(201);
        Person {
            access_token: answer.body["access_token"].as_str().unwrap().to_owned(),
            refresh_token: answer.cookie("__Host-refresh").unwrap(),
            ..person.clone()
        }
    }

    /// Leaves a workspace as many seats as are taken.
    pub async fn fill_seats(&self, tenant: &str) {
        self.set_seats(tenant, "SET seats = seats_taken + :n", 0).await;
    }

    /// Leaves a workspace fewer seats than are taken, as a smaller plan would.
    pub async fn take_seats_away(&self, tenant: &str) {
        self.set_seats(tenant, "SET seats = seats_taken - :n", 1).await;
    }

    /// Gives a workspace more seats, as a larger plan would.
    pub async fn add_seats(&self, tenant: &str, more: u64) {
        self.set_seats(tenant, "SET seats = seats + :n", more).await;
    }

    async fn set_seats(&self, tenant: &str, expression: &str, n: u64) {
        let update = self.dynamo().update_item().table_name(self.stack().table());
        let update = update
            .key("pk", AttributeValue::S(format!("TENANT#{tenant}")))
            .key("sk", AttributeValue::S("COUNTERS".to_owned()))
            .update_expression(expression)
            .expression_attribute_values(":n", AttributeValue::N(n.to_string()));
        update.send().await.unwrap();
    }

    /// An admin invites somebody; the invite.
    pub async fn invite(&self, admin: &Person, email: &str, role: &str) -> Value {
        let body = json!({ "invites": [{ "email": email, "role": role }] });
        let answer = self.post("/v1/invites", body).by(admin).send().await.expect_status(200);
        let result = &answer.body["results"][0];
        assert_eq!(result["status"], "invited", "{result}");
        result["invite"].clone()
    }

    /// An admin makes an API key.
    pub async fn make_api_key(&self, admin: &Person, name: &str) -> ApiKey {
        let answer = self.post("/v1/api-keys", json!({ "name": name })).by(admin).send().await;
        ApiKey::from(&answer.expect_status(201))
    }

    /// An admin records that a CRM is connected; its id.
    pub async fn connect(&self, admin: &Person, name: &str) -> String {
        let body = json!({ "kind": "crm", "name": name, "connection": { "account": "acme" } });
        let answer = self.post("/v1/integrations", body).by(admin).send().await.expect_status(201);
        answer.body["id"].as_str().unwrap().to_owned()
    }

    /// An admin plans a CRM, which somebody connects within a week; its id.
    pub async fn plan(&self, admin: &Person, owner: &str) -> String {
        let answer = self.post("/v1/integrations", self.planned_for(owner)).by(admin).send().await.expect_status(201);
        answer.body["id"].as_str().unwrap().to_owned()
    }

    /// What an admin sends for that.
    pub fn planned_for(&self, owner: &str) -> Value {
        let due_on = (self.now() + SignedDuration::from_hours(7 * 24)).strftime("%Y-%m-%d").to_string();
        json!({ "kind": "crm", "name": "Salesforce", "plan": { "owner": owner, "due_on": due_on } })
    }

    /// An admin adds a phone number; its id.
    pub async fn add_number(&self, admin: &Person, number: &str) -> String {
        let added = self.post("/v1/phone-numbers", json!({ "number": number })).by(admin).send().await;
        added.expect_status(201).body["id"].as_str().unwrap().to_owned()
    }

    /// The checklist, once it has caught up.
    pub async fn checklist(&self, member: &Person) -> Value {
        self.settled().await;
        self.get("/v1/checklist").by(member).send().await.expect_status(200).body
    }

    /// One of its steps.
    pub async fn step(&self, member: &Person, id: &str) -> Value {
        let checklist = self.checklist(member).await;
        let steps = checklist["steps"].as_array().unwrap();
        steps.iter().find(|step| step["id"] == id).unwrap_or_else(|| panic!("no step {id}")).clone()
    }

    /// Does everything that a launch requires; the backup admin.
    pub async fn make_launch_ready(&self, admin: &Person) -> Person {
        let backup = self.bring_in(admin, "backup@acme.example", "admin").await;
        let contact = json!({ "name": "Office", "email": "office@acme.example", "phone": null });
        let settings = json!({ "business_contact": contact, "country": "DE", "default_time_zone_confirmed": true });
        self.change("/v1/tenant", admin, settings).await.expect_status(200);
        self.change("/v1/billing", admin, json!({ "billing_owner": admin.id })).await.expect_status(200);
        let tester = self.bring_in(admin, "tester@acme.example", "operator").await;
        let path = format!("/v1/members/{}", tester.id);
        self.patch(&path, json!({ "test_user": true })).by(admin).send().await.expect_status(200);
        self.post("/v1/access-rehearsals", json!({})).by(&tester).send().await.expect_status(201);
        let crm = json!({ "kind": "crm", "name": "Salesforce", "connection": { "account": "acme.my.salesforce.com" } });
        self.post("/v1/integrations", crm).by(admin).send().await.expect_status(201);
        let progress = &self.checklist(admin).await["progress"]["required"];
        assert_eq!(*progress, json!({ "done": 7, "total": 7 }));
        backup
    }

    /// Changes settings under the version they have now.
    pub async fn change(&self, path: &str, by: &Person, body: Value) -> Answer {
        let before = self.get(path).by(by).send().await.expect_status(200);
        self.patch(path, body).by(by).header("if-match", &before.header("etag")).send().await
    }

    /// Everything in the table, keys and all: for what must *not* be there.
    pub async fn everything_kept(&self) -> Vec<String> {
        let table = match &self.place {
            Place::Local(stack) => stack.table(),
            Place::Deployed(deployed) => deployed.table(),
        };
        let scan = self.dynamo().scan().table_name(table).into_paginator().items().send();
        let scanned = scan.collect::<Result<Vec<_>, _>>().await.unwrap();
        let mut items: Vec<_> = scanned.into_iter().map(|item| render(&AttributeValue::M(item))).collect();
        items.sort();
        items
    }

    /// Makes a tenant's kept checklist one that its state does not amount to, past all triggers.
    pub async fn spoil_checklist(&self, tenant: &str) {
        let key = |text: &str| AttributeValue::S(text.to_owned());
        let update = self.dynamo().update_item().table_name(self.stack().table());
        let update = update.key("pk", key(&format!("TENANT#{tenant}"))).key("sk", key("CHECKLIST"));
        let update = update
            .update_expression("SET steps = :none")
            .expression_attribute_values(":none", AttributeValue::L(Vec::new()));
        update.send().await.unwrap();
    }

    /// Takes a tenant's kept checklist away, past all functions.
    pub async fn lose_checklist(&self, tenant: &str) {
        let [pk, sk] = [format!("TENANT#{tenant}"), "CHECKLIST".to_owned()].map(AttributeValue::S);
        self.dynamo().delete_item().table_name(self.stack().table()).key("pk", pk).key("sk", sk).send().await.unwrap();
    }

    /// Somebody dismissed the checklist, whatever was open of it.
    pub async fn dismiss_past_all_rules(&self, by: &Person) {
        let tenant = by.tenant.parse().unwrap();
        let mark = Mark { by: by.id.parse().unwrap(), at: self.now() };
        let dismissal = Some(Dismissal { mark, definition: CURRENT.version });
        let choices = Choices { dismissal, ..Choices::none(tenant) };
        let mut item: HashMap<String, AttributeValue> = serde_dynamo::to_item(choices).unwrap();
        let [pk, sk] = [format!("TENANT#{tenant}"), "CHECKLIST_CHOICES".to_owned()].map(AttributeValue::S);
        item.extend([("pk".to_owned(), pk), ("sk".to_owned(), sk)]);
        item.insert("v".to_owned(), AttributeValue::N("1".to_owned()));
        self.dynamo().put_item().table_name(self.stack().table()).set_item(Some(item)).send().await.unwrap();
    }

    /// Puts so many items into the table that are nobody's.
    pub async fn fill_table(&self, items: usize) {
        let put = |number: &usize| {
            let [pk, sk] = [format!("FILLER#{number}"), "FILLER".to_owned()].map(AttributeValue::S);
            let put = PutRequest::builder().item("pk", pk).item("sk", sk).build().unwrap();
            WriteRequest::builder().put_request(put).build()
        };
        let numbers: Vec<_> = (0..items).collect();
        // https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html: at most 25 a call.
        for part in numbers.chunks(25) {
            let puts: Vec<_> = part.iter().map(put).collect();
            self.dynamo().batch_write_item().request_items(self.stack().table(), puts).send().await.unwrap();
        }
    }

    /// A client of the table, beside the functions.
    pub fn dynamo(&self) -> aws_sdk_dynamodb::Client {
        match &self.place {
            Place::Local(stack) => deployed::dynamo(stack.dynamo_endpoint(), "us-east-1"),
            Place::Deployed(deployed) => deployed::dynamo(deployed.dynamo_endpoint(), deployed.region()),
        }
    }
}

fn clock_ahead_by(ahead: Arc<AtomicI64>) -> Clock {
    let system = Clock::system();
    Clock::from_fn(move || system.now() + SignedDuration::from_secs(ahead.load(Ordering::SeqCst)))
}

/// An attribute as text, the same text for the same value.
fn render(value: &AttributeValue) -> String {
    match value {
        AttributeValue::M(members) => {
            let mut members: Vec<_> =
                members.iter().map(|(name, member)| format!("{name}={}", render(member))).collect();
            members.sort();
            format!("{{{}}}", members.join(" "))
        }
        AttributeValue::L(rows) => format!("[{}]", rows.iter().map(render).collect::<Vec<_>>().join(", ")),
        AttributeValue::S(text) => text.clone(),
        AttributeValue::N(number) => number.clone(),
        AttributeValue::Null(_) => "null".to_owned(),
        other => format!("{other:?}"),
    }
}
