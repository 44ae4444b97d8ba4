//! Everything, running.

use crate::data::Data;
use crate::dead_letters::{Attempt, Replay};
use crate::demo::{self, DemoTenant};
use crate::environment::{self, Environment, Places};
use crate::feedback;
use crate::gateway::Gateway;
use crate::home::Home;
use crate::options::{Demo, Options};
use crate::runner::Functions;
use crate::schedules::Schedules;
use crate::server::{self, Server};
use crate::start_error::StartError;
use crate::sweeper::Sweeper;
use crate::table;
use crate::triggers::{NotSettled, Triggers};
use aws_local::InvokeError;
use aws_local::event_source::DeadLetters;
use aws_local::ses::{self, Mailbox};
use common::auth::token::{TokenKeys, TokenKind};
use common::function::Function;
use dynoxide::Database;
use serde_json::Value;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;

/// The backend on this machine. Dropped, it stops by itself and loses nothing that is kept in a directory; [`shutdown`]
/// waits for that.
///
/// [`shutdown`]: Stack::shutdown
pub struct Stack {
    address: SocketAddr,
    url: String,
    dynamo_endpoint: String,
    environment: Environment,
    token_keys: Arc<TokenKeys>,
    mailbox: Mailbox,
    dead_letters: DeadLetters,
    demo: Arc<DemoTenant>,
    running: Running,
}

/// What has to be stopped: in this order, each being used by those before it.
struct Running {
    gateway: Server,
    triggers: Triggers,
    functions: Functions,
    manifest: Vec<&'static Function>,
    sweeper: Sweeper,
    schedules: Schedules,
    mail: Server,
    dynamo: Server,
    database: Database,
    data: Data,
}

impl Stack {
    /// Starts everything, and answers once it is ready.
    pub async fn start(options: Options) -> Result<Stack, StartError> {
        let listener = listen(options.listen).await?;
        let address = listener.local_addr().map_err(|source| StartError::Listen { address: options.listen, source })?;
        let url = format!("http://{address}");
        let data = Data::open(&options.storage)?;
        let (database, mailbox, dead_letters) = (data.database()?, data.mailbox()?, data.dead_letters()?);
        table::ensure(&database)?;

        let (dynamo_listener, dynamo_endpoint) = any_port().await?;
        let (mail_listener, mail_endpoint) = any_port().await?;
        let home = Arc::new(Home::new(&url, &dynamo_endpoint, &mail_endpoint, &options, dead_letters.clone()));
        let places = Places {
            public_url: url.clone(),
            console_url: options.console_url.clone(),
            dynamodb: match &options.table_front {
                Some(front) => front(dynamo_endpoint.clone()).await,
                None => dynamo_endpoint.clone(),
            },
            sesv2: mail_endpoint,
        };
        let environment = Environment::new(&places, data.private_keys()?, &options.functions)?;
        let token_keys = Arc::new(all_keys(&environment, &url)?);
        let functions = Functions::start(&environment, &options)?;
        let gateway = Gateway::new(address.to_string(), functions.clone(), &options)?;
        let replay = replay(&dead_letters, &functions, &options.functions);
        let router = gateway.router().merge(Home::router(home.clone())).merge(replay.router());
        let router = router.merge(ses::mailbox_router(mailbox.clone()));

        let running = Running {
            dynamo: Server::of_database("dynamodb", dynamo_listener, database.clone()),
            mail: Server::of_router("ses", mail_listener, ses::api_router(mailbox.clone())),
            sweeper: Sweeper::start(database.clone()),
            schedules: Schedules::start(&options.functions, &functions),
            triggers: Triggers::start(&options.functions, &functions, &database, &data, &dead_letters),
            gateway: Server::of_router("gateway", listener, router),
            functions,
            manifest: options.functions.clone(),
            database,
            data,
        };
        feedback::start(&options.functions, &running.functions, &mailbox);
        let demo = Arc::new(match options.demo {
            Demo::Seeded => demo::ensure(&url, &mailbox, &running.triggers).await,
            Demo::None => DemoTenant::None,
        });
        home.ready(demo.clone());
        Ok(Stack { address, url, dynamo_endpoint, environment, token_keys, mailbox, dead_letters, demo, running })
    }

