//! Workspaces of any size: what a long time of requests would leave in the table, put there in a moment.

use crate::Result;
use crate::raw_table::{self, RawTable};
use crate::scene::{Person, Scene};
use common::app::App;
use common::clock::Clock;
use common::error::Problem;
use common::keys::{self, Item, Kind};
use common::random;
use common::store::{Access, Store};
use domain::Timestamp;
use domain::connect::{ApiKey, Integration, IntegrationKind, IntegrationProgress, PhoneNumber};
use domain::email::Email;
use domain::id::{ApiKeyId, IntegrationId, InviteId, OutboxId, PhoneNumberId, RequestMark, TenantId, UserId};
use domain::invite::{DEFAULT_EXPIRY_DAYS, Delivery, Invite, InviteStatus, Outcome, expiry};
use domain::member::{InvitedBy, Member, MemberStatus};
use domain::phone::Phone;
use domain::role::Role;
use domain::tenant::{Accepted, CountedSet, Counters, LastChange, Mark};
use domain::text::{ExternalAccount, IntegrationName, Label};
use domain::user::User;
use std::time::Duration;
use uuid::Uuid;

const ACCESS: &[Access] = &[Access::Get(Kind::Counters), Access::Replace(Kind::Counters)];
/// How many items are put at a time: the table is nobody else's meanwhile.
const AT_ONCE: usize = 5_000;
/// Half of the people are operators.
const ROLES: [Role; 4] = [Role::Operator, Role::Viewer, Role::Operator, Role::Admin];
/// One in so many of the invites that are out is over, and keeps its seat because nobody has wanted it yet.
const ONE_EXPIRED_IN: usize = 10;
/// One in so many came back.
const ONE_BOUNCED_IN: usize = 20;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const FREE_SEATS: u64 = 50;

/// What a workspace is to have beside its founder.
#[derive(Debug, Clone, Copy)]
pub struct Filling {
    /// Members who accepted an invite.
    pub joined: usize,
    /// Invites that are out.
    pub out: usize,
    /// Of integrations, of numbers and of API keys, each.
    pub connections: usize,
}

pub struct Filled {
    pub members: Vec<Member>,
    /// How many items that made.
    pub items: usize,
}

/// Fills the admin's workspace. Its counters come last and as everybody writes them, so that its checklist is recomputed.
pub async fn fill(scene: &Scene, admin: &Person, filling: Filling) -> Result<Filled> {
    let store = store(scene)?;
    let tenant = admin.tenant.parse()?;
    let kept = store.get(keys::counters(tenant)).await.map_err(|problem| problem.to_string())?;
    let kept = kept.ok_or("a workspace without counters")?;
    let mut filler = Filler::new(scene, admin, kept.item.clone())?;
    let members = (0..filling.joined).map(|number| filler.member(number)).collect::<Result<_>>()?;
    (0..filling.out).try_for_each(|number| filler.invite_out(number))?;
    (0..filling.connections).try_for_each(|number| filler.connections(number))?;
    let (counters, items) = filler.finished()?;
    let transaction = store.transaction().replace(&kept, &counters, Problem::try_again());
    transaction.commit().await.map_err(|problem| problem.to_string())?;
    Ok(Filled { members, items })
}

fn store(scene: &Scene) -> Result<Store> {
    let variables = scene.stack.environment("get-checklist");
    let lookup = |name: &str| variables.iter().find(|(variable, _)| variable == name).map(|(_, value)| value.clone());
    let app = App::from(&lookup, &[], Clock::system())?;
    Ok(Store::new(&app, "bench", [ACCESS, &[], &[]]))
}

/// Puts records, and adds them up as the writes that make them do.
struct Filler {
    table: RawTable,
    tenant: TenantId,
    founder: UserId,
    now: Timestamp,
    counters: Counters,
    waiting: Vec<dynoxide::Item>,
    put: usize,
}

impl Filler {
    fn new(scene: &Scene, admin: &Person, counters: Counters) -> Result<Filler> {
        Ok(Filler {
            table: RawTable::of(scene),
            tenant: counters.tenant,
            founder: admin.id.parse()?,
            now: Clock::system().now(),
            counters,
            waiting: Vec::new(),
            put: 0,
        })
    }

    /// Somebody who accepted an invite.
    fn member(&mut self, number: usize) -> Result<Member> {
        let (user, role) = (UserId::from_uuid(self.new_id()?), ROLES[number % ROLES.len()]);
        let email = Email::parse(&format!("member-{number}@acme.example"))?;
        let outcome = Outcome::Accepted { by: user, at: self.now };
        let invite = Invite { outcome: Some(outcome), ..self.invite(email.clone(), role, self.now)? };
        let member = Member {
            tenant: self.tenant,
            user,
            role,
            status: MemberStatus::Active,
            joined_at: self.now,
            first_seen_at: self.now,
            last_seen_at: self.now,
            invited: Some(InvitedBy { user: self.founder, invite: invite.id }),
            plans_owned: 0,
        };
        self.add(&User { id: user, email, display_name: None, time_zone: None, created_at: self.now })?;
        self.add(&invite)?;
        self.add(&member)?;
        let counters = &mut self.counters;
        counters.members += 1;
        counters.invited_members += 1;
        counters.seats_taken += 1;
        // That it went out, and that it was accepted.
        counters.invite_changes += 2;
        counters.first_accepted.get_or_insert(Accepted { invite: invite.id, by: user, at: self.now });
        self.count(CountedSet::of_role(role), user);
        Ok(member)
    }

