//! The one file that knows the table's key strings.
//!
//! One table, keys `pk`/`sk`; one index `gsi1` over `gsi1pk`/`gsi1sk`; every item has a version `v`; TTL attribute `expires`.
//! [`Kind::chart`] below *is* the chart; `docs/table.md` is rendered from it by `make sync` and checked for drift.
//!
//! Ids and sources cannot contain `#`; an e-mail identity and a client's own key may, and therefore always stand last: no key
//! can be read as another's. Every kind lives in the partition of whose it is: `TENANT#`, `USER#`, `EMAIL#`, `SOURCE#` or `FUNCTION#`;
//! IAM conditions on `dynamodb:LeadingKeys` build on that.

use crate::idempotency::{Entry, RequestName};
use crate::limit::Source;
use crate::schedule::Cursor;
use domain::Timestamp;
use domain::audit::Audit;
use domain::billing::Billing;
use domain::checklist::{Checklist, Choices};
use domain::connect::{ApiKey, Integration, PhoneNumber};
use domain::email::Email;
use domain::id::{ApiKeyId, AuditId, IntegrationId, InviteId, OutboxId, PhoneNumberId, SessionId, TenantId, UserId};
use domain::invite::{Invite, InviteEmail, OpenInvite, UndeliveredInvite};
use domain::member::{Member, TestUser};
use domain::outbox::{Outbox, Owner};
use domain::role::Role;
use domain::tenant::{Counters, Tenant};
use domain::user::{Credential, EmailOwner, Session, User};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::marker::PhantomData;

/// Every kind of item in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Tenant,
    Counters,
    Member,
    Invite,
    InviteEmail,
    OpenInvite,
    UndeliveredInvite,
    TestUser,
    Checklist,
    ChecklistChoices,
    Billing,
    Integration,
    PhoneNumber,
    ApiKey,
    Audit,
    Outbox,
    Limit,
    User,
    Credential,
    Session,
    EmailOwner,
    Idempotency,
    Cursor,
}

/// One row of the chart.
#[derive(Debug, Clone, Copy)]
pub struct ChartRow {
    pub partitions: &'static [Partition],
    pub sk: &'static str,
    /// `gsi1pk / gsi1sk` where the kind is in the index.
    pub index: Option<&'static str>,
    pub about: &'static str,
}

/// Whose data a partition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Partition {
    Tenant,
    User,
    Email,
    Source,
    /// A function's own, whoever's work it does.
    Function,
}

impl Partition {
    /// The start of every `pk` in such a partition.
    pub const fn prefix(self) -> &'static str {
        match self {
            Partition::Tenant => "TENANT#",
            Partition::User => "USER#",
            Partition::Email => "EMAIL#",
            Partition::Source => "SOURCE#",
            Partition::Function => "FUNCTION#",
        }
    }

    const fn template(self) -> &'static str {
        match self {
            Partition::Tenant => "TENANT#ten",
            Partition::User => "USER#usr",
            Partition::Email => "EMAIL#email",
            Partition::Source => "SOURCE#source",
            Partition::Function => "FUNCTION#name",
        }
    }
}

impl Kind {
    pub const ALL: [Kind; 23] = [
        Kind::Tenant,
        Kind::Counters,
        Kind::Member,
        Kind::Invite,
        Kind::InviteEmail,
        Kind::OpenInvite,
        Kind::UndeliveredInvite,
        Kind::TestUser,
        Kind::Checklist,
        Kind::ChecklistChoices,
        Kind::Billing,
        Kind::Integration,
        Kind::PhoneNumber,
        Kind::ApiKey,
        Kind::Audit,
        Kind::Outbox,
        Kind::Limit,
        Kind::User,
        Kind::Credential,
        Kind::Session,
        Kind::EmailOwner,
        Kind::Idempotency,
        Kind::Cursor,
    ];

