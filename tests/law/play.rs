//! Plays a history, and holds what comes of it to the law.

use crate::history::{Delivery, End, Event, Fate, History, Operation, Waiting, Wakes, Workspace};
use crate::instance::{Afterwards, Frozen, Trouble};
use crate::ledger::Ledger;
use crate::operations::Doing;
use crate::stage::{Account, Stage};
use crate::stream::{Batch, Stream, checklist_writes, is_of};
use crate::world::ApiKey;
use common::keys::Kind;
use domain::id::TenantId;
use futures::future::join;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How the trigger is broken on purpose, to see that the law notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    None,
    /// It does not listen to this kind of item.
    DeafTo(Kind),
    /// Whoever wrote after standing still does not look again.
    NeverLooksAgain,
    /// What changes the number of operators does not move the counter.
    OperatorsUncounted,
}

/// What happened, by how often: to see that it did.
#[derive(Debug, Clone, Default)]
pub struct Tally(pub BTreeMap<String, usize>);

impl Tally {
    pub fn count(&mut self, what: impl Into<String>) {
        self.add(what, 1);
    }

    pub fn add(&mut self, what: impl Into<String>, times: usize) {
        *self.0.entry(what.into()).or_default() += times;
    }

    pub fn of(&self, what: &str) -> usize {
        self.0.get(what).copied().unwrap_or_default()
    }

    pub fn take_in(&mut self, other: &Tally) {
        other.0.iter().for_each(|(what, times)| self.add(what.as_str(), *times));
    }
}

/// What has to happen in a thousand histories, or they show less than they say.
pub const HAPPENS: [&str; 11] = [
    "batches delivered twice",
    "batches delivered twice at once",
    "batches cut short",
    "batches bisected",
    "batches delivered to one that freezes",
    "batches lost",
    "batches of which a part failed",
    "instances that ended half-way",
    "reconciled",
    "writes of the checklist",
    "times a checklist was opened again",
];

/// What the law forbids, and happened.
pub type Outcome = Result<(), String>;

pub async fn play(stage: &Stage, history: &History, sabotage: Sabotage, tally: &mut Tally) -> Outcome {
    stage.reset();
    let mut play = Play::begin(stage, sabotage, tally);
    for event in &history.events {
        play.happen(event).await.map_err(|fault| format!("{event}: {fault}"))?;
    }
    play.end(history.end).await
}

struct Play<'p> {
    stage: &'p Stage,
    sabotage: Sabotage,
    tally: &'p mut Tally,
    stream: Stream,
    books: BTreeMap<Workspace, Book>,
    newcomer: Option<Account>,
    /// The newest of each workspace, as it was shown.
    api_keys: BTreeMap<Workspace, ApiKey>,
    frozen: Option<Frozen>,
    /// Whether records were lost that nobody else may make up for.
    has_lost_records: bool,
}

/// What is known of a workspace.
struct Book {
    tenant: TenantId,
    ledger: Ledger,
    /// How often something changed what the checklist has to say: as often it may be written.
    changes: usize,
    writes: usize,
}

