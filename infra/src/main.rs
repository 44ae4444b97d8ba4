//! `infra sync` writes the files that follow from the manifest. `infra check` says what is wrong with the manifest and
//! which of these files are not what `sync` would write. `infra new-keys` prints a new signing key for every kind of token, private
//! halves included: for infra/keys, which puts them where they belong.

use functions::AREAS;
use infra::generated::{FileError, Generated};
use infra::{manifest_check, signing_key};
use serde_json::{Map, Value};
use std::env;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const USAGE: u8 = 2;

enum Command {
    Sync,
    Check,
    NewKeys,
}

impl Command {
    fn from(arguments: &[String]) -> Option<Command> {
        match arguments {
            [only] if only == "sync" => Some(Command::Sync),
            [only] if only == "check" => Some(Command::Check),
            [only] if only == "new-keys" => Some(Command::NewKeys),
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
        None => {
            eprintln!("usage: infra sync | check | new-keys");
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
