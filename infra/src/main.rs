//! `infra sync` writes the files that follow from the manifest. `infra check` says what is wrong with the manifest and
//! which of these files are not what `sync` would write. `infra new-keys` prints a new signing key for every kind of token, private
//! halves included: for infra/keys, which puts them where they belong. `infra checklist-dry-run` says how many tenants the steps of this
//! build would set back, of the table that the environment names.

use common::clock::Clock;
use common::config::process_environment;
use domain::checklist::CURRENT;
use functions::AREAS;
use infra::checklist_dry_run::Report;
use infra::generated::{FileError, Generated};
use infra::{checklist_dry_run, manifest_check, signing_key};
use serde_json::{Map, Value};
use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const USAGE: u8 = 2;

enum Command {
    Sync,
    Check,
    NewKeys,
    ChecklistDryRun,
}

impl Command {
    fn from(arguments: &[String]) -> Option<Command> {
        match arguments {
            [only] if only == "sync" => Some(Command::Sync),
            [only] if only == "check" => Some(Command::Check),
            [only] if only == "new-keys" => Some(Command::NewKeys),
            [only] if only == "checklist-dry-run" => Some(Command::ChecklistDryRun),
            _ => None,
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match Command::from(&arguments) {
        Some(Command::Sync) => sync(),
        Some(Command::Check) => check(),
        Some(Command::NewKeys) => return new_keys(),
        Some(Command::ChecklistDryRun) => return checklist_dry_run(),
        None => {
            eprintln!("usage: infra sync | check | new-keys | checklist-dry-run");
            return ExitCode::from(USAGE);
        }
    };
    done.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::FAILURE
    })
}

fn sync() -> Result<ExitCode, FileError> {
    for mended in Generated::from(&AREAS).sync(Path::new(ROOT))? {
        eprintln!("mended: {mended}");
    }
    Ok(ExitCode::SUCCESS)
}

fn new_keys() -> ExitCode {
    let keys: Result<Map<_, _>, signing_key::NoKey> =
        signing_key::kinds().into_iter().map(|kind| Ok((kind.to_owned(), signing_key::new()?))).collect();
    let written = keys.map_err(io::Error::other).and_then(|keys| writeln!(io::stdout(), "{}", Value::Object(keys)));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn checklist_dry_run() -> ExitCode {
    match report().and_then(|report| Ok(write!(io::stdout(), "{report}")?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn report() -> Result<Report, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let table = checklist_dry_run::table(&process_environment)?;
    let clock = Clock::system();
    let report = checklist_dry_run::dry_run(&CURRENT, &table, &clock);
    runtime.block_on(report).map_err(|problem| problem.to_string().into())
}

/// Says all that is wrong, not only the first.
fn check() -> Result<ExitCode, FileError> {
    let findings = manifest_check::findings(&AREAS);
    for finding in &findings {
        eprintln!("{finding}");
    }
    let generated = Generated::from(&AREAS);
    let drift = generated.drift(Path::new(ROOT))?;
    for drift in &drift {
        eprintln!("{drift} Run `make sync`.");
    }
    match findings.is_empty() && drift.is_empty() {
        true => Ok(ExitCode::SUCCESS),
        false => Ok(ExitCode::FAILURE),
    }
}
