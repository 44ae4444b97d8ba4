//! `DELETE /v1/phone-numbers/{number}`: removes a number from the workspace. Nothing is done where the number comes from.

use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::keys::{self, Kind};
use common::reply::{NoContent, Reply};
use common::route::{Cx, Method, Route};
use common::store::{Access, Change, Guard};
use domain::audit::Action;
use domain::id::PhoneNumberId;
use domain::role::Permission;
use domain::tenant::{CountedSet, LastChange, Mark};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<RemovePhoneNumber>();

pub struct RemovePhoneNumber;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its id.
    number: String,
}

impl Route for RemovePhoneNumber {
    const NAME: &'static str = "remove-phone-number";
    const SUMMARY: &'static str = "Remove a phone number.";
    const METHOD: Method = Method::Delete;
    const PATH: &'static str = "/v1/phone-numbers/{number}";
    const AUTH: Auth = Auth::Member(Permission::ManageConnections);
    const ACCESS: &'static [Access] = &[
        Access::Delete(Kind::PhoneNumber),
        Access::Update(Kind::Counters),
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
        let id: PhoneNumberId = input.number.parse().map_err(|_| Problem::not_found())?;
        remove(cx, &caller, id).await?;
        Ok(NoContent.into())
    }
}

async fn remove(cx: &Cx, caller: &InTenant, id: PhoneNumberId) -> Result<()> {
    let removed = LastChange::removed(id, Mark { by: caller.user, at: cx.now() });
    let counted = Change::new().count(CountedSet::PhoneNumbers, &removed);
    let audit = cx.audit(caller.tenant, caller.user, Action::PhoneNumberRemoved, id)?;
    let transaction = cx
        .store()
        .transaction()
        .delete(keys::phone_number(caller.tenant, id), Guard::present(), Problem::not_found())
        .update(keys::counters(caller.tenant), counted, Guard::present(), Problem::try_again())
        .create(&audit, Problem::try_again());
    caller.require_still(transaction).commit().await
}
