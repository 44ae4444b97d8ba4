//! The messages that were sent, and the faults that are to come.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::StatusCode;
use futures::future::BoxFuture;
use serde_json::Value;
use tokio::sync::watch;

use super::events;
use super::message::{Message, bare_address};
use super::send_email::Accepted;
use crate::locking::lock;
use crate::stamp;

/// How long events trail the answer to `SendEmail`. In SES it is a second or more; that they come later at all is
/// what a sender has to live with, and may rely on.
const EVENT_DELAY: Duration = Duration::from_millis(50);

/// Takes an SES event in the shape in which EventBridge hands it to a target.
pub type EventCallback = Arc<dyn Fn(Value) -> BoxFuture<'static, ()> + Send + Sync>;

/// The mailbox that all mail ends up in. Clones are the same one.
#[derive(Clone)]
pub struct Mailbox {
    inner: Arc<Inner>,
}

struct Inner {
    /// Oldest first.
    messages: Mutex<Vec<Message>>,
    faults: Mutex<VecDeque<Fault>>,
    directory: Option<PathBuf>,
    on_event: Mutex<Option<EventCallback>>,
    /// How many messages there are whose events have not all been taken yet.
    unpublished: watch::Sender<usize>,
}

/// An answer that `SendEmail` gives instead of sending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) status: StatusCode,
    pub(super) error_type: String,
}

impl Mailbox {
    /// A mailbox that lasts as long as the process.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::holding(Vec::new(), None)
    }

    /// A mailbox that keeps one JSON file per message in `directory`, and starts with those already there.
    ///
    /// # Errors
    /// When the directory cannot be made or read, or holds a message that is none.
    pub fn in_directory(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let entries = fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path()));
        let mut files = entries.collect::<io::Result<Vec<_>>>()?;
        files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
        // A message's file is called by its id, which is greater than those before it.
        files.sort();
        let messages =
            files.iter().map(|file| Ok(serde_json::from_slice(&fs::read(file)?)?)).collect::<io::Result<_>>()?;
        Ok(Self::holding(messages, Some(directory.to_owned())))
    }

    /// Hands the events of messages sent from now on to `callback`, shortly after `SendEmail` has answered.
    pub fn on_event(&self, callback: EventCallback) {
        *lock(&self.inner.on_event) = Some(callback);
    }

    /// Every message, newest first.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        lock(&self.inner.messages).iter().rev().cloned().collect()
    }

    /// The messages that went to `address`, newest first, whatever the case of its letters.
    #[must_use]
    pub fn messages_to(&self, address: &str) -> Vec<Message> {
        let is_address = |recipient: &str| bare_address(recipient).eq_ignore_ascii_case(address.trim());
        self.messages().into_iter().filter(|message| message.recipients().any(is_address)).collect()
    }

    /// The message with this id.
    #[must_use]
    pub fn message(&self, id: &str) -> Option<Message> {
        lock(&self.inner.messages).iter().find(|message| message.id == id).cloned()
    }

    /// Makes the next `n` calls of `SendEmail` fail: with `status`, and with `error_type` as the exception's name,
    /// e.g. 429 `TooManyRequestsException` or 400 `MessageRejected`. Nothing is sent by them.
    pub fn fail_next(&self, n: usize, status: StatusCode, error_type: &str) {
        let fault = Fault { status, error_type: error_type.to_owned() };
        lock(&self.inner.faults).extend(std::iter::repeat_n(fault, n));
    }

    pub(super) fn take_fault(&self) -> Option<Fault> {
        lock(&self.inner.faults).pop_front()
    }

    /// Sends, which here is to keep; answers with the message's id once it cannot be lost any more.
    pub(super) fn send(&self, accepted: Accepted) -> io::Result<String> {
        let mut messages = lock(&self.inner.messages);
        let message = into_message(accepted);
        if let Some(directory) = &self.inner.directory {
            write(directory, &message)?;
        }
        let (id, events) = (message.id.clone(), message.events.clone());
        messages.push(message);
        drop(messages);
        self.publish(events);
        Ok(id)
    }

    fn publish(&self, events: Vec<Value>) {
        let Some(callback) = lock(&self.inner.on_event).clone() else { return };
        let inner = Arc::clone(&self.inner);
        inner.unpublished.send_modify(|messages| *messages += 1);
        tokio::spawn(async move {
            tokio::time::sleep(EVENT_DELAY).await;
            for event in events {
                callback(event).await;
            }
            inner.unpublished.send_modify(|messages| *messages -= 1);
        });
    }

    /// Waits until the events of all mail that was sent have been taken. `true` if there was anything to wait for.
    pub async fn published(&self) -> bool {
        let mut unpublished = self.inner.unpublished.subscribe();
        let waited = *unpublished.borrow() > 0;
        // The sender is ours: it is not gone.
        unpublished.wait_for(|messages| *messages == 0).await.is_ok() && waited
    }

    fn holding(messages: Vec<Message>, directory: Option<PathBuf>) -> Self {
        let inner = Inner {
            messages: Mutex::new(messages),
            faults: Mutex::default(),
            directory,
            on_event: Mutex::default(),
            unpublished: watch::Sender::new(0),
        };
        Self { inner: Arc::new(inner) }
    }
}

fn into_message(accepted: Accepted) -> Message {
    let now = stamp::now();
    let mut message = Message {
        id: format!("{:016x}-{}-000000", now.as_millisecond(), stamp::unique_id()),
        to: accepted.to,
        cc: accepted.cc,
        bcc: accepted.bcc,
        from: accepted.from,
        subject: accepted.subject,
        headers: accepted.headers,
        text: accepted.text,
        html: accepted.html,
        sent_at: format!("{now:.3}"),
        events: Vec::new(),
    };
    message.events = events::events(&message, accepted.configuration_set.as_deref(), &accepted.tags);
    message
}

/// Writes beside the file and renames, so that a crash leaves a whole message or none.
fn write(directory: &Path, message: &Message) -> io::Result<()> {
    let beside = directory.join(format!("{}.tmp", message.id));
    fs::write(&beside, serde_json::to_vec_pretty(message)?)?;
    fs::rename(beside, directory.join(format!("{}.json", message.id)))
}
