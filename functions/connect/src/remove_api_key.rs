//! `DELETE /v1/api-keys/{key}`: removes an API key. It is dead with the answer: every request by a key reads its record.

use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::keys::{self, Kind};
use common::reply::{NoContent, Reply};
use common::route::{Cx, Method, Route};
use common::store::{Access, Change, Guard, Transaction, was_refused_with};
use domain::audit::Action;
use domain::connect::ApiKey;
use domain::id::ApiKeyId;
use domain::role::Permission;
use domain::tenant::{CountedSet, LastChange, Mark};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<RemoveApiKey>();

pub struct RemoveApiKey;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    key: String,
}

impl Route for RemoveApiKey {
    const NAME: &'static str = "remove-api-key";
    const SUMMARY: &'static str = "Remove an API key. It is dead at once.";
    const METHOD: Method = Method::Delete;
    const PATH: &'static str = "/v1/api-keys/{key}";
    const AUTH: Auth = Auth::Member(Permission::ManageApiKeys);
    const ACCESS: &'static [Access] = &[
        Access::Get(Kind::ApiKey),
        Access::Delete(Kind::ApiKey),
        Access::Update(Kind::Counters),
        Access::Create(Kind::Audit),
        Access::Check(Kind::Member),
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
        let id: ApiKeyId = input.key.parse().map_err(|_| Problem::not_found())?;
        let removed = remove(cx, &caller, id).await;
        // It is first used once, so the second try finds it used, or gone.
        match was_refused_with(&removed, USED_OR_GONE) {
            true => remove(cx, &caller, id).await?,
            false => removed?,
        }
        Ok(NoContent.into())
    }
}

async fn remove(cx: &Cx, caller: &InTenant, id: ApiKeyId) -> Result<()> {
    let key = cx.store().get(keys::api_key(caller.tenant, id)).await?.ok_or_else(Problem::not_found)?;
    let audit = cx.audit(caller.tenant, caller.user, Action::ApiKeyRemoved, id)?.with("last_four", &key.last_four);
    let transaction = cx.store().transaction();
    let transaction = match key.first_used_at {
        None => delete_unused(transaction, &key),
        Some(_) => delete_used(transaction, &key, Mark { by: caller.user, at: cx.now() }),
    };
    caller.require_still(transaction.create(&audit, Problem::try_again())).commit().await
}

/// Nobody counts it. Its first use at this moment would be counted, and then never taken off.
fn delete_unused(transaction: Transaction, key: &ApiKey) -> Transaction {
    let still_unused = Guard::present().and_lacks("first_used_at");
    transaction.delete(keys::api_key(key.tenant, key.id), still_unused, used_or_gone())
}

fn delete_used(transaction: Transaction, key: &ApiKey, mark: Mark) -> Transaction {
    let one_less = Change::new().count(CountedSet::UsedApiKeys, &LastChange::removed(key.id, mark));
    transaction.delete(keys::api_key(key.tenant, key.id), Guard::present(), Problem::not_found()).update(
        keys::counters(key.tenant),
        one_less,
        Guard::present(),
        Problem::try_again(),
    )
}

/// By this code a try tells that the key was used for the first time since it was read, or removed. Nobody outside sees it.
const USED_OR_GONE: Code = Code::Conflict;

fn used_or_gone() -> Problem {
    Problem::new(USED_OR_GONE, "The key was used or removed at the same moment.")
}
