//! Where a mapping has got to, kept so that a restart loses nothing.
//!
//! Lambda checkpoints a shard at the highest sequence number below which everything is done, and delivers at
//! least once: <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>. So does this: a crash between a
//! batch and its checkpoint delivers the batch again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::locking::lock;

/// The place a mapping's progress is kept in.
#[derive(Debug)]
pub struct Checkpoint {
    place: Place,
}

#[derive(Debug)]
enum Place {
    Memory(std::sync::Mutex<Option<String>>),
    File(PathBuf),
}

/// A checkpoint that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file system refused.
    #[error("checkpoint {}: {source}", path.display())]
    Io {
        /// The checkpoint's file.
        path: PathBuf,
        /// What it refused with.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("checkpoint {}: {source}", path.display())]
    Unreadable {
        /// The checkpoint's file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Contents {
    sequence_number: String,
}

impl Checkpoint {
    /// A checkpoint that lasts as long as the process.
    #[must_use]
    pub fn in_memory() -> Self {
        Self { place: Place::Memory(std::sync::Mutex::new(None)) }
    }

    /// The checkpoint of the mapping called `mapping` in `directory`, which must exist.
    #[must_use]
    pub fn in_directory(directory: &Path, mapping: &str) -> Self {
        Self { place: Place::File(directory.join(format!("{mapping}.checkpoint.json"))) }
    }

    /// The sequence number up to which everything is done; `None` at the start of the stream.
    ///
    /// # Errors
    /// When there is a file and it cannot be read.
    pub fn load(&self) -> Result<Option<String>, CheckpointError> {
        match &self.place {
            Place::Memory(sequence) => Ok(lock(sequence).clone()),
            Place::File(path) => load_file(path),
        }
    }

    /// Keeps `sequence_number` as the one up to which everything is done.
    ///
    /// # Errors
    /// When the file cannot be written; the checkpoint before it then still stands.
    pub fn save(&self, sequence_number: &str) -> Result<(), CheckpointError> {
        match &self.place {
            Place::Memory(sequence) => {
                *lock(sequence) = Some(sequence_number.to_owned());
                Ok(())
            }
            Place::File(path) => save_file(path, sequence_number),
        }
    }
}

fn load_file(path: &Path) -> Result<Option<String>, CheckpointError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(CheckpointError::Io { path: path.to_owned(), source }),
    };
    let contents: Contents = serde_json::from_slice(&bytes)
        .map_err(|source| CheckpointError::Unreadable { path: path.to_owned(), source })?;
    Ok(Some(contents.sequence_number))
}

/// Writes beside the file and renames, so that a crash leaves either the old checkpoint or the new one.
fn save_file(path: &Path, sequence_number: &str) -> Result<(), CheckpointError> {
    let contents = serde_json::json!({ "sequenceNumber": sequence_number }).to_string();
    let beside = path.with_extension("tmp");
    fs::write(&beside, contents)
        .and_then(|()| fs::rename(&beside, path))
        .map_err(|source| CheckpointError::Io { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_in_a_directory_is_there_for_the_next_process() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Checkpoint::in_directory(directory.path(), "a").load().unwrap(), None);
        Checkpoint::in_directory(directory.path(), "a").save("12").unwrap();
        assert_eq!(Checkpoint::in_directory(directory.path(), "a").load().unwrap().as_deref(), Some("12"));
        assert_eq!(Checkpoint::in_directory(directory.path(), "b").load().unwrap(), None);
    }

    #[test]
    fn a_damaged_checkpoint_is_reported_and_not_taken_for_the_start_of_the_stream() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a.checkpoint.json"), "{").unwrap();
        assert!(matches!(
            Checkpoint::in_directory(directory.path(), "a").load(),
            Err(CheckpointError::Unreadable { .. })
        ));
    }
}
