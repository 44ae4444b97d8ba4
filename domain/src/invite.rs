//! An invite: an address, a role, and one chance to accept before it expires.
//!
//! Whether an invite has *expired* is nowhere kept: it is computed from its end and the time, so an invite expires to the second
//! whatever else is late.

use crate::email::Email;
use crate::id::{InviteId, OutboxId, TenantId, UserId};
use crate::role::Role;
use crate::text::Note;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// How long an invite is good unless the inviter chooses otherwise.
pub const DEFAULT_EXPIRY_DAYS: i64 = 7;

/// The most rows one request may carry.
pub const MAX_ROWS: usize = 50;

/// An invite's mail is sent again at most so often in [`RESENDS_WITHIN`]: whoever did not find three mails will not find a fourth.
pub const MAX_RESENDS: usize = 3;
pub const RESENDS_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// An invite as it is kept.
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
    /// The one token that is good for this invite: sending it again issues another, and the old link is dead.
    pub jti: Uuid,
    /// The mail that carries the link.
    pub mail: OutboxId,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// For how long each link is good, in days: what the inviter chose.
    pub good_for_days: i64,
    /// When it was last sent again, oldest first: no more than [`MAX_RESENDS`].
    pub resent_at: Vec<Timestamp>,
}

/// How an invite ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    Accepted {
        by: UserId,
        at: Timestamp,
    },
    /// By whoever held the link.
    Declined {
        at: Timestamp,
    },
    Revoked {
        by: UserId,
        at: Timestamp,
    },
}

impl Outcome {
    pub fn at(self) -> Timestamp {
        match self {
            Outcome::Accepted { at, .. } | Outcome::Declined { at } | Outcome::Revoked { at, .. } => at,
        }
    }

    /// Who ended it, where somebody was signed in.
    pub fn by(self) -> Option<UserId> {
        match self {
            Outcome::Accepted { by, .. } | Outcome::Revoked { by, .. } => Some(by),
            Outcome::Declined { .. } => None,
        }
    }
}

/// Where an invite stands for whoever looks at it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InviteStatus {
    Pending,
    Accepted,
    Declined,
    Revoked,
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
    /// Whether the mail did not reach the person: then somebody has to do something, or they never come.
    pub fn went_wrong(self) -> bool {
        matches!(self, Delivery::Failed | Delivery::Bounced | Delivery::Complained)
    }

    /// Whether another mail to the same address is of no use: there is no such mailbox, or its owner wants none.
    pub fn wants_another_address(self) -> bool {
        matches!(self, Delivery::Bounced | Delivery::Complained)
    }

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
            Some(Outcome::Declined { .. }) => InviteStatus::Declined,
            Some(Outcome::Revoked { .. }) => InviteStatus::Revoked,
            None if self.expires_at <= now => InviteStatus::Expired,
            None => InviteStatus::Pending,
        }
    }

    /// The invite as it is after its mail was sent again at `now`: a new link, good for as long as the first was.
    pub fn sent_again(&self, link: NewLink, now: Timestamp) -> Invite {
        let mut resent_at = self.resent_at.clone();
        resent_at.push(now);
        let oldest = resent_at.len().saturating_sub(MAX_RESENDS);
        Invite { resent_at: resent_at.split_off(oldest), ..self.linked_anew(link, now) }
    }

    /// The invite as it is after its address was corrected at `now`: the mail goes there, and no old link is good.
    pub fn readdressed(&self, email: Email, link: NewLink, now: Timestamp) -> Invite {
        Invite { email, ..self.linked_anew(link, now) }
    }

    fn linked_anew(&self, link: NewLink, now: Timestamp) -> Invite {
        Invite {
            jti: link.jti,
            mail: link.mail,
            invited_by: link.by,
            delivery: Delivery::Queued,
            expires_at: expiry(now, self.good_for_days),
            ..self.clone()
        }
    }

    /// When its present link was made.
    pub fn link_made_at(&self) -> Timestamp {
        let seconds = self.good_for_days * 24 * 60 * 60;
        Timestamp::from_second(self.expires_at.as_second() - seconds).unwrap_or(self.created_at)
    }

    /// When it may be sent again: at once, or when the oldest of the last few is long enough ago.
    pub fn may_be_sent_again_at(&self, now: Timestamp) -> Timestamp {
        let oldest = self.resent_at.len().checked_sub(MAX_RESENDS).and_then(|oldest| self.resent_at.get(oldest));
        let allowed = oldest.and_then(|oldest| oldest.checked_add(RESENDS_WITHIN).ok());
        allowed.filter(|allowed| *allowed > now).unwrap_or(now)
    }
}

