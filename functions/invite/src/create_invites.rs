//! `POST /v1/invites`: invites 1 to 50 people. One bad row never loses the others.
//!
//! Each row is a transaction of its own: the invite, the hold on its address, its mail and its audit line, or none of them.

use crate::invite_view::{self, InviteView};
use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::idempotency::Idempotency;
use common::keys::{self, Kind, Partition};
use common::reply::Reply;
use common::route::{Cx, Method, Route};
use common::store::{Access, Guard};
use domain::audit::Action;
use domain::email::Email;
use domain::id::{InviteId, OutboxId, UserId};
use domain::invite::{DEFAULT_EXPIRY_DAYS, Delivery, Invite, InviteStatus, MAX_ROWS, expiry};
use domain::outbox::{InviteMail, Message, Outbox, Owner};
use domain::role::{Permission, Role};
use domain::tenant::Tenant;
use domain::text::Note;
use domain::user::{EmailOwner, User};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};

pub static FUNCTION: Function = Function::route::<CreateInvites>();

pub struct CreateInvites;

/// How many rows are written side by side.
const SIDE_BY_SIDE: usize = 8;
/// How often a row is tried whose address changes hands meanwhile.
const TRIES: usize = 3;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// 1 to 50.
    invites: Vec<Row>,
    /// Carried by every mail, as the inviter's words.
    #[serde(default)]
    note: Option<Note>,
    /// 1 to 30; 7 if left out.
    #[serde(default)]
    expires_in_days: Option<i64>,
}

/// Taken as it comes: what is wrong with a row is that row's answer, not the request's.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Row {
    #[schemars(with = "String")]
    email: Value,
    /// `admin`, `operator` (if left out) or `viewer`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    role: Option<Value>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Results {
    /// In the order of the request.
    results: Vec<RowResult>,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RowResult {
    /// As it was given; empty where that was not text.
    email: String,
    status: RowStatus,
    /// The invite that was made, or the one that is pending already.
    #[serde(skip_serializing_if = "Option::is_none")]
    invite: Option<InviteView>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RowStatus {
    Invited,
    AlreadyMember,
    AlreadyInvited,
    Invalid,
    TryAgain,
}

impl Route for CreateInvites {
    const NAME: &'static str = "create-invites";
    const SUMMARY: &'static str = "Invite 1 to 50 people. Every row has its own result.";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/v1/invites";
    const AUTH: Auth = Auth::Member(Permission::ManageInvites);
    const ACCESS: &'static [Access] = &[
        Access::BatchGet(Kind::Tenant),
        Access::BatchGet(Kind::User),
        Access::BatchGet(Kind::EmailOwner),
        Access::BatchGet(Kind::Member),
        Access::Get(Kind::InviteEmail),
        Access::Get(Kind::Invite),
        Access::Get(Kind::User),
        Access::Create(Kind::Invite),
        Access::Create(Kind::InviteEmail),
        Access::Create(Kind::OpenInvite),
        Access::CreateIn(Kind::Outbox, Partition::Tenant),
        Access::Create(Kind::Audit),
        Access::Check(Kind::EmailOwner),
        Access::Check(Kind::Member),
    ];
    const REFUSES: &'static [Code] = &[];
    const IDEMPOTENCY: Idempotency = Idempotency::ByKey;
    type Caller = InTenant;
    type Input = Input;
    type Output = Results;

    fn example() -> Value {
        json!({
            "invites": [{ "email": "grace@acme.example", "role": "admin" }, { "email": "edsger@acme.example" }],
            "note": "Check that you can see the launch list.",
        })
    }

    async fn handle(cx: &Cx, caller: InTenant, input: Input) -> Result<Reply<Results>> {
        let days = require_shape(&input)?;
        let rows: Vec<_> = input.invites.iter().map(|row| (row, Wanted::parse(row))).collect();
        let addresses = distinct_addresses(rows.iter().filter_map(|(_, wanted)| wanted.as_ref().ok()));
        let desk = Desk::open(cx, &caller, input.note, days, &addresses).await?;
        let answers = desk.invite_each(rows.iter().filter_map(|(_, wanted)| wanted.as_ref().ok())).await;
        Ok(Results { results: in_request_order(&rows, &answers) }.into())
    }
}

