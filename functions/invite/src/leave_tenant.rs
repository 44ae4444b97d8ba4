//! `POST /v1/tenant/leave`: a member leaves the workspace. Access ends with the answer.

use crate::membership_change::{Marking, MembershipChange};
use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Result};
use common::function::Function;
use common::keys::{self, Kind};
use common::reply::{NoContent, Reply};
use common::route::{Cx, Method, NoInput, Route};
use common::store::Access;
use domain::role::Permission;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<LeaveTenant>();

pub struct LeaveTenant;

impl Route for LeaveTenant {
    const NAME: &'static str = "leave-tenant";
    const SUMMARY: &'static str = "Leave the workspace.";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/tenant/leave";
    const AUTH: Auth = Auth::Member(Permission::LeaveTenant);
    const ACCESS: &'static [Access] = &[
        Access::Get(Kind::TestUser),
        Access::Delete(Kind::Member),
        Access::Update(Kind::Counters),
        Access::Check(Kind::Billing),
        Access::Delete(Kind::TestUser),
        Access::Check(Kind::TestUser),
        Access::Create(Kind::Audit),
    ];
    const REFUSES: &'static [Code] = &[Code::LastAdmin, Code::BillingOwner, Code::IntegrationOwner, Code::Conflict];
    const SUCCESS: u16 = 204;
    type Caller = InTenant;
    type Input = NoInput;
    type Output = NoContent;

    fn example() -> Value {
        json!({})
    }

    async fn handle(cx: &Cx, caller: InTenant, _: NoInput) -> Result<Reply<NoContent>> {
        let test_user = cx.store().get(keys::test_user(caller.tenant)).await?;
        let change = MembershipChange {
            cx,
            caller: &caller,
            before: &caller.member,
            after: None,
            test_user,
            marking: Marking::AsBefore,
        };
        change.commit().await?;
        Ok(NoContent.into())
    }
}
