//! Notes on an invite what became of its mail: delivered, bounced, failed, or called spam.
//!
//! Events repeat, overtake one another, and may be faster than the sender's own note, so a fate replaces only what it outranks:
//! a complaint is the last word, and nothing makes a bounced address delivered but another mail.

use crate::delivery_note;
use common::error::Result;
use common::feedback::{Fate, Feedback, FeedbackTrigger};
use common::function::Function;
use common::keys::{self, Kind};
use common::store::Access;
use common::trigger::TriggerCx;
use domain::invite::Delivery;

pub static FUNCTION: Function = Function::feedback::<MailFeedback>();

pub struct MailFeedback;

impl FeedbackTrigger for MailFeedback {
    const NAME: &'static str = "mail-feedback";
    const SUMMARY: &'static str = "Notes what became of an invite's mail.";
    const ACCESS: &'static [Access] = &[Access::Update(Kind::Invite)];

    async fn handle(cx: &TriggerCx, feedback: &Feedback) -> Result<()> {
        let about = feedback.about;
        let (change, is_news) = delivery_note::note(about.mail, delivery(feedback.fate));
        cx.store().update(keys::invite(about.tenant, about.invite), change, is_news).await
    }
}

fn delivery(fate: Fate) -> Delivery {
    match fate {
        Fate::Delivered => Delivery::Delivered,
        Fate::Bounced => Delivery::Bounced,
        Fate::Undelivered => Delivery::Failed,
        Fate::Complained => Delivery::Complained,
    }
}
