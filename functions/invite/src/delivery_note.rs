//! What an invite is told of its mail, by the sender and by the mail service, in whatever order they come.

use common::store::{Change, Guard};
use domain::id::OutboxId;
use domain::invite::Delivery;

/// Says on an invite what became of `mail`, and where that may still be said: a later mail of the same invite speaks for it, and
/// so does later word of this one.
pub fn note(mail: OutboxId, delivery: Delivery) -> (Change, Guard) {
    let is_its_mail = Guard::present().and_equals("mail", mail);
    let later = delivery.outranked_by().iter();
    let is_news = later.fold(is_its_mail, |guard, later| guard.and_not_equals("delivery", later));
    (Change::new().set("delivery", delivery), is_news)
}
