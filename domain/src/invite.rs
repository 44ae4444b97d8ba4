//! An invite: an address, a role, and one chance to accept before it expires.

use crate::email::Email;
use crate::id::{InviteId, OutboxId, TenantId, UserId};
use crate::role::Role;
use crate::text::Note;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// How long an invite is good unless the inviter chooses otherwise.
pub const DEFAULT_EXPIRY_DAYS: i64 = 7;

/// The most rows one request may carry.
pub const MAX_ROWS: usize = 50;

/// An invite as it is kept. Whether it has *expired* is not kept but computed, so that it expires to the second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    pub tenant: TenantId,
    pub id: InviteId,
    pub email: Email,
    pub role: Role,
    /// Left out while there is none: the write that accepts is held to its absence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    pub delivery: Delivery,
    pub note: Option<Note>,
    pub invited_by: UserId,
    /// The one token that is good for this invite: a resend would issue another.
    pub jti: Uuid,
    /// The mail that carries the link.
    pub mail: OutboxId,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// How an invite ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    Accepted { by: UserId, at: Timestamp },
}

/// Where an invite stands for whoever looks at it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InviteStatus {
    Pending,
    Accepted,
    Expired,
}

/// What became of the invite's mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// In the outbox; the mail service has not taken it yet.
    Queued,
    /// The mail service took it.
    Sent,
    /// The recipient's server took it.
    Delivered,
    /// It did not get there: the mail service refused it, or gave up. Another try may do.
    Failed,
    /// There is no such mailbox, or it takes no mail from us: the address is wrong.
    Bounced,
    /// The recipient called it spam.
    Complained,
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Delivery::Queued => "queued",
            Delivery::Sent => "sent",
            Delivery::Delivered => "delivered",
            Delivery::Failed => "failed",
            Delivery::Bounced => "bounced",
            Delivery::Complained => "complained",
        })
    }
}

impl Delivery {
    /// What is news to whoever knows `self` already: word of one mail comes late, twice, and out of order, and each may only replace
    /// what it outranks. These are the ones that it may not.
    pub fn outranked_by(self) -> &'static [Delivery] {
        use Delivery::{Bounced, Complained, Delivered, Failed, Queued, Sent};
        match self {
            Queued => &[Sent, Delivered, Failed, Bounced, Complained],
            Sent => &[Failed, Delivered, Bounced, Complained],
            // An automatic reply can be reported as a mail that did not get there, after it did.
            Failed => &[Delivered, Bounced, Complained],
            Delivered => &[Bounced, Complained],
            Bounced => &[Complained],
            Complained => &[],
        }
    }
}

impl Invite {
    pub fn status(&self, now: Timestamp) -> InviteStatus {
        match self.outcome {
            Some(Outcome::Accepted { .. }) => InviteStatus::Accepted,
            None if self.expires_at <= now => InviteStatus::Expired,
            None => InviteStatus::Pending,
        }
    }
}

/// When an invite made at `created_at` ends: a whole second, so that the token, the table's conditions and we mean the same.
pub fn expiry(created_at: Timestamp, days: i64) -> Timestamp {
    // Timestamps reach to the year 9999: the end of time is only ever for a clock that is badly wrong.
    Timestamp::from_second(created_at.as_second().saturating_add(days * 24 * 60 * 60)).unwrap_or(Timestamp::MAX)
}

/// Holds an address for one pending invite of a tenant. It stops holding when the invite expires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteEmail {
    pub tenant: TenantId,
    pub email: Email,
    pub invite: InviteId,
    /// In Unix seconds: conditions in the table compare numbers.
    pub open_until: i64,
}

/// Says that an invite is out, ordered by when it ends: the newest of a tenant answers "is any invite open, and until
/// when?" in one read, however many there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenInvite {
    pub tenant: TenantId,
    pub invite: InviteId,
    pub expires_at: Timestamp,
}

impl Invite {
    pub fn email_hold(&self) -> InviteEmail {
        InviteEmail {
            tenant: self.tenant,
            email: self.email.clone(),
            invite: self.id,
            open_until: self.expires_at.as_second(),
        }
    }

    pub fn open_marker(&self) -> OpenInvite {
        OpenInvite { tenant: self.tenant, invite: self.id, expires_at: self.expires_at }
    }
}
