//! Everything that the table says of workspaces, people, invites and connections, and whether it adds up: what a change that was made
//! by half cannot do.

use super::World;
use aws_sdk_dynamodb::types::AttributeValue;
use common::keys::{self, Item, Kind};
use domain::Timestamp;
use domain::audit::{Action, Actor, Audit};
use domain::connect::ApiKey;
use domain::connect::{Integration, IntegrationProgress, PhoneNumber};
use domain::id::{InviteId, TenantId, UserId};
use domain::invite::{Invite, InviteEmail, InviteStatus, OpenInvite, Outcome, UndeliveredInvite};
use domain::member::Member;
use domain::outbox::{Message, Outbox};
use domain::role::Role;
use domain::tenant::{CountedSet, Counters, Tenant};
use domain::user::{Credential, EmailOwner, Session, User};
use std::collections::{BTreeSet, HashMap};

type Attributes = HashMap<String, AttributeValue>;

/// The table as it was at one moment.
pub struct Books {
    now: Timestamp,
    tenants: Vec<Tenant>,
    counters: Vec<Counters>,
    members: Vec<Member>,
    invites: Vec<Invite>,
    holds: Vec<InviteEmail>,
    open: Vec<OpenInvite>,
    undelivered: Vec<UndeliveredInvite>,
    api_keys: Vec<ApiKey>,
    integrations: Vec<Integration>,
    phone_numbers: Vec<PhoneNumber>,
    audits: Vec<Audit>,
    /// The outbox.
    pub mails: Vec<Outbox>,
    users: Vec<User>,
    owners: Vec<EmailOwner>,
    credentials: Vec<Credential>,
    sessions: Vec<Session>,
}

impl World {
    pub async fn books(&self) -> Books {
        let scan = self.dynamo().scan().table_name(self.stack().table()).into_paginator().items().send();
        let mut items: HashMap<Kind, Vec<Attributes>> = HashMap::new();
        for item in scan.collect::<Result<Vec<_>, _>>().await.unwrap() {
            if let Some((_, kind)) = keys::parse(item["pk"].as_s().unwrap(), item["sk"].as_s().unwrap()) {
                items.entry(kind).or_default().push(item);
            }
        }
        Books {
            now: self.now(),
            tenants: all(&mut items),
            counters: all(&mut items),
            members: all(&mut items),
            invites: all(&mut items),
            holds: all(&mut items),
            open: all(&mut items),
            undelivered: all(&mut items),
            api_keys: all(&mut items),
            integrations: all(&mut items),
            phone_numbers: all(&mut items),
            audits: all(&mut items),
            mails: all(&mut items),
            users: all(&mut items),
            owners: all(&mut items),
            credentials: all(&mut items),
            sessions: all(&mut items),
        }
    }
}

/// Those of one kind.
fn all<T: Item>(items: &mut HashMap<Kind, Vec<Attributes>>) -> Vec<T> {
    let those = items.remove(&T::KIND).unwrap_or_default();
    those.into_iter().map(|item| serde_dynamo::from_item(item).unwrap()).collect()
}

impl Books {
    /// The one invite to an address, if there is one.
    pub fn invite_to(&self, email: &str) -> Option<&Invite> {
        let to_them: Vec<_> = self.invites.iter().filter(|invite| invite.email.as_str() == email).collect();
        assert!(to_them.len() <= 1, "{email} was invited {} times", to_them.len());
        to_them.first().copied()
    }

    /// The mail that carries the link of an invite.
    pub fn mail_of(&self, invite: &Invite) -> &Outbox {
        self.mails.iter().find(|mail| mail.id == invite.mail).unwrap()
    }

    /// Whether it is said for the checklist that an invite's mail went wrong.
    pub fn is_marked_undelivered(&self, invite: &Invite) -> bool {
        self.undelivered.iter().any(|marker| marker.invite == invite.id)
    }

    pub fn counters(&self, tenant: &str) -> &Counters {
        self.counters.iter().find(|counters| counters.tenant.to_string() == tenant).unwrap()
    }

    /// How often something was done, by the audit log.
    pub fn times(&self, action: Action, target: impl ToString) -> usize {
        let target = target.to_string();
        self.audits.iter().filter(|audit| audit.action == action && audit.target == target).count()
    }

    /// How many memberships somebody with this address has.
    pub fn memberships_of(&self, email: &str) -> usize {
        let owner = self.owners.iter().find(|owner| owner.email.as_str() == email);
        owner.map_or(0, |owner| self.members.iter().filter(|member| member.user == owner.user).count())
    }

