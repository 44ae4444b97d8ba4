//! What happens: to three workspaces, and to the records that their stream has of it. Printed, it is a story that can be read.

use crate::world::Death;
use domain::checklist::StepId;
use domain::role::Role;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::fmt;

/// Histories of all three workspaces, woven into one.
#[derive(Clone)]
pub struct History {
    pub events: Vec<Event>,
    pub end: End,
}

#[derive(Debug, Clone)]
pub enum Event {
    Operation(Workspace, Operation),
    TimePasses(Hours),
    /// DynamoDB takes away what has expired, when it likes.
    Swept,
    Delivery(Delivery),
}

/// What is still to come when everything is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    pub waiting: Waiting,
    pub frozen: Wakes,
}

/// What becomes of the records that still wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    Delivered,
    DroppedThenReconciled,
}

/// When an instance that still stands still goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wakes {
    First,
    /// Before the table is reconciled, though: nothing stands still for hours.
    Last,
}

/// A workspace, by where its history begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Workspace {
    /// As it is after sign-up.
    Fresh,
    /// Every required step is complete.
    Ready,
    /// The same, and its checklist was dismissed.
    Dismissed,
}

/// Everybody knows everybody: any of them can be invited to any workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    Ada,
    Bea,
    Cem,
    Dan,
    Eve,
    Fay,
    /// Has no account yet.
    Gus,
}

#[derive(Debug, Clone, Copy)]
pub struct Hours(pub i64);

