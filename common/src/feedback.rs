//! A trigger that hears what became of mail: SES publishes that to EventBridge, which runs it, once an event.
//!
//! Which mail an event is about is in the tags that it was sent with ([`MailTags`]): SES gives them back. Events may repeat and
//! may overtake one another, and they can be faster than the sender's own note that it sent
//! (<https://docs.aws.amazon.com/ses/latest/dg/monitoring-eventbridge.html>).

use crate::app::App;
use crate::error::Result;
use crate::store::Access;
use crate::trigger::TriggerCx;
use domain::id::{InviteId, OutboxId, TenantId};
use domain::outbox::{Message, Outbox};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

/// The events that say how a mail ended, as EventBridge names them in `detail-type`. The configuration set publishes these
/// (`infra/base.yaml`).
pub const DETAIL_TYPES: [&str; 4] = ["Email Delivered", "Email Bounced", "Email Complaint Received", "Email Rejected"];

/// One function run by what becomes of mail.
pub trait FeedbackTrigger: Sized + 'static {
    const NAME: &'static str;
    const SUMMARY: &'static str;
    const ACCESS: &'static [Access];
    const MEMORY_MB: u32 = 256;

    /// Takes one event in. An error has it come again: Lambda tries twice more, then it goes to the on-failure destination
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>).
    fn handle(cx: &TriggerCx, feedback: &Feedback) -> impl Future<Output = Result<()>> + Send;
}

/// What became of one mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feedback {
    pub about: MailTags,
    pub fate: Fate,
}

/// How a mail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The recipient's server took it.
    Delivered,
    /// There is no such mailbox, or it takes no mail from us: the address is wrong.
    Bounced,
    /// It did not get there, and may another time: a full mailbox, a server that was away.
    Undelivered,
    /// The recipient called it spam.
    Complained,
}

/// Which invite's mail it is: what a mail is tagged with when it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailTags {
    pub tenant: TenantId,
    pub invite: InviteId,
    pub mail: OutboxId,
}

impl MailTags {
    /// Nothing is kept of what becomes of mail that is no invite's.
    pub fn of(row: &Outbox) -> Option<MailTags> {
        match &row.message {
            Message::Invite(about) => Some(MailTags { tenant: about.tenant, invite: about.invite, mail: row.id }),
            Message::SignUp(_) | Message::AccountExists | Message::ChecklistReopened(_) => None,
        }
    }

    /// As names and values: letters, digits, `_` and `-`, which is all that SES takes.
    pub fn pairs(self) -> [(&'static str, String); 3] {
        [("tenant", self.tenant.to_string()), ("invite", self.invite.to_string()), ("mail", self.mail.to_string())]
    }

    fn from(tags: &HashMap<String, Vec<String>>) -> Option<MailTags> {
        let tag = |name| tags.get(name)?.first();
        Some(MailTags {
            tenant: tag("tenant")?.parse().ok()?,
            invite: tag("invite")?.parse().ok()?,
            mail: tag("mail")?.parse().ok()?,
        })
    }
}

/// Runs a trigger on one event, as EventBridge hands it over.
pub(crate) fn run<T: FeedbackTrigger>(app: Arc<App>, event: Value) -> BoxFuture<'static, Result<Value, String>> {
    async move {
        let started = Instant::now();
        let event: Event = serde_json::from_value(event).map_err(|error| format!("not an event of SES: {error}"))?;
        let cx = TriggerCx::new(app, T::NAME, T::ACCESS);
        let outcome = match event.feedback() {
            Some(feedback) => T::handle(&cx, &feedback).await,
            // A mail that was sent without tags, or an event that says nothing of how a mail ended.
            None => Ok(()),
        };
        cx.report(1, usize::from(outcome.is_err()), started);
        outcome.map(|()| Value::Null).map_err(|problem| problem.to_string())
    }
    .boxed()
}

#[derive(Deserialize)]
struct Event {
    detail: Detail,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    event_type: String,
    mail: TaggedMail,
    bounce: Option<Bounce>,
}

#[derive(Deserialize)]
struct TaggedMail {
    #[serde(default)]
    tags: HashMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bounce {
    bounce_type: String,
}

impl Event {
    fn feedback(&self) -> Option<Feedback> {
        Some(Feedback { about: MailTags::from(&self.detail.mail.tags)?, fate: self.detail.fate()? })
    }
}

impl Detail {
    /// Only a *permanent* bounce is the address's fault
    /// (<https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html#event-publishing-retrieving-sns-contents-bounce-object>).
    fn fate(&self) -> Option<Fate> {
        match self.event_type.as_str() {
            "Delivery" => Some(Fate::Delivered),
            "Bounce" if self.bounce.as_ref().is_some_and(|bounce| bounce.bounce_type == "Permanent") => {
                Some(Fate::Bounced)
            }
            "Bounce" | "Reject" => Some(Fate::Undelivered),
            "Complaint" => Some(Fate::Complained),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(event_type: &str, detail: Value) -> Event {
        let tags = json!({
            "tenant": ["ten_00000000000000000000000000000001"],
            "invite": ["inv_00000000000000000000000000000002"],
            "mail": ["out_00000000000000000000000000000003"],
            "ses:configuration-set": ["callaro"],
        });
        let mut event = json!({ "detail": { "eventType": event_type, "mail": { "tags": tags } } });
        event["detail"][event_type.to_lowercase()] = detail;
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn an_event_says_which_mail_ended_how() {
        let cases = [
            ("Delivery", json!({}), Some(Fate::Delivered)),
            ("Bounce", json!({ "bounceType": "Permanent" }), Some(Fate::Bounced)),
            ("Bounce", json!({ "bounceType": "Transient" }), Some(Fate::Undelivered)),
            ("Bounce", json!({ "bounceType": "Undetermined" }), Some(Fate::Undelivered)),
            ("Complaint", json!({}), Some(Fate::Complained)),
            ("Reject", json!({}), Some(Fate::Undelivered)),
            ("Send", json!({}), None),
            ("Open", json!({}), None),
        ];
        for (event_type, detail, fate) in cases {
            let feedback = event(event_type, detail.clone()).feedback();
            assert_eq!(feedback.map(|feedback| feedback.fate), fate, "{event_type} {detail}");
        }
    }

    #[test]
    fn a_mail_without_our_tags_is_nobodys() {
        for tags in [json!({}), json!({ "tenant": ["ten_1"], "invite": [], "mail": ["x"] })] {
            let event: Event =
                serde_json::from_value(json!({ "detail": { "eventType": "Delivery", "mail": { "tags": tags } } }))
                    .unwrap();
            assert_eq!(event.feedback(), None);
        }
    }
}
