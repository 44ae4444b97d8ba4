//! `GET /v1/access-review`: whether anybody has broader access than necessary, and whether those who should have access have it.
//!
//! Nothing that is read grows with the workspace: what is to be said of its admins is in its counters, and open invitations come a
//! page at a time, by when they end. One that has expired opens nothing, and is not looked at.
//!
//! A *member* who never signed in cannot exist here: every way into a workspace, confirming a sign-up as well as accepting an
//! invitation, is itself a signed-in act. Those who were given access and never came are therefore among the invited, and nowhere else.

use crate::access_finding::{self, AccessFinding, Inviter};
use crate::users;
use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::keys::{self, Kind};
use common::paging::{self, Limit, List};
use common::reply::Reply;
use common::route::{Cx, Method, Route};
use common::store::{Access, Order, Stored};
use domain::id::UserId;
use domain::invite::{Invite, OpenInvite};
use domain::member::Member;
use domain::role::Permission;
use domain::user::User;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};

pub static FUNCTION: Function = Function::route::<GetAccessReview>();

pub struct GetAccessReview;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// How many open invitations to look at. There may be nothing to say about one, or two things; what there is to say about the
    /// admins comes before them, on the first page.
    #[serde(default)]
    limit: Limit,
    #[serde(default)]
    cursor: Option<String>,
}

impl Route for GetAccessReview {
    const NAME: &'static str = "get-access-review";
    const SUMMARY: &'static str = "Who has more access than necessary, and who was invited and never came.";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/v1/access-review";
    const AUTH: Auth = Auth::Member(Permission::ReviewAccess);
    const ACCESS: &'static [Access] = &[
        Access::Get(Kind::Counters),
        Access::Query(Kind::OpenInvite),
        Access::BatchGet(Kind::Invite),
        Access::BatchGet(Kind::Member),
        Access::BatchGet(Kind::User),
    ];
    const REFUSES: &'static [Code] = &[];
    type Caller = InTenant;
    type Input = Input;
    type Output = List<AccessFinding>;

    fn example() -> Value {
        json!({})
    }

    async fn handle(cx: &Cx, caller: InTenant, input: Input) -> Result<Reply<List<AccessFinding>>> {
        let cursor = input.cursor.as_deref();
        let (range, now) = (keys::open_invites(caller.tenant), cx.now());
        let is_open = |open: &OpenInvite| open.expires_at > now;
        let open = paging::page_of_matching(cx.store(), range, Order::Ascending, input.limit, cursor, is_open);
        let (of_admins, (open, next_cursor)) = futures::try_join!(of_admins(cx, &caller, cursor), open)?;
        let of_invites = of_invites(cx, &caller, &open).await?;
        Ok(List { data: of_admins.into_iter().chain(of_invites).collect(), next_cursor }.into())
    }
}

/// Said once, on the first page.
async fn of_admins(cx: &Cx, caller: &InTenant, cursor: Option<&str>) -> Result<Option<AccessFinding>> {
    if cursor.is_some() {
        return Ok(None);
    }
    let counters = cx.store().get(keys::counters(caller.tenant)).await?.ok_or_else(Problem::not_found)?;
    Ok(access_finding::admins(&counters))
}

async fn of_invites(cx: &Cx, caller: &InTenant, open: &[Stored<OpenInvite>]) -> Result<Vec<AccessFinding>> {
    let wanted: Vec<_> = open.iter().map(|open| keys::invite(caller.tenant, open.invite)).collect();
    let inviters = inviters_of(cx, caller, open);
    let (invites, inviters) = futures::try_join!(cx.store().get_each(&wanted), inviters)?;
    // One that was sent again by somebody else since its marker was read has another inviter, of whom nothing was read.
    let read = |(invite, open): (Option<Stored<Invite>>, &Stored<OpenInvite>)| {
        invite.filter(|invite| invite.invited_by == open.invited_by)
    };
    let invites = invites.into_iter().zip(open).filter_map(read);
    Ok(invites.flat_map(|invite| inviters.findings(&invite, cx)).collect())
}

/// Those who sent the invitations of a page.
struct Inviters {
    members: HashMap<UserId, Member>,
    /// Of those who are no active admins: the others need no name.
    users: HashMap<UserId, User>,
}

async fn inviters_of(cx: &Cx, caller: &InTenant, open: &[Stored<OpenInvite>]) -> Result<Inviters> {
    let ids: BTreeSet<_> = open.iter().map(|open| open.invited_by).collect();
    let wanted: Vec<_> = ids.iter().map(|id| keys::member(caller.tenant, *id)).collect();
    let members = cx.store().get_each(&wanted).await?.into_iter().flatten();
    let members: HashMap<_, _> = members.map(|member| (member.user, member.item)).collect();
    let no_admins = ids.iter().filter(|id| !members.get(id).is_some_and(Member::is_active_admin));
    let users = users::by_id(cx, no_admins.copied()).await?;
    Ok(Inviters { members, users })
}

impl Inviters {
    fn findings(&self, invite: &Invite, cx: &Cx) -> impl Iterator<Item = AccessFinding> + use<> {
        let member = self.members.get(&invite.invited_by);
        let email = self.users.get(&invite.invited_by).map(|user| &user.email);
        let never_came = access_finding::never_signed_in(invite, cx.now());
        let nobody_answers = access_finding::inviter_not_admin(invite, Inviter { member, email }, cx.now());
        let went_wrong = access_finding::undelivered(invite, cx.now());
        went_wrong.into_iter().chain(never_came).chain(nobody_answers)
    }
}
