//! Many want the last mails that a limit allows.

use super::table::{key, number, partition, set_number};
use crate::world::{Answer, Person, World};
use common::limit::INVITE_MAILS;
use futures::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};

const TRIALS: usize = 15;
const RACERS: usize = 24;
const HOUR: i64 = 60 * 60;

#[tokio::test(flavor = "multi_thread")]
async fn when_24_requests_want_a_workspaces_last_mails_of_the_hour_as_many_are_sent_as_there_are() {
    let world = World::in_process().await;
    let ada = world.sign_up("ada@acme.example", "Acme Inc.").await;
    let ada = at_the_start_of_an_hour(&world, &ada).await;
    let buckets = [Bucket::of_tenant(&world, &ada), Bucket::of_member(&world, &ada)];
    for trial in 0..TRIALS {
        let left = 1 + i64::try_from(trial % 8).unwrap();
        let (full, other) = (&buckets[trial % 2], &buckets[1 - trial % 2]);
        full.leave(&world, left).await;
        other.set(&world, 0).await;
        let body = |racer: usize| json!({ "invites": rows(trial, racer) });
        let answers = join_all((0..RACERS).map(|n| world.post("/v1/invites", body(n)).by(&ada).send())).await;
        assert_eq!(invited(&answers), left, "trial {trial}");
        let used = (full.used(&world).await, other.used(&world).await);
        assert_eq!(used, (full.most, left), "trial {trial}: a mail that one bucket refuses counts in no other");
    }
}

/// One or two.
fn rows(trial: usize, racer: usize) -> Vec<Value> {
    (0..1 + racer % 2).map(|n| json!({ "email": format!("t{trial}-{racer}-{n}@acme.example") })).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn when_12_workspaces_want_an_addresss_last_mails_of_the_hour_as_many_are_sent_as_there_are() {
    let world = World::in_process().await;
    let mut admins = Vec::new();
    for n in 0..12 {
        let admin = world.sign_up(&format!("ada@of{n}.example"), "Acme Inc.").await;
        admins.push(admin);
    }
    world.pass(until_the_next_hour(&world));
    let admins = super::crew::refreshed(&world, &admins).await;
    for trial in 0..TRIALS {
        // Ten trials of them with all that an address gets.
        let left = 1 + i64::try_from(trial % 10).unwrap();
        let email = format!("grace{trial}@acme.example");
        let bucket = Bucket::of_address(&world, &email);
        if left < bucket.most {
            bucket.leave(&world, left).await;
        }
        let body = json!({ "invites": [{ "email": email }] });
        let answers = join_all(admins.iter().map(|ada| world.post("/v1/invites", body.clone()).by(ada).send())).await;
        assert_eq!((invited(&answers), bucket.used(&world).await), (left, bucket.most), "trial {trial}");
    }
}

/// How many rows were invited. All others are told when to come again.
fn invited(answers: &[Answer]) -> i64 {
    answers.iter().map(rows_invited).sum()
}

fn rows_invited(answer: &Answer) -> i64 {
    if answer.status == 429 {
        assert!(!answer.header("retry-after").is_empty(), "{}", answer.text);
        return 0;
    }
    assert_eq!(answer.status, 200, "{}", answer.text);
    let mut invited = 0;
    for row in answer.body["results"].as_array().unwrap() {
        match row["status"].as_str().unwrap() {
            "invited" => invited += 1,
            _ => assert!(row["status"] == "limit" && row["retry_after"].is_u64(), "{row}"),
        }
    }
    invited
}

/// So that no window ends while its mails are counted.
async fn at_the_start_of_an_hour(world: &World, person: &Person) -> Person {
    world.pass(until_the_next_hour(world));
    world.refreshed(person).await
}

fn until_the_next_hour(world: &World) -> SignedDuration {
    SignedDuration::from_secs(HOUR - world.now().as_second().rem_euclid(HOUR))
}

/// A limit's count in this hour.
struct Bucket {
    pk: String,
    sk: String,
    most: i64,
}

impl Bucket {
    fn of_tenant(world: &World, member: &Person) -> Bucket {
        let sk = format!("LIMIT#invite-mail#{}", window(world));
        Bucket { pk: partition(&member.tenant), sk, most: INVITE_MAILS.tenant.into() }
    }

    fn of_member(world: &World, member: &Person) -> Bucket {
        let sk = format!("LIMIT#invite-mail#{}#{}", window(world), member.id);
        Bucket { pk: partition(&member.tenant), sk, most: INVITE_MAILS.member.into() }
    }

    fn of_address(world: &World, email: &str) -> Bucket {
        let sk = format!("LIMIT#invite-mail#{}", window(world));
        Bucket { pk: format!("EMAIL#{email}"), sk, most: INVITE_MAILS.email.into() }
    }

    async fn leave(&self, world: &World, left: i64) {
        self.set(world, self.most - left).await;
    }

    async fn set(&self, world: &World, used: i64) {
        set_number(world, &self.pk, &self.sk, "used", used).await;
    }

    async fn used(&self, world: &World) -> i64 {
        let get = world.dynamo().get_item().table_name(world.stack().table()).set_key(Some(key(&self.pk, &self.sk)));
        number(&get.consistent_read(true).send().await.unwrap().item.unwrap(), "used")
    }
}

fn window(world: &World) -> i64 {
    world.now().as_second().div_euclid(HOUR)
}
