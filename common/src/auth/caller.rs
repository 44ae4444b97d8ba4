//! Who calls, established before a route sees the request. Nothing the client says about itself is believed: the session
//! and the membership, or the API key, are read, consistently, on every request.

use crate::auth::api_key::ClearKey;
use crate::auth::token::AccessClaims;
use crate::error::{Code, Problem, Result};
use crate::keys::{self, Kind};
use crate::route::Cx;
use crate::store::{Access, Change, Guard, Stored, Transaction};
use domain::connect::ApiKey;
use domain::id::{SessionId, TenantId, UserId};
use domain::member::{Member, MemberStatus};
use domain::role::Permission;
use domain::tenant::{CountedSet, LastChange, Mark};
use jiff::SignedDuration;
use std::future::Future;
use std::ops::Deref;

/// The header that names the tenant a request is about.
pub const TENANT_HEADER: &str = "x-tenant-id";
/// Its fallback for browsers.
pub const TENANT_COOKIE: &str = "tenant";

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// Anybody; a token is not looked at.
    Nobody,
    /// Anybody; who is signed in is known as such.
    Visitor,
    /// Whoever is signed in.
    User,
    /// A member of the tenant whose role includes the permission.
    Member(Permission),
    /// A program, by an API key of its tenant. No person's token is taken for one, and no key for a person's token.
    ApiKey,
}

/// [`Auth`] without its permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallerKind {
    Nobody,
    Visitor,
    User,
    Member,
    ApiKey,
}

impl Auth {
    pub const fn caller(self) -> CallerKind {
        match self {
            Auth::Nobody => CallerKind::Nobody,
            Auth::Visitor => CallerKind::Visitor,
            Auth::User => CallerKind::User,
            Auth::Member(_) => CallerKind::Member,
            Auth::ApiKey => CallerKind::ApiKey,
        }
    }

    /// What establishing the caller reads.
    pub const fn access(self) -> &'static [Access] {
        match self {
            Auth::Nobody => &[],
            Auth::Visitor | Auth::User => &[Access::Get(Kind::Session)],
            Auth::Member(_) => &[
                Access::Get(Kind::Session),
                Access::BatchGet(Kind::Session),
                Access::BatchGet(Kind::Member),
                Access::Get(Kind::Member),
                Access::QueryIndex(Kind::Member),
                Access::Update(Kind::Member),
            ],
            Auth::ApiKey => &[Access::Get(Kind::ApiKey), Access::Update(Kind::ApiKey), Access::Update(Kind::Counters)],
        }
    }

    /// How establishing the caller can end.
    pub const fn refuses(self) -> &'static [Code] {
        match self {
            Auth::Nobody => &[],
            Auth::Visitor | Auth::User | Auth::ApiKey => &[Code::Unauthenticated],
            Auth::Member(_) => &[Code::Unauthenticated, Code::TenantRequired, Code::NotFound, Code::Forbidden],
        }
    }
}

/// What a route is handed about its caller. Which type goes with which [`Auth`] is checked when the manifest is compiled.
pub trait Caller: Sized + Send {
    const KIND: CallerKind;
    fn identify(cx: &mut Cx, auth: Auth) -> impl Future<Output = Result<Self>> + Send;

    /// Notes that the caller was here, once their request has proved to be one.
    fn note_seen(&self, _: &Cx) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// Nobody in particular.
pub struct Nobody;

/// Somebody who may be signed in.
pub enum Visitor {
    Anonymous,
    SignedIn(SignedIn),
}

/// A signed-in user.
#[derive(Debug, Clone, Copy)]
pub struct SignedIn {
    pub user: UserId,
    pub session: SessionId,
}

/// A signed-in user, acting in a tenant as a member whose role allows this.
pub struct InTenant {
    pub user: UserId,
    pub tenant: TenantId,
    pub member: Stored<Member>,
    /// What the route asked for.
    permission: Permission,
}

impl InTenant {
    /// Holds a transaction to it that the caller is still what this request was let in as: whoever was removed, disabled or given
    /// another role meanwhile does nothing more with it. The transaction may not write the caller's own membership.
    pub fn require_still(&self, transaction: Transaction) -> Transaction {
        let key = keys::member(self.tenant, self.user);
        transaction.check(key, self.as_let_in(), Problem::forbidden(self.permission))
    }

