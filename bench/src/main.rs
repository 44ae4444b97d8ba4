//! `make bench`: prints what the functions cost, as Markdown. Nothing is asserted: a goal that is missed is marked.
//!
//! Everything that is compared is measured in one run, on one machine, in turn: what else the machine does then weighs on both
//! sides. The figures are for comparing, with each other and with another run's, not for quoting as AWS's.

#![expect(clippy::print_stdout, reason = "a bench's tables are its output")]

mod cold_start;
mod delay;
mod lag;
mod markdown;
mod recompute;
mod request;
mod round_trips;
mod sample;
mod scene;
mod valid;
mod warm;

use common::clock::Clock;
use std::error::Error;
use std::path::PathBuf;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Result<()> {
    let binaries = binaries()?;
    println!("{}", circumstances()?);
    println!("{}", cold_start::report(&binaries).await?);
    println!("{}", warm::report(&binaries).await?);
    println!("{}", recompute::report().await?);
    println!("{}", lag::report(&binaries).await?);
    Ok(())
}

/// Where the functions' binaries are: the one argument, as an absolute path.
fn binaries() -> Result<PathBuf> {
    let directory = std::env::args_os().nth(1).ok_or("usage: bench DIRECTORY-OF-THE-FUNCTIONS'-BINARIES")?;
    Ok(std::path::absolute(directory)?)
}

/// When this was measured, and on what.
fn circumstances() -> Result<String> {
    let load = std::fs::read_to_string("/proc/loadavg")?;
    let load = load.split_whitespace().next().unwrap_or("unknown");
    let cores = std::thread::available_parallelism()?;
    let date = Clock::system().now().strftime("%Y-%m-%d");
    Ok(format!("Measured on {date}, on {cores} cores, with a load average of {load} at the start.\n"))
}