fn require_shape(input: &Input) -> Result<i64> {
    if !(1..=MAX_ROWS).contains(&input.invites.len()) {
        let detail = format!("Invite 1 to {MAX_ROWS} people at a time.");
        return Err(Problem::field("/invites", "wrong_number", detail));
    }
    let days = input.expires_in_days.unwrap_or(DEFAULT_EXPIRY_DAYS);
    match (1..=30).contains(&days) {
        true => Ok(days),
        false => Err(Problem::field("/expires_in_days", "out_of_range", "An invitation is good for 1 to 30 days.")),
    }
}

/// A row that can be invited.
struct Wanted {
    email: Email,
    role: Role,
}

impl Wanted {
    fn parse(row: &Row) -> Result<Wanted, String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let email = Email::parse(&text(&row.email)).map_err(|invalid| invalid.detail)?;
        let role = match &row.role {
            None => Role::default(),
            Some(role) => Role::parse(&text(role)).map_err(|invalid| invalid.detail)?,
        };
        Ok(Wanted { email, role })
    }
}

fn distinct_addresses<'a>(wanted: impl Iterator<Item = &'a Wanted>) -> Vec<&'a Email> {
    let mut seen = HashSet::new();
    wanted.map(|wanted| &wanted.email).filter(|email| seen.insert(email.identity())).collect()
}

/// The first row of an address has its answer; a later one is told of the invite that the first one made or found.
fn in_request_order(rows: &[(&Row, Result<Wanted, String>)], answers: &HashMap<&Email, Answer>) -> Vec<RowResult> {
    let mut told = HashSet::new();
    rows.iter()
        .map(|(row, wanted)| match wanted {
            Err(detail) => RowResult::new(row, RowStatus::Invalid, None, Some(detail)),
            Ok(wanted) => match (&answers[&wanted.email], told.insert(wanted.email.identity())) {
                (Answer::Invited(invite), true) => RowResult::new(row, RowStatus::Invited, Some(invite), None),
                (Answer::Invited(invite) | Answer::AlreadyInvited(invite), _) => {
                    RowResult::new(row, RowStatus::AlreadyInvited, Some(invite), Some(ALREADY_INVITED))
                }
                (Answer::AlreadyMember, _) => RowResult::new(row, RowStatus::AlreadyMember, None, Some(ALREADY_MEMBER)),
                (Answer::NotNow, _) => RowResult::new(row, RowStatus::TryAgain, None, Some(NOT_NOW)),
            },
        })
        .collect()
}

const ALREADY_INVITED: &str = "An invitation to this address is open already. It was left as it is.";
const NOT_NOW: &str = "The service was busy, and this person was not invited. Send this row again in a moment.";
const ALREADY_MEMBER: &str = "This person is in the workspace already. To change what they may do, change their role.";

impl RowResult {
    fn new(row: &Row, status: RowStatus, invite: Option<&InviteView>, detail: Option<&str>) -> RowResult {
        let email = row.email.as_str().unwrap_or_default().to_owned();
        RowResult { email, status, invite: invite.cloned(), detail: detail.map(str::to_owned) }
    }
}

/// What became of an address.
enum Answer {
    Invited(InviteView),
    AlreadyInvited(InviteView),
    AlreadyMember,
    /// The table was too busy, or somebody else at the same address, too often in a row.
    NotNow,
}

/// Who has the address. What was read is a condition of the row's transaction, so nobody is invited who came in meanwhile.
#[derive(Clone, Copy)]
enum Holder {
    Nobody,
    Outsider(UserId),
    Member,
}