    pub const fn chart(self) -> ChartRow {
        use Partition::{Email, Function, Source, Tenant, User};
        const fn row(
            partitions: &'static [Partition],
            sk: &'static str,
            index: Option<&'static str>,
            about: &'static str,
        ) -> ChartRow {
            ChartRow { partitions, sk, index, about }
        }
        match self {
            Kind::Tenant => row(&[Tenant], "TENANT", None, "settings"),
            Kind::Counters => {
                row(&[Tenant], "COUNTERS", None, "what the members add up to; moved by the writes themselves")
            }
            Kind::Member => row(&[Tenant], "MEMBER#usr", Some("USER#usr / TENANT#ten"), "a user's role in the tenant"),
            Kind::Invite => row(&[Tenant], "INVITE#inv", None, "an invite and its outcome"),
            Kind::InviteEmail => row(&[Tenant], "INVITE_EMAIL#email", None, "one pending invite per address; TTL"),
            Kind::OpenInvite => {
                let about = "invites that are out and hold a seat, by role and by when they end";
                row(&[Tenant], "OPEN_INVITE#role#expiry#inv", None, about)
            }
            Kind::UndeliveredInvite => {
                let about = "invites that are out and whose mail went wrong, by when they end; TTL";
                row(&[Tenant], "UNDELIVERED_INVITE#expiry#inv", None, about)
            }
            Kind::TestUser => row(&[Tenant], "TEST_USER", None, "the one test user, and what they last rehearsed"),
            Kind::Checklist => row(&[Tenant], "CHECKLIST", None, "the folded Getting-started checklist"),
            Kind::ChecklistChoices => row(
                &[Tenant],
                "CHECKLIST_CHOICES",
                None,
                "the steps that people skip, and whether they dismissed the checklist",
            ),
            Kind::Integration => row(&[Tenant], "INTEGRATION#con", None, "a CRM or calendar, planned or connected"),
            Kind::PhoneNumber => row(&[Tenant], "PHONE_NUMBER#num", None, "a number that the workspace calls from"),
            Kind::ApiKey => row(&[Tenant], "API_KEY#key", None, "an API key's hash, and when it was first used"),
            Kind::Billing => row(&[Tenant], "BILLING", None, "billing owner, recipients, address, tax id"),
            Kind::Audit => row(&[Tenant], "AUDIT#time#id", None, "who did what"),
            Kind::Outbox => row(&[Tenant, Email], "OUTBOX#out", None, "mail to send; TTL"),
            // A tenant's, an address's, a source's; with a second part a member's or an address's from one source.
            Kind::Limit => {
                row(&[Tenant, Email, Source], "LIMIT#what#window[#usr|#source]", None, "a rate limit's bucket; TTL")
            }
            Kind::User => row(&[User], "USER", None, "a person"),
            Kind::Credential => row(&[User], "CREDENTIAL", None, "the password's hash"),
            Kind::Session => row(&[User], "SESSION#ses", None, "a family of refresh tokens; TTL"),
            Kind::EmailOwner => row(&[Email], "EMAIL", None, "which user an address belongs to"),
            Kind::Idempotency => {
                row(&[Tenant], "IDEMPOTENCY#route#usr#key", None, "what a request with a key was answered; TTL")
            }
            Kind::Cursor => row(&[Function], "CURSOR", None, "where a function that looks through the table goes on"),
        }
    }

    /// What every `sk` of this kind starts with, or is, where the kind has one item a partition.
    pub fn sort_key(self) -> SortKey {
        let sk = self.chart().sk;
        match sk.split_once('#') {
            Some((prefix, _)) => SortKey::Prefix(format!("{prefix}#")),
            None => SortKey::Exact(sk),
        }
    }
}

/// How a kind is told from its sort key: what stream filters are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SortKey {
    Exact(&'static str),
    Prefix(String),
}

/// The chart as a Markdown table.
pub fn render_chart() -> String {
    let mut lines = vec!["| kind | pk | sk | gsi1pk / gsi1sk | |".to_owned(), "|---|---|---|---|---|".to_owned()];
    for kind in Kind::ALL {
        let row = kind.chart();
        let pk: Vec<_> = row.partitions.iter().map(|partition| format!("`{}`", partition.template())).collect();
        let index = row.index.map(|index| format!("`{index}`")).unwrap_or_default();
        lines.push(format!("| {kind:?} | {} | `{}` | {index} | {} |", pk.join(" or "), row.sk, row.about));
    }
    lines.join("\n") + "\n"
}

/// A kind of item: what is kept under which key.
pub trait Item: Serialize + DeserializeOwned + Send + Sync {
    const KIND: Kind;

    fn key(&self) -> Key<Self>;

    /// Its place in the index, where the kind has one.
    fn index(&self) -> Option<(String, String)> {
        None
    }

    /// When DynamoDB may sweep it. Reads never rely on the sweep.
    fn swept_at(&self) -> Option<Timestamp> {
        None
    }
}

