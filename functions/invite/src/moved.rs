//! An invite that changes between being read and being written: then both are done again.

use common::error::{Code, Problem, Result};
use std::future::Future;

/// How often it is tried while somebody else changes the invite.
const TRIES: usize = 3;

/// Tries until the invite is written as it was read, or there is another reason why not. An attempt says with [`moved`] that it
/// was not what had been read.
pub async fn until_unmoved<T, F: Future<Output = Result<T>>>(attempt: impl Fn() -> F) -> Result<T> {
    for _ in 0..TRIES {
        match attempt().await {
            Err(problem) if problem.code == MOVED => {}
            outcome => return outcome,
        }
    }
    Err(Problem::try_again())
}

/// By this code an attempt tells that it was overtaken. Nobody outside sees it.
const MOVED: Code = Code::VersionStale;

pub fn moved() -> Problem {
    Problem::new(MOVED, "The invitation was changed at the same moment.")
}
