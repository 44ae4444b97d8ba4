//! `callaro`: the whole backend on this machine.

use clap::Parser;
use common::config::process_environment;
use local::{Demo, DemoTenant, Options, Stack, StartError, Storage, Target};
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Runs the whole Callaro backend on this machine.
#[derive(Parser)]
#[command(name = "callaro", version)]
struct Arguments {
    /// Where the API answers: a loopback address.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Keep everything in memory, and lose it at the end.
    #[arg(long, conflicts_with = "data")]
    memory: bool,
    /// Keep everything in this directory.
    #[arg(long, value_name = "DIR", default_value = ".local")]
    data: PathBuf,
    /// Run the functions' real binaries from this directory, behind the Lambda runtime API.
    #[arg(long, value_name = "DIR")]
    bootstraps: Option<PathBuf>,
    /// Start without the demo tenant.
    #[arg(long)]
    no_demo: bool,
    /// Where emailed links lead, like http://localhost:3000, if there is a console.
    #[arg(long, value_name = "URL")]
    console_url: Option<String>,
}

fn main() -> ExitCode {
    let options = Options::from(Arguments::parse());
    start_log();
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Callaro cannot run: {error}");
            ExitCode::FAILURE
        }
    }
}

impl From<Arguments> for Options {
    fn from(arguments: Arguments) -> Options {
        Options {
            listen: arguments.listen,
            storage: if arguments.memory { Storage::Memory } else { Storage::Directory(arguments.data) },
            target: arguments.bootstraps.map_or(Target::InProcess, Target::Bootstraps),
            demo: if arguments.no_demo { Demo::None } else { Demo::Seeded },
            console_url: arguments.console_url,
            ..Options::default()
        }
    }
}

/// What the log holds unless `RUST_LOG` says otherwise. A condition that the table refused is nothing to warn of.
const LOGGED: &str = "warn,dynoxide=error,local=info,common=info,lambda=info";

/// To standard error, which leaves standard output to what a person, or a script, reads at the start.
fn start_log() {
    let wanted = process_environment("RUST_LOG").unwrap_or_else(|| LOGGED.to_owned());
    let is_terminal = io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(wanted))
        .with_ansi(is_terminal)
        .with_writer(io::stderr)
        .compact()
        .init();
}

#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("{0}")]
    System(#[from] io::Error),
}

fn run(options: Options) -> Result<(), RunError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let storage = options.storage.clone();
        let stack = tokio::select! {
            stack = Stack::start(options) => stack?,
            () = signals.next() => return Ok(()),
        };
        io::stdout().write_all(greeting(&stack, &storage).as_bytes())?;
        signals.next().await;
        stop(stack, &mut signals).await;
        Ok(())
    })
}

/// Gently, unless told twice.
async fn stop(stack: Stack, signals: &mut Signals) {
    eprintln!("\nFinishing what is under way. Press Ctrl-C again to stop at once.");
    tokio::select! {
        () = stack.shutdown() => {}
        () = signals.next() => eprintln!("Stopped at once; what was not done is done after the next start."),
    }
}

/// Ctrl-C and SIGTERM.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> io::Result<Signals> {
        Ok(Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

fn greeting(stack: &Stack, storage: &Storage) -> String {
    let url = stack.url();
    let end = match storage {
        Storage::Memory => "Ctrl-C stops it, and everything in it is gone.".to_owned(),
        Storage::Directory(path) => format!("Ctrl-C stops it; everything stays in {}.", path.display()),
    };
    let demo = match stack.demo() {
        DemoTenant::Ready(sign_in) => format!("{} / {}", sign_in.email, sign_in.password),
        DemoTenant::Failed(error) => format!("not there: {error}"),
        DemoTenant::None => "none".to_owned(),
    };
    format!(
        "Callaro is running. {end}\n\n\
         \x20 API           {url}\n\
         \x20 OpenAPI       {url}/v1/openapi.json\n\
         \x20 Mailbox       {url}/mailbox\n\
         \x20 Dead letters  {url}/local/dead-letters\n\
         \x20 Demo sign-in  {demo}\n\n"
    )
}
