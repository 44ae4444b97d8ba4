//! `make bench`: prints what the functions cost, as Markdown. Nothing is asserted: a goal that is missed is marked.
//!
//! Everything that is compared is measured in one run, on one machine, in turn: what else the machine does then weighs on both
//! sides. The figures are for comparing, with each other and with another run's, not for quoting as AWS's.

#![expect(clippy::print_stdout, reason = "a bench's tables are its output")]

mod cold_start;
mod delay;
mod filling;
mod lag;
mod markdown;
mod raw_table;
mod recompute;
mod request;
mod round_trips;
mod sample;
mod scene;
mod valid;
mod warm;

use common::clock::Clock;
use std::error::Error;
use std::path::{Path, PathBuf};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const USAGE: &str = "usage: bench [--only PART[,PART]...] DIRECTORY-OF-THE-FUNCTIONS'-BINARIES; the parts are cold-start, warm, \
                     recompute, lag";

/// A part of what is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    ColdStart,
    Warm,
    Recompute,
    Lag,
}

const ALL: [Part; 4] = [Part::ColdStart, Part::Warm, Part::Recompute, Part::Lag];

#[tokio::main]
async fn main() -> Result<()> {
    let (parts, binaries) = arguments(std::env::args().skip(1).collect())?;
    println!("{}", circumstances()?);
    for part in parts {
        println!("{}", part.report(&binaries).await?);
    }
    Ok(())
}

/// What to measure, and where the functions' binaries are, as an absolute path.
fn arguments(given: Vec<String>) -> Result<(Vec<Part>, PathBuf)> {
    let (parts, directory) = match given.as_slice() {
        [directory] => (ALL.to_vec(), directory),
        [only, parts, directory] if only == "--only" => {
            (parts.split(',').map(Part::named).collect::<Result<_>>()?, directory)
        }
        _ => return Err(USAGE.into()),
    };
    Ok((parts, std::path::absolute(directory)?))
}

impl Part {
    fn named(name: &str) -> Result<Part> {
        Ok(match name {
            "cold-start" => Part::ColdStart,
            "warm" => Part::Warm,
            "recompute" => Part::Recompute,
            "lag" => Part::Lag,
            _ => return Err(USAGE.into()),
        })
    }

    async fn report(self, binaries: &Path) -> Result<String> {
        match self {
            Part::ColdStart => cold_start::report(binaries).await,
            Part::Warm => warm::report(binaries).await,
            Part::Recompute => recompute::report().await,
            Part::Lag => lag::report(binaries).await,
        }
    }
}

/// When this was measured, and on what.
fn circumstances() -> Result<String> {
    let load = std::fs::read_to_string("/proc/loadavg")?;
    let load = load.split_whitespace().next().unwrap_or("unknown");
    let cores = std::thread::available_parallelism()?;
    let date = Clock::system().now().strftime("%Y-%m-%d");
    Ok(format!("Measured on {date}, on {cores} cores, with a load average of {load} at the start.\n"))
}
