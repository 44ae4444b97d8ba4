//! `POST /v1/invites/accept`: the invited person comes in.
//!
//! A new person becomes a verified user and a member in one transaction; an existing one signs in first. However many try at
//! once, the invite's own item lets one through.

use crate::invite_end::{is_its_own, still_open};
use crate::invite_link::{self, OpenLink};
use crate::moved::{moved, until_unmoved};
use crate::seats;
use common::auth::account::NewAccount;
use common::auth::caller::{Auth, SignedIn, Visitor};
use common::auth::password::Password;
use common::auth::session::{self, AccessGrant};
use common::auth::token::TokenKind;
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::keys::{self, Kind};
use common::reply::Reply;
use common::route::{Cx, Method, Route};
use common::store::{Access, Change, Guard, Transaction};
use common::view::{TenantView, UserView, own_words};
use domain::audit::Action;
use domain::id::UserId;
use domain::invite::{Invite, Outcome};
use domain::member::{InvitedBy, Member, MemberStatus};
use domain::role::Role;
use domain::tenant::{Accepted, CountedSet, LastChange, Mark};
use domain::text::DisplayName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<AcceptInvite>();

pub struct AcceptInvite;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// From the link's fragment.
    token: String,
    /// A new person's name, if they want to give one.
    #[serde(default)]
    display_name: Option<DisplayName>,
    /// A new person's password. Whoever has an account leaves it out and signs in first.
    #[serde(default)]
    password: Option<Password>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Joined {
    user: UserView,
    tenant: TenantView,
    role: Role,
    #[serde(flatten)]
    grant: AccessGrant,
}

impl Route for AcceptInvite {
    const NAME: &'static str = "accept-invite";
    const SUMMARY: &'static str = "Accept an invite, as a new person or as the signed-in owner of the invited address.";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/invites/accept";
    const AUTH: Auth = Auth::Visitor;
    const ACCESS: &'static [Access] = &[
        Access::BatchGet(Kind::Invite),
        Access::BatchGet(Kind::Tenant),
        Access::BatchGet(Kind::EmailOwner),
        Access::Get(Kind::User),
        Access::Update(Kind::Invite),
        Access::Delete(Kind::InviteEmail),
        Access::Delete(Kind::OpenInvite),
        Access::Delete(Kind::UndeliveredInvite),
        Access::Query(Kind::OpenInvite),
        Access::Create(Kind::EmailOwner),
        Access::Create(Kind::User),
        Access::Create(Kind::Credential),
        Access::Create(Kind::Session),
        Access::Create(Kind::Member),
        Access::Update(Kind::Counters),
        Access::Create(Kind::Audit),
    ];
    const REFUSES: &'static [Code] = &[
        Code::InviteInvalid,
        Code::InviteGone,
        Code::SignInRequired,
        Code::InviteEmailMismatch,
        Code::Conflict,
        Code::SeatsFull,
    ];
    const SUCCESS: u16 = 201;
    const SIGNS: &'static [TokenKind] = &[TokenKind::Access];
    const MEMORY_MB: u32 = 1024;
    type Caller = Visitor;
    type Input = Input;
    type Output = Joined;

    fn example() -> Value {
        json!({ "token": "eyJ…", "display_name": "Grace", "password": "violet harbour tin sparrow" })
    }

    async fn handle(cx: &Cx, caller: Visitor, input: Input) -> Result<Reply<Joined>> {
        until_unmoved(|| accept(cx, &caller, &input)).await
    }
}

async fn accept(cx: &Cx, caller: &Visitor, input: &Input) -> Result<Reply<Joined>> {
    let link = invite_link::open(cx, &input.token).await?;
    match (&link.owner, caller) {
        (None, Visitor::Anonymous) => join_as_new_person(cx, link, input).await,
        (Some(owner), Visitor::SignedIn(caller)) if owner.user == caller.user => join(cx, link, *caller).await,
        (Some(_), Visitor::Anonymous) => Err(sign_in_required()),
        (_, Visitor::SignedIn(_)) => Err(email_mismatch()),
    }
}