    /// The same for a transaction that changes the caller's own membership: a transaction may name an item once
    /// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>).
    pub fn change_own(&self, transaction: Transaction, change: Change) -> Transaction {
        let key = keys::member(self.tenant, self.user);
        transaction.update(key, change, self.as_let_in(), Problem::forbidden(self.permission))
    }

    fn as_let_in(&self) -> Guard {
        Guard::present().and_equals("role", self.member.role).and_equals("status", MemberStatus::Active.as_str())
    }
}

/// A program that has an API key of the tenant.
pub struct ByKey {
    pub tenant: TenantId,
    pub key: Stored<ApiKey>,
}

impl Caller for Nobody {
    const KIND: CallerKind = CallerKind::Nobody;

    async fn identify(_: &mut Cx, _: Auth) -> Result<Nobody> {
        Ok(Nobody)
    }
}

impl Caller for SignedIn {
    const KIND: CallerKind = CallerKind::User;

    async fn identify(cx: &mut Cx, _: Auth) -> Result<SignedIn> {
        let claims = claims(cx)?;
        let session = cx.store().get(keys::session(claims.user, claims.session)).await?;
        live(cx, session.map(|session| session.item.expires_at))?;
        cx.set_user(claims.user);
        Ok(SignedIn { user: claims.user, session: claims.session })
    }
}

impl Caller for Visitor {
    const KIND: CallerKind = CallerKind::Visitor;

    async fn identify(cx: &mut Cx, _: Auth) -> Result<Visitor> {
        match cx.header("authorization") {
            None => Ok(Visitor::Anonymous),
            Some(_) => Ok(Visitor::SignedIn(SignedIn::identify(cx, Auth::User).await?)),
        }
    }
}

impl Caller for InTenant {
    const KIND: CallerKind = CallerKind::Member;

    async fn identify(cx: &mut Cx, auth: Auth) -> Result<InTenant> {
        let Auth::Member(permission) = auth else {
            return Err(Problem::internal("a member's route without a permission"));
        };
        let claims = claims(cx)?;
        let (tenant, member) = match named_tenant(cx) {
            Some(named) => member_of_named(cx, &claims, &named).await?,
            None => member_of_only(cx, &claims).await?,
        };
        cx.set_user(claims.user);
        let member = admit(member, permission)?;
        cx.enter(tenant);
        Ok(InTenant { user: claims.user, tenant, member, permission })
    }

    /// Of requests side by side one writes: the others find that what they read has changed, and that is as good. A request
    /// does not fail over this.
    async fn note_seen(&self, cx: &Cx) {
        let before = self.member.last_seen_at;
        if cx.now().duration_since(before) < SEEN_EVERY {
            return;
        }
        let seen = Change::new().set("last_seen_at", cx.now());
        let unchanged = Guard::present().and_equals("last_seen_at", before);
        let key = keys::member(self.tenant, self.user);
        if let Err(problem) = cx.store().update(key, seen, unchanged).await {
            tracing::warn!(tenant = %self.tenant, %problem, "that a member was seen was not noted");
        }
    }
}

impl Caller for ByKey {
    const KIND: CallerKind = CallerKind::ApiKey;

    /// However a key is wrong, the answer is the same.
    async fn identify(cx: &mut Cx, _: Auth) -> Result<ByKey> {
        let presented = bearer(cx).and_then(ClearKey::parse).ok_or_else(Problem::no_live_key)?;
        let key = cx.store().get(keys::api_key(presented.tenant, presented.id)).await?;
        let key = key.filter(|key| presented.is_of(key)).ok_or_else(Problem::no_live_key)?;
        cx.set_api_key(key.id);
        cx.enter(key.tenant);
        Ok(ByKey { tenant: key.tenant, key })
    }

