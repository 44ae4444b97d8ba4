//! Notes on an invite what became of its mail: delivered, bounced, failed, or called spam.
//!
//! Events repeat, overtake one another, and may be faster than the sender's own note, so a fate replaces only what it outranks:
//! a complaint is the last word, and nothing makes a bounced address delivered but another mail.

use crate::delivery_note::{self, About};
use common::error::Result;
use common::feedback::{Fate, Feedback, FeedbackTrigger};
use common::function::Function;
use common::keys::Kind;
use common::store::Access;
use common::trigger::TriggerCx;
use domain::invite::Delivery;

pub static FUNCTION: Function = Function::feedback::<MailFeedback>();

pub struct MailFeedback;

impl FeedbackTrigger for MailFeedback {
    const NAME: &'static str = "mail-feedback";
    const SUMMARY: &'static str = "Notes what became of an invite's mail.";
    const ACCESS: &'static [Access] = &[
        Access::Get(Kind::Invite),
        Access::Update(Kind::Invite),
        Access::Create(Kind::UndeliveredInvite),
        Access::Delete(Kind::UndeliveredInvite),
        Access::Update(Kind::Counters),
    ];

    async fn handle(cx: &TriggerCx, feedback: &Feedback) -> Result<()> {
        let tags = feedback.about;
        let about = About { tenant: tags.tenant, invite: tags.invite, mail: tags.mail };
        delivery_note::note(cx.store(), about, delivery(feedback.fate), || None).await
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
