//! `POST /v1/invites`: invites 1 to 50 people. One bad row never loses the others.
//!
//! Each row is a transaction of its own: the invite, the hold on its address, its seat, its mail and its audit line, or none of
//! them. Rows are written one after the other: all of them move the same counters, and DynamoDB cancels transactions that meet at
//! an item.

use crate::address::{self, ALREADY_INVITED, ALREADY_MEMBER, Holder, Holders};
use crate::invite_mail;
use crate::invite_view::{self, InviteView};
use crate::seats::{self, Reclaimed};
use common::auth::caller::{Auth, InTenant};
use common::error::{Code, Problem, Result};
use common::function::Function;
use common::idempotency::Idempotency;
use common::keys::{self, Kind, Partition};
use common::reply::Reply;
use common::route::{Cx, Method, Route};
use common::store::{Access, Guard, Transaction};
use domain::audit::Action;
use domain::email::Email;
use domain::id::{InviteId, TenantId};
use domain::invite::{DEFAULT_EXPIRY_DAYS, Delivery, Invite, InviteStatus, MAX_ROWS, expiry};
use domain::role::{Permission, Role};
use domain::tenant::Tenant;
use domain::text::Note;
use domain::user::User;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};

pub static FUNCTION: Function = Function::route::<CreateInvites>();

pub struct CreateInvites;

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
    /// In seconds, where too many mails were sent: when to send this row again.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RowStatus {
    Invited,
    AlreadyMember,
    AlreadyInvited,
    Invalid,
    /// No seat is left, or too many mails were sent.
    Limit,
    /// The inviter may not invite any more.
    Forbidden,
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
        Access::BatchGet(Kind::Invite),
        Access::Get(Kind::InviteEmail),
        Access::Get(Kind::Invite),
        Access::Get(Kind::User),
        Access::Create(Kind::Invite),
        Access::Create(Kind::InviteEmail),
        Access::Create(Kind::OpenInvite),
        Access::Query(Kind::OpenInvite),
        Access::Delete(Kind::OpenInvite),
        Access::Update(Kind::Counters),
        Access::UpdateIn(Kind::Limit, Partition::Tenant),
        Access::UpdateIn(Kind::Limit, Partition::Email),
        Access::CreateIn(Kind::Outbox, Partition::Tenant),
        Access::Create(Kind::Audit),
        Access::Check(Kind::EmailOwner),
        Access::Check(Kind::Member),
    ];
    const REFUSES: &'static [Code] = &[Code::RateLimited];
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
        let answers = desk.invite_each(rows.iter().filter_map(|(_, wanted)| wanted.as_ref().ok())).await?;
        require_some_allowed(&rows, &answers)?;
        let reply = Reply::from(Results { results: in_request_order(&rows, &answers) });
        // Sent again under its key, the request goes on where this one was stopped.
        Ok(if answers.values().any(Answer::may_change) { reply.unfinished() } else { reply })
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

/// A request of which no row was let through by the limits is refused as a whole.
fn require_some_allowed(rows: &[(&Row, Result<Wanted, String>)], answers: &HashMap<&Email, Answer>) -> Result<()> {
    let waits: Option<Vec<_>> = answers.values().map(Answer::limited_for).collect();
    let all_valid = rows.iter().all(|(_, wanted)| wanted.is_ok());
    match waits.and_then(|waits| waits.into_iter().max()).filter(|_| all_valid) {
        Some(seconds) => Err(Problem::rate_limited(seconds, invite_mail::TOO_MANY)),
        None => Ok(()),
    }
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
                (Answer::NoSeat, _) => RowResult::new(row, RowStatus::Limit, None, Some(seats::FULL)),
                (Answer::Limited { retry_after }, _) => {
                    let result = RowResult::new(row, RowStatus::Limit, None, Some(invite_mail::TOO_MANY));
                    RowResult { retry_after: Some(*retry_after), ..result }
                }
                (Answer::NotAnyMore, _) => RowResult::new(row, RowStatus::Forbidden, None, Some(NOT_ANY_MORE)),
                (Answer::NotNow, _) => RowResult::new(row, RowStatus::TryAgain, None, Some(NOT_NOW)),
            },
        })
        .collect()
}

