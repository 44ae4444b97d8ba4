//! `POST /v1/invites/{invite}/resend`: sends an invite's mail again, with a new link that is good for as long as the first was.
//! The old link is dead.
//!
//! An invite that has expired may be sent again; one that was accepted, declined or revoked may not, and neither may one whose
//! address takes no mail. Whoever sends it is the inviter from then on.

use crate::invite_relink::{self, Subject};
use crate::invite_view::{self, InviteView, not_pending};
use crate::moved::until_unmoved;
use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::idempotency::Idempotency;
use common::keys::{Kind, Partition};
use common::reply::Reply;
use common::route::{Cx, Method, Route};
use common::store::Access;
use domain::audit::Action;
use domain::invite::{Invite, InviteStatus, MAX_RESENDS};
use domain::role::Permission;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

pub static FUNCTION: Function = Function::route::<ResendInvite>();

pub struct ResendInvite;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    invite: String,
}

impl Route for ResendInvite {
    const NAME: &'static str = "resend-invite";
    const SUMMARY: &'static str = "Send an invite again, with a new link. The old link is dead.";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/invites/{invite}/resend";
    const AUTH: Auth = Auth::Member(Permission::ManageInvites);
    const ACCESS: &'static [Access] = &[
        Access::BatchGet(Kind::Invite),
        Access::BatchGet(Kind::Tenant),
        Access::BatchGet(Kind::User),
        Access::BatchGet(Kind::EmailOwner),
        Access::BatchGet(Kind::Member),
        Access::Get(Kind::OpenInvite),
        Access::Query(Kind::OpenInvite),
        Access::Update(Kind::Invite),
        Access::Create(Kind::InviteEmail),
        Access::Create(Kind::OpenInvite),
        Access::Delete(Kind::OpenInvite),
        Access::Delete(Kind::UndeliveredInvite),
        Access::Update(Kind::Counters),
        Access::UpdateIn(Kind::Limit, Partition::Tenant),
        Access::UpdateIn(Kind::Limit, Partition::Email),
        Access::CreateIn(Kind::Outbox, Partition::Tenant),
        Access::Create(Kind::Audit),
        Access::Check(Kind::EmailOwner),
        Access::Check(Kind::Member),
    ];
    const REFUSES: &'static [Code] =
        &[Code::InviteNotPending, Code::InviteUndeliverable, Code::Conflict, Code::SeatsFull, Code::RateLimited];
    const IDEMPOTENCY: Idempotency = Idempotency::ByKey;
    type Caller = InTenant;
    type Input = Input;
    type Output = InviteView;

    fn example() -> Value {
        json!({})
    }

    async fn handle(cx: &Cx, caller: InTenant, input: Input) -> Result<Reply<InviteView>> {
        let invite = until_unmoved(|| resend(cx, &caller, &input.invite)).await?;
        Ok(invite.into())
    }
}

async fn resend(cx: &Cx, caller: &InTenant, invite: &str) -> Result<InviteView> {
    let subject = Subject::read(cx, caller, invite).await?;
    let link = subject.new_link(cx)?;
    if subject.invite.mail == link.mail {
        // This very request sent it, and its answer was lost.
        return Ok(invite_view::show(&subject.invite, Some(&subject.sender), cx.now()));
    }
    require_resendable(cx, &subject.invite)?;
    let next = subject.invite.sent_again(link, cx.now());
    let audit = cx.audit(caller.tenant, caller.user, Action::InviteResent, next.id)?.with("email", &next.email);
    invite_relink::write(cx, caller, &subject, &next, &audit).await?;
    Ok(invite_view::show(&next, Some(&subject.sender), cx.now()))
}

fn require_resendable(cx: &Cx, invite: &Invite) -> Result<()> {
    match invite.status(cx.now()) {
        InviteStatus::Pending | InviteStatus::Expired => {}
        ended => return Err(not_pending(ended)),
    }
    if invite.delivery.wants_another_address() {
        return Err(undeliverable());
    }
    let allowed = invite.may_be_sent_again_at(cx.now());
    match u64::try_from((allowed.as_millisecond() - cx.now().as_millisecond() + 999) / 1000) {
        Ok(0) | Err(_) => Ok(()),
        Ok(seconds) => Err(Problem::rate_limited(seconds, too_often())),
    }
}

fn undeliverable() -> Problem {
    Problem::new(
        Code::InviteUndeliverable,
        "The mail to this address came back, or was reported as spam, so nothing was sent. Correct the address of the invitation, or revoke it and invite another one.",
    )
}

fn too_often() -> String {
    format!(
        "This invitation was sent again {MAX_RESENDS} times in ten minutes, so nothing was sent. Ask the person to look into their spam folder, and send it again once the time in Retry-After is over."
    )
}