/// The link of an invite's next mail.
///
/// Whoever sends it is the inviter from then on: the mail is in their name, and they answer for the person who comes.
#[derive(Debug, Clone, Copy)]
pub struct NewLink {
    pub by: UserId,
    pub jti: Uuid,
    pub mail: OutboxId,
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

/// Says that an invite is out and holds a seat, ordered by when it ends: the newest of a tenant answers "is any invite open,
/// and until when?" in one read, however many there are, and the oldest are those whose seat is free again.
///
/// Whoever deletes it gives its seat back in the same transaction, so it is not swept by time: an expired one keeps its seat until
/// somebody wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenInvite {
    pub tenant: TenantId,
    pub invite: InviteId,
    pub expires_at: Timestamp,
    pub role: Role,
    pub invited_by: UserId,
}

/// Says that the mail of an invite that is out went wrong, ordered by when the invite ends: the newest answers "does any wait
/// for somebody to correct it?" in one read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndeliveredInvite {
    pub tenant: TenantId,
    pub invite: InviteId,
    pub email: Email,
    pub delivery: Delivery,
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
        OpenInvite {
            tenant: self.tenant,
            invite: self.id,
            expires_at: self.expires_at,
            role: self.role,
            invited_by: self.invited_by,
        }
    }

    /// What says that its mail went wrong, as `delivery` tells.
    pub fn undelivered_marker(&self, delivery: Delivery) -> UndeliveredInvite {
        UndeliveredInvite {
            tenant: self.tenant,
            invite: self.id,
            email: self.email.clone(),
            delivery,
            expires_at: self.expires_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn user(n: u128) -> UserId {
        UserId::from_uuid(Uuid::from_u128(n))
    }

    fn link(n: u128) -> NewLink {
        NewLink { by: user(n), jti: Uuid::from_u128(n), mail: OutboxId::from_uuid(Uuid::from_u128(n)) }
    }

    fn invite() -> Invite {
        Invite {
            tenant: TenantId::from_uuid(Uuid::from_u128(1)),
            id: InviteId::from_uuid(Uuid::from_u128(2)),
            email: Email::parse("grace@acme.example").unwrap(),
            role: Role::Viewer,
            outcome: None,
            delivery: Delivery::Bounced,
            note: None,
            invited_by: user(3),
            jti: Uuid::from_u128(3),
            mail: OutboxId::from_uuid(Uuid::from_u128(3)),
            created_at: at(0),
            expires_at: expiry(at(0), 2),
            good_for_days: 2,
            resent_at: Vec::new(),
        }
    }

    #[test]
    fn an_invite_is_expired_the_second_it_ends_and_an_outcome_outlasts_that() {
        let end = invite().expires_at;
        assert_eq!(invite().status(end - SignedDuration::from_nanos(1)), InviteStatus::Pending);
        assert_eq!(invite().status(end), InviteStatus::Expired);
        let outcomes = [
            (Outcome::Accepted { by: user(4), at: at(1) }, InviteStatus::Accepted),
            (Outcome::Declined { at: at(1) }, InviteStatus::Declined),
            (Outcome::Revoked { by: user(4), at: at(1) }, InviteStatus::Revoked),
        ];
        for (outcome, status) in outcomes {
            assert_eq!(Invite { outcome: Some(outcome), ..invite() }.status(end), status);
        }
    }

    #[test]
    fn sent_again_it_has_a_new_link_that_is_good_for_as_long_as_the_first_and_keeps_the_rest() {
        let again = invite().sent_again(link(9), at(1000));
        assert_eq!((again.jti, again.mail, again.invited_by), (link(9).jti, link(9).mail, user(9)));
        assert_eq!((again.expires_at, again.delivery), (expiry(at(1000), 2), Delivery::Queued));
        assert_eq!((again.id, again.role, again.created_at), (invite().id, Role::Viewer, at(0)));
        assert_eq!((invite().link_made_at(), again.link_made_at()), (at(0), at(1000)));
    }

    #[test]
    fn a_fourth_time_in_ten_minutes_waits_until_the_first_of_the_last_three_is_ten_minutes_ago() {
        let mut invite = invite();
        for second in [10, 20, 30] {
            assert_eq!(invite.may_be_sent_again_at(at(second)), at(second));
            invite = invite.sent_again(link(9), at(second));
        }
        assert_eq!(invite.may_be_sent_again_at(at(31)), at(610));
        assert_eq!(invite.may_be_sent_again_at(at(610)), at(610));
        invite = invite.sent_again(link(9), at(610));
        assert_eq!(invite.resent_at, [at(20), at(30), at(610)]);
        assert_eq!(invite.may_be_sent_again_at(at(611)), at(620));
    }

    #[test]
    fn correcting_the_address_does_not_count_as_sending_again() {
        let other = Email::parse("grace.hopper@acme.example").unwrap();
        let corrected = invite().readdressed(other.clone(), link(9), at(5));
        assert_eq!((corrected.email, corrected.resent_at.len(), corrected.delivery), (other, 0, Delivery::Queued));
        assert_ne!(corrected.jti, invite().jti);
    }
}
