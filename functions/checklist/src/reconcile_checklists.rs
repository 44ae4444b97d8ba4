//! Goes through all tenants and mends every checklist that is not what its tenant's state amounts to.
//!
//! There should be none: the stream keeps them so. It keeps records for a day only, though, and what was given up on is in a queue
//! that somebody has to look at. Whatever was lost that way is made good here (docs/decisions/0017-reconciling.md).

use crate::facts::State;
use crate::recompute_checklist::{Recomputed, recompute};
use common::error::{Problem, Result};
use common::function::Function;
use common::keys::{Kind, Partition, Whose};
use common::schedule::{Ahead, Bookmark, Hours, Pace, ScheduledTrigger, Watched};
use common::store::{Access, Found};
use common::trigger::TriggerCx;
use domain::Timestamp;
use domain::checklist::CURRENT;
use domain::id::TenantId;
use jiff::SignedDuration;

pub static FUNCTION: Function = Function::schedule::<ReconcileChecklists>();

pub struct ReconcileChecklists;

/// The most items that one call looks through. A call returns at most a megabyte in any case
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html>).
pub const LOOKED_THROUGH: u16 = 1000;

/// The most tenants a second. At some twelve read units each they take 600 a second, a twentieth of what a new table serves: people
/// do not notice that this runs.
pub const MOST_A_SECOND: u32 = 50;

/// A page of a megabyte is some 128 read units, as much as ten tenants are.
const TENANTS_WORTH_A_PAGE: u32 = 10;

/// How long a run may take: a minute less than Lambda lets it.
const LONGEST: SignedDuration = SignedDuration::from_mins(14);

/// How long the stream is given to bring about what is found wanting: what comes in that time is no drift. It takes a second at most,
/// 99 times in 100 (docs/measurements.md).
const STREAM_TAKES: SignedDuration = SignedDuration::from_secs(3);

impl ScheduledTrigger for ReconcileChecklists {
    const NAME: &'static str = "reconcile-checklists";
    const SUMMARY: &'static str = "Mends every checklist that is not what its tenant's state amounts to.";
    const ACCESS: &'static [Access] = &[
        Access::Scan(Kind::Tenant),
        Access::Get(Kind::Cursor),
        Access::Create(Kind::Cursor),
        Access::Replace(Kind::Cursor),
        Access::Delete(Kind::Cursor),
        Access::Get(Kind::Checklist),
        Access::Get(Kind::Tenant),
        Access::Get(Kind::Counters),
        Access::Get(Kind::Billing),
        Access::Get(Kind::TestUser),
        Access::Get(Kind::ChecklistChoices),
        Access::Query(Kind::OpenInvite),
        Access::Query(Kind::UndeliveredInvite),
        Access::Check(Kind::Counters),
        Access::Create(Kind::Checklist),
        Access::Replace(Kind::Checklist),
        Access::Replace(Kind::ChecklistChoices),
        Access::CreateIn(Kind::Outbox, Partition::Tenant),
        Access::Create(Kind::Audit),
    ];
    const EVERY: Hours = Hours(6);
    const WATCHED: &'static [Watched] = &[
        Watched {
            message: "reconciled",
            field: "mended",
            about: "Checklists were not what their tenants' state amounts to, and were mended: something keeps the stream from doing so. See docs/deploy.md.",
        },
        Watched {
            message: "reconciled",
            field: "failed",
            about: "Checklists could not be looked at or mended: the function's log says whose. See docs/deploy.md.",
        },
    ];

    async fn handle(cx: &TriggerCx) -> Result<()> {
        let mut run = Run { cx, pace: Pace::per_second(cx.clock(), MOST_A_SECOND), tally: Tally::default() };
        let ended = run.go().await;
        // Whatever ended it, what it did is counted.
        run.tally.report(&ended);
        ended.map(drop)
    }
}

/// One run, which begins where the last one ended.
struct Run<'a> {
    cx: &'a TriggerCx,
    pace: Pace<'a>,
    tally: Tally,
}

#[derive(Debug, Default)]
struct Tally {
    /// How many were looked at.
    tenants: u64,
    /// How many checklists were not what they should be, and are now.
    mended: u64,
    /// How many checklists were of an older definition, and are of this one now.
    renewed: u64,
    /// How many tenants could not be looked at or mended.
    failed: u64,
}

/// What ends a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    AtTheTablesEnd,
    /// The next run goes on.
    OutOfTime,
    /// Another run has taken over.
    Overtaken,
}

