//! A dismissed checklist is open again, because a required step fell back: in the transaction that writes the checklist, the dismissal
//! is taken back and one mail to the admins is put in the outbox. Whoever folds next finds no dismissal, so it is one mail however
//! many events tell of the regression.

use crate::facts::State;
use common::error::{Problem, Result};
use common::store::Transaction;
use common::trigger::TriggerCx;
use domain::audit::Action;
use domain::checklist::{CURRENT, Checklist, Choices, Reopened, StandingNow, StepId};
use domain::id::OutboxId;
use domain::outbox::{ChecklistReopenedMail, FallenStep, Message, Outbox, Owner, Recipients};

pub fn reopen(
    cx: &TriggerCx,
    transaction: Transaction,
    state: &State,
    checklist: &Checklist,
    reopened: &Reopened,
) -> Result<Transaction> {
    let choices =
        state.choices.as_ref().ok_or_else(|| Problem::internal("a checklist reopened that nobody dismissed"))?;
    let open = Choices { dismissal: None, ..choices.item.clone() };
    let tenant = checklist.tenant;
    let steps: Vec<_> = reopened.steps.iter().filter_map(|id| fallen(cx, checklist, id)).collect();
    let names: Vec<_> = reopened.steps.iter().map(StepId::as_str).collect();
    let audit = cx.audit(tenant, Action::ChecklistReopened, tenant)?.with("steps", names.join(", "));
    let words = ChecklistReopenedMail { tenant, company_name: state.tenant.company_name.clone(), steps };
    let id = OutboxId::from_uuid(cx.new_id()?);
    let mail = Outbox::new(id, Owner::Tenant(tenant), Recipients::Admins, Message::ChecklistReopened(words), cx.now());
    Ok(transaction
        .replace(choices, &open, Problem::version_stale())
        .create(&mail, Problem::try_again())
        .create(&audit, Problem::try_again()))
}

fn fallen(cx: &TriggerCx, checklist: &Checklist, id: &StepId) -> Option<FallenStep> {
    let definition = CURRENT.step(id.as_str())?;
    match checklist.step(id)?.standing.at(cx.now()) {
        StandingNow::Complete(_) => None,
        StandingNow::InProgress(why) | StandingNow::Incomplete(why) => {
            Some(FallenStep { title: definition.title.to_owned(), why: why.detail.clone() })
        }
    }
}