    /// An invite that nobody has accepted, with its hold and its markers.
    fn invite_out(&mut self, number: usize) -> Result<()> {
        let age = match number % ONE_EXPIRED_IN {
            0 => 8 * DAY,
            // Spread over six days.
            _ => Duration::from_secs(u64::try_from(number)? * 7 % (6 * DAY.as_secs())),
        };
        let email = Email::parse(&format!("invited-{number}@acme.example"))?;
        let invite = self.invite(email, ROLES[number % ROLES.len()], self.now - age)?;
        let invite = match number % ONE_BOUNCED_IN {
            1 => Invite { delivery: Delivery::Bounced, ..invite },
            _ => invite,
        };
        self.add(&invite)?;
        self.add(&invite.open_marker())?;
        // What ends with the invite by itself.
        if invite.status(self.now) == InviteStatus::Pending {
            self.add(&invite.email_hold())?;
            if invite.delivery.went_wrong() {
                self.add(&invite.undelivered_marker(invite.delivery))?;
            }
        }
        self.counters.seats_taken += 1;
        self.counters.invite_changes += 1;
        Ok(())
    }

    /// An integration, a number and an API key that has been used.
    fn connections(&mut self, number: usize) -> Result<()> {
        let (tenant, created) = (self.tenant, Mark { by: self.founder, at: self.now });
        let integration = Integration {
            tenant,
            id: IntegrationId::from_uuid(self.new_id()?),
            kind: IntegrationKind::Crm,
            name: IntegrationName::parse(&format!("CRM {number}"))?,
            progress: IntegrationProgress::Connected {
                account: ExternalAccount::parse(&format!("acme-{number}.example"))?,
            },
            created,
        };
        let phone = PhoneNumber {
            tenant,
            id: PhoneNumberId::from_uuid(self.new_id()?),
            number: Phone::parse(&format!("+4930{number:08}"))?,
            label: None,
            request: RequestMark::from_uuid(self.new_id()?),
            created,
        };
        let key = ApiKey {
            tenant,
            id: ApiKeyId::from_uuid(self.new_id()?),
            name: Label::parse(&format!("Key {number}"))?,
            secret_hash: format!("{number:064x}"),
            last_four: format!("{:04}", number % 10_000),
            created,
            first_used_at: Some(self.now),
        };
        self.add(&integration)?;
        self.add(&phone)?;
        self.add(&key)?;
        self.count(CountedSet::Integrations, integration.id);
        self.count(CountedSet::PhoneNumbers, phone.id);
        self.count(CountedSet::UsedApiKeys, key.id);
        Ok(())
    }

    fn invite(&self, email: Email, role: Role, created_at: Timestamp) -> Result<Invite> {
        Ok(Invite {
            tenant: self.tenant,
            id: InviteId::from_uuid(self.new_id()?),
            email,
            role,
            outcome: None,
            delivery: Delivery::Delivered,
            note: None,
            invited_by: self.founder,
            jti: self.new_id()?,
            mail: OutboxId::from_uuid(self.new_id()?),
            created_at,
            expires_at: expiry(created_at, DEFAULT_EXPIRY_DAYS),
            good_for_days: DEFAULT_EXPIRY_DAYS,
            resent_at: Vec::new(),
        })
    }

    fn new_id(&self) -> Result<Uuid> {
        Ok(random::uuid(self.now).map_err(|problem| problem.to_string())?)
    }

    fn count(&mut self, set: CountedSet, record: impl ToString) {
        let last = Some(LastChange::added(record, Mark { by: self.founder, at: self.now }));
        let counters = &mut self.counters;
        let (size, changed) = match set {
            CountedSet::Admins => (&mut counters.admins, &mut counters.admins_changed),
            CountedSet::Operators => (&mut counters.operators, &mut counters.operators_changed),
            CountedSet::Viewers => (&mut counters.viewers, &mut counters.viewers_changed),
            CountedSet::Integrations => (&mut counters.integrations, &mut counters.integrations_changed),
            CountedSet::PhoneNumbers => (&mut counters.phone_numbers, &mut counters.phone_numbers_changed),
            CountedSet::UsedApiKeys => (&mut counters.used_api_keys, &mut counters.used_api_keys_changed),
        };
        *size += 1;
        *changed = last;
    }

    fn add<T: Item>(&mut self, item: &T) -> Result<()> {
        self.waiting.push(raw_table::new(item)?);
        match self.waiting.len() < AT_ONCE {
            true => Ok(()),
            false => self.put_waiting(),
        }
    }

    fn put_waiting(&mut self) -> Result<()> {
        self.put += self.waiting.len();
        self.table.put(std::mem::take(&mut self.waiting))
    }

    /// What everything adds up to, and how many items that is.
    fn finished(mut self) -> Result<(Counters, usize)> {
        self.put_waiting()?;
        self.counters.seats = self.counters.seats_taken + FREE_SEATS;
        Ok((self.counters, self.put))
    }
}
