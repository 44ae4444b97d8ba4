//! `POST /v1/phone-numbers`: adds a number that the workspace calls from. A workspace has a number once: its id follows from both.

use crate::phone_number_view::PhoneNumberView;
use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::idempotency::Idempotency;
use common::keys::{self, Kind};
use common::reply::Reply;
use common::route::{Cx, Method, Route};
use common::store::{Access, Change, Guard, was_refused_with};
use domain::audit::Action;
use domain::connect::PhoneNumber;
use domain::id::{PhoneNumberId, RequestMark, TenantId};
use domain::phone::Phone;
use domain::role::Permission;
use domain::tenant::{CountedSet, LastChange, Mark};
use domain::text::Label;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Builder;

pub static FUNCTION: Function = Function::route::<AddPhoneNumber>();

pub struct AddPhoneNumber;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    number: Phone,
    /// What people call it.
    #[serde(default)]
    label: Option<Label>,
}

impl Route for AddPhoneNumber {
    const NAME: &'static str = "add-phone-number";
    const SUMMARY: &'static str = "Add a number that the workspace calls from.";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/phone-numbers";
    const AUTH: Auth = Auth::Member(Permission::ManageConnections);
    const ACCESS: &'static [Access] = &[
        Access::Create(Kind::PhoneNumber),
        Access::Get(Kind::PhoneNumber),
        Access::Update(Kind::Counters),
        Access::Check(Kind::Member),
        Access::Create(Kind::Audit),
    ];
    const REFUSES: &'static [Code] = &[Code::NumberExists];
    const SUCCESS: u16 = 201;
    const IDEMPOTENCY: Idempotency = Idempotency::ByKey;
    type Caller = InTenant;
    type Input = Input;
    type Output = PhoneNumberView;

    fn example() -> Value {
        json!({ "number": "+4930901820", "label": "Berlin office" })
    }

    async fn handle(cx: &Cx, caller: InTenant, input: Input) -> Result<Reply<PhoneNumberView>> {
        let number = PhoneNumber {
            tenant: caller.tenant,
            id: id_of(caller.tenant, &input.number),
            number: input.number,
            label: input.label,
            request: RequestMark::from_uuid(cx.id_for("phone number")?),
            created: Mark { by: caller.user, at: cx.now() },
        };
        let added = add(cx, &caller, &number).await;
        if was_refused_with(&added, Code::NumberExists)
            && let Some(before) = added_before(cx, &number).await?
        {
            return Ok(PhoneNumberView::from(&before).into());
        }
        added?;
        Ok(PhoneNumberView::from(&number).into())
    }
}

/// The id that a number has in a workspace. It is no secret: whoever knows both can know it.
fn id_of(tenant: TenantId, number: &Phone) -> PhoneNumberId {
    let digest = Sha256::new().chain_update(tenant.uuid()).chain_update(number.as_str()).finalize();
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    PhoneNumberId::from_uuid(Builder::from_custom_bytes(bytes).into_uuid())
}

async fn add(cx: &Cx, caller: &InTenant, number: &PhoneNumber) -> Result<()> {
    let counted = Change::new().count(CountedSet::PhoneNumbers, &LastChange::added(number.id, number.created));
    let audit = cx.audit(caller.tenant, caller.user, Action::PhoneNumberAdded, number.id)?;
    let transaction = cx
        .store()
        .transaction()
        .create(number, number_exists())
        .update(keys::counters(caller.tenant), counted, Guard::present(), Problem::try_again())
        .create(&audit, Problem::try_again());
    caller.require_still(transaction).commit().await
}

/// The number that is there already, if this very request added it when it was sent before, and its answer was lost.
async fn added_before(cx: &Cx, number: &PhoneNumber) -> Result<Option<PhoneNumber>> {
    if !cx.may_be_a_repeat() {
        return Ok(None);
    }
    let there = cx.store().get(keys::phone_number(number.tenant, number.id)).await?;
    Ok(there.map(|there| there.item).filter(|there| there.request == number.request))
}

fn number_exists() -> Problem {
    Problem::new(
        Code::NumberExists,
        "This workspace has this number already, so nothing was added. To give it another label, remove it and add it again.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(tenant: u128, number: &str) -> PhoneNumberId {
        id_of(TenantId::from_uuid(uuid::Uuid::from_u128(tenant)), &Phone::parse(number).unwrap())
    }

    #[test]
    fn a_number_has_one_id_in_a_workspace_and_another_in_another() {
        assert_eq!(id(1, "+4930901820"), id(1, "+49 30 901820"));
        assert_ne!(id(1, "+4930901820"), id(1, "+4930901821"));
        assert_ne!(id(1, "+4930901820"), id(2, "+4930901820"));
        assert_eq!(id(1, "+4930901820").uuid().get_version_num(), 8);
    }
}
