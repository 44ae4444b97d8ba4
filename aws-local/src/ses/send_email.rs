//! The request of `SendEmail`, as SDKs send it, and what SES refuses about it.
//!
//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html>,
//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_MessageHeader.html>,
//! <https://docs.aws.amazon.com/ses/latest/dg/quotas.html>

use std::collections::BTreeMap;

use serde::Deserialize;

use super::message::bare_address;

const MAX_RECIPIENTS: usize = 50;
const MAX_HEADER_NAME: usize = 126;
const MAX_HEADER_VALUE: usize = 995;

/// A request, as far as it is JSON of the right shape.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SendEmail {
    from_email_address: Option<String>,
    #[serde(default)]
    destination: Destination,
    #[serde(default)]
    reply_to_addresses: Vec<String>,
    content: Content,
    configuration_set_name: Option<String>,
    #[serde(default)]
    email_tags: Vec<Pair>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Destination {
    #[serde(default)]
    to_addresses: Vec<String>,
    #[serde(default)]
    cc_addresses: Vec<String>,
    #[serde(default)]
    bcc_addresses: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Content {
    simple: Option<Simple>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Simple {
    subject: Text,
    body: Body,
    #[serde(default)]
    headers: Vec<Pair>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    text: Option<Text>,
    html: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Text {
    data: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Pair {
    name: String,
    value: String,
}

/// A request that SES would accept.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) cc: Vec<String>,
    pub(super) bcc: Vec<String>,
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) configuration_set: Option<String>,
    pub(super) tags: BTreeMap<String, Vec<String>>,
}

/// A request that SES refuses, with 400 `BadRequestException`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadRequest {
    #[error("the request is not readable: {0}")]
    Unreadable(String),
    #[error("Missing required header 'From'.")]
    MissingFrom,
    #[error("Missing required header 'To'.")]
    MissingTo,
    #[error("Recipient count exceeds {MAX_RECIPIENTS}.")]
    TooManyRecipients,
    #[error("Missing final '@domain': {0:?}")]
    NotAnAddress(String),
    #[error("Local address contains control or whitespace: {0:?}")]
    WhitespaceInAddress(String),
    #[error("{0} contains a line break or another control character.")]
    ControlCharacter(&'static str),
    #[error("The message must have a text or an HTML body.")]
    MissingBody,
    #[error("Header {0:?} is not allowed: {1}.")]
    Header(String, &'static str),
    #[error("This stand-in takes Simple content only.")]
    NotSimple,
}

impl SendEmail {
    pub(super) fn read(body: &[u8]) -> Result<Self, BadRequest> {
        serde_json::from_slice(body).map_err(|error| BadRequest::Unreadable(error.to_string()))
    }

    pub(super) fn accept(self) -> Result<Accepted, BadRequest> {
        let from = self.from_email_address.filter(|from| !from.is_empty()).ok_or(BadRequest::MissingFrom)?;
        check_address(&from)?;
        check_recipients(&self.destination)?;
        self.reply_to_addresses.iter().try_for_each(|address| check_address(address))?;
        let simple = self.content.simple.ok_or(BadRequest::NotSimple)?;
        check_subject(&simple.subject.data)?;
        let (text, html) = parts(simple.body)?;
        let headers = headers(simple.headers, &self.reply_to_addresses)?;
        Ok(Accepted {
            from,
            to: self.destination.to_addresses,
            cc: self.destination.cc_addresses,
            bcc: self.destination.bcc_addresses,
            subject: simple.subject.data,
            text,
            html,
            headers,
            configuration_set: self.configuration_set_name,
            tags: self.email_tags.into_iter().map(|tag| (tag.name, vec![tag.value])).collect(),
        })
    }
}

fn check_recipients(destination: &Destination) -> Result<(), BadRequest> {
    let recipients: Vec<&String> = [&destination.to_addresses, &destination.cc_addresses, &destination.bcc_addresses]
        .into_iter()
        .flatten()
        .collect();
    match recipients.len() {
        0 => Err(BadRequest::MissingTo),
        count if count > MAX_RECIPIENTS => Err(BadRequest::TooManyRecipients),
        _ => recipients.into_iter().try_for_each(|address| check_address(address)),
    }
}

fn check_address(address: &str) -> Result<(), BadRequest> {
    if address.chars().any(char::is_control) {
        return Err(BadRequest::ControlCharacter("An address"));
    }
    let bare = bare_address(address);
    if bare.chars().any(char::is_whitespace) {
        return Err(BadRequest::WhitespaceInAddress(address.to_owned()));
    }
    match bare.rsplit_once('@') {
        Some((local, domain)) if !local.is_empty() && !domain.is_empty() => Ok(()),
        _ => Err(BadRequest::NotAnAddress(address.to_owned())),
    }
}

fn check_subject(subject: &str) -> Result<(), BadRequest> {
    if subject.chars().any(char::is_control) { Err(BadRequest::ControlCharacter("The subject")) } else { Ok(()) }
}

fn parts(body: Body) -> Result<(String, String), BadRequest> {
    if body.text.is_none() && body.html.is_none() {
        return Err(BadRequest::MissingBody);
    }
    let data = |part: Option<Text>| part.map(|part| part.data).unwrap_or_default();
    Ok((data(body.text), data(body.html)))
}

fn headers(added: Vec<Pair>, reply_to: &[String]) -> Result<BTreeMap<String, String>, BadRequest> {
    let mut headers = BTreeMap::new();
    if !reply_to.is_empty() {
        headers.insert("Reply-To".to_owned(), reply_to.join(", "));
    }
    for header in added {
        check_header(&header)?;
        headers.insert(header.name, header.value);
    }
    Ok(headers)
}

fn check_header(header: &Pair) -> Result<(), BadRequest> {
    let refused = |why| Err(BadRequest::Header(header.name.clone(), why));
    let name_is_printable = header.name.bytes().all(|byte| (33..=126).contains(&byte) && byte != b':');
    if header.name.is_empty() || !name_is_printable {
        return refused("its name must be printable ASCII without a colon");
    }
    if !header.value.bytes().all(|byte| (32..=126).contains(&byte)) {
        return refused("its value must be printable ASCII");
    }
    if header.name.len() > MAX_HEADER_NAME
        || header.value.len() > MAX_HEADER_VALUE
        || header.name.len() + header.value.len() > MAX_HEADER_VALUE + 1
    {
        return refused("it is too long");
    }
    Ok(())
}