impl<'p> Play<'p> {
    fn begin(stage: &'p Stage, sabotage: Sabotage, tally: &'p mut Tally) -> Play<'p> {
        let deaf_to = match sabotage {
            Sabotage::DeafTo(kind) => Some(kind),
            _ => None,
        };
        let book = |tenant: TenantId| Book { tenant, ledger: Ledger::of(stage, tenant), changes: 0, writes: 0 };
        let books = stage.tenants.iter().map(|(workspace, tenant)| (*workspace, book(*tenant))).collect();
        let stream = stage.stream(deaf_to);
        let (newcomer, api_keys, frozen) = (None, BTreeMap::new(), None);
        Play { stage, sabotage, tally, stream, books, newcomer, api_keys, frozen, has_lost_records: false }
    }

    async fn happen(&mut self, event: &Event) -> Outcome {
        match event {
            Event::Operation(workspace, operation) => self.operate(*workspace, operation).await,
            Event::TimePasses(hours) => {
                self.stage.pass(SignedDuration::from_hours(hours.0));
                Ok(())
            }
            Event::Swept => {
                self.sweep();
                self.note_changes()
            }
            Event::Delivery(delivery) => {
                self.deliver(delivery).await?;
                self.read();
                Ok(())
            }
        }
    }

    async fn operate(&mut self, workspace: Workspace, operation: &Operation) -> Outcome {
        let ledger = &self.books[&workspace].ledger;
        let api_key = self.api_keys.get(&workspace);
        let doing = Doing { stage: self.stage, workspace, ledger, newcomer: self.newcomer.as_ref(), api_key };
        let Some(done) = doing.carry_out(operation).await? else {
            self.tally.count("operations that nobody could ask for");
            return Ok(());
        };
        self.tally.count(if done.was_accepted { "operations" } else { "operations refused" });
        self.newcomer = done.newcomer.or(self.newcomer.take());
        self.api_keys.extend(done.api_key.map(|key| (workspace, key)));
        if self.sabotage == Sabotage::OperatorsUncounted {
            self.uncount_operators(workspace);
        }
        self.note_changes()
    }

    /// What has expired of the workspaces goes, by the functions' clock.
    fn sweep(&self) {
        let (database, now) = (self.stage.world.stack().database(), self.stage.world.now().as_second());
        for book in self.books.values() {
            for key in Ledger::expired(self.stage, book.tenant, now) {
                let request = json!({ "TableName": self.stage.world.stack().table(), "Key": key });
                database.delete_item(serde_json::from_value(request).unwrap()).unwrap();
            }
        }
    }

    /// Looks what an operation has changed, and what it has written itself.
    fn note_changes(&mut self) -> Outcome {
        let new = self.stream.read();
        for (workspace, book) in &mut self.books {
            if !new.iter().any(|record| is_of(record, book.tenant)) {
                continue;
            }
            let writes = checklist_writes(&new, book.tenant);
            let after = Ledger::of(self.stage, book.tenant);
            let faults = after.faults_since(&book.ledger);
            if !faults.is_empty() {
                return Err(format!("{workspace}: {}", faults.join("; ")));
            }
            let is_another = after.amounts_to() != book.ledger.amounts_to();
            book.changes += writes.max(usize::from(is_another));
            book.writes += writes;
            book.ledger = after;
        }
        Ok(())
    }

    fn uncount_operators(&self, workspace: Workspace) {
        let tenant = self.stage.tenants[&workspace];
        let request = json!({
            "TableName": self.stage.world.stack().table(),
            "Key": { "pk": { "S": format!("TENANT#{tenant}") }, "sk": { "S": "COUNTERS" } },
            "UpdateExpression": "SET operators = :before",
            "ExpressionAttributeValues": { ":before": { "N": self.books[&workspace].ledger.operators().to_string() } },
        });
        self.stage.world.stack().database().update_item(serde_json::from_value(request).unwrap()).unwrap();
    }

    async fn deliver(&mut self, delivery: &Delivery) -> Outcome {
        let batch = self.stream.take(&delivery.taken);
        if batch.is_empty() {
            return Ok(());
        }
        self.tally.count(format!("batches {}", name(&delivery.fate)));
        match delivery.fate {
            Fate::Delivered => self.deliver_healthy(&batch).await,
            Fate::Twice => {
                self.deliver_healthy(&batch).await?;
                self.deliver_healthy(&batch).await
            }
            Fate::TwiceAtOnce => {
                let (one, other) = join(self.stage.deliver(&batch), self.stage.deliver(&batch)).await;
                // Whoever finds no end of others' writes leaves it to the next try.
                self.come_again(&batch, if batch.failed(&one).is_empty() { &other } else { &one });
                Ok(())
            }
            Fate::CutShort(death) => {
                self.try_with(&batch, Trouble::Ends(death)).await;
                Ok(())
            }
            Fate::Bisected(death) => match self.try_with(&batch, Trouble::Ends(death)).await {
                Lived::Through => Ok(()),
                Lived::NotThrough => {
                    let again = self.stream.take_back(&batch);
                    for half in again.halves() {
                        self.deliver_healthy(&half).await?;
                    }
                    Ok(())
                }
            },
            Fate::FailsForLast => self.deliver_failing_for_last(&batch).await,
            Fate::Frozen => {
                self.wake().await;
                let afterwards = match self.sabotage {
                    Sabotage::NeverLooksAgain => Afterwards::Ends,
                    _ => Afterwards::GoesOn,
                };
                self.frozen = Some(self.stage.freezing.freeze(afterwards, batch.event()).await);
                self.stream.put_back(&batch.0);
                Ok(())
            }
            Fate::Dropped => self.lose(&batch).await,
        }
    }

    async fn deliver_healthy(&mut self, batch: &Batch) -> Outcome {
        if batch.is_empty() {
            return Ok(());
        }
        let outcome = self.stage.deliver(batch).await;
        match batch.failed(&outcome) {
            [] => Ok(()),
            failed => Err(format!("{} records failed although nothing was wrong", failed.len())),
        }
    }

    /// Has an instance try it that may end before it is done.
    async fn try_with(&mut self, batch: &Batch, trouble: Trouble) -> Lived {
        match self.stage.troubled.run(trouble, batch.event()).await {
            Some(outcome) => {
                self.come_again(batch, &outcome);
                Lived::Through
            }
            None => {
                self.tally.count("instances that ended half-way");
                self.stream.put_back(&batch.0);
                Lived::NotThrough
            }
        }
    }

    fn come_again(&mut self, batch: &Batch, outcome: &Result<Value, String>) {
        self.stream.put_back(batch.failed(outcome));
    }

    async fn deliver_failing_for_last(&mut self, batch: &Batch) -> Outcome {
        let is_about_last = |tenant: &&TenantId| batch.0.last().is_some_and(|last| is_of(last, **tenant));
        let tenant = *self.stage.tenants.values().find(is_about_last).unwrap();
        let outcome = self.stage.troubled.run(Trouble::Refuses(tenant), batch.event()).await.unwrap();
        let first = batch.0.iter().position(|record| is_of(record, tenant));
        let expected = first.map_or(&[][..], |first| &batch.0[first..]);
        let failed = batch.failed(&outcome);
        if failed != expected {
            return Err(format!("{} records have to come again, and {} do", expected.len(), failed.len()));
        }
        if !failed.is_empty() && failed.len() < batch.0.len() {
            self.tally.count("batches of which a part failed");
        }
        self.stream.put_back(failed);
        Ok(())
    }

    /// Reconciling makes up for what was lost. It would make up for a broken trigger too, so that one loses nothing.
    async fn lose(&mut self, batch: &Batch) -> Outcome {
        match self.sabotage {
            Sabotage::None => {
                self.has_lost_records = true;
                Ok(())
            }
            _ => self.deliver_healthy(batch).await,
        }
    }

    async fn wake(&mut self) {
        if let Some(frozen) = self.frozen.take() {
            frozen.wakes().await;
            self.read();
        }
    }

    /// Counts what instances wrote. The workspaces' own records are theirs from then on.
    fn read(&mut self) {
        let new = self.stream.read();
        for book in self.books.values_mut() {
            let writes = checklist_writes(&new, book.tenant);
            if writes > 0 {
                book.writes += writes;
                book.ledger = Ledger::of(self.stage, book.tenant);
            }
        }
    }

    async fn end(mut self, end: End) -> Outcome {
        if end.frozen == Wakes::First {
            self.wake().await;
        }
        self.read();
        for batch in self.stream.take_all() {
            match end.waiting {
                Waiting::Delivered => self.deliver_healthy(&batch).await?,
                Waiting::DroppedThenReconciled => self.lose(&batch).await?,
            }
        }
        self.wake().await;
        if self.has_lost_records {
            self.tally.count("reconciled");
            self.stage.reconcile().await?;
        }
        self.read();
        if !self.stream.take_all().is_empty() {
            return Err("the trigger hears of what it wrote itself".to_owned());
        }
        self.judge()?;
        self.rest().await
    }

    fn judge(&mut self) -> Outcome {
        for (workspace, book) in &self.books {
            let ledger = Ledger::of(self.stage, book.tenant);
            let mut faults = ledger.faults(self.stage.world.now());
            if book.writes > book.changes {
                faults.push(format!("it was written {} times after {} changes", book.writes, book.changes));
            }
            if !faults.is_empty() {
                return Err(format!("{workspace}: {}", faults.join("\n")));
            }
            self.tally.add("changes of what the checklist says", book.changes);
            self.tally.add("writes of the checklist", book.writes);
            self.tally.add("times a checklist was opened again", ledger.times_reopened());
        }
        Ok(())
    }

    /// Everything once more: nothing comes of it.
    async fn rest(&mut self) -> Outcome {
        for batch in Batch::of(self.stream.heard.clone()) {
            self.deliver_healthy(&batch).await?;
        }
        match self.stream.read().first() {
            None => Ok(()),
            Some(record) => Err(format!("at rest something is written: {record}")),
        }
    }
}

enum Lived {
    Through,
    NotThrough,
}

fn name(fate: &Fate) -> &'static str {
    match fate {
        Fate::Delivered => "delivered",
        Fate::Twice => "delivered twice",
        Fate::TwiceAtOnce => "delivered twice at once",
        Fate::CutShort(_) => "cut short",
        Fate::Bisected(_) => "bisected",
        Fate::FailsForLast => "delivered while the table refuses a workspace",
        Fate::Frozen => "delivered to one that freezes",
        Fate::Dropped => "lost",
    }
}