/// Something that somebody does. Where that cannot be, the API refuses it, and that is all that happens.
#[derive(Debug, Clone)]
pub enum Operation {
    SetCountry,
    ClearCountry,
    SetContact,
    ClearContact,
    ConfirmTimeZone,
    DoubtTimeZone,
    ChangeTimeZone(&'static str),
    /// Nothing that the checklist depends on.
    Label(u8),
    NameBillingOwner(Who),
    ClearBillingOwner,
    /// Nothing that the checklist depends on.
    SetPurchaseOrder(u8),
    Invite(Who, Role, Days),
    Resend(Who),
    ChangeInvitedRole(Who, Role),
    Readdress(Who, Who),
    Revoke(Who),
    Decline(Who),
    Accept(Who),
    ChangeRole(Who, Role),
    Disable(Who),
    Enable(Who),
    Remove(Who),
    Leave(Who),
    MarkTestUser(Who),
    UnmarkTestUser(Who),
    Rehearse(Who),
    HearOfMail(Who, MailFate),
    FillSeats,
    AddSeats,
    PlanIntegration(Who),
    ConnectIntegration,
    RemoveIntegration,
    AddPhoneNumber(u8),
    RemovePhoneNumber,
    CreateApiKey,
    UseApiKey,
    RemoveApiKey,
    Dismiss,
    Restore,
    Skip(StepId, &'static str),
    Unskip(StepId),
}

#[derive(Debug, Clone, Copy)]
pub struct Days(pub i64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailFate {
    Delivered,
    Bounced,
    Undelivered,
    Complained,
}

/// What the stream does with some of the records that wait.
#[derive(Clone)]
pub struct Delivery {
    /// Of which items the next record is taken, one after the other.
    pub taken: Vec<Index>,
    pub fate: Fate,
}

#[derive(Debug, Clone)]
pub enum Fate {
    Delivered,
    Twice,
    /// By two instances side by side.
    TwiceAtOnce,
    /// The instance ends there, and the records wait again.
    CutShort(Death),
    /// The same, and the batch is tried again in halves.
    Bisected(Death),
    /// The table refuses what is about the last record's workspace: from its first record on they wait again, and those before are done.
    FailsForLast,
    /// The instance stands still before it writes, is given up, and goes on when the next one freezes or when all is over.
    Frozen,
    /// They were in the stream for more than a day.
    Dropped,
}

impl Workspace {
    pub const ALL: [Workspace; 3] = [Workspace::Fresh, Workspace::Ready, Workspace::Dismissed];
}

impl Who {
    pub const ALL: [Who; 7] = [Who::Ada, Who::Bea, Who::Cem, Who::Dan, Who::Eve, Who::Fay, Who::Gus];

    pub fn email(self) -> String {
        format!("{self}@people.example").to_lowercase()
    }
}

pub fn histories() -> impl Strategy<Value = History> {
    let event = prop_oneof![24 => event().prop_map(|event| vec![event]), 1 => there_and_back()];
    let waiting = prop_oneof![6 => Just(Waiting::Delivered), 1 => Just(Waiting::DroppedThenReconciled)];
    let frozen = prop_oneof![Just(Wakes::First), Just(Wakes::Last)];
    let end = (waiting, frozen).prop_map(|(waiting, frozen)| End { waiting, frozen });
    (prop::collection::vec(event, 20..40), end).prop_map(|(events, end)| History { events: events.concat(), end })
}

/// What an instance that stands still can get wrong most: it is woken by a change that is taken back meanwhile.
fn there_and_back() -> impl Strategy<Value = Vec<Event>> {
    use Operation as Op;
    let pairs = [
        (Op::ConfirmTimeZone, Op::DoubtTimeZone),
        (Op::NameBillingOwner(Who::Ada), Op::ClearBillingOwner),
        (Op::AddPhoneNumber(2), Op::RemovePhoneNumber),
    ];
    let batch = || prop::collection::vec(any::<Index>(), 6);
    let parts = (select(Workspace::ALL.as_slice()), select(pairs.to_vec()), batch(), batch());
    parts.prop_map(|(workspace, (there, back), first, second)| {
        vec![
            Event::Operation(workspace, there),
            Event::Delivery(Delivery { taken: first, fate: Fate::Frozen }),
            Event::Operation(workspace, back),
            Event::Delivery(Delivery { taken: second, fate: Fate::Delivered }),
        ]
    })
}

fn event() -> impl Strategy<Value = Event> {
    let workspace = select(Workspace::ALL.as_slice());
    prop_oneof![
        36 => (workspace, operation()).prop_map(|(workspace, operation)| Event::Operation(workspace, operation)),
        2 => select([1, 25, 200].as_slice()).prop_map(|hours| Event::TimePasses(Hours(hours))),
        1 => Just(Event::Swept),
        21 => delivery().prop_map(Event::Delivery),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        5 => settings(),
        2 => billing(),
        9 => inviting(),
        8 => membership(),
        2 => (person(), mail_fate()).prop_map(|(who, fate)| Operation::HearOfMail(who, fate)),
        4 => choices(),
        4 => connecting(),
        1 => prop_oneof![Just(Operation::FillSeats), Just(Operation::AddSeats)],
    ]
}

fn settings() -> impl Strategy<Value = Operation> {
    prop_oneof![
        Just(Operation::SetCountry),
        Just(Operation::ClearCountry),
        Just(Operation::SetContact),
        Just(Operation::ClearContact),
        Just(Operation::ConfirmTimeZone),
        Just(Operation::DoubtTimeZone),
        select(["Europe/Berlin", "Asia/Tokyo"].as_slice()).prop_map(Operation::ChangeTimeZone),
        (0..3_u8).prop_map(Operation::Label),
    ]
}

fn billing() -> impl Strategy<Value = Operation> {
    prop_oneof![
        3 => person().prop_map(Operation::NameBillingOwner),
        2 => Just(Operation::ClearBillingOwner),
        1 => (0..3_u8).prop_map(Operation::SetPurchaseOrder),
    ]
}

fn inviting() -> impl Strategy<Value = Operation> {
    let days = select([1, 7].as_slice()).prop_map(Days);
    prop_oneof![
        12 => (invitee(), role(), days).prop_map(|(who, role, days)| Operation::Invite(who, role, days)),
        2 => person().prop_map(Operation::Resend),
        2 => (person(), role()).prop_map(|(who, role)| Operation::ChangeInvitedRole(who, role)),
        1 => (person(), person()).prop_map(|(who, to)| Operation::Readdress(who, to)),
        2 => person().prop_map(Operation::Revoke),
        1 => person().prop_map(Operation::Decline),
        10 => invitee().prop_map(Operation::Accept),
    ]
}

fn membership() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => (person(), role()).prop_map(|(who, role)| Operation::ChangeRole(who, role)),
        2 => person().prop_map(Operation::Disable),
        2 => person().prop_map(Operation::Enable),
        2 => person().prop_map(Operation::Remove),
        1 => person().prop_map(Operation::Leave),
        2 => person().prop_map(Operation::MarkTestUser),
        1 => person().prop_map(Operation::UnmarkTestUser),
        2 => person().prop_map(Operation::Rehearse),
    ]
}

fn connecting() -> impl Strategy<Value = Operation> {
    prop_oneof![
        2 => person().prop_map(Operation::PlanIntegration),
        1 => Just(Operation::ConnectIntegration),
        2 => Just(Operation::RemoveIntegration),
        2 => (0..2_u8).prop_map(Operation::AddPhoneNumber),
        1 => Just(Operation::RemovePhoneNumber),
        2 => Just(Operation::CreateApiKey),
        3 => Just(Operation::UseApiKey),
        1 => Just(Operation::RemoveApiKey),
    ]
}

fn choices() -> impl Strategy<Value = Operation> {
    let optional = || {
        let steps = [StepId::OPERATORS_SIGNED_IN, StepId::REVIEWER_ASSIGNED, StepId::PHONE_NUMBER, StepId::API_KEY];
        select(steps.to_vec())
    };
    let reason = select(["Not for us.", "Later."].as_slice());
    prop_oneof![
        4 => Just(Operation::Dismiss),
        1 => Just(Operation::Restore),
        2 => (optional(), reason).prop_map(|(step, reason)| Operation::Skip(step, reason)),
        1 => optional().prop_map(Operation::Unskip),
    ]
}

fn person() -> impl Strategy<Value = Who> {
    // The last one is new, which costs a password.
    select(Who::ALL.split_last().map(|(_, others)| others).unwrap_or_default())
}

fn invitee() -> impl Strategy<Value = Who> {
    prop_oneof![30 => person(), 1 => Just(Who::Gus)]
}

fn role() -> impl Strategy<Value = Role> {
    select(Role::ALL.as_slice())
}

fn mail_fate() -> impl Strategy<Value = MailFate> {
    use MailFate::{Bounced, Complained, Delivered, Undelivered};
    select([Delivered, Bounced, Undelivered, Complained].as_slice())
}

fn delivery() -> impl Strategy<Value = Delivery> {
    (prop::collection::vec(any::<Index>(), 1..6), fate()).prop_map(|(taken, fate)| Delivery { taken, fate })
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Delivered),
        2 => Just(Fate::Twice),
        2 => Just(Fate::TwiceAtOnce),
        3 => death().prop_map(Fate::CutShort),
        2 => death().prop_map(Fate::Bisected),
        2 => Just(Fate::FailsForLast),
        3 => Just(Fate::Frozen),
        1 => Just(Fate::Dropped),
    ]
}

