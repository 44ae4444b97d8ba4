//! A running stack, and people who use it.

use crate::Result;
use crate::delay::Delay;
use crate::request::Request;
use common::app::Observation;
use local::{Options, Stack, Target};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

pub const PASSWORD: &str = "violet harbour tin sparrow";

/// How many addresses of this machine the requests come from.
const SOURCES: u8 = 11;

fn client_at(source: u8) -> Result<reqwest::Client> {
    let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, source));
    Ok(reqwest::Client::builder().local_address(address).build()?)
}

pub struct Scene {
    pub stack: Stack,
    /// Several sources, in turn: one may ask for 50 sign-ups an hour.
    clients: Vec<reqwest::Client>,
    turn: AtomicUsize,
    observed: Arc<Mutex<Vec<Observation>>>,
    numbers: AtomicU32,
}

/// Somebody who is signed in.
pub struct Person {
    pub id: String,
    pub email: String,
    /// The workspace they came in by.
    pub tenant: String,
    pub access_token: String,
}

/// What a request was answered with, and how long that took.
pub struct Answer {
    pub body: Value,
    pub headers: reqwest::header::HeaderMap,
    pub took: Duration,
}

impl Scene {
    pub async fn start(target: Target) -> Result<Scene> {
        Scene::with(Options { target, ..Options::ephemeral() }).await
    }

    /// In this process, with a delay before its table.
    pub async fn behind(delay: &Delay) -> Result<Scene> {
        Scene::with(Options { table_front: Some(delay.front()), ..Options::ephemeral() }).await
    }

    async fn with(options: Options) -> Result<Scene> {
        let observed = Arc::new(Mutex::new(Vec::new()));
        let told = observed.clone();
        let options = Options {
            observer: Some(Arc::new(move |observation| {
                told.lock().unwrap_or_else(PoisonError::into_inner).push(observation)
            })),
            ..options
        };
        let stack = Stack::start(options).await?;
        let clients = (1..=SOURCES).map(client_at).collect::<Result<_>>()?;
        Ok(Scene { stack, clients, turn: AtomicUsize::new(0), observed, numbers: AtomicU32::new(0) })
    }

    /// What functions in this process did to the table since this was last asked.
    pub fn observed(&self) -> Vec<Observation> {
        std::mem::take(&mut *self.observed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A number that was not there before.
    pub fn number(&self) -> u32 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// An address that nobody has yet.
    pub fn address(&self) -> String {
        format!("person-{}@acme.example", self.number())
    }

    /// Sends a request that has to succeed.
    pub async fn send(&self, request: &Request) -> Result<Answer> {
        self.send_for(request, request.success()).await
    }

    /// Sends a request that has to be answered with this status.
    pub async fn send_for(&self, request: &Request, wanted: u16) -> Result<Answer> {
        let client = &self.clients[self.turn.fetch_add(1, Ordering::Relaxed) % self.clients.len()];
        let sent = request.over_http(client, self.stack.url())?;
        let started = Instant::now();
        let response = sent.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let took = started.elapsed();
        match status == wanted {
            true => Ok(Answer { body: serde_json::from_str(&text).unwrap_or_default(), headers, took }),
            false => Err(format!("{} answered {status}: {text}", request.function.name).into()),
        }
    }

    /// Waits until the triggers have done all there is to do.
    pub async fn settle(&self) -> Result<()> {
        Ok(self.stack.settled().await?)
    }

    /// The token in the link of the newest mail to an address.
    pub async fn token_mailed_to(&self, email: &str) -> Result<String> {
        self.settle().await?;
        let mails = self.stack.mailbox().messages_to(email);
        let text = mails.first().map(|mail| mail.text.as_str()).unwrap_or_default();
        let link = text.split_whitespace().find(|word| word.starts_with("http") && word.contains('#'));
        let token = link.and_then(|link| link.split_once('#')).map(|(_, token)| token.to_owned());
        token.ok_or_else(|| format!("no mail with a link came to {email}").into())
    }

    /// Somebody new, the admin of a workspace of their own.
    pub async fn signed_up(&self) -> Result<Person> {
        let email = self.address();
        let request = Request::to("create-sign-up")?;
        let company = json!({ "email": email, "company_name": "Acme Inc.", "time_zone": "Europe/Berlin" });
        self.send(&request.json(&company)?).await?;
        self.entered("confirm-sign-up", &email).await
    }

    /// Somebody new in the admin's workspace.
    pub async fn brought_in(&self, admin: &Person, role: &str) -> Result<Person> {
        let email = self.address();
        self.invite(admin, &[&email], role).await?;
        self.entered("accept-invite", &email).await
    }

    pub async fn invite(&self, admin: &Person, emails: &[&str], role: &str) -> Result<Answer> {
        let rows: Vec<_> = emails.iter().map(|email| json!({ "email": email, "role": role })).collect();
        self.send(&Request::to("create-invites")?.by(admin)?.json(&json!({ "invites": rows }))?).await
    }

    async fn entered(&self, by: &str, email: &str) -> Result<Person> {
        let token = self.token_mailed_to(email).await?;
        let body = json!({ "token": token, "display_name": "Ada", "password": PASSWORD });
        let answer = self.send(&Request::to(by)?.json(&body)?).await?;
        Ok(Person {
            id: answer.text("/user/id")?,
            email: email.to_owned(),
            tenant: answer.text("/tenant/id")?,
            access_token: answer.text("/access_token")?,
        })
    }
}

impl Answer {
    /// The text at a JSON pointer of the body.
    pub fn text(&self, pointer: &str) -> Result<String> {
        let text = self.body.pointer(pointer).and_then(Value::as_str);
        text.map(str::to_owned).ok_or_else(|| format!("an answer without {pointer}").into())
    }

    pub fn header(&self, name: &str) -> Result<&str> {
        let value = self.headers.get(name).ok_or_else(|| format!("an answer without {name}"))?;
        Ok(value.to_str()?)
    }
}
