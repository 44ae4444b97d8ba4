//! A clock that stands, but for whoever waits by it.

use common::clock::Clock;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Nobody who waits by it does: it is moved on by as long.
#[derive(Clone)]
pub struct StandingClock {
    began: Timestamp,
    elapsed: Arc<AtomicI64>,
}

impl StandingClock {
    pub fn at(began: Timestamp) -> StandingClock {
        StandingClock { began, elapsed: Arc::default() }
    }

    /// What functions are told.
    pub fn clock(&self) -> Clock {
        self.clock_that(|_| SignedDuration::ZERO)
    }

    /// The same, but each time that somebody waits, for a time that `more` is told, it is moved on by what that says, too.
    pub fn clock_that(&self, more: impl Fn(SignedDuration) -> SignedDuration + Send + Sync + 'static) -> Clock {
        let (told, passed) = (self.clone(), self.clone());
        Clock::from_fn(move || told.now()).passed_by(move |waited| {
            let waited = waited.try_into().unwrap();
            passed.pass(waited);
            let more = more(waited);
            passed.pass(more);
        })
    }

    pub fn now(&self) -> Timestamp {
        self.began + self.elapsed()
    }

    pub fn elapsed(&self) -> SignedDuration {
        SignedDuration::from_millis(self.elapsed.load(Ordering::SeqCst))
    }

    fn pass(&self, time: SignedDuration) {
        self.elapsed.fetch_add(time.as_millis().try_into().unwrap(), Ordering::SeqCst);
    }
}
