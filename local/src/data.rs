//! Where everything is kept: memory, or one directory.
//!
//! ```text
//! .local/lock                    held while a stack runs on the directory
//! .local/table.sqlite            the table and its stream
//! .local/keys/SIGNING_KEY_…      the private keys, mode 0600, named by the variables they fill
//! .local/checkpoints/….json      how far each trigger has got
//! .local/dead-letters/….json     what triggers gave up
//! .local/mailbox/….json          the mail that was sent
//! ```

use crate::options::Storage;
use crate::private_keys::{KeyError, PrivateKeys};
use crate::stream_index;
use aws_local::event_source::{Checkpoint, DeadLetters};
use aws_local::ses::Mailbox;
use dynoxide::Database;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A place to keep everything in, which nobody else uses.
pub(crate) enum Data {
    Memory,
    Directory { root: PathBuf, _lock: File },
}

/// The data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error("cannot use {}: {source}. Choose another directory with --data, or none with --memory.", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "{} is in use by another Callaro. Stop that, or choose another directory with --data, or none with --memory.",
        root.display()
    )]
    InUse { root: PathBuf },
    #[error("cannot open the table in {}: {reason}. Move the file away to start afresh.", path.display())]
    Table { path: PathBuf, reason: String },
}

impl Data {
    pub(crate) fn open(storage: &Storage) -> Result<Data, DataError> {
        match storage {
            Storage::Memory => Ok(Data::Memory),
            Storage::Directory(root) => {
                make_directory(root)?;
                make_directory(&root.join("checkpoints"))?;
                Ok(Data::Directory { root: root.clone(), _lock: lock(root)? })
            }
        }
    }

    pub(crate) fn database(&self) -> Result<Database, DataError> {
        let path = match self {
            Data::Memory => memory_of_its_own(),
            Data::Directory { root, .. } => root.join("table.sqlite"),
        };
        let location = path.to_string_lossy();
        let failed = |reason: String| DataError::Table { path: path.clone(), reason };
        let database = Database::new(&location).map_err(|error| failed(error.to_string()))?;
        stream_index::ensure(&location).map_err(|error| failed(error.to_string()))?;
        Ok(database)
    }

    pub(crate) fn mailbox(&self) -> Result<Mailbox, DataError> {
        match self {
            Data::Memory => Ok(Mailbox::in_memory()),
            Data::Directory { root, .. } => at(root.join("mailbox"), Mailbox::in_directory),
        }
    }

    pub(crate) fn dead_letters(&self) -> Result<DeadLetters, DataError> {
        match self {
            Data::Memory => Ok(DeadLetters::in_memory()),
            Data::Directory { root, .. } => at(root.join("dead-letters"), DeadLetters::in_directory),
        }
    }

    pub(crate) fn checkpoint(&self, function: &str) -> Checkpoint {
        match self {
            Data::Memory => Checkpoint::in_memory(),
            Data::Directory { root, .. } => Checkpoint::in_directory(&root.join("checkpoints"), function),
        }
    }

    pub(crate) fn private_keys(&self) -> Result<PrivateKeys, KeyError> {
        match self {
            Data::Memory => PrivateKeys::generate(),
            Data::Directory { root, .. } => PrivateKeys::kept_in(&root.join("keys")),
        }
    }
}

/// In this process and gone with its last connection, but under a name, so that a second connection can be had
/// (<https://www.sqlite.org/inmemorydb.html>).
fn memory_of_its_own() -> PathBuf {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    PathBuf::from(format!("file:callaro-{number}?mode=memory&cache=shared"))
}

/// Its owner's alone: mail and keys are in it.
fn make_directory(path: &Path) -> Result<(), DataError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| DataError::Io { path: path.to_owned(), source })
}

/// Held until the file is closed, so a crash leaves no lock behind.
fn lock(root: &Path) -> Result<File, DataError> {
    let path = root.join("lock");
    let file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|source| DataError::Io { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DataError::InUse { root: root.to_owned() }),
        Err(TryLockError::Error(source)) => Err(DataError::Io { path, source }),
    }
}

fn at<T>(path: PathBuf, open: impl FnOnce(&Path) -> io::Result<T>) -> Result<T, DataError> {
    open(&path).map_err(|source| DataError::Io { path, source })
}
