//! `PATCH /v1/me`: changes my display name or time zone.

use crate::me::{self, Me};
use common::auth::caller::{Auth, SignedIn};
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::keys::Kind;
use common::reply::Reply;
use common::route::{Cx, Method, Route};
use common::store::Access;
use domain::patch::Patch;
use domain::text::DisplayName;
use domain::time_zone::TimeZoneName;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<UpdateMe>();

pub struct UpdateMe;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Null clears it.
    #[serde(default)]
    display_name: Patch<DisplayName>,
    /// Null follows the workspace again.
    #[serde(default)]
    time_zone: Patch<TimeZoneName>,
}

impl Route for UpdateMe {
    const NAME: &'static str = "update-me";
    const SUMMARY: &'static str = "Change my display name or time zone.";
    const METHOD: Method = Method::Patch;
    const PATH: &'static str = "/v1/me";
    const AUTH: Auth = Auth::User;
    const ACCESS: &'static [Access] = &[
        Access::Get(Kind::User),
        Access::Replace(Kind::User),
        Access::QueryIndex(Kind::Member),
        Access::BatchGet(Kind::Tenant),
    ];
    const REFUSES: &'static [Code] = &[Code::Conflict];
    type Caller = SignedIn;
    type Input = Input;
    type Output = Me;

    fn example() -> Value {
        json!({ "display_name": "Ada L.", "time_zone": "Europe/London" })
    }

    async fn handle(cx: &Cx, caller: SignedIn, input: Input) -> Result<Reply<Me>> {
        let (user, memberships) = futures::try_join!(me::read_user(cx, &caller), me::read_memberships(cx, &caller))?;
        let mut next = user.item.clone();
        input.display_name.apply(&mut next.display_name);
        input.time_zone.apply(&mut next.time_zone);
        cx.store().transaction().replace(&user, &next, changed_meanwhile()).commit().await?;
        Ok(me::show(cx, &next, &memberships).into())
    }
}

fn changed_meanwhile() -> Problem {
    Problem::new(
        Code::Conflict,
        "Your profile was changed at the same moment, so nothing was saved. Send your change again.",
    )
}