    /// Nothing is half-done: all that each write leaves together is there, or none of it.
    #[track_caller]
    pub fn assert_whole(&self) {
        assert_eq!(self.traces_of_invites(), self.traces_by_invites());
        let (mails, sendings) = self.sendings();
        assert_eq!(mails, sendings, "invite mails in the outbox, and what the audit log knows of");
        let users = sorted(self.users.iter().map(|user| format!("{} is {}", user.id, user.email)));
        let owners = sorted(self.owners.iter().map(|owner| format!("{} is {}", owner.user, owner.email)));
        assert_eq!(users, owners, "people, and the owners of addresses");
        assert_eq!(self.people(), self.people_with_all_that_is_theirs());
        assert_eq!(self.connections(), self.connections_told_of(), "what there is, and what the audit log knows of");
        self.assert_counted();
    }

    /// The counters of every workspace say what a count of its items says.
    #[track_caller]
    pub fn assert_counted(&self) {
        for tenant in &self.tenants {
            self.assert_people_counted(tenant.id);
            self.assert_sets_counted(tenant.id);
            self.assert_plans_counted(tenant.id);
        }
    }

    /// The integrations and phone numbers that there are, and how they came.
    fn connections(&self) -> Vec<(String, Action)> {
        let integrations = self.integrations.iter().map(|integration| {
            let action = match integration.progress {
                IntegrationProgress::Planned { .. } => Action::IntegrationPlanned,
                IntegrationProgress::Connected { .. } => Action::IntegrationConnected,
            };
            (integration.id.to_string(), action)
        });
        let numbers = self.phone_numbers.iter().map(|number| (number.id.to_string(), Action::PhoneNumberAdded));
        sorted_by_text(integrations.chain(numbers))
    }

    /// Those that the audit log says came and did not go.
    fn connections_told_of(&self) -> Vec<(String, Action)> {
        let came = self.audits.iter().filter(|audit| {
            let goes = match audit.action {
                Action::IntegrationPlanned | Action::IntegrationConnected => Action::IntegrationRemoved,
                Action::PhoneNumberAdded => Action::PhoneNumberRemoved,
                _ => return false,
            };
            // A number may come and go more than once, and then is told of that often.
            self.times(audit.action, &audit.target) > self.times(goes, &audit.target)
        });
        let mut came = sorted_by_text(came.map(|audit| (audit.target.clone(), audit.action)));
        came.dedup();
        came
    }

    /// What there is because of invites: holds, markers, mails, audit lines and members.
    fn traces_of_invites(&self) -> Vec<String> {
        let mut traces = Vec::new();
        let holds = self.holds.iter().filter(|hold| hold.open_until > self.now.as_second());
        traces.extend(holds.map(|hold| format!("{} holds {}", hold.invite, hold.email)));
        let open = self.open.iter().filter(|open| open.expires_at > self.now);
        traces.extend(open.map(|open| format!("{} is out until {}", open.invite, open.expires_at)));
        let newest: BTreeSet<_> = self.invites.iter().map(|invite| invite.mail).collect();
        let newest = self.mails.iter().filter(|mail| newest.contains(&mail.id));
        traces.extend(newest.filter_map(|mail| Some(format!("{} mails {}", about(mail)?, mail.id))));
        traces.extend(self.audits.iter().filter_map(told));
        let invited = self.members.iter().filter_map(|member| Some((member.user, member.invited?)));
        traces.extend(invited.map(|(user, by)| format!("{user} came by {}", by.invite)));
        sorted(traces)
    }

    /// What there has to be of that, as the invites themselves say.
    fn traces_by_invites(&self) -> Vec<String> {
        let mut traces = Vec::new();
        for invite in &self.invites {
            traces.push(format!("{} was created", invite.id));
            traces.push(format!("{} mails {}", invite.id, invite.mail));
            if invite.status(self.now) == InviteStatus::Pending {
                traces.push(format!("{} holds {}", invite.id, invite.email));
                traces.push(format!("{} is out until {}", invite.id, invite.expires_at));
            }
            if let Some(Outcome::Accepted { by, .. }) = invite.outcome {
                traces.push(format!("{} was accepted by {by}", invite.id));
                if self.times(Action::MemberRemoved, by) == 0 {
                    traces.push(format!("{by} came by {}", invite.id));
                }
            }
        }
        sorted(traces)
    }

    /// How many mails about invites there are, and how many were said to be sent.
    fn sendings(&self) -> (usize, usize) {
        let mails = self.mails.iter().filter(|mail| about(mail).is_some());
        let sent = |audit: &&Audit| matches!(audit.action, Action::InviteCreated | Action::InviteResent);
        (mails.count(), self.audits.iter().filter(sent).count())
    }