    /// Notes the first use of a key. A request does not fail over this: the next one by this key notes it then.
    async fn note_seen(&self, cx: &Cx) {
        if self.key.first_used_at.is_some() {
            return;
        }
        let noted = note_first_use(cx, &self.key).await;
        if let Err(problem) = noted
            && problem.code != NOTED_OR_GONE
        {
            tracing::warn!(tenant = %self.tenant, api_key = %self.key.id, %problem, "that an API key was used was not noted");
        }
    }
}

/// Of requests side by side one notes it. What the program does, whoever made the key answers for.
async fn note_first_use(cx: &Cx, key: &ApiKey) -> Result<()> {
    let used = Change::new().set("first_used_at", cx.now()).add("v", 1);
    let unused = Guard::present().and_lacks("first_used_at");
    let counted = LastChange::added(key.id, Mark { by: key.created.by, at: cx.now() });
    let one_more = Change::new().count(CountedSet::UsedApiKeys, &counted);
    cx.store()
        .transaction()
        .update(keys::api_key(key.tenant, key.id), used, unused, noted_or_gone())
        .update(keys::counters(key.tenant), one_more, Guard::present(), Problem::try_again())
        .commit()
        .await
}

/// By this code a write tells that the key was noted as used by then, or removed. Nobody outside sees it.
const NOTED_OR_GONE: Code = Code::Conflict;

fn noted_or_gone() -> Problem {
    Problem::new(NOTED_OR_GONE, "The key was used or removed at the same moment.")
}

/// Lets a member through who may do this, or says why not: the one place that decides it, for requests and for rehearsals of them.
pub fn admit<M: Deref<Target = Member>>(member: Option<M>, permission: Permission) -> Result<M> {
    // Somebody disabled is answered like somebody who never was a member.
    let member = member.filter(|member| member.is_active()).ok_or_else(Problem::not_found)?;
    match member.role.may(permission) {
        true => Ok(member),
        false => Err(Problem::forbidden(permission)),
    }
}

/// How exact "last seen" is: a member's item is written at most once in this time for having been here.
const SEEN_EVERY: SignedDuration = SignedDuration::from_hours(1);

type Membership = (TenantId, Option<Stored<Member>>);

/// The session and the membership in one round trip.
async fn member_of_named(cx: &Cx, claims: &AccessClaims, named: &str) -> Result<Membership> {
    let session_key = keys::session(claims.user, claims.session);
    // An id that cannot be one is answered as one that is nobody's, after the session was checked as for any other.
    let Ok(tenant) = named.parse::<TenantId>() else {
        live(cx, cx.store().get(session_key).await?.map(|session| session.item.expires_at))?;
        return Err(Problem::not_found());
    };
    let (session, member) = cx.store().get_all((session_key, keys::member(tenant, claims.user))).await?;
    live(cx, session.map(|session| session.item.expires_at))?;
    Ok((tenant, member))
}

/// To find the only one that is active among them.
const MEMBERSHIPS_LOOKED_AT: u16 = 25;

/// Whoever belongs to one tenant only need not name it.
async fn member_of_only(cx: &Cx, claims: &AccessClaims) -> Result<Membership> {
    let session = cx.store().get(keys::session(claims.user, claims.session)).await?;
    live(cx, session.map(|session| session.item.expires_at))?;
    let memberships = cx.store().query_index::<Member>(claims.user, MEMBERSHIPS_LOOKED_AT).await?;
    let active: Vec<_> = memberships.iter().filter(|membership| membership.is_active()).collect();
    match active.as_slice() {
        [] => Err(Problem::new(
            Code::TenantRequired,
            "You are in no workspace. Ask a Tenant Admin of yours to invite you, or to enable you again.",
        )),
        [only] => Ok((only.tenant, cx.store().get(keys::member(only.tenant, claims.user)).await?)),
        _ => Err(Problem::new(
            Code::TenantRequired,
            "Say which workspace this is about: send its id as X-Tenant-Id. GET /v1/me/tenants lists yours.",
        )),
    }
}

fn named_tenant(cx: &Cx) -> Option<String> {
    cx.header(TENANT_HEADER).map(str::to_owned).or_else(|| cx.cookie(TENANT_COOKIE).map(str::to_owned))
}

/// What the request presents as `Authorization: Bearer`.
fn bearer(cx: &Cx) -> Option<&str> {
    let (scheme, token) = cx.header("authorization")?.split_once(' ')?;
    // RFC 9110 §11.1: the scheme's name is case-insensitive.
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn claims(cx: &Cx) -> Result<AccessClaims> {
    let token = bearer(cx).ok_or_else(Problem::unauthenticated)?;
    let verified = cx.verify::<AccessClaims>(token).map_err(|_| Problem::unauthenticated())?;
    Ok(verified.claims)
}

fn live(cx: &Cx, session_expires_at: Option<domain::Timestamp>) -> Result<()> {
    match session_expires_at {
        Some(expires_at) if expires_at > cx.now() => Ok(()),
        _ => Err(Problem::unauthenticated()),
    }
}
