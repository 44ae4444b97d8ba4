//! `PATCH /v1/invites/{invite}`: corrects the address of an open invite, or changes the role it gives.
//!
//! The address of an expired invite can be corrected too: that sends it again, to the right person.
//!
//! A corrected address gets a mail with a new link, and the old link is dead: it went to somebody else. Another role does not:
//! the link stays good and gives the new role.

use crate::invite_relink::{self, Subject};
use crate::invite_view::{self, InviteView, not_pending};
use crate::moved::{moved, until_unmoved};
use crate::seats;
use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::keys::{self, Kind, Partition};
use common::reply::Reply;
use common::request::if_present;
use common::route::{Cx, Method, Route};
use common::store::{Access, Change, Guard};
use domain::audit::{Action, Audit};
use domain::email::Email;
use domain::invite::{Invite, InviteStatus};
use domain::role::{Permission, Role};
use domain::user::User;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<UpdateInvite>();

pub struct UpdateInvite;

/// What is absent stays.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    invite: String,
    #[serde(default, deserialize_with = "if_present")]
    #[schemars(with = "Email")]
    email: Option<Email>,
    #[serde(default, deserialize_with = "if_present")]
    #[schemars(with = "Role")]
    role: Option<Role>,
}

impl Route for UpdateInvite {
    const NAME: &'static str = "update-invite";
    const SUMMARY: &'static str = "Correct the address of an open invite, or change the role it gives.";
    const METHOD: Method = Method::Patch;
    const PATH: &'static str = "/v1/invites/{invite}";
    const AUTH: Auth = Auth::Member(Permission::ManageInvites);
    const ACCESS: &'static [Access] = &[
        Access::BatchGet(Kind::Invite),
        Access::BatchGet(Kind::Tenant),
        Access::BatchGet(Kind::User),
        Access::BatchGet(Kind::EmailOwner),
        Access::BatchGet(Kind::Member),
        Access::Get(Kind::User),
        Access::Get(Kind::OpenInvite),
        Access::Query(Kind::OpenInvite),
        Access::Update(Kind::Counters),
        Access::Update(Kind::Invite),
        Access::Create(Kind::InviteEmail),
        Access::Delete(Kind::InviteEmail),
        Access::Create(Kind::OpenInvite),
        Access::Delete(Kind::OpenInvite),
        Access::Delete(Kind::UndeliveredInvite),
        Access::UpdateIn(Kind::Limit, Partition::Tenant),
        Access::UpdateIn(Kind::Limit, Partition::Email),
        Access::CreateIn(Kind::Outbox, Partition::Tenant),
        Access::Create(Kind::Audit),
        Access::Check(Kind::EmailOwner),
        Access::Check(Kind::Member),
    ];
    const REFUSES: &'static [Code] = &[Code::InviteNotPending, Code::Conflict, Code::SeatsFull, Code::RateLimited];
    type Caller = InTenant;
    type Input = Input;
    type Output = InviteView;

    fn example() -> Value {
        json!({ "email": "grace.hopper@acme.example", "role": "viewer" })
    }

    async fn handle(cx: &Cx, caller: InTenant, input: Input) -> Result<Reply<InviteView>> {
        let invite = until_unmoved(|| update(cx, &caller, &input)).await?;
        Ok(invite.into())
    }
}

async fn update(cx: &Cx, caller: &InTenant, input: &Input) -> Result<InviteView> {
    let subject = Subject::read(cx, caller, &input.invite).await?;
    match subject.invite.status(cx.now()) {
        InviteStatus::Pending => {}
        InviteStatus::Expired if input.email.is_some() => {}
        ended => return Err(not_pending(ended)),
    }
    let role = input.role.unwrap_or(subject.invite.role);
    match input.email.as_ref().filter(|email| **email != subject.invite.email) {
        Some(email) => readdress(cx, caller, &subject, email, role).await,
        None if role != subject.invite.role => change_role(cx, caller, &subject, role).await,
        None => Ok(invite_view::show(&subject.invite, inviter_of(cx, &subject.invite).await?.as_ref(), cx.now())),
    }
}

async fn readdress(cx: &Cx, caller: &InTenant, subject: &Subject, email: &Email, role: Role) -> Result<InviteView> {
    let next = Invite { role, ..subject.invite.readdressed(email.clone(), subject.new_link(cx)?, cx.now()) };
    let audit = audit(cx, subject, &next)?.with("email", email).with("email_before", &subject.invite.email);
    invite_relink::write(cx, caller, subject, &next, &audit).await?;
    Ok(invite_view::show(&next, Some(&subject.sender), cx.now()))
}

async fn change_role(cx: &Cx, caller: &InTenant, subject: &Subject, role: Role) -> Result<InviteView> {
    let before = &subject.invite;
    if before.status(cx.now()) != InviteStatus::Pending {
        return Err(not_pending(InviteStatus::Expired));
    }
    // Read beforehand: once it is written, nothing may fail any more.
    let inviter = inviter_of(cx, before).await?;
    let next = Invite { role, ..before.item.clone() };
    let change = Change::new().set("role", role).add("v", 1);
    let as_read = Guard::unchanged(before).and_lacks("outcome").and_after("expires_at", cx.now());
    let transaction = cx
        .store()
        .transaction()
        .update(keys::invite(next.tenant, next.id), change, as_read, moved())
        .delete(keys::open_invite(&before.open_marker()), Guard::present(), moved())
        .create(&next.open_marker(), moved())
        .create(&audit(cx, subject, &next)?, Problem::try_again());
    caller.require_still(seats::note_change(transaction, next.tenant)).commit().await?;
    Ok(invite_view::show(&next, inviter.as_ref(), cx.now()))
}

fn audit(cx: &Cx, subject: &Subject, next: &Invite) -> Result<Audit> {
    let audit = cx.audit(next.tenant, subject.sender.id, Action::InviteUpdated, next.id)?;
    Ok(match next.role == subject.invite.role {
        true => audit,
        false => audit.with("role", next.role).with("role_before", subject.invite.role),
    })
}

async fn inviter_of(cx: &Cx, invite: &Invite) -> Result<Option<User>> {
    Ok(cx.store().get(keys::user(invite.invited_by)).await?.map(|inviter| inviter.item))
}
