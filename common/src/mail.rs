//! Mail: what an outbox row says, rendered, and handed to SES.

use crate::auth::token::{InviteClaims, SignUpClaims};
use crate::error::{Problem, Result};
use crate::feedback::MailTags;
use crate::trigger::TriggerCx;
use askama::Template;
use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message as SesMessage, MessageTag};
use domain::Timestamp;
use domain::email::Email;
use domain::id::TenantId;
use domain::outbox::{ChecklistReopenedMail, InviteMail, Message, Outbox, Recipients, SignUpMail};
use domain::time_zone::TimeZoneName;
use std::time::Duration;

/// A mail, ready to send.
#[derive(Debug)]
pub struct Mail {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// Declares one mail: its fields, and from them its HTML and its text part, which stand beside each other in `templates`.
macro_rules! mail {
    ($module:ident, $html:literal, $text:literal, { $($field:ident: $type:ty),+ $(,)? }) => {
        mod $module {
            use askama::Template;

            #[derive(Template)]
            #[template(path = $html)]
            pub(super) struct Html<'a> { $(pub $field: &'a $type),+ }

            #[derive(Template)]
            #[template(path = $text)]
            pub(super) struct Text<'a> { $(pub $field: &'a $type),+ }

            pub(super) struct Words { $(pub $field: $type),+ }

            impl Words {
                pub(super) fn parts(&self) -> (Html<'_>, Text<'_>) {
                    (Html { $($field: &self.$field),+ }, Text { $($field: &self.$field),+ })
                }
            }
        }
    };
}

mail!(invite, "invite.html", "invite.txt", {
    inviter: String,
    inviter_email: String,
    company_name: String,
    role_label: String,
    role_may_do: String,
    note: Option<String>,
    expires_local: String,
    expires_utc: String,
    link: String,
    recipient: String,
});

mail!(sign_up, "sign_up.html", "sign_up.txt", {
    company_name: String,
    recipient: String,
    link: String,
    expires_local: String,
    expires_utc: String,
});

mail!(checklist_reopened, "checklist_reopened.html", "checklist_reopened.txt", {
    company_name: String,
    steps: Vec<domain::outbox::FallenStep>,
    link: String,
});

mail!(account_exists, "account_exists.html", "account_exists.txt", {
    recipient: String,
    sign_in_url: String,
});

/// Renders what `row` says. The token in its link is signed here, at sending, and kept nowhere.
pub fn render(cx: &TriggerCx, row: &Outbox) -> Result<Mail> {
    let console = cx.console_url();
    match (&row.message, &row.to) {
        (Message::Invite(mail), Recipients::Email(to)) => {
            invite_mail(to, mail, accept_link(console, &sign_invite(cx, to, mail)?))
        }
        (Message::SignUp(mail), Recipients::Email(to)) => {
            sign_up_mail(to, mail, confirm_link(console, &sign_sign_up(cx, to, mail)?))
        }
        (Message::AccountExists, Recipients::Email(to)) => account_exists_mail(to, console.to_owned()),
        (Message::ChecklistReopened(mail), _) => checklist_reopened_mail(mail, checklist_link(console, mail.tenant)),
        // A link lets in whoever follows it: it goes to one address.
        (Message::Invite(_) | Message::SignUp(_) | Message::AccountExists, Recipients::Admins) => {
            Err(Problem::internal("a mail for one address that was to go to several"))
        }
    }
}

fn sign_invite(cx: &TriggerCx, to: &Email, mail: &InviteMail) -> Result<String> {
    let claims = InviteClaims { invite: mail.invite, tenant: mail.tenant, email: to.clone() };
    cx.sign(claims, mail.jti, mail.expires_at)
}

fn sign_sign_up(cx: &TriggerCx, to: &Email, mail: &SignUpMail) -> Result<String> {
    let claims =
        SignUpClaims { email: to.clone(), company_name: mail.company_name.clone(), time_zone: mail.time_zone.clone() };
    cx.sign(claims, mail.jti, mail.expires_at)
}

fn accept_link(console_url: &str, token: &str) -> String {
    format!("{console_url}/accept#{token}")
}

/// With the workspace in the fragment: whoever is in several sees the right one.
fn checklist_link(console_url: &str, tenant: TenantId) -> String {
    format!("{console_url}/getting-started#{tenant}")
}

fn confirm_link(console_url: &str, token: &str) -> String {
    format!("{console_url}/confirm#{token}")
}

fn invite_mail(to: &Email, mail: &InviteMail, link: String) -> Result<Mail> {
    let words = invite::Words {
        inviter: mail.inviter.clone(),
        inviter_email: mail.inviter_email.to_string(),
        company_name: mail.company_name.to_string(),
        role_label: mail.role.label().to_owned(),
        role_may_do: mail.role.may_do().to_owned(),
        note: mail.note.as_ref().map(ToString::to_string),
        expires_local: mail.time_zone.describe(mail.expires_at),
        expires_utc: in_utc(mail.expires_at),
        link,
        recipient: to.to_string(),
    };
    let subject = format!("{} invites you to {} on Callaro", mail.inviter, mail.company_name);
    let (html, text) = words.parts();
    assemble(&subject, &html, &text)
}