fn death() -> impl Strategy<Value = Death> {
    // A recompute that writes makes some ten calls.
    let call = || 1..12_usize;
    prop_oneof![call().prop_map(Death::BeforeCall), call().prop_map(Death::BeforeAnswer)]
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, event) in (1..).zip(&self.events) {
            write!(f, "\n{number:>3}. {event}.")?;
        }
        f.write_str("\nIn the end ")?;
        if self.end.frozen == Wakes::First {
            f.write_str("whoever is frozen goes on, and ")?;
        }
        f.write_str(match self.end.waiting {
            Waiting::Delivered => "whatever still waits is delivered",
            Waiting::DroppedThenReconciled => "whatever still waits is lost, and the table is reconciled",
        })?;
        f.write_str(match self.end.frozen {
            Wakes::First => ".",
            Wakes::Last => "; whoever is frozen goes on after the last delivery.",
        })
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Operation(workspace, operation) => write!(f, "{workspace}: {operation}"),
            Event::TimePasses(Hours(hours)) => write!(f, "{hours} hours pass"),
            Event::Swept => write!(f, "DynamoDB sweeps what has expired"),
            Event::Delivery(delivery) => delivery.fmt(f),
        }
    }
}

impl fmt::Display for Workspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Workspace::Fresh => "Fresh",
            Workspace::Ready => "Ready",
            Workspace::Dismissed => "Dismissed",
        })
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Operation as Op;
        match self {
            Op::SetCountry => write!(f, "the country is set"),
            Op::ClearCountry => write!(f, "the country is cleared"),
            Op::SetContact => write!(f, "the business contact is set"),
            Op::ClearContact => write!(f, "the business contact is cleared"),
            Op::ConfirmTimeZone => write!(f, "the time zone is confirmed"),
            Op::DoubtTimeZone => write!(f, "the time zone's confirmation is withdrawn"),
            Op::ChangeTimeZone(zone) => write!(f, "the time zone becomes {zone}"),
            Op::Label(n) => write!(f, "label {n} is given"),
            Op::NameBillingOwner(who) => write!(f, "{who} becomes the billing owner"),
            Op::ClearBillingOwner => write!(f, "nobody is the billing owner any more"),
            Op::SetPurchaseOrder(n) => write!(f, "the invoices carry purchase order {n}"),
            Op::Invite(who, role, Days(days)) => write!(f, "{who} is invited as {role} for {days} days"),
            Op::Resend(who) => write!(f, "{who}'s invite is sent again"),
            Op::ChangeInvitedRole(who, role) => write!(f, "{who}'s invite becomes one as {role}"),
            Op::Readdress(who, to) => write!(f, "{who}'s invite goes to {to} instead"),
            Op::Revoke(who) => write!(f, "{who}'s invite is revoked"),
            Op::Decline(who) => write!(f, "{who} declines"),
            Op::Accept(who) => write!(f, "{who} accepts"),
            Op::ChangeRole(who, role) => write!(f, "{who} becomes {role}"),
            Op::Disable(who) => write!(f, "{who} is disabled"),
            Op::Enable(who) => write!(f, "{who} is enabled"),
            Op::Remove(who) => write!(f, "{who} is removed"),
            Op::Leave(who) => write!(f, "{who} leaves"),
            Op::MarkTestUser(who) => write!(f, "{who} becomes the test user"),
            Op::UnmarkTestUser(who) => write!(f, "{who} is not the test user any more"),
            Op::Rehearse(who) => write!(f, "{who} rehearses their access"),
            Op::HearOfMail(who, fate) => write!(f, "the mail of {who}'s invite is {fate:?}"),
            Op::FillSeats => write!(f, "there are as many seats as are taken"),
            Op::AddSeats => write!(f, "there are ten more seats"),
            Op::PlanIntegration(who) => write!(f, "a CRM is planned, by {who}"),
            Op::ConnectIntegration => write!(f, "a calendar is connected"),
            Op::RemoveIntegration => write!(f, "the oldest integration is removed"),
            Op::AddPhoneNumber(n) => write!(f, "phone number {n} is added"),
            Op::RemovePhoneNumber => write!(f, "the oldest phone number is removed"),
            Op::CreateApiKey => write!(f, "an API key is made"),
            Op::UseApiKey => write!(f, "the newest API key is used"),
            Op::RemoveApiKey => write!(f, "the newest API key is removed"),
            Op::Dismiss => write!(f, "the checklist is dismissed"),
            Op::Restore => write!(f, "the checklist is restored"),
            Op::Skip(step, reason) => write!(f, "{step} is skipped: {reason:?}"),
            Op::Unskip(step) => write!(f, "{step} is taken in again"),
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let records = self.taken.len();
        write!(f, "Of the records that wait, up to {records} ")?;
        match &self.fate {
            Fate::Delivered => write!(f, "are delivered"),
            Fate::Twice => write!(f, "are delivered, and then again"),
            Fate::TwiceAtOnce => write!(f, "are delivered to two instances at once"),
            Fate::CutShort(death) => write!(f, "are delivered to an instance that ends {death}"),
            Fate::Bisected(death) => write!(f, "are delivered to an instance that ends {death}, then in halves"),
            Fate::FailsForLast => {
                write!(f, "are delivered while the table refuses what is about the last one's workspace")
            }
            Fate::Frozen => write!(f, "are delivered to an instance that freezes before it writes"),
            Fate::Dropped => write!(f, "are lost"),
        }
    }
}
