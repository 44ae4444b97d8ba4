//! `POST /v1/checklist/restore`: takes a dismissal back.

use crate::checklist_view::ChecklistView;
use crate::choosing;
use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Result};
use common::function::Function;
use common::keys::Kind;
use common::reply::Reply;
use common::route::{Cx, Method, NoInput, Route};
use common::store::Access;
use domain::audit::Action;
use domain::checklist::{Checklist, Choices};
use domain::role::Permission;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<RestoreChecklist>();

pub struct RestoreChecklist;

impl Route for RestoreChecklist {
    const NAME: &'static str = "restore-checklist";
    const SUMMARY: &'static str = "Open a dismissed checklist again.";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/checklist/restore";
    const AUTH: Auth = Auth::Member(Permission::ManageChecklist);
    const ACCESS: &'static [Access] = &[
        Access::BatchGet(Kind::Checklist),
        Access::BatchGet(Kind::ChecklistChoices),
        Access::Replace(Kind::Checklist),
        Access::Replace(Kind::ChecklistChoices),
        Access::Create(Kind::Audit),
        Access::Check(Kind::Member),
    ];
    const REFUSES: &'static [Code] = &[];
    type Caller = InTenant;
    type Input = NoInput;
    type Output = ChecklistView;

    fn example() -> Value {
        json!({})
    }

    async fn handle(cx: &Cx, caller: InTenant, _: NoInput) -> Result<Reply<ChecklistView>> {
        let restore = |_: &Checklist, choices: &Choices| Ok(Choices { dismissal: None, ..choices.clone() });
        let audit = || cx.audit(caller.tenant, caller.user, Action::ChecklistRestored, caller.tenant);
        choosing::choose(cx, &caller, restore, audit).await
    }
}