const NOT_ANY_MORE: &str = "Your role was taken from you while this request ran, so this person was not invited.";
const NOT_NOW: &str = "The service was busy, and this person was not invited. Send this row again in a moment.";

impl RowResult {
    fn new(row: &Row, status: RowStatus, invite: Option<&InviteView>, detail: Option<&str>) -> RowResult {
        let email = row.email.as_str().unwrap_or_default().to_owned();
        RowResult { email, status, invite: invite.cloned(), detail: detail.map(str::to_owned), retry_after: None }
    }
}

/// What became of an address.
enum Answer {
    Invited(InviteView),
    AlreadyInvited(InviteView),
    AlreadyMember,
    NoSeat,
    /// The inviter's role was taken from them while the request ran.
    NotAnyMore,
    /// Too many mails were sent; in seconds, until when.
    Limited {
        retry_after: u64,
    },
    /// The table was too busy, or somebody else at the same address, too often in a row.
    NotNow,
}

impl Answer {
    /// Whether the same row may be answered otherwise later, without anybody changing it.
    fn may_change(&self) -> bool {
        match self {
            Answer::Invited(_) | Answer::AlreadyInvited(_) | Answer::AlreadyMember => false,
            Answer::NoSeat | Answer::NotAnyMore | Answer::Limited { .. } | Answer::NotNow => true,
        }
    }

    fn limited_for(&self) -> Option<u64> {
        match self {
            Answer::Limited { retry_after } => Some(*retry_after),
            _ => None,
        }
    }
}

impl From<Answer> for Tried {
    fn from(answer: Answer) -> Tried {
        Tried::Done(Box::new(answer))
    }
}

/// How one try went.
enum Tried {
    Done(Box<Answer>),
    /// What was read of the address does not hold any more.
    HolderChanged,
    NoSeat,
}