    /// Where the API answers, without a trailing slash.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The mail that was sent, and the faults that sending is to meet.
    pub fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// What triggers gave up.
    pub fn dead_letters(&self) -> &DeadLetters {
        &self.dead_letters
    }

    /// Hands what triggers gave up to them once more, and takes out what they then do.
    pub async fn replay_dead_letters(&self) -> Vec<Attempt> {
        replay(&self.dead_letters, &self.running.functions, &self.running.manifest).all().await
    }

    /// Where DynamoDB answers.
    pub fn dynamo_endpoint(&self) -> &str {
        &self.dynamo_endpoint
    }

    /// The table's name.
    pub fn table(&self) -> &'static str {
        table::NAME
    }

    /// What the table is in: for a test that looks past every rule.
    pub fn database(&self) -> &Database {
        &self.running.database
    }

    /// The variables that the function of this name is told.
    pub fn environment(&self, function_name: &str) -> Vec<(String, String)> {
        self.environment.of_name(function_name)
    }

    /// The variables that a function is told, deployed here or not: for a test that runs it by hand.
    pub fn environment_of(&self, function: &Function) -> Vec<(String, String)> {
        self.environment.of_function(function)
    }

    /// Keys that sign and check every kind of token.
    pub fn token_keys(&self) -> Arc<TokenKeys> {
        self.token_keys.clone()
    }

    pub fn demo(&self) -> &DemoTenant {
        &self.demo
    }

    /// Waits until the triggers have done all that was written so far, and all that they wrote themselves meanwhile.
    pub async fn settled(&self) -> Result<(), NotSettled> {
        loop {
            self.running.triggers.settled().await?;
            if !self.mailbox.published().await {
                return Ok(());
            }
        }
    }

    /// Hands an event to a function, past whatever hands it events otherwise.
    ///
    /// # Errors
    /// What the function failed with; `Unavailable` where there is none of this name.
    pub async fn invoke(&self, function: &str, event: Value) -> Result<Value, InvokeError> {
        let found = self.running.manifest.iter().copied().find(|other| other.name == function);
        let found = found.ok_or_else(|| InvokeError::Unavailable {
            function: function.to_owned(),
            reason: "it is not deployed here".to_owned(),
        })?;
        self.running.functions.invoke(found, event).await
    }

    /// Takes no more requests, finishes those under way, and stops everything. What triggers have not done yet is done
    /// after the next start, where there is one.
    pub async fn shutdown(self) {
        let Running { gateway, triggers, functions, manifest: _, sweeper, schedules, mail, dynamo, database, data } =
            self.running;
        gateway.stop().await;
        triggers.stop().await;
        schedules.stop().await;
        functions.finish().await;
        drop(functions);
        sweeper.stop().await;
        mail.stop().await;
        dynamo.stop().await;
        drop(database);
        drop(data);
    }
}

fn replay(dead_letters: &DeadLetters, functions: &Functions, manifest: &[&'static Function]) -> Replay {
    Replay { dead_letters: dead_letters.clone(), functions: functions.clone(), manifest: manifest.to_vec() }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    if !address.ip().is_loopback() {
        return Err(StartError::NotLoopback { address });
    }
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::AddressInUse { address },
        _ => StartError::Listen { address, source },
    })
}

async fn any_port() -> Result<(TcpListener, String), StartError> {
    let listen = |source| StartError::Listen { address: SocketAddr::from(([127, 0, 0, 1], 0)), source };
    server::any_port().await.map_err(listen)
}

fn all_keys(environment: &Environment, issuer: &str) -> Result<TokenKeys, StartError> {
    let variables = environment.of(&TokenKind::ALL);
    Ok(TokenKeys::from(&environment::lookup(&variables), issuer, &TokenKind::ALL)?)
}
