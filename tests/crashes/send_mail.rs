//! `send-mail` dies. The stream that hands it its records is played here, and hands over again what was not finished.

use super::{Life, at_every_step, opens, tokens_in_mailbox_of};
use crate::world::{Books, Death, Mortal, Person, World};
use domain::id::OutboxId;
use domain::invite::Delivery;
use domain::outbox::{Owner, SendState};
use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// As long as a sender has before another may take over.
const LEASE: SignedDuration = SignedDuration::from_secs(20);

/// One batch of inserted mails.
fn batch(mails: &[(Owner, OutboxId)]) -> Value {
    let record = |(number, (owner, id)): (usize, &(Owner, OutboxId))| {
        let pk = match owner {
            Owner::Tenant(tenant) => format!("TENANT#{tenant}"),
            Owner::Email(email) => format!("EMAIL#{}", email.identity()),
        };
        json!({
            "eventID": number.to_string(), "eventName": "INSERT", "eventSource": "aws:dynamodb",
            "dynamodb": {
                "Keys": { "pk": { "S": pk }, "sk": { "S": format!("OUTBOX#{id}") } },
                "SequenceNumber": format!("{}", 100 + number),
            },
        })
    };
    json!({ "Records": mails.iter().enumerate().map(record).collect::<Vec<_>>() })
}

/// A world without its sender, and somebody in it.
async fn without_sender() -> (World, Person) {
    let world = World::without(&["send-mail"]).await;
    world.ask_to_sign_up("ada@acme.example", "Acme Inc.").await;
    let mail = &world.books().await.mails[0];
    send(&world, &batch(&[(mail.owner.clone(), mail.id)])).await;
    let ada = world.confirm_sign_up("ada@acme.example").await;
    (world, ada)
}

/// Hands a batch to a sender that ends at `death`; what it answers.
async fn dying(world: &World, batch: &Value, death: Death) -> Option<Value> {
    let answer = Mortal::new(world, "send-mail", death).await.run(batch.clone()).await;
    answer.map(Result::unwrap)
}

/// Hands a batch over until nothing of it fails: each time once every lease is over.
async fn send(world: &World, batch: &Value) {
    for _ in 0..3 {
        world.pass(LEASE);
        if dying(world, batch, Death::NEVER).await.unwrap() == json!({ "batchItemFailures": [] }) {
            return world.settled().await;
        }
    }
    panic!("three times something failed: {batch}");
}

/// Invites them, in this order; their mails as one batch.
async fn invited(world: &World, admin: &Person, guests: &[String]) -> Value {
    let rows: Vec<_> = guests.iter().map(|email| json!({ "email": email })).collect();
    world.post("/v1/invites", json!({ "invites": rows })).by(admin).send().await.expect_status(200);
    let books = world.books().await;
    let mails =
        guests.iter().map(|email| (Owner::Tenant(admin.tenant.parse().unwrap()), books.invite_to(email).unwrap().mail));
    batch(&mails.collect::<Vec<_>>())
}

/// How many mails somebody has, how far the outbox is with it, and what their invite says of it.
#[derive(Debug, PartialEq)]
struct Mailing {
    mails: usize,
    state: &'static str,
    delivery: Delivery,
}