async fn join_as_new_person(cx: &Cx, link: OpenLink, input: &Input) -> Result<Reply<Joined>> {
    let password = input.password.as_ref().ok_or_else(password_missing)?;
    let OpenLink { invite, tenant, .. } = link;
    password.require_strong(&own_words(&invite.email, input.display_name.as_ref(), &tenant.company_name))?;

    let account = NewAccount::new(cx, &invite.email, input.display_name.clone(), password)?;
    let attempt = || Ok(account.create_in(admit(cx, &invite, account.user.id)?, sign_in_required()));
    seats::commit(cx, invite.tenant, attempt).await.map_err(for_the_invited)?;

    let (grant, cookie) = account.session.grant(cx)?;
    let user = (&account.user).into();
    Ok(Reply::from(Joined { user, tenant: (&tenant).into(), role: invite.role, grant }).cookie(cookie))
}

async fn join(cx: &Cx, link: OpenLink, caller: SignedIn) -> Result<Reply<Joined>> {
    let OpenLink { invite, tenant, .. } = link;
    let user = cx.store().get(keys::user(caller.user)).await?.ok_or_else(Problem::unauthenticated)?;
    seats::commit(cx, invite.tenant, || admit(cx, &invite, caller.user)).await.map_err(for_the_invited)?;
    let grant = session::access_grant(cx, caller.user, caller.session)?;
    Ok(Joined { user: (&user.item).into(), tenant: TenantView::from(&tenant), role: invite.role, grant }.into())
}

/// What makes `user` a member, whoever they were before: the invite is used, the membership is there, the counters are right.
fn admit(cx: &Cx, invite: &Invite, user: UserId) -> Result<Transaction> {
    let (tenant, now) = (invite.tenant, cx.now());
    let member = Member {
        tenant,
        user,
        role: invite.role,
        status: MemberStatus::Active,
        joined_at: now,
        first_seen_at: now,
        last_seen_at: now,
        invited: Some(InvitedBy { user: invite.invited_by, invite: invite.id }),
        plans_owned: 0,
    };
    let accepted = Change::new().set("outcome", Outcome::Accepted { by: user, at: now }).add("v", 1);
    // Whoever changed its role was told that this is what the person gets.
    let as_read = still_open(invite, now).and_equals("role", invite.role.as_str());
    // The invite's seat becomes the member's: there is none to take, but the workspace may have fewer by now.
    let has_seats = Guard::present().and_at_most_other("seats_taken", "seats");
    let audit = cx.audit(tenant, user, Action::InviteAccepted, invite.id)?.with("role", invite.role);
    Ok(cx
        .store()
        .transaction()
        .update(keys::invite(tenant, invite.id), accepted, as_read, moved())
        .create(&member, already_member())
        .update(keys::counters(tenant), counted(cx, invite, user), has_seats, seats::full())
        .delete(keys::invite_email(tenant, &invite.email), is_its_own(invite), moved())
        // Gone only where another clock found that the invite had expired, and gave its seat away.
        .delete(keys::open_invite(&invite.open_marker()), Guard::present(), invite_link::expired())
        .delete(keys::undelivered_invite(invite), Guard::default(), Problem::try_again())
        .create(&audit, Problem::try_again()))
}

fn counted(cx: &Cx, invite: &Invite, user: UserId) -> Change {
    let now = cx.now();
    // An admin is one because somebody made them so; that anybody has signed in is their own doing.
    let by = if invite.role == Role::Admin { invite.invited_by } else { user };
    Change::new()
        .add("members", 1)
        .add("invited_members", 1)
        .set_once("first_accepted", Accepted { invite: invite.id, by: user, at: now })
        .count(CountedSet::of_role(invite.role), &LastChange::added(user, Mark { by, at: now }))
        .add("invite_changes", 1)
}

fn password_missing() -> Problem {
    Problem::field("/password", "missing", "Choose a password: this address has no account yet.")
}

fn sign_in_required() -> Problem {
    Problem::new(
        Code::SignInRequired,
        "The invited address has an account. Sign in with it, then accept the invitation.",
    )
}

fn email_mismatch() -> Problem {
    Problem::new(
        Code::InviteEmailMismatch,
        "This invitation is for another address than the one you are signed in with. Sign out, then follow the link again and sign in or register with the invited address.",
    )
}

/// The invited person cannot make room: they are told who can.
fn for_the_invited(problem: Problem) -> Problem {
    match problem.code {
        Code::SeatsFull => Problem::new(
            Code::SeatsFull,
            "This workspace has no seat left, so you could not join. The invitation stays open: ask whoever invited you to make room, then accept it again.",
        ),
        _ => problem,
    }
}

fn already_member() -> Problem {
    Problem::new(
        Code::Conflict,
        "You are a member of this workspace already. The invitation was not used; if your role is wrong, ask a Tenant Admin to change it.",
    )
}
