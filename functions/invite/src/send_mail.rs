//! Sends what the outbox holds: PENDING → SENDING (a lease) → SENT or FAILED.
//!
//! At least once: a sender that dies after SES took the mail leaves a lease behind, and who comes next waits for its end and
//! sends again. The lease bounds that at one duplicate a crash. What SES will not take now is tried again for as long as the
//! stream keeps the record, a day; then it is in the on-failure destination.

use crate::delivery_note::{self, About};
use crate::recipients;
use common::auth::token::TokenKind;
use common::error::{Problem, Result};
use common::function::Function;
use common::keys::{self, Kind};
use common::mail::{self, Sent};
use common::store::{Access, Stored};
use common::trigger::{Event, Failures, Listen, Patience, Record, SendsMail, StreamTrigger, TriggerCx};
use domain::id::OutboxId;
use domain::invite::{Delivery, Invite, InviteStatus};
use domain::outbox::{Message, NextStep, Outbox, Owner, SendState};
use jiff::SignedDuration;

pub static FUNCTION: Function = Function::stream::<SendMail>();

pub struct SendMail;

/// How long a sender has before another may take over: longer than a send takes ([`mail::SEND_TIMEOUT`]), and short enough
/// that who comes next can wait for its end within one invocation.
const LEASE: SignedDuration = SignedDuration::from_secs(20);

impl StreamTrigger for SendMail {
    const NAME: &'static str = "send-mail";
    const SUMMARY: &'static str = "Sends what the outbox holds.";
    const LISTENS: Listen = Listen { kinds: &[Kind::Outbox], events: &[Event::Insert] };
    const ACCESS: &'static [Access] = &[
        Access::Get(Kind::Outbox),
        Access::Replace(Kind::Outbox),
        Access::Get(Kind::Invite),
        Access::Update(Kind::Invite),
        Access::Create(Kind::UndeliveredInvite),
        Access::Delete(Kind::UndeliveredInvite),
        Access::Update(Kind::Counters),
        Access::Query(Kind::Member),
        Access::BatchGet(Kind::User),
    ];
    const SIGNS: &'static [TokenKind] = &[TokenKind::Invite, TokenKind::SignUp];
    const SENDS_MAIL: SendsMail = SendsMail::Yes;
    const BATCH_SIZE: u32 = 10;
    const PATIENCE: Patience = Patience::AsLongAsTheStream;

    async fn handle(cx: &TriggerCx, records: &[Record]) -> Failures {
        let mut failures = Failures::default();
        // One after the other: SES accounts have a sending rate. A mail that fails holds up none of its batch; what comes behind
        // the batch in the same lane waits, as it would for any reason SES has not to take a mail *now*: those are the account's.
        for record in records {
            if let Err(problem) = deliver(cx, record).await {
                failures.add(record, &problem);
            }
        }
        failures
    }
}

async fn deliver(cx: &TriggerCx, record: &Record) -> Result<()> {
    let Some((owner, id)) = owner_of(record).zip(keys::parse_outbox(&record.sk)) else {
        return Err(Problem::internal("an outbox row with a key that is not one"));
    };
    // A row that is not there any more has been swept: it was sent or given up long ago.
    let Some(row) = read_when_free(cx, &owner, id).await? else {
        return Ok(());
    };
    match row.next_step(cx.now()) {
        NextStep::Nothing => Ok(()),
        NextStep::Send => send(cx, row).await,
        NextStep::WaitUntil(_) => Err(Problem::try_again()),
    }
}

/// The row; where somebody holds its lease, the row once that is over.
async fn read_when_free(cx: &TriggerCx, owner: &Owner, id: OutboxId) -> Result<Option<Stored<Outbox>>> {
    let row = cx.store().get(keys::outbox(owner, id)).await?;
    let Some(NextStep::WaitUntil(until)) = row.as_ref().map(|row| row.next_step(cx.now())) else {
        return Ok(row);
    };
    cx.wait_until(until, LEASE).await;
    cx.store().get(keys::outbox(owner, id)).await
}

fn owner_of(record: &Record) -> Option<Owner> {
    match &record.whose {
        keys::Whose::Tenant(tenant) => Some(Owner::Tenant(*tenant)),
        keys::Whose::Email(email) => Some(Owner::Email(email.clone())),
        keys::Whose::User(_) => None,
    }
}

/// A mail whose invite ended, expired or got another mail meanwhile says what is not so any more: its link is dead.
async fn is_out_of_date(cx: &TriggerCx, row: &Outbox) -> Result<bool> {
    let Message::Invite(about) = &row.message else {
        return Ok(false);
    };
    let invite = cx.store().get(keys::invite(about.tenant, about.invite)).await?;
    let is_open = |invite: &Stored<Invite>| invite.status(cx.now()) == InviteStatus::Pending;
    Ok(!invite.is_some_and(|invite| invite.mail == row.id && is_open(&invite)))
}

async fn send(cx: &TriggerCx, row: Stored<Outbox>) -> Result<()> {
    if is_out_of_date(cx, &row).await? {
        let withdrawn = SendState::Withdrawn { at: cx.now() };
        return enter(cx, row, withdrawn).await.map(|_| ());
    }
    let mail = mail::render(cx, &row)?;
    let to = recipients::of(cx, &row).await?;
    let until = cx.now().saturating_add(LEASE).map_err(Problem::internal)?;
    let leased = enter(cx, row, SendState::Sending { until }).await?;
    match mail::send(cx, &leased, &to, &mail).await? {
        Sent::Taken { message_id } => {
            close(cx, leased, SendState::Sent { message_id, at: cx.now() }, Delivery::Sent).await
        }
        Sent::Refused { reason } => {
            tracing::warn!(mail = %leased.id, reason, "SES refused a mail for good");
            close(cx, leased, SendState::Failed { reason, at: cx.now() }, Delivery::Failed).await
        }
        Sent::NotNow { reason } => {
            tracing::warn!(mail = %leased.id, reason, "SES did not take a mail");
            // The lease goes back at once, so that the stream's next try need not wait for it.
            enter(cx, leased, SendState::Pending).await?;
            Err(Problem::try_again())
        }
    }
}

/// Moves the row to `state`, if nobody else did anything to it meanwhile.
async fn enter(cx: &TriggerCx, row: Stored<Outbox>, state: SendState) -> Result<Stored<Outbox>> {
    let next = Outbox { state, ..row.item.clone() };
    cx.store().transaction().replace(&row, &next, Problem::try_again()).commit().await?;
    Ok(Stored { item: next, version: row.version + 1 })
}

/// Ends the row, and tells the invite whose mail it was.
async fn close(cx: &TriggerCx, row: Stored<Outbox>, state: SendState, delivery: Delivery) -> Result<()> {
    let next = Outbox { state, ..row.item.clone() };
    let ended = || cx.store().transaction().replace(&row, &next, Problem::try_again());
    let Message::Invite(words) = &row.message else {
        return ended().commit().await;
    };
    let about = About { tenant: words.tenant, invite: words.invite, mail: row.id };
    delivery_note::note(cx.store(), about, delivery, || Some(ended())).await
}