/// Where one item of kind `T` is kept.
pub struct Key<T: ?Sized> {
    pub(crate) pk: String,
    pub(crate) sk: String,
    kind: PhantomData<fn() -> T>,
}

impl<T: ?Sized> Key<T> {
    fn new(pk: String, sk: String) -> Key<T> {
        Key { pk, sk, kind: PhantomData }
    }
}

impl<T: ?Sized> Clone for Key<T> {
    fn clone(&self) -> Self {
        Key::new(self.pk.clone(), self.sk.clone())
    }
}

impl<T: ?Sized> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.pk, self.sk)
    }
}

/// All items of kind `T` in one partition, in the order of their sort keys.
pub struct Range<T> {
    pub(crate) pk: String,
    pub(crate) prefix: String,
    kind: PhantomData<fn() -> T>,
}

impl<T> Clone for Range<T> {
    fn clone(&self) -> Self {
        Range { pk: self.pk.clone(), prefix: self.prefix.clone(), kind: PhantomData }
    }
}

fn tenant_pk(tenant: TenantId) -> String {
    format!("TENANT#{tenant}")
}

pub(crate) fn user_pk(user: UserId) -> String {
    format!("USER#{user}")
}

fn email_pk(email: &Email) -> String {
    format!("EMAIL#{}", email.identity())
}

fn source_pk(source: Source) -> String {
    format!("SOURCE#{source}")
}

fn outbox_pk(owner: &Owner) -> String {
    match owner {
        Owner::Tenant(tenant) => tenant_pk(*tenant),
        Owner::Email(email) => email_pk(email),
    }
}

/// The partition of everything a tenant owns. The store keeps a request to its own.
pub(crate) fn is_foreign_tenant(pk: &str, own: TenantId) -> bool {
    pk.starts_with(Partition::Tenant.prefix()) && pk != tenant_pk(own)
}

pub fn tenant(tenant: TenantId) -> Key<Tenant> {
    Key::new(tenant_pk(tenant), "TENANT".to_owned())
}

pub fn counters(tenant: TenantId) -> Key<Counters> {
    Key::new(tenant_pk(tenant), "COUNTERS".to_owned())
}

pub fn member(tenant: TenantId, user: UserId) -> Key<Member> {
    Key::new(tenant_pk(tenant), format!("MEMBER#{user}"))
}

pub fn members(tenant: TenantId) -> Range<Member> {
    Range { pk: tenant_pk(tenant), prefix: "MEMBER#".to_owned(), kind: PhantomData }
}

pub fn invite(tenant: TenantId, invite: InviteId) -> Key<Invite> {
    Key::new(tenant_pk(tenant), format!("INVITE#{invite}"))
}

pub fn invites(tenant: TenantId) -> Range<Invite> {
    Range { pk: tenant_pk(tenant), prefix: "INVITE#".to_owned(), kind: PhantomData }
}

pub fn invite_email(tenant: TenantId, email: &Email) -> Key<InviteEmail> {
    Key::new(tenant_pk(tenant), format!("INVITE_EMAIL#{}", email.identity()))
}

