//! What a stack is told when it starts.

use aws_local::lambda_runtime_api::LogSink;
use common::app::Observer;
use common::clock::Clock;
use common::function::Function;
use futures::future::BoxFuture;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

pub struct Options {
    /// What is deployed: the whole manifest, unless a test has functions of its own.
    pub functions: Vec<&'static Function>,
    /// Where the API answers: a loopback address. Port 0 is any free one.
    pub listen: SocketAddr,
    pub storage: Storage,
    pub target: Target,
    /// The time that functions go by, in this process only: a binary asks its system. The stand-ins go by the system's time,
    /// so hold or move this one at or after it, or the TTL sweep takes what the functions think is still good.
    pub clock: Clock,
    pub demo: Demo,
    /// Where emailed links lead; the API's own pages if there is no console.
    pub console_url: Option<String>,
    /// Told what every request did to the table, in this process only.
    pub observer: Option<Observer>,
    /// Stands between the functions and the table, for a test that watches their calls.
    pub table_front: Option<TableFront>,
    /// Takes what functions write when they run as binaries; `tracing` takes it otherwise.
    pub function_log: Option<LogSink>,
}

/// Told where DynamoDB answers, says where functions are to send what is for it.
pub type TableFront = Arc<dyn Fn(String) -> BoxFuture<'static, String> + Send + Sync>;

/// Where everything is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// In memory, and gone when the stack is.
    Memory,
    /// In this directory, which is made if it is not there.
    Directory(PathBuf),
}

/// What runs the functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// This process.
    InProcess,
    /// Their real binaries, each a file of this directory, behind the Lambda runtime API.
    Bootstraps(PathBuf),
}

/// Whether there is something to look at from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demo {
    /// A tenant with one admin, signed up through the API.
    Seeded,
    None,
}

impl Default for Options {
    /// What `cargo run` does.
    fn default() -> Options {
        Options {
            functions: functions::all().collect(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            storage: Storage::Directory(PathBuf::from(".local")),
            target: Target::InProcess,
            clock: Clock::system(),
            demo: Demo::Seeded,
            console_url: None,
            observer: None,
            table_front: None,
            function_log: None,
        }
    }
}

impl Options {
    /// A stack that leaves nothing behind, beside any number of others: what a test starts.
    pub fn ephemeral() -> Options {
        Options {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            storage: Storage::Memory,
            demo: Demo::None,
            ..Options::default()
        }
    }
}
