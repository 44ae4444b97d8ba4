//! What becomes of a message, as SES publishes it to EventBridge.
//!
//! The events: <https://docs.aws.amazon.com/ses/latest/dg/monitoring-eventbridge.html>, their details:
//! <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html>, the simulator:
//! <https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html#send-email-simulator>. SES publishes
//! for messages that name a configuration set, and for no others. Here every address outside the simulator takes
//! its mail.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::message::{Message, bare_address};
use crate::stamp;

const SIMULATOR_DOMAIN: &str = "simulator.amazonses.com";

/// What an address does with its mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Delivered,
    Bounced,
    Suppressed,
    Complained,
}

/// The events of a message, in the order in which SES would publish them.
pub(super) fn events(
    message: &Message,
    configuration_set: Option<&str>,
    tags: &BTreeMap<String, Vec<String>>,
) -> Vec<Value> {
    let Some(configuration_set) = configuration_set else { return Vec::new() };
    let publication = Publication { message, configuration_set, tags };
    let sent = publication.event("Email Sent", "Send", "send", json!({}));
    let rest = message.recipients().flat_map(|recipient| publication.of_recipient(recipient));
    std::iter::once(sent).chain(rest).collect()
}

fn fate(recipient: &str) -> Fate {
    let address = bare_address(recipient).to_ascii_lowercase();
    let Some((local, SIMULATOR_DOMAIN)) = address.rsplit_once('@') else { return Fate::Delivered };
    match local.split('+').next().unwrap_or(local) {
        "bounce" => Fate::Bounced,
        "suppressionlist" => Fate::Suppressed,
        "complaint" => Fate::Complained,
        // `success`, and `ooto`, whose automatic reply goes to the sender and makes no event.
        _ => Fate::Delivered,
    }
}

struct Publication<'a> {
    message: &'a Message,
    configuration_set: &'a str,
    tags: &'a BTreeMap<String, Vec<String>>,
}

impl Publication<'_> {
    fn of_recipient(&self, recipient: &str) -> Vec<Value> {
        match fate(recipient) {
            Fate::Delivered => vec![self.delivery(recipient)],
            Fate::Bounced => vec![self.bounce(recipient, "General", "smtp; 550 5.1.1 user unknown")],
            Fate::Suppressed => {
                vec![self.bounce(recipient, "Suppressed", "Amazon SES has suppressed sending to this address")]
            }
            Fate::Complained => vec![self.delivery(recipient), self.complaint(recipient)],
        }
    }

    fn delivery(&self, recipient: &str) -> Value {
        let detail = json!({
            "timestamp": self.message.sent_at,
            "processingTimeMillis": 1,
            "recipients": [bare_address(recipient)],
            "smtpResponse": "250 2.6.0 Message received",
            "reportingMTA": "local",
        });
        self.event("Email Delivered", "Delivery", "delivery", detail)
    }

    fn bounce(&self, recipient: &str, sub_type: &str, diagnostic: &str) -> Value {
        let detail = json!({
            "bounceType": "Permanent",
            "bounceSubType": sub_type,
            "bouncedRecipients": [{
                "emailAddress": bare_address(recipient),
                "action": "failed",
                "status": "5.1.1",
                "diagnosticCode": diagnostic,
            }],
            "timestamp": self.message.sent_at,
            "feedbackId": stamp::unique_id().to_string(),
            "reportingMTA": "dsn; local",
        });
        self.event("Email Bounced", "Bounce", "bounce", detail)
    }

    fn complaint(&self, recipient: &str) -> Value {
        let detail = json!({
            "complainedRecipients": [{"emailAddress": bare_address(recipient)}],
            "timestamp": self.message.sent_at,
            "feedbackId": stamp::unique_id().to_string(),
            "userAgent": "Amazon SES Mailbox Simulator",
            "complaintFeedbackType": "abuse",
            "arrivalDate": self.message.sent_at,
        });
        self.event("Email Complaint Received", "Complaint", "complaint", detail)
    }

    fn event(&self, detail_type: &str, event_type: &str, detail_key: &str, detail: Value) -> Value {
        json!({
            "version": "0",
            "id": stamp::unique_id().to_string(),
            "detail-type": detail_type,
            "source": "aws.ses",
            "account": "000000000000",
            "time": self.message.sent_at,
            "region": "us-east-1",
            "resources": [format!("arn:aws:ses:us-east-1:000000000000:configuration-set/{}", self.configuration_set)],
            "detail": {
                "eventType": event_type,
                "mail": self.mail(),
                detail_key: detail,
            },
        })
    }

    fn mail(&self) -> Value {
        let message = self.message;
        let headers: Vec<Value> =
            message.headers.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        let mut tags = self.tags.clone();
        tags.insert("ses:configuration-set".to_owned(), vec![self.configuration_set.to_owned()]);
        json!({
            "timestamp": message.sent_at,
            "source": message.from,
            "sendingAccountId": "000000000000",
            "messageId": message.id,
            "destination": message.recipients().map(bare_address).collect::<Vec<_>>(),
            "headersTruncated": false,
            "headers": headers,
            "commonHeaders": {
                "from": [message.from],
                "to": message.to,
                "messageId": message.id,
                "subject": message.subject,
            },
            "tags": tags,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_simulators_addresses_are_known_with_and_without_a_label() {
        for (address, expected) in [
            ("success@simulator.amazonses.com", Fate::Delivered),
            ("bounce@simulator.amazonses.com", Fate::Bounced),
            ("Ada <bounce+label@simulator.amazonses.com>", Fate::Bounced),
            ("complaint+x@Simulator.AmazonSES.com", Fate::Complained),
            ("suppressionlist@simulator.amazonses.com", Fate::Suppressed),
            ("ooto@simulator.amazonses.com", Fate::Delivered),
            ("bounce@example.com", Fate::Delivered),
        ] {
            assert_eq!(fate(address), expected, "{address}");
        }
    }
}