/// Whole seconds, fixed width: RFC 3339 text then sorts as time does.
fn by_end(expires_at: Timestamp, invite: InviteId) -> String {
    format!("{}#{invite}", expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"))
}

pub fn open_invite(open: &OpenInvite) -> Key<OpenInvite> {
    let by_end = by_end(open.expires_at, open.invite);
    Key::new(tenant_pk(open.tenant), format!("OPEN_INVITE#{}#{by_end}", open.role))
}

/// Those for one role, in the order of their ends.
pub fn open_invites_for(tenant: TenantId, role: Role) -> Range<OpenInvite> {
    Range { pk: tenant_pk(tenant), prefix: format!("OPEN_INVITE#{role}#"), kind: PhantomData }
}

/// All of them, role by role.
pub fn open_invites(tenant: TenantId) -> Range<OpenInvite> {
    Range { pk: tenant_pk(tenant), prefix: "OPEN_INVITE#".to_owned(), kind: PhantomData }
}

/// Where it is said of `invite`, as it is now, that its mail went wrong.
pub fn undelivered_invite(invite: &Invite) -> Key<UndeliveredInvite> {
    undelivered_until(invite.tenant, invite.expires_at, invite.id)
}

fn undelivered_until(tenant: TenantId, expires_at: Timestamp, invite: InviteId) -> Key<UndeliveredInvite> {
    Key::new(tenant_pk(tenant), format!("UNDELIVERED_INVITE#{}", by_end(expires_at, invite)))
}

pub fn undelivered_invites(tenant: TenantId) -> Range<UndeliveredInvite> {
    Range { pk: tenant_pk(tenant), prefix: "UNDELIVERED_INVITE#".to_owned(), kind: PhantomData }
}

pub fn test_user(tenant: TenantId) -> Key<TestUser> {
    Key::new(tenant_pk(tenant), "TEST_USER".to_owned())
}

pub fn checklist(tenant: TenantId) -> Key<Checklist> {
    Key::new(tenant_pk(tenant), "CHECKLIST".to_owned())
}

pub fn checklist_choices(tenant: TenantId) -> Key<Choices> {
    Key::new(tenant_pk(tenant), "CHECKLIST_CHOICES".to_owned())
}

pub fn integration(tenant: TenantId, integration: IntegrationId) -> Key<Integration> {
    Key::new(tenant_pk(tenant), format!("INTEGRATION#{integration}"))
}

pub fn integrations(tenant: TenantId) -> Range<Integration> {
    Range { pk: tenant_pk(tenant), prefix: "INTEGRATION#".to_owned(), kind: PhantomData }
}

pub fn phone_number(tenant: TenantId, number: PhoneNumberId) -> Key<PhoneNumber> {
    Key::new(tenant_pk(tenant), format!("PHONE_NUMBER#{number}"))
}

pub fn phone_numbers(tenant: TenantId) -> Range<PhoneNumber> {
    Range { pk: tenant_pk(tenant), prefix: "PHONE_NUMBER#".to_owned(), kind: PhantomData }
}

pub fn api_key(tenant: TenantId, key: ApiKeyId) -> Key<ApiKey> {
    Key::new(tenant_pk(tenant), format!("API_KEY#{key}"))
}

pub fn api_keys(tenant: TenantId) -> Range<ApiKey> {
    Range { pk: tenant_pk(tenant), prefix: "API_KEY#".to_owned(), kind: PhantomData }
}

pub fn billing(tenant: TenantId) -> Key<Billing> {
    Key::new(tenant_pk(tenant), "BILLING".to_owned())
}

fn audit(tenant: TenantId, at: Timestamp, id: AuditId) -> Key<Audit> {
    Key::new(tenant_pk(tenant), format!("AUDIT#{at:.3}#{id}"))
}

pub fn audits(tenant: TenantId) -> Range<Audit> {
    Range { pk: tenant_pk(tenant), prefix: "AUDIT#".to_owned(), kind: PhantomData }
}

pub fn outbox(owner: &Owner, id: OutboxId) -> Key<Outbox> {
    Key::new(outbox_pk(owner), format!("OUTBOX#{id}"))
}

pub fn limit(counted: &Counted, what: LimitedAct, window: i64) -> Key<Limit> {
    let sk = format!("LIMIT#{}#{window}", what.as_str());
    match counted {
        Counted::Tenant(tenant) => Key::new(tenant_pk(*tenant), sk),
        Counted::Member { tenant, user } => Key::new(tenant_pk(*tenant), format!("{sk}#{user}")),
        Counted::Email(email) => Key::new(email_pk(email), sk),
        Counted::Source(source) => Key::new(source_pk(*source), sk),
        Counted::EmailFromSource { email, source } => Key::new(email_pk(email), format!("{sk}#{source}")),
    }
}

pub fn user(user: UserId) -> Key<User> {
    Key::new(user_pk(user), "USER".to_owned())
}

pub fn credential(user: UserId) -> Key<Credential> {
    Key::new(user_pk(user), "CREDENTIAL".to_owned())
}

pub fn session(user: UserId, session: SessionId) -> Key<Session> {
    Key::new(user_pk(user), format!("SESSION#{session}"))
}

pub fn email_owner(email: &Email) -> Key<EmailOwner> {
    Key::new(email_pk(email), "EMAIL".to_owned())
}

pub(crate) fn idempotency(request: &RequestName) -> Key<Entry> {
    let RequestName { tenant, user, route, key } = request;
    Key::new(tenant_pk(*tenant), format!("IDEMPOTENCY#{route}#{user}#{key}"))
}

pub fn cursor(function: &str) -> Key<Cursor> {
    Key::new(format!("FUNCTION#{function}"), "CURSOR".to_owned())
}

/// The partition and kind of a key that came from outside the program: a stream record.
pub fn parse(pk: &str, sk: &str) -> Option<(Whose, Kind)> {
    let kind = Kind::ALL.into_iter().find(|kind| match kind.sort_key() {
        SortKey::Exact(exact) => sk == exact,
        SortKey::Prefix(prefix) => sk.starts_with(&prefix),
    })?;
    Some((whose(pk)?, kind))
}

/// Whose partition a key is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    Tenant(TenantId),
    User(UserId),
    Email(Email),
}

