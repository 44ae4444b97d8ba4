//! Mail that is to be sent: written in the transaction of what it tells about, sent by a trigger.
//!
//! A row holds what the mail says, never the token in its link: the trigger signs that when it sends, so no copy of the
//! table, its stream or a backup can open an account.

use crate::email::Email;
use crate::id::{InviteId, OutboxId, TenantId, UserId};
use crate::role::Role;
use crate::text::{CompanyName, Note};
use crate::time_zone::TimeZoneName;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outbox {
    pub id: OutboxId,
    pub owner: Owner,
    pub to: Recipients,
    pub message: Message,
    pub state: SendState,
    pub created_at: Timestamp,
    /// When the row is swept: long after it was sent or given up.
    pub swept_at: Timestamp,
}

/// Whose mail it is: the partition the row lives in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    Tenant(TenantId),
    Email(Email),
}

/// To whom it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipients {
    Email(Email),
    /// Whoever is an active admin of the owner, a tenant, when it is sent.
    Admins,
}

/// What the mail says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    SignUp(SignUpMail),
    AccountExists,
    Invite(Box<InviteMail>),
    ChecklistReopened(ChecklistReopenedMail),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignUpMail {
    pub jti: Uuid,
    pub company_name: CompanyName,
    pub time_zone: TimeZoneName,
    pub expires_at: Timestamp,
}

/// That a checklist which was dismissed is open again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChecklistReopenedMail {
    pub tenant: TenantId,
    pub company_name: CompanyName,
    pub steps: Vec<FallenStep>,
}

/// A required step that is not complete any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FallenStep {
    pub title: String,
    /// What is missing, as a sentence.
    pub why: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteMail {
    pub tenant: TenantId,
    pub invite: InviteId,
    pub jti: Uuid,
    pub invited_by: UserId,
    /// The inviter's display name, else their address.
    pub inviter: String,
    pub inviter_email: Email,
    pub company_name: CompanyName,
    pub role: Role,
    pub note: Option<Note>,
    pub expires_at: Timestamp,
    /// The tenant's default: the invitee's likely time zone.
    pub time_zone: TimeZoneName,
}

/// How far a mail is. `Sending` is a lease: a sender that dies leaves it behind, and after `until` another may take over,
/// which bounds duplicates at one a crash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum SendState {
    Pending,
    Sending {
        until: Timestamp,
    },
    Sent {
        message_id: String,
        at: Timestamp,
    },
    Failed {
        reason: String,
        at: Timestamp,
    },
    /// Not sent, because what it says was not so any more.
    Withdrawn {
        at: Timestamp,
    },
}

/// What a sender that comes upon a mail at `now` has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// Take the lease and send.
    Send,
    /// Somebody else holds the lease until then.
    WaitUntil(Timestamp),
    /// Sent, given up or withdrawn.
    Nothing,
}

/// How long a row is kept, to look into.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

impl Outbox {
    /// A mail to be sent.
    pub fn new(id: OutboxId, owner: Owner, to: Recipients, message: Message, now: Timestamp) -> Outbox {
        let swept_at = now.saturating_add(KEPT).unwrap_or(Timestamp::MAX);
        Outbox { id, owner, to, message, state: SendState::Pending, created_at: now, swept_at }
    }

    pub fn next_step(&self, now: Timestamp) -> NextStep {
        match &self.state {
            SendState::Pending => NextStep::Send,
            SendState::Sending { until } if *until <= now => NextStep::Send,
            SendState::Sending { until } => NextStep::WaitUntil(*until),
            SendState::Sent { .. } | SendState::Failed { .. } | SendState::Withdrawn { .. } => NextStep::Nothing,
        }
    }
}
