//! `DELETE /v1/integrations/{integration}`: removes an integration, planned or connected. Nothing is done at the other end.

use crate::plan_owner;
use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::keys::{self, Kind};
use common::reply::{NoContent, Reply};
use common::route::{Cx, Method, Route};
use common::store::{Access, Change, Guard, Stored, Transaction};
use domain::audit::Action;
use domain::connect::Integration;
use domain::id::IntegrationId;
use domain::role::Permission;
use domain::tenant::{CountedSet, LastChange, Mark};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<RemoveIntegration>();

pub struct RemoveIntegration;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    integration: String,
}

impl Route for RemoveIntegration {
    const NAME: &'static str = "remove-integration";
    const SUMMARY: &'static str = "Remove an integration, planned or connected.";
    const METHOD: Method = Method::Delete;
    const PATH: &'static str = "/v1/integrations/{integration}";
    const AUTH: Auth = Auth::Member(Permission::ManageConnections);
    const ACCESS: &'static [Access] = &[
        Access::Get(Kind::Integration),
        Access::Delete(Kind::Integration),
        Access::Update(Kind::Counters),
        Access::Update(Kind::Member),
        Access::Check(Kind::Member),
        Access::Create(Kind::Audit),
    ];
    const REFUSES: &'static [Code] = &[];
    const SUCCESS: u16 = 204;
    type Caller = InTenant;
    type Input = Input;
    type Output = NoContent;

    fn example() -> Value {
        json!({})
    }

    async fn handle(cx: &Cx, caller: InTenant, input: Input) -> Result<Reply<NoContent>> {
        let id: IntegrationId = input.integration.parse().map_err(|_| Problem::not_found())?;
        let found = cx.store().get(keys::integration(caller.tenant, id)).await?;
        remove(cx, &caller, &found.ok_or_else(Problem::not_found)?).await?;
        Ok(NoContent.into())
    }
}

async fn remove(cx: &Cx, caller: &InTenant, integration: &Stored<Integration>) -> Result<()> {
    let removed = LastChange::removed(integration.id, Mark { by: caller.user, at: cx.now() });
    let counted = Change::new().count(CountedSet::Integrations, &removed);
    let audit = cx.audit(caller.tenant, caller.user, Action::IntegrationRemoved, integration.id)?;
    let key = keys::integration(caller.tenant, integration.id);
    let transaction = cx
        .store()
        .transaction()
        .delete(key, Guard::unchanged(integration), Problem::not_found())
        .update(keys::counters(caller.tenant), counted, Guard::present(), Problem::try_again())
        .create(&audit.with("kind", integration.kind.as_str()), Problem::try_again());
    release_owner(transaction, caller, integration).commit().await
}

/// The caller is still an admin, and the owner of a plan does not own it any more.
fn release_owner(transaction: Transaction, caller: &InTenant, integration: &Integration) -> Transaction {
    match integration.plan_owner() {
        Some(owner) => plan_owner::give_up(transaction, caller, owner),
        None => caller.require_still(transaction),
    }
}