impl Whose {
    pub fn tenant(&self) -> Option<TenantId> {
        match self {
            Whose::Tenant(tenant) => Some(*tenant),
            Whose::User(_) | Whose::Email(_) => None,
        }
    }
}

/// For logs, which name no address.
impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Whose::Tenant(tenant) => write!(f, "{tenant}"),
            Whose::User(user) => write!(f, "{user}"),
            Whose::Email(_) => f.write_str("an address"),
        }
    }
}

fn whose(pk: &str) -> Option<Whose> {
    let (prefix, id) = pk.split_once('#')?;
    match prefix {
        "TENANT" => id.parse().ok().map(Whose::Tenant),
        "USER" => id.parse().ok().map(Whose::User),
        "EMAIL" => Email::parse(id).ok().map(Whose::Email),
        // A source's partition holds nothing but limits, a function's nothing but its cursor, and no trigger is fed those.
        _ => None,
    }
}

/// The id of an outbox row, from its sort key.
pub fn parse_outbox(sk: &str) -> Option<OutboxId> {
    sk.strip_prefix("OUTBOX#")?.parse().ok()
}

/// A rate limit's bucket: how often something was done in one window of time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Limit {
    pub counted: Counted,
    pub what: LimitedAct,
    /// The window's number: Unix time divided by its length.
    pub window: i64,
    pub used: u64,
    pub swept_at: Timestamp,
}

/// Whose acts a bucket counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// All in a tenant, whoever did them.
    Tenant(TenantId),
    /// All by a member of a tenant.
    Member { tenant: TenantId, user: UserId },
    /// All about an address, wherever they came from.
    Email(Email),
    /// All from a source, whichever address they were about.
    Source(Source),
    /// All about an address from one source.
    EmailFromSource { email: Email, source: Source },
}

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitedAct {
    FailedSignIn,
    SignUpMail,
    InviteMail,
}

impl LimitedAct {
    pub const fn as_str(self) -> &'static str {
        match self {
            LimitedAct::FailedSignIn => "failed-sign-in",
            LimitedAct::SignUpMail => "sign-up-mail",
            LimitedAct::InviteMail => "invite-mail",
        }
    }
}

impl Item for Tenant {
    const KIND: Kind = Kind::Tenant;
    fn key(&self) -> Key<Tenant> {
        tenant(self.id)
    }
}

impl Item for Counters {
    const KIND: Kind = Kind::Counters;
    fn key(&self) -> Key<Counters> {
        counters(self.tenant)
    }
}

impl Item for Member {
    const KIND: Kind = Kind::Member;
    fn key(&self) -> Key<Member> {
        member(self.tenant, self.user)
    }
    fn index(&self) -> Option<(String, String)> {
        Some((user_pk(self.user), tenant_pk(self.tenant)))
    }
}

impl Item for Invite {
    const KIND: Kind = Kind::Invite;
    fn key(&self) -> Key<Invite> {
        invite(self.tenant, self.id)
    }
}

impl Item for InviteEmail {
    const KIND: Kind = Kind::InviteEmail;
    fn key(&self) -> Key<InviteEmail> {
        invite_email(self.tenant, &self.email)
    }
    fn swept_at(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.open_until).ok()
    }
}

impl Item for OpenInvite {
    const KIND: Kind = Kind::OpenInvite;
    fn key(&self) -> Key<OpenInvite> {
        open_invite(self)
    }
}

impl Item for UndeliveredInvite {
    const KIND: Kind = Kind::UndeliveredInvite;
    fn key(&self) -> Key<UndeliveredInvite> {
        undelivered_until(self.tenant, self.expires_at, self.invite)
    }
    fn swept_at(&self) -> Option<Timestamp> {
        Some(self.expires_at)
    }
}

impl Item for TestUser {
    const KIND: Kind = Kind::TestUser;
    fn key(&self) -> Key<TestUser> {
        test_user(self.tenant)
    }
}