fn sign_up_mail(to: &Email, mail: &SignUpMail, link: String) -> Result<Mail> {
    let words = sign_up::Words {
        company_name: mail.company_name.to_string(),
        recipient: to.to_string(),
        link,
        expires_local: mail.time_zone.describe(mail.expires_at),
        expires_utc: in_utc(mail.expires_at),
    };
    let (html, text) = words.parts();
    assemble("Confirm your address for Callaro", &html, &text)
}

fn account_exists_mail(to: &Email, sign_in_url: String) -> Result<Mail> {
    let words = account_exists::Words { recipient: to.to_string(), sign_in_url };
    let (html, text) = words.parts();
    assemble("You already have a Callaro account", &html, &text)
}

fn checklist_reopened_mail(mail: &ChecklistReopenedMail, link: String) -> Result<Mail> {
    let company_name = mail.company_name.to_string();
    let subject = format!("Getting started with {company_name} is open again");
    let words = checklist_reopened::Words { company_name, steps: mail.steps.clone(), link };
    let (html, text) = words.parts();
    assemble(&subject, &html, &text)
}

fn assemble(subject: &str, html: &impl Template, text: &impl Template) -> Result<Mail> {
    let html = html.render().map_err(Problem::internal)?;
    let text = text.render().map_err(Problem::internal)?;
    Ok(Mail { subject: on_one_line(subject), text, html })
}

/// A subject is one line: a line break in a header could start another one (RFC 5322 §2.2). Names are refused such characters
/// where they come in; this holds for what was stored before a rule, too.
fn on_one_line(subject: &str) -> String {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    subject.replace(breaks, " ")
}

fn in_utc(at: Timestamp) -> String {
    TimeZoneName::utc().describe(at)
}

/// How SES took a mail.
#[derive(Debug, PartialEq, Eq)]
pub enum Sent {
    /// It will deliver it, under this id.
    Taken { message_id: String },
    /// It never will.
    Refused { reason: String },
    /// Not now: throttled, or out of order.
    NotNow { reason: String },
}

/// The most addresses one mail goes to (<https://docs.aws.amazon.com/ses/latest/dg/quotas.html>).
pub const MAX_RECIPIENTS: usize = 50;

/// Hands a mail to SES.
pub async fn send(cx: &TriggerCx, row: &Outbox, to: &[Email], mail: &Mail) -> Result<Sent> {
    cx.may_send_mail()?;
    let text = |data: &str| Content::builder().data(data).charset("UTF-8").build().map_err(Problem::internal);
    let body = Body::builder().text(text(&mail.text)?).html(text(&mail.html)?).build();
    let message = SesMessage::builder().subject(text(&mail.subject)?).body(body).build();
    let tag = |(name, value)| MessageTag::builder().name(name).value(value).build().map_err(Problem::internal);
    let tags: Vec<_> = MailTags::of(row).into_iter().flat_map(MailTags::pairs).map(tag).collect::<Result<_>>()?;
    let to = to.iter().map(|email| email.envelope().to_owned()).collect();
    let sent = client(cx)
        .send_email()
        .from_email_address(&cx.app.config.mail_from)
        .destination(Destination::builder().set_to_addresses(Some(to)).build())
        .content(EmailContent::builder().simple(message).build())
        .set_configuration_set_name(cx.app.config.mail_configuration_set.clone())
        .set_email_tags(Some(tags).filter(|tags| !tags.is_empty()))
        .send()
        .await;
    Ok(match sent {
        Ok(output) => Sent::Taken { message_id: output.message_id.unwrap_or_default() },
        Err(error) => refusal(&error),
    })
}

/// How long SES may take, all tries of the SDK together.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// Refusals that no later try will mend
/// (<https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html#API_SendEmail_Errors>).
const TERMINAL: [&str; 2] = ["MessageRejected", "BadRequestException"];

/// What SES says of a sender (or, in the sandbox, a recipient) that it does not know yet, under `MessageRejected` too. That is
/// the deployment's fault and will be mended: those are tried again
/// (<https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-error-messages.html>).
const NOT_VERIFIED: &str = "not verified";

fn refusal<E, R>(error: &SdkError<E, R>) -> Sent
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    let (code, message) = match error {
        SdkError::ServiceError(service) => (service.err().code(), service.err().message()),
        _ => (None, None),
    };
    let is_ours_to_mend = message.is_some_and(|message| message.contains(NOT_VERIFIED));
    match code {
        Some(code) if TERMINAL.contains(&code) && !is_ours_to_mend => Sent::Refused { reason: code.to_owned() },
        _ => Sent::NotNow { reason: DisplayErrorContext(error).to_string() },
    }
}

/// The one client of this process, made at its first use.
fn client(cx: &TriggerCx) -> &Client {
    let app = &cx.app;
    let made = app.mail_client.get_or_init(|| {
        use aws_sdk_sesv2::config::timeout::TimeoutConfig;
        use aws_sdk_sesv2::config::{BehaviorVersion, Region};
        let mut config = aws_sdk_sesv2::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(app.aws.region.clone()))
            .credentials_provider(app.aws.credentials.clone())
            .http_client(app.http.clone())
            .timeout_config(TimeoutConfig::builder().operation_timeout(SEND_TIMEOUT).build());
        config.set_endpoint_url(app.aws.sesv2_endpoint.clone());
        Box::new(Client::from_conf(config.build()))
    });
    // `mail_client` is filled here and nowhere else.
    made.downcast_ref().unwrap_or_else(|| unreachable!("the mail client is a mail client"))
}

#[cfg(test)]
mod tests;