/// What all rows of a request share, read beforehand.
struct Desk<'a> {
    cx: &'a Cx,
    caller: &'a InTenant,
    tenant: Tenant,
    inviter: User,
    note: Option<Note>,
    days: i64,
    holders: Holders,
    /// What this very request made when it was sent before, and its answer was lost.
    made_before: HashMap<InviteId, Invite>,
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
        let ((tenant, inviter), holders, made_before) = futures::try_join!(
            shared,
            Holders::of(cx, caller.tenant, addresses),
            made_before(cx, caller.tenant, addresses)
        )?;
        let tenant = tenant.ok_or_else(Problem::not_found)?.item;
        let inviter = inviter.ok_or_else(Problem::unauthenticated)?.item;
        Ok(Desk { cx, caller, tenant, inviter, note, days, holders, made_before })
    }

    /// Invites each address once.
    async fn invite_each<'w>(&self, wanted: impl Iterator<Item = &'w Wanted>) -> Result<HashMap<&'w Email, Answer>> {
        let mut answers = HashMap::new();
        for wanted in wanted {
            if !answers.contains_key(&wanted.email) {
                answers.insert(&wanted.email, self.invite(wanted).await?);
            }
        }
        Ok(answers)
    }

    /// Invites one address. That it was not invited is its own answer: other rows may have been written by then. Where nobody knows
    /// whether it was, there is no answer to give for it, nor for the request.
    async fn invite(&self, wanted: &Wanted) -> Result<Answer> {
        match self.invite_or_look_again(wanted).await {
            Err(problem) if problem.code == Code::Internal => Err(problem),
            Err(problem) if problem.code == Code::Forbidden => Ok(Answer::NotAnyMore),
            Err(problem) => {
                tracing::warn!(tenant = %self.caller.tenant, %problem, "a row of invites was not written");
                Ok(Answer::NotNow)
            }
            answer => answer,
        }
    }

    /// Somebody may take the address, give it up or come in between the reads and the write: then both are done again.
    async fn invite_or_look_again(&self, wanted: &Wanted) -> Result<Answer> {
        if let Some(invite) = self.made_before.get(&id_for(self.cx, &wanted.email)?) {
            return Ok(Answer::Invited(self.show(invite)));
        }
        let mut holder = self.holders.holder(&wanted.email);
        for _ in 0..TRIES {
            match self.try_to_invite(wanted, holder).await? {
                Tried::Done(answer) => return Ok(*answer),
                Tried::HolderChanged => {
                    holder = address::holder_of(self.cx, self.caller.tenant, &wanted.email).await?;
                }
                Tried::NoSeat if seats::reclaim(self.cx, self.caller.tenant).await? == Reclaimed::Some => {}
                Tried::NoSeat => return Ok(Answer::NoSeat),
            }
        }
        Ok(Answer::NotNow)
    }

    async fn try_to_invite(&self, wanted: &Wanted, holder: Holder) -> Result<Tried> {
        if let Holder::Member = holder {
            return Ok(Answer::AlreadyMember.into());
        }
        let invite = self.compose(wanted)?;
        let written = self.transaction(&invite, holder)?.commit().await;
        let Err(problem) = written else {
            return Ok(Answer::Invited(self.show(&invite)).into());
        };
        match problem.code {
            TAKEN => Ok(self.pending(&wanted.email).await?.map_or(Tried::HolderChanged, Tried::from)),
            CAME_IN => Ok(Tried::HolderChanged),
            Code::SeatsFull => Ok(Tried::NoSeat),
            Code::RateLimited => Ok(Answer::Limited { retry_after: problem.retry_after.unwrap_or_default() }.into()),
            _ => Err(problem),
        }
    }

    fn transaction(&self, invite: &Invite, holder: Holder) -> Result<Transaction> {
        let (cx, tenant) = (self.cx, self.caller.tenant);
        let audit = cx.audit(tenant, self.caller.user, Action::InviteCreated, invite.id)?;
        let audit = audit.with("email", &invite.email).with("role", invite.role);
        let mail = invite_mail::row(cx, invite, &self.tenant, &self.inviter);
        let transaction = cx
            .store()
            .transaction()
            .create_if(&invite.email_hold(), self.free_address(), taken())
            .create(invite, Problem::try_again())
            .create(&invite.open_marker(), Problem::try_again())
            .create(&mail, Problem::try_again())
            .create(&audit, Problem::try_again());
        let transaction = address::require_outside(transaction, tenant, &invite.email, holder, came_in())?;
        let transaction = seats::take(self.caller.require_still(transaction), tenant);
        Ok(invite_mail::act(cx, invite, self.caller.user).take(transaction, invite_mail::TOO_MANY))
    }

    fn show(&self, invite: &Invite) -> InviteView {
        invite_view::show(invite, Some(&self.inviter), self.cx.now())
    }

    /// Nobody is invited under the address, or only by an invite that has expired.
    fn free_address(&self) -> Guard {
        Guard::absent_or_at_most("open_until", self.cx.now().as_second())
    }

    /// The invite that has the address, if it still has.
    async fn pending(&self, email: &Email) -> Result<Option<Answer>> {
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
        let view = invite_view::show(&invite, inviter.as_deref(), self.cx.now());
        Ok(Some(Answer::AlreadyInvited(view)))
    }

    fn compose(&self, wanted: &Wanted) -> Result<Invite> {
        let (cx, id) = (self.cx, id_for(self.cx, &wanted.email)?);
        Ok(Invite {
            tenant: self.caller.tenant,
            id,
            email: wanted.email.clone(),
            role: wanted.role,
            outcome: None,
            delivery: Delivery::Queued,
            note: self.note.clone(),
            invited_by: self.caller.user,
            jti: cx.new_id()?,
            mail: invite_mail::id(cx, id)?,
            created_at: cx.now(),
            expires_at: expiry(cx.now(), self.days),
            good_for_days: self.days,
            resent_at: Vec::new(),
        })
    }
}

/// The id of the invite that this request makes for an address: the same when the request is sent again.
fn id_for(cx: &Cx, email: &Email) -> Result<InviteId> {
    Ok(InviteId::from_uuid(cx.id_for(&format!("invite of {}", email.identity()))?))
}

async fn made_before(cx: &Cx, tenant: TenantId, addresses: &[&Email]) -> Result<HashMap<InviteId, Invite>> {
    if !cx.may_be_a_repeat() {
        return Ok(HashMap::new());
    }
    let wanted = addresses.iter().map(|email| Ok(keys::invite(tenant, id_for(cx, email)?)));
    let found = cx.store().get_each(&wanted.collect::<Result<Vec<_>>>()?).await?;
    Ok(found.into_iter().flatten().map(|invite| (invite.id, invite.item)).collect())
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