impl Item for Checklist {
    const KIND: Kind = Kind::Checklist;
    fn key(&self) -> Key<Checklist> {
        checklist(self.tenant)
    }
}

impl Item for Choices {
    const KIND: Kind = Kind::ChecklistChoices;
    fn key(&self) -> Key<Choices> {
        checklist_choices(self.tenant)
    }
}

impl Item for Integration {
    const KIND: Kind = Kind::Integration;
    fn key(&self) -> Key<Integration> {
        integration(self.tenant, self.id)
    }
}

impl Item for PhoneNumber {
    const KIND: Kind = Kind::PhoneNumber;
    fn key(&self) -> Key<PhoneNumber> {
        phone_number(self.tenant, self.id)
    }
}

impl Item for ApiKey {
    const KIND: Kind = Kind::ApiKey;
    fn key(&self) -> Key<ApiKey> {
        api_key(self.tenant, self.id)
    }
}

impl Item for Billing {
    const KIND: Kind = Kind::Billing;
    fn key(&self) -> Key<Billing> {
        billing(self.tenant)
    }
}

impl Item for Audit {
    const KIND: Kind = Kind::Audit;
    fn key(&self) -> Key<Audit> {
        audit(self.tenant, self.at, self.id)
    }
}

impl Item for Outbox {
    const KIND: Kind = Kind::Outbox;
    fn key(&self) -> Key<Outbox> {
        outbox(&self.owner, self.id)
    }
    fn swept_at(&self) -> Option<Timestamp> {
        Some(self.swept_at)
    }
}

impl Item for Limit {
    const KIND: Kind = Kind::Limit;
    fn key(&self) -> Key<Limit> {
        limit(&self.counted, self.what, self.window)
    }
    fn swept_at(&self) -> Option<Timestamp> {
        Some(self.swept_at)
    }
}

impl Item for User {
    const KIND: Kind = Kind::User;
    fn key(&self) -> Key<User> {
        user(self.id)
    }
}

impl Item for Credential {
    const KIND: Kind = Kind::Credential;
    fn key(&self) -> Key<Credential> {
        credential(self.user)
    }
}

impl Item for Session {
    const KIND: Kind = Kind::Session;
    fn key(&self) -> Key<Session> {
        session(self.user, self.id)
    }
    fn swept_at(&self) -> Option<Timestamp> {
        Some(self.expires_at)
    }
}

impl Item for EmailOwner {
    const KIND: Kind = Kind::EmailOwner;
    fn key(&self) -> Key<EmailOwner> {
        email_owner(&self.email)
    }
}

impl Item for Entry {
    const KIND: Kind = Kind::Idempotency;
    fn key(&self) -> Key<Entry> {
        idempotency(&self.request)
    }
    fn swept_at(&self) -> Option<Timestamp> {
        Some(self.swept_at())
    }
}

impl Item for Cursor {
    const KIND: Kind = Kind::Cursor;
    fn key(&self) -> Key<Cursor> {
        cursor(&self.function)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_kinds_sort_key_can_be_read_as_another_kinds() {
        let text = |key: SortKey| match key {
            SortKey::Exact(exact) => exact.to_owned(),
            SortKey::Prefix(prefix) => prefix,
        };
        for kind in Kind::ALL {
            let sk = text(kind.sort_key());
            let read_as: Vec<_> = Kind::ALL
                .into_iter()
                .filter(|other| match other.sort_key() {
                    SortKey::Exact(exact) => sk == exact,
                    SortKey::Prefix(prefix) => sk.starts_with(&prefix),
                })
                .collect();
            assert_eq!(read_as, [kind], "{sk}");
        }
    }

    #[test]
    fn keys_built_for_items_are_parsed_back_to_their_kind() {
        let ten: TenantId = "ten_00000000000000000000000000000001".parse().unwrap();
        let usr: UserId = "usr_00000000000000000000000000000002".parse().unwrap();
        let key = member(ten, usr);
        assert_eq!(parse(&key.pk, &key.sk), Some((Whose::Tenant(ten), Kind::Member)));
        let key = user(usr);
        assert_eq!(parse(&key.pk, &key.sk), Some((Whose::User(usr), Kind::User)));
        assert_eq!(parse("TENANT#ten_1", "MEMBER#x"), None);
        assert_eq!(parse(&member(ten, usr).pk, "NEWER#x"), None);
    }
}
