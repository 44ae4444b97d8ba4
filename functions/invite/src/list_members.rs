//! `GET /v1/members`: who is in the workspace.

use crate::member_view::{self, MemberView};
use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Result};
use common::function::Function;
use common::keys::{self, Kind};
use common::paging::{self, Limit, List};
use common::reply::Reply;
use common::route::{Cx, Method, Route};
use common::store::Access;
use domain::role::Permission;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<ListMembers>();

pub struct ListMembers;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    #[serde(default)]
    limit: Limit,
    #[serde(default)]
    cursor: Option<String>,
}

impl Route for ListMembers {
    const NAME: &'static str = "list-members";
    const SUMMARY: &'static str = "Who is in the workspace, with their roles.";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/members";
    const AUTH: Auth = Auth::Member(Permission::ReadMembers);
    const ACCESS: &'static [Access] =
        &[Access::Query(Kind::Member), Access::BatchGet(Kind::User), Access::Get(Kind::TestUser)];
    const REFUSES: &'static [Code] = &[];
    type Caller = InTenant;
    type Input = Input;
    type Output = List<MemberView>;

    fn example() -> Value {
        json!({})
    }

    async fn handle(cx: &Cx, caller: InTenant, input: Input) -> Result<Reply<List<MemberView>>> {
        let range = keys::members(caller.tenant);
        let page = paging::page_of(cx.store(), range, input.limit, input.cursor.as_deref());
        let test_user = cx.store().get(keys::test_user(caller.tenant));
        let ((members, next_cursor), test_user) = futures::try_join!(page, test_user)?;
        let wanted: Vec<_> = members.iter().map(|member| keys::user(member.user)).collect();
        let users = cx.store().get_each(&wanted).await?;
        let both = members.iter().zip(&users);
        let show = |member, user| member_view::show(member, user, test_user.as_deref());
        let data = both.filter_map(|(member, user)| Some(show(member, user.as_deref()?))).collect();
        Ok(List { data, next_cursor }.into())
    }
}
