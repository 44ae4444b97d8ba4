//! `POST /v1/api-keys`: makes a key by which a program calls. Its answer is the only place where the key ever stands; what is kept
//! is a hash, and the key's last four characters.
//!
//! So it takes no `Idempotency-Key`, by which answers are kept (docs/decisions/0016-api-keys.md): whoever loses the answer removes
//! the key, which nobody has, and makes another.

use crate::api_key_view::ApiKeyView;
use common::auth::api_key::ClearKey;
use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::keys::Kind;
use common::reply::Reply;
use common::route::{Cx, Method, Route};
use common::store::Access;
use domain::audit::Action;
use domain::id::ApiKeyId;
use domain::role::Permission;
use domain::tenant::Mark;
use domain::text::Label;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<CreateApiKey>();

pub struct CreateApiKey;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// What it is for, such as the program that will have it.
    name: Label,
}

#[derive(Serialize, JsonSchema)]
pub struct NewApiKey {
    #[serde(flatten)]
    record: ApiKeyView,
    /// The key, this once: keep it where your program keeps its secrets. It is sent as `Authorization: Bearer`.
    key: String,
}

impl Route for CreateApiKey {
    const NAME: &'static str = "create-api-key";
    const SUMMARY: &'static str = "Make an API key. The key is answered this once, and is kept nowhere.";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/api-keys";
    const AUTH: Auth = Auth::Member(Permission::ManageApiKeys);
    const ACCESS: &'static [Access] =
        &[Access::Create(Kind::ApiKey), Access::Create(Kind::Audit), Access::Check(Kind::Member)];
    const REFUSES: &'static [Code] = &[];
    const SUCCESS: u16 = 201;
    type Caller = InTenant;
    type Input = Input;
    type Output = NewApiKey;

    fn example() -> Value {
        json!({ "name": "Contact importer" })
    }

    async fn handle(cx: &Cx, caller: InTenant, input: Input) -> Result<Reply<NewApiKey>> {
        let key = ClearKey::new(caller.tenant, ApiKeyId::from_uuid(cx.new_id()?))?;
        let record = key.record(input.name, Mark { by: caller.user, at: cx.now() });
        let audit = cx.audit(caller.tenant, caller.user, Action::ApiKeyCreated, record.id)?;
        let audit = audit.with("last_four", &record.last_four);
        let transaction = cx.store().transaction().create(&record, Problem::try_again());
        let transaction = transaction.create(&audit, Problem::try_again());
        caller.require_still(transaction).commit().await?;
        Ok(NewApiKey { record: (&record).into(), key: key.to_text() }.into())
    }
}
