//! People choose: a step is skipped or not, the checklist is dismissed or not. The choice and the checklist that shows it are one
//! transaction, so whoever chose sees it in the answer, and the trigger that folds finds nothing more to do.

use crate::checklist_view::{ChecklistView, answer};
use common::auth::caller::InTenant;
use common::error::{Code, Problem, Result};
use common::keys;
use common::reply::Reply;
use common::route::Cx;
use common::store::{Stored, Transaction};
use domain::audit::Audit;
use domain::checklist::{CURRENT, Checklist, Choices, StepDefinition};

/// How often it is tried while the checklist changes.
const TRIES: usize = 8;

/// Writes what `choose` makes of the choices as they are, with the line that `audit` makes. A choice that is made already is written
/// no more.
pub async fn choose(
    cx: &Cx,
    caller: &InTenant,
    choose: impl Fn(&Checklist, &Choices) -> Result<Choices>,
    audit: impl Fn() -> Result<Audit>,
) -> Result<Reply<ChecklistView>> {
    for _ in 0..TRIES {
        match choose_once(cx, caller, &choose, &audit).await {
            Err(problem) if problem.code == OVERTAKEN => {}
            outcome => return outcome,
        }
    }
    Err(Problem::try_again())
}

/// By this code an attempt tells that something changed under it. Nobody outside sees it.
const OVERTAKEN: Code = Code::VersionStale;

async fn choose_once(
    cx: &Cx,
    caller: &InTenant,
    choose: impl Fn(&Checklist, &Choices) -> Result<Choices>,
    audit: impl Fn() -> Result<Audit>,
) -> Result<Reply<ChecklistView>> {
    let wanted = (keys::checklist(caller.tenant), keys::checklist_choices(caller.tenant));
    let (checklist, kept) = cx.store().get_all(wanted).await?;
    let checklist = checklist.ok_or_else(Problem::try_again)?;
    let before = kept.as_ref().map_or_else(|| Choices::none(caller.tenant), |kept| kept.item.clone());
    let after = choose(&checklist, &before)?;
    if after == before {
        return Ok(answer(&checklist, cx.now()));
    }
    let next = checklist.with_choices(&CURRENT, &after, cx.now());
    let transaction = cx.store().transaction().replace(&checklist, &next, Problem::version_stale());
    let transaction = write_choices(transaction, kept.as_ref(), &after).create(&audit()?, Problem::try_again());
    caller.require_still(transaction).commit().await?;
    Ok(answer(&Stored { item: next, version: checklist.version + 1 }, cx.now()))
}

fn write_choices(transaction: Transaction, kept: Option<&Stored<Choices>>, after: &Choices) -> Transaction {
    match kept {
        Some(kept) => transaction.replace(kept, after, Problem::version_stale()),
        None => transaction.create(after, Problem::version_stale()),
    }
}

/// The step that a path names.
pub fn step_named(name: &str) -> Result<&'static StepDefinition> {
    CURRENT.step(name).ok_or_else(Problem::not_found)
}