fn mailing(world: &World, books: &Books, email: &str) -> Mailing {
    let invite = books.invite_to(email).unwrap();
    let state = match books.mail_of(invite).state {
        SendState::Pending => "pending",
        SendState::Sending { .. } => "sending",
        SendState::Sent { .. } => "sent",
        SendState::Failed { .. } => "failed",
        SendState::Withdrawn { .. } => "withdrawn",
    };
    Mailing { mails: tokens_in_mailbox_of(world, email).len(), state, delivery: invite.delivery }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_step_sending_a_batch_ends_at_no_mail_is_lost_and_at_most_one_is_sent_twice() {
    let (world, mut ada) = without_sender().await;
    let mut sent_twice = 0;
    let steps = at_every_step(async |death| {
        let guests = ["grace", "olga", "ruth"].map(|name| format!("{name}.{death}@acme.example"));
        ada = world.refreshed(&ada).await;
        let batch = invited(&world, &ada, &guests).await;
        let first = dying(&world, &batch, death).await;
        world.settled().await;

        let books = world.books().await;
        books.assert_whole();
        let mut owed = Vec::new();
        for email in &guests {
            let left = mailing(&world, &books, email);
            let is_possible = match (left.mails, left.state) {
                (0, "pending" | "sending") => left.delivery == Delivery::Queued,
                // The mail service's own word comes even if the sender never heard that the mail was taken.
                (1, "sending" | "sent") => left.delivery == Delivery::Delivered,
                _ => false,
            };
            assert!(is_possible, "{death}: {email}: {left:?}");
            owed.push(left.mails + usize::from(left.state != "sent"));
        }
        send(&world, &batch).await;

        let books = world.books().await;
        books.assert_whole();
        for (email, mails) in guests.iter().zip(&owed) {
            let end = Mailing { mails: *mails, state: "sent", delivery: Delivery::Delivered };
            assert_eq!(mailing(&world, &books, email), end, "{death}: {email}");
            assert!(opens(&world, &tokens_in_mailbox_of(&world, email)[0]).await, "{death}: {email}");
        }
        let again: usize = owed.iter().map(|mails| mails - 1).sum();
        assert!(again <= 1, "{death}: {again} were sent twice");
        sent_twice += again;
        Life::of(&first)
    })
    .await;
    // For each mail: the row, its invite, the lease, SES, the invite again, the end.
    assert!(steps >= 36, "{steps} steps");
    // From SES's answer to the mark: the price of losing none.
    assert_eq!(sent_twice, 3 * 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_dies_every_time_that_ses_took_the_mail_sends_it_once_more_each_time() {
    let (world, ada) = without_sender().await;
    let email = "grace@acme.example".to_owned();
    let batch = invited(&world, &ada, std::slice::from_ref(&email)).await;
    // The fourth call is the one to SES.
    for crashes in 1..=3 {
        assert_eq!(dying(&world, &batch, Death::BeforeAnswer(4)).await, None);
        assert_eq!(tokens_in_mailbox_of(&world, &email).len(), crashes);
        world.pass(LEASE);
    }
    send(&world, &batch).await;
    send(&world, &batch).await;
    let end = Mailing { mails: 4, state: "sent", delivery: Delivery::Delivered };
    assert_eq!(mailing(&world, &world.books().await, &email), end);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_step_a_sender_ends_at_that_ses_sends_away_for_now_the_mail_is_sent_once() {
    let (world, ada) = without_sender().await;
    let steps = at_every_step(async |death| {
        let email = format!("grace.{death}@acme.example");
        let batch = invited(&world, &ada, std::slice::from_ref(&email)).await;
        // One that the SDK does not answer with another try.
        world.stack().mailbox().fail_next(1, StatusCode::BAD_REQUEST, "MailFromDomainNotVerifiedException");
        let first = dying(&world, &batch, death).await;
        world.books().await.assert_whole();
        assert!(tokens_in_mailbox_of(&world, &email).is_empty(), "{death}");

        send(&world, &batch).await;
        let end = Mailing { mails: 1, state: "sent", delivery: Delivery::Delivered };
        assert_eq!(mailing(&world, &world.books().await, &email), end, "{death}");
        Life::of(&first)
    })
    .await;
    // The row, its invite, the lease, SES, the lease back.
    assert!(steps >= 10, "{steps} steps");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_step_a_sender_ends_at_that_ses_refuses_for_good_the_invite_says_so_or_the_mail_is_sent() {
    let (world, ada) = without_sender().await;
    let mut asked_again = 0;
    let steps = at_every_step(async |death| {
        let email = format!("grace.{death}@acme.example");
        let batch = invited(&world, &ada, std::slice::from_ref(&email)).await;
        world.stack().mailbox().fail_next(1, StatusCode::BAD_REQUEST, "MessageRejected");
        let first = dying(&world, &batch, death).await;
        assert_refusal_is_all_or_nothing(&world.books().await, &email);

        send(&world, &batch).await;
        let books = world.books().await;
        assert_refusal_is_all_or_nothing(&books, &email);
        let refused = Mailing { mails: 0, state: "failed", delivery: Delivery::Failed };
        // Where the refusal was lost, SES was asked once more, and took it.
        let sent = Mailing { mails: 1, state: "sent", delivery: Delivery::Delivered };
        let end = mailing(&world, &books, &email);
        assert!(end == refused || end == sent, "{death}: {end:?}");
        asked_again += usize::from(end == sent);
        Life::of(&first)
    })
    .await;
    // The row, its invite, the lease, SES, the invite again, the end.
    assert!(steps >= 12, "{steps} steps");
    // From SES's answer to the mark.
    assert_eq!(asked_again, 4);
}

/// The outbox, the invite and the marker for the checklist say the same.
#[track_caller]
fn assert_refusal_is_all_or_nothing(books: &Books, email: &str) {
    books.assert_whole();
    let invite = books.invite_to(email).unwrap();
    let is_failed = matches!(books.mail_of(invite).state, SendState::Failed { .. });
    let told = (invite.delivery == Delivery::Failed, books.is_marked_undelivered(invite));
    assert_eq!(told, (is_failed, is_failed), "{email}");
}