    fn people(&self) -> Vec<UserId> {
        sorted(self.users.iter().map(|user| user.id))
    }

    /// Those who can sign in, have been signed in from the start, and are members, or were.
    fn people_with_all_that_is_theirs(&self) -> Vec<UserId> {
        let is_member = |user| self.members.iter().any(|member| member.user == user);
        let is_whole = |user: &UserId| {
            self.sessions.iter().any(|session| session.user == *user)
                && (is_member(*user) || self.times(Action::MemberRemoved, user) == 1)
        };
        sorted(self.credentials.iter().map(|credential| credential.user).filter(is_whole))
    }

    #[track_caller]
    fn assert_sets_counted(&self, tenant: TenantId) {
        let counters = self.counters(&tenant.to_string());
        let active = || self.members.iter().filter(|member| member.tenant == tenant && member.is_active());
        for role in Role::ALL {
            let counted = active().filter(|member| member.role == role).count();
            assert_eq!(counters.size(CountedSet::of_role(role)), counted as u64, "active members who are {role}");
        }
        let integrations = self.integrations.iter().filter(|integration| integration.tenant == tenant).count();
        assert_eq!(counters.size(CountedSet::Integrations), integrations as u64, "integrations");
        let numbers = self.phone_numbers.iter().filter(|number| number.tenant == tenant).count();
        assert_eq!(counters.size(CountedSet::PhoneNumbers), numbers as u64, "phone numbers");
    }

    /// Every plan has an owner who is an active member, and their membership says how many they own.
    #[track_caller]
    fn assert_plans_counted(&self, tenant: TenantId) {
        let members: Vec<_> = self.members.iter().filter(|member| member.tenant == tenant).collect();
        let owners: Vec<_> = self
            .integrations
            .iter()
            .filter(|integration| integration.tenant == tenant)
            .filter_map(Integration::plan_owner)
            .collect();
        for owner in &owners {
            assert!(members.iter().any(|member| member.user == *owner && member.is_active()), "{owner} owns a plan");
        }
        for member in members {
            let owned = owners.iter().filter(|owner| **owner == member.user).count();
            assert_eq!(member.plans_owned, owned as u64, "plans of {}", member.user);
        }
    }

    #[track_caller]
    fn assert_people_counted(&self, tenant: TenantId) {
        let counters = self.counters(&tenant.to_string());
        let members: Vec<_> = self.members.iter().filter(|member| member.tenant == tenant).collect();
        let open = self.open.iter().filter(|open| open.tenant == tenant).count();
        let accepted = |audit: &&Audit| audit.tenant == tenant && audit.action == Action::InviteAccepted;
        let accepted = self.audits.iter().filter(accepted).count();
        let active = members.iter().filter(|member| member.is_active()).count();
        let admins = members.iter().filter(|member| member.is_active_admin()).count();
        let counted = [active, admins, accepted, members.len() + open].map(|count| u64::try_from(count).unwrap());
        let kept = [counters.members, counters.admins, counters.invited_members, counters.seats_taken];
        assert_eq!(kept, counted, "members, admins, people who came by an invite, seats taken");
        assert_eq!(counters.first_accepted.is_some(), accepted > 0);
        let used_keys = self.api_keys.iter().filter(|key| key.tenant == tenant && key.first_used_at.is_some());
        assert_eq!(counters.used_api_keys, u64::try_from(used_keys.count()).unwrap(), "live API keys that were used");
    }
}

/// What an audit line tells of an invite's beginning and of somebody who came by it.
fn told(audit: &Audit) -> Option<String> {
    match (audit.action, audit.actor) {
        (Action::InviteCreated, _) => Some(format!("{} was created", audit.target)),
        (Action::InviteAccepted, Actor::User { id }) => Some(format!("{} was accepted by {id}", audit.target)),
        _ => None,
    }
}

/// The invite that a mail is about.
fn about(mail: &Outbox) -> Option<InviteId> {
    match &mail.message {
        Message::Invite(about) => Some(about.invite),
        Message::SignUp(_) | Message::AccountExists | Message::ChecklistReopened(_) => None,
    }
}

fn sorted_by_text(items: impl IntoIterator<Item = (String, Action)>) -> Vec<(String, Action)> {
    let mut items: Vec<_> = items.into_iter().collect();
    items.sort_by(|(one, _), (other, _)| one.cmp(other));
    items
}

fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items: Vec<_> = items.into_iter().collect();
    items.sort();
    items
}
