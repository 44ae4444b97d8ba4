//! The private keys that tokens are signed with: one a kind, made at the first start.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::auth::token::{TokenKind, new_private_key, public_jwk};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// P-256 keys as PKCS #8 DER in base64, which is how a function is told them.
#[derive(Clone)]
pub(crate) struct PrivateKeys(BTreeMap<TokenKind, String>);

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("cannot keep the signing keys in {}: {source}. Make it readable and writable for you.", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "{name} is not a P-256 private key as PKCS #8 DER in base64. Remove it: a new one is made at the next start."
    )]
    Unreadable { name: String },
    #[error("the system's cryptography made no key. Try again.")]
    Generate,
}

impl PrivateKeys {
    pub(crate) fn generate() -> Result<PrivateKeys, KeyError> {
        let keys = TokenKind::ALL.into_iter().map(|kind| Ok((kind, generate()?)));
        keys.collect::<Result<_, _>>().map(PrivateKeys)
    }

    /// The keys in `directory`; those that are not there yet are made.
    pub(crate) fn kept_in(directory: &Path) -> Result<PrivateKeys, KeyError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
        made.map_err(|source| KeyError::Io { path: directory.to_owned(), source })?;
        let keys = TokenKind::ALL.into_iter().map(|kind| {
            let path = directory.join(kind.signing_variable());
            read_or_make(&path).map(|key| (kind, key)).map_err(|error| error.of(path))
        });
        keys.collect::<Result<_, _>>().map(PrivateKeys)
    }

    pub(crate) fn of(&self, kind: TokenKind) -> Option<&str> {
        self.0.get(&kind).map(String::as_str)
    }

    /// The public halves, as JWK sets by kind.
    pub(crate) fn public(&self) -> Result<Value, KeyError> {
        let sets = self.0.iter().map(|(kind, key)| {
            let unreadable = || KeyError::Unreadable { name: kind.signing_variable().to_owned() };
            let der = STANDARD.decode(key).map_err(|_| unreadable())?;
            let jwk = public_jwk(&der).map_err(|_| unreadable())?;
            Ok((kind, json!({ "keys": [jwk] })))
        });
        let sets: BTreeMap<_, _> = sets.collect::<Result<_, KeyError>>()?;
        Ok(json!(sets))
    }
}

enum Fault {
    Io(io::Error),
    Generate,
}

impl Fault {
    fn of(self, path: PathBuf) -> KeyError {
        match self {
            Fault::Io(source) => KeyError::Io { path, source },
            Fault::Generate => KeyError::Generate,
        }
    }
}

fn read_or_make(path: &Path) -> Result<String, Fault> {
    match fs::read_to_string(path) {
        Ok(key) => Ok(key.trim().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = generate().map_err(|_| Fault::Generate)?;
            write(path, &key).map_err(Fault::Io)?;
            Ok(key)
        }
        Err(error) => Err(Fault::Io(error)),
    }
}

fn generate() -> Result<String, KeyError> {
    new_private_key().map_err(|_| KeyError::Generate)
}

/// Writes beside the file and renames, so that a crash leaves a whole key or none. Nobody else may read it, at no time.
fn write(path: &Path, key: &str) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    writeln!(file, "{key}")?;
    file.sync_all()?;
    fs::rename(beside, path)
}
