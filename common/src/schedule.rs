//! A trigger that the clock runs: work that nobody asks for and nothing tells of.

use crate::app::App;
use crate::clock::Clock;
use crate::error::{Code, Problem, Result};
use crate::keys;
use crate::store::{Access, Found, Place, Store, Stored};
use crate::trigger::TriggerCx;
use domain::Timestamp;
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One function run by a schedule.
pub trait ScheduledTrigger: Sized + 'static {
    const NAME: &'static str;
    const SUMMARY: &'static str;
    const ACCESS: &'static [Access];
    const EVERY: Hours;
    const MEMORY_MB: u32 = 256;
    /// The numbers of its log that are to be zero.
    const WATCHED: &'static [Watched] = &[];

    /// Does its work once. An error has Lambda try twice more
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>).
    fn handle(cx: &TriggerCx) -> impl Future<Output = Result<()>> + Send;
}

/// How often: a whole number of hours, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours(pub u32);

impl Hours {
    /// As EventBridge wants it, which minds the plural
    /// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>).
    pub fn expression(self) -> String {
        match self.0 {
            1 => "rate(1 hour)".to_owned(),
            hours => format!("rate({hours} hours)"),
        }
    }

    pub fn duration(self) -> Duration {
        Duration::from_secs(u64::from(self.0) * 60 * 60)
    }
}

/// A number that a trigger says in a line of its log. CloudWatch makes a metric of it, and an alarm goes off where it is not zero.
#[derive(Debug, Clone, Copy)]
pub struct Watched {
    /// The line's message.
    pub message: &'static str,
    /// The line's field that is the number.
    pub field: &'static str,
    /// What it means that it is not zero, and where it is said what to do: for whoever gets the alarm.
    pub about: &'static str,
}

/// Where a function that looks through the table goes on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cursor {
    pub function: String,
    pub after: Place,
}

/// Keeps the place up to which a function has looked through the table, so that a run that ends before the table does, or dies, is gone
/// on with by the next one. Without it, or where it cannot be read, that one begins at the table's start: it costs time and nothing else.
pub struct Bookmark {
    store: Store,
    function: &'static str,
    kept: Found<Cursor>,
}

/// What a run has before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ahead {
    /// More of the table, after this place.
    More(Place),
    /// The table is looked through.
    Nothing,
    /// Another run has moved the bookmark since, and goes on from there.
    AnotherRuns,
}

impl Bookmark {
    pub async fn open(cx: &TriggerCx) -> Result<Bookmark> {
        let kept = cx.store().find(keys::cursor(cx.function)).await?;
        Ok(Bookmark { store: cx.store().clone(), function: cx.function, kept })
    }

    /// The place to go on after; absent at the table's start.
    pub fn after(&self) -> Option<Place> {
        match &self.kept {
            Found::Sound(cursor) => Some(cursor.after.clone()),
            Found::Wreck(_) | Found::Nothing => None,
        }
    }

    /// The table is looked through up to `next`: absent at its end.
    pub async fn move_to(&mut self, next: Option<Place>) -> Result<Ahead> {
        let moved = match next.clone() {
            Some(after) => self.keep(after).await,
            None => self.remove().await,
        };
        match moved {
            Ok(()) => Ok(next.map_or(Ahead::Nothing, Ahead::More)),
            Err(problem) if problem.code == Code::VersionStale => Ok(Ahead::AnotherRuns),
            Err(problem) => Err(problem),
        }
    }

    async fn keep(&mut self, after: Place) -> Result<()> {
        let cursor = Cursor { function: self.function.to_owned(), after };
        self.store.transaction().put_over(&self.kept, &cursor, Problem::version_stale()).commit().await?;
        self.kept = Found::Sound(Stored { item: cursor, version: self.kept.next_version() });
        Ok(())
    }

    async fn remove(&self) -> Result<()> {
        if let Found::Nothing = self.kept {
            return Ok(());
        }
        let key = keys::cursor(self.function);
        self.store.transaction().delete(key, self.kept.unchanged(), Problem::version_stale()).commit().await
    }
}

/// Lets through at most so many a second, evenly: what was not used is not made up for.
pub struct Pace<'a> {
    clock: &'a Clock,
    gap: SignedDuration,
    due: Timestamp,
}

impl<'a> Pace<'a> {
    pub fn per_second(clock: &'a Clock, most: u32) -> Pace<'a> {
        Pace { clock, gap: SignedDuration::from_secs(1) / most.max(1).cast_signed(), due: clock.now() }
    }

    /// Waits for the next one's turn.
    pub async fn turn(&mut self) {
        self.clock.wait_until(self.due, self.gap).await;
        let turn = self.clock.now().max(self.due);
        self.due = turn.saturating_add(self.gap).unwrap_or(turn);
    }
}

/// Runs a trigger once. What the schedule says of itself is of no interest.
pub(crate) fn run<T: ScheduledTrigger>(app: Arc<App>, _: Value) -> BoxFuture<'static, Result<Value, String>> {
    async move {
        let started = Instant::now();
        let cx = TriggerCx::new(app, T::NAME, T::ACCESS);
        let outcome = T::handle(&cx).await;
        cx.report(1, usize::from(outcome.is_err()), started);
        outcome.map(|()| Value::Null).map_err(|problem| problem.to_string())
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicI64;
    use std::sync::atomic::Ordering::SeqCst;

    #[tokio::test]
    async fn a_pace_is_kept_by_the_clock_and_pauses_are_not_made_up_for() {
        let elapsed = Arc::new(AtomicI64::new(0));
        let (told, passed) = (elapsed.clone(), elapsed.clone());
        let clock = Clock::from_fn(move || Timestamp::UNIX_EPOCH + SignedDuration::from_millis(told.load(SeqCst)));
        let clock = clock.passed_by(move |time| {
            passed.fetch_add(time.as_millis().try_into().unwrap(), SeqCst);
        });
        let mut pace = Pace::per_second(&clock, 50);
        for _ in 0..101 {
            pace.turn().await;
        }
        assert_eq!(elapsed.load(SeqCst), 2000, "100 pauses of 20 ms");

        elapsed.fetch_add(60_000, SeqCst);
        for _ in 0..51 {
            pace.turn().await;
        }
        assert_eq!(elapsed.load(SeqCst), 63_000);
    }

    #[test]
    fn a_rate_is_in_the_singular_and_the_plural() {
        assert_eq!(Hours(1).expression(), "rate(1 hour)");
        assert_eq!(Hours(6).expression(), "rate(6 hours)");
        assert_eq!(Hours(6).duration(), Duration::from_secs(21_600));
    }
}
