//! Locks that outlive a panic.
//!
//! Every critical section of this crate replaces or appends whole values, so data behind a lock that a
//! panicking thread held is still whole, and a stand-in should go on serving after one request's panic.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks `mutex`, whether or not an earlier holder panicked.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