/// What all rows of a request share, read beforehand.
struct Desk<'a> {
    cx: &'a Cx,
    caller: &'a InTenant,
    tenant: Tenant,
    inviter: User,
    note: Option<Note>,
    days: i64,
    holders: HashMap<String, Holder>,
}

impl<'a> Desk<'a> {
    async fn open(
        cx: &'a Cx,
        caller: &'a InTenant,
        note: Option<Note>,
        days: i64,
        addresses: &[&Email],
    ) -> Result<Desk<'a>> {
        let shared = async { cx.store().get_all((keys::tenant(caller.tenant), keys::user(caller.user))).await };
        let ((tenant, inviter), holders) = futures::try_join!(shared, holders_of(cx, caller, addresses))?;
        let tenant = tenant.ok_or_else(Problem::not_found)?.item;
        let inviter = inviter.ok_or_else(Problem::unauthenticated)?.item;
        Ok(Desk { cx, caller, tenant, inviter, note, days, holders })
    }

    /// Invites each address once, several side by side.
    async fn invite_each<'w>(&self, wanted: impl Iterator<Item = &'w Wanted>) -> HashMap<&'w Email, Answer> {
        let mut first = HashSet::new();
        let wanted: Vec<_> = wanted.filter(|wanted| first.insert(wanted.email.identity())).collect();
        let mut answers = HashMap::new();
        for some in wanted.chunks(SIDE_BY_SIDE) {
            let made = futures::future::join_all(some.iter().map(|wanted| self.invite(wanted))).await;
            answers.extend(some.iter().map(|wanted| &wanted.email).zip(made));
        }
        answers
    }

    /// Invites one address. What goes wrong with it is its own answer: other rows may have been written by then.
    async fn invite(&self, wanted: &Wanted) -> Answer {
        match self.invite_or_look_again(wanted).await {
            Ok(answer) => answer,
            Err(problem) => {
                tracing::warn!(tenant = %self.caller.tenant, %problem, "a row of invites was not written");
                Answer::NotNow
            }
        }
    }

    /// Somebody may take the address, give it up or come in between the reads and the write: then both are done again.
    async fn invite_or_look_again(&self, wanted: &Wanted) -> Result<Answer> {
        let mut holder = self.holders.get(wanted.email.identity()).copied().unwrap_or(Holder::Nobody);
        for _ in 0..TRIES {
            if let Some(answer) = self.try_to_invite(wanted, holder).await? {
                return Ok(answer);
            }
            let holders = holders_of(self.cx, self.caller, &[&wanted.email]).await?;
            holder = holders.get(wanted.email.identity()).copied().unwrap_or(Holder::Nobody);
        }
        Ok(Answer::NotNow)
    }

    /// Nothing, where what was read does not hold any more.
    async fn try_to_invite(&self, wanted: &Wanted, holder: Holder) -> Result<Option<Answer>> {
        let (invite, mail) = self.compose(wanted)?;
        let transaction = self
            .cx
            .store()
            .transaction()
            .create_if(&invite.email_hold(), self.free_address(), taken())
            .create(&invite, Problem::try_again())
            .create(&invite.open_marker(), Problem::try_again())
            .create(&mail, Problem::try_again())
            .create(&self.audit(&invite)?, Problem::try_again());
        let transaction = match holder {
            Holder::Nobody => transaction.check(keys::email_owner(&wanted.email), Guard::absent(), came_in()),
            Holder::Outsider(user) => {
                transaction.check(keys::member(self.caller.tenant, user), Guard::absent(), came_in())
            }
            Holder::Member => return Ok(Some(Answer::AlreadyMember)),
        };
        match transaction.commit().await {
            Ok(()) => Ok(Some(Answer::Invited(invite_view::show(&invite, Some(&self.inviter), self.cx.now())))),
            Err(problem) if problem.code == TAKEN => Ok(self.pending(&wanted.email).await?.map(Answer::AlreadyInvited)),
            Err(problem) if problem.code == CAME_IN => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    /// Nobody is invited under the address, or only by an invite that has expired.
    fn free_address(&self) -> Guard {
        Guard::absent_or_at_most("open_until", self.cx.now().as_second())
    }

    fn audit(&self, invite: &Invite) -> Result<domain::audit::Audit> {
        self.cx.audit(self.caller.tenant, self.caller.user, Action::InviteCreated, invite.id)
    }

    /// The invite that has the address, if it still has.
    async fn pending(&self, email: &Email) -> Result<Option<InviteView>> {
        let tenant = self.caller.tenant;
        let Some(hold) = self.cx.store().get(keys::invite_email(tenant, email)).await? else {
            return Ok(None);
        };
        let Some(invite) = self.cx.store().get(keys::invite(tenant, hold.invite)).await? else {
            return Ok(None);
        };
        if invite.status(self.cx.now()) != InviteStatus::Pending {
            return Ok(None);
        }
        let inviter = self.cx.store().get(keys::user(invite.invited_by)).await?;
        Ok(Some(invite_view::show(&invite, inviter.as_deref(), self.cx.now())))
    }

    fn compose(&self, wanted: &Wanted) -> Result<(Invite, Outbox)> {
        let (cx, tenant) = (self.cx, self.caller.tenant);
        let mail = OutboxId::from_uuid(cx.new_id()?);
        let invite = Invite {
            tenant,
            id: InviteId::from_uuid(cx.new_id()?),
            email: wanted.email.clone(),
            role: wanted.role,
            outcome: None,
            delivery: Delivery::Queued,
            note: self.note.clone(),
            invited_by: self.caller.user,
            jti: cx.new_id()?,
            mail,
            created_at: cx.now(),
            expires_at: expiry(cx.now(), self.days),
        };
        let row = Outbox::new(
            mail,
            Owner::Tenant(tenant),
            wanted.email.clone(),
            Message::Invite(Box::new(self.words(&invite))),
            cx.now(),
        );
        Ok((invite, row))
    }

    fn words(&self, invite: &Invite) -> InviteMail {
        let name = self.inviter.display_name.as_ref().map(ToString::to_string);
        InviteMail {
            tenant: invite.tenant,
            invite: invite.id,
            jti: invite.jti,
            invited_by: invite.invited_by,
            inviter: name.unwrap_or_else(|| self.inviter.email.to_string()),
            inviter_email: self.inviter.email.clone(),
            company_name: self.tenant.company_name.clone(),
            role: invite.role,
            note: invite.note.clone(),
            expires_at: invite.expires_at,
            time_zone: self.tenant.default_time_zone.clone(),
        }
    }
}

/// Who has each address that has an account: one round trip where none has, two otherwise.
async fn holders_of(cx: &Cx, caller: &InTenant, addresses: &[&Email]) -> Result<HashMap<String, Holder>> {
    let wanted: Vec<_> = addresses.iter().map(|email| keys::email_owner(email)).collect();
    let owners: Vec<EmailOwner> =
        cx.store().get_each(&wanted).await?.into_iter().flatten().map(|owner| owner.item).collect();
    if owners.is_empty() {
        return Ok(HashMap::new());
    }
    let wanted: Vec<_> = owners.iter().map(|owner| keys::member(caller.tenant, owner.user)).collect();
    let members = cx.store().get_each(&wanted).await?;
    let holder = |(owner, member): (EmailOwner, Option<_>)| {
        let holder = if member.is_some() { Holder::Member } else { Holder::Outsider(owner.user) };
        (owner.email.identity().to_owned(), holder)
    };
    Ok(owners.into_iter().zip(members).map(holder).collect())
}

/// The codes by which a row's transaction tells its refusals apart. No client sees them.
const TAKEN: Code = Code::Conflict;
const CAME_IN: Code = Code::VersionStale;

fn taken() -> Problem {
    Problem::new(TAKEN, ALREADY_INVITED)
}

fn came_in() -> Problem {
    Problem::new(CAME_IN, ALREADY_MEMBER)
}
