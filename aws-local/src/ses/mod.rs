//! SES v2's `SendEmail`, and a mailbox that shows what was sent.
//!
//! Reproduces <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html> for Simple content, the
//! simulator's addresses of <https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html> and the
//! events of <https://docs.aws.amazon.com/ses/latest/dg/monitoring-eventbridge.html>.

mod api;
mod events;
mod mailbox;
mod message;
mod pages;
mod send_email;
#[cfg(test)]
mod tests;

pub use api::api_router;
pub use mailbox::{EventCallback, Mailbox};
pub use message::Message;
pub use pages::mailbox_router;