impl Run<'_> {
    async fn go(&mut self) -> Result<Ended> {
        let until = self.cx.now().saturating_add(LONGEST).map_err(Problem::internal)?;
        let mut bookmark = Bookmark::open(self.cx).await?;
        let mut after = bookmark.after();
        loop {
            for _ in 0..TENANTS_WORTH_A_PAGE {
                self.pace.turn().await;
            }
            let part = self.cx.store().scan(Kind::Tenant, LOOKED_THROUGH, after).await?;
            self.reconcile_all(part.found.iter().filter_map(Whose::tenant)).await;
            after = match bookmark.move_to(part.next).await? {
                Ahead::Nothing => return Ok(Ended::AtTheTablesEnd),
                Ahead::AnotherRuns => return Ok(Ended::Overtaken),
                Ahead::More(_) if self.cx.now() >= until => return Ok(Ended::OutOfTime),
                Ahead::More(place) => Some(place),
            };
        }
    }

    async fn reconcile_all(&mut self, tenants: impl Iterator<Item = TenantId>) {
        let (mut suspects, mut looked_at) = (Vec::new(), self.cx.now());
        for tenant in tenants {
            self.pace.turn().await;
            self.tally.tenants += 1;
            match self.look(tenant).await {
                Ok(Look::Sound) => {}
                Ok(Look::Outdated) => self.renew(tenant).await,
                Ok(Look::Suspect) => {
                    suspects.push(tenant);
                    looked_at = self.cx.now();
                }
                Err(problem) => self.failed(tenant, &problem),
            }
        }
        if !suspects.is_empty() {
            self.give_the_stream_time(looked_at).await;
        }
        for tenant in suspects {
            self.pace.turn().await;
            self.mend(tenant).await;
        }
    }

    async fn look(&self, tenant: TenantId) -> Result<Look> {
        let Some(state) = State::read(self.cx.store(), tenant).await? else {
            return Ok(Look::Sound);
        };
        state.require_not_newer(&CURRENT)?;
        let folded = state.folded(&CURRENT, self.cx.now());
        Ok(match &state.checklist {
            _ if state.keeps(&folded.checklist) && folded.reopened.is_none() => Look::Sound,
            Found::Sound(kept) if kept.definition < CURRENT.version => Look::Outdated,
            _ => Look::Suspect,
        })
    }

    async fn give_the_stream_time(&self, since: Timestamp) {
        let moment = since.saturating_add(STREAM_TAKES).unwrap_or(since);
        self.cx.wait_until(moment, STREAM_TAKES).await;
    }

    async fn renew(&mut self, tenant: TenantId) {
        match recompute(self.cx, tenant).await {
            Ok(Recomputed::Written(_)) => self.tally.renewed += 1,
            Ok(Recomputed::AsKept) => {}
            Err(problem) => self.failed(tenant, &problem),
        }
    }

    async fn mend(&mut self, tenant: TenantId) {
        match recompute(self.cx, tenant).await {
            Ok(Recomputed::Written(differences)) => {
                self.tally.mended += 1;
                tracing::warn!(%tenant, %differences, "mended a checklist that was not what its tenant's state amounts to");
            }
            // The stream has been there.
            Ok(Recomputed::AsKept) => {}
            Err(problem) => self.failed(tenant, &problem),
        }
    }

    /// One tenant's trouble is not the others'.
    fn failed(&mut self, tenant: TenantId, problem: &Problem) {
        self.tally.failed += 1;
        tracing::error!(%tenant, %problem, "a checklist was not reconciled");
    }
}

/// How a checklist was found.
enum Look {
    /// As it should be.
    Sound,
    /// Folded by an older definition, and due to be by this one.
    Outdated,
    /// Not what the state amounts to, or not yet.
    Suspect,
}

impl Tally {
    /// Says what a run did. At ERROR where there is something to look at: no level that the log can be set to keeps that from the
    /// metrics.
    fn report(&self, ended: &Result<Ended>) {
        let Tally { tenants, mended, renewed, failed } = *self;
        let ended = ended.as_ref().map_or("by a failure", |ended| ended.as_str());
        match (mended, failed) {
            (0, 0) => tracing::info!(tenants, mended, renewed, failed, ended, "reconciled"),
            _ => tracing::error!(tenants, mended, renewed, failed, ended, "reconciled"),
        }
    }
}

impl Ended {
    const fn as_str(self) -> &'static str {
        match self {
            Ended::AtTheTablesEnd => "at the table's end",
            Ended::OutOfTime => "out of time; the next run goes on",
            Ended::Overtaken => "overtaken by another run, which goes on",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What a function whose log is set to `level` writes of a run.
    fn reported(level: tracing::Level, tally: &Tally) -> Option<Value> {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = common::lambda::log(Some(level)).with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || tally.report(&Ok(Ended::AtTheTablesEnd)));
        let written = lines.0.lock().unwrap();
        (!written.is_empty()).then(|| serde_json::from_slice(&written).unwrap())
    }

    #[test]
    fn the_line_that_metrics_are_made_of_has_their_message_and_their_fields_as_numbers() {
        let tally = Tally { tenants: 9, mended: 3, renewed: 1, failed: 2 };
        let line = reported(tracing::Level::INFO, &tally).unwrap();
        let watched: Vec<_> = ReconcileChecklists::WATCHED
            .iter()
            .map(|watched| {
                assert_eq!(line["message"], watched.message, "{line}");
                (watched.field, line[watched.field].as_u64())
            })
            .collect();
        assert_eq!(watched, [("mended", Some(3)), ("failed", Some(2))]);
        assert_eq!((&line["tenants"], &line["renewed"]), (&Value::from(9), &Value::from(1)));
    }

    #[test]
    fn what_is_wrong_is_said_at_every_level_that_a_log_can_be_set_to_and_what_is_well_at_info_only() {
        let found = [Tally { mended: 1, ..Tally::default() }, Tally { failed: 1, ..Tally::default() }];
        for level in [tracing::Level::INFO, tracing::Level::WARN, tracing::Level::ERROR] {
            assert!(found.iter().all(|tally| reported(level, tally).is_some()), "{level}");
            assert_eq!(reported(level, &Tally::default()).is_some(), level == tracing::Level::INFO);
        }
    }
}
