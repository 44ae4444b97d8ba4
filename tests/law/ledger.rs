//! What a workspace's state amounts to, found out by counting its records: the long way, which shares nothing with how the functions
//! read but the fold itself. So whatever it agrees with, the counters and markers agree with too.

use crate::stage::Stage;
use common::keys::{self, Item, Kind};
use domain::Timestamp;
use domain::audit::{Action, Audit};
use domain::billing::Billing;
use domain::checklist::{CURRENT, Checklist, Choices, Facts, fold};
use domain::connect::{ApiKey, Integration, PhoneNumber};
use domain::id::{TenantId, UserId};
use domain::invite::{Invite, OpenInvite, Outcome, UndeliveredInvite};
use domain::member::{Member, TestUser};
use domain::outbox::{Message, Outbox};
use domain::role::Role;
use domain::tenant::{Accepted, CountedSet, Counters, Tenant};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};

/// The records of one workspace at one moment.
pub struct Ledger {
    pub tenant: Tenant,
    pub tenant_version: u64,
    pub billing: Billing,
    pub billing_version: u64,
    pub members: Vec<Member>,
    pub invites: Vec<Invite>,
    pub checklist: Checklist,
    counters: Counters,
    test_user: Option<TestUser>,
    choices: Option<Choices>,
    open: Vec<OpenInvite>,
    undelivered: Vec<UndeliveredInvite>,
    pub integrations: Vec<Integration>,
    pub phone_numbers: Vec<PhoneNumber>,
    api_keys: Vec<ApiKey>,
    mails: Vec<Outbox>,
    audits: Vec<Audit>,
}

type Items = HashMap<Kind, Vec<serde_dynamo::Item>>;

impl Ledger {
    pub fn of(stage: &Stage, tenant: TenantId) -> Ledger {
        let mut items = items_of(stage, tenant);
        let (tenant, tenant_version) = the_one(&mut items);
        let (billing, billing_version) = the_one(&mut items);
        let (counters, _) = the_one(&mut items);
        let (checklist, _) = the_one(&mut items);
        Ledger {
            tenant,
            tenant_version,
            billing,
            billing_version,
            counters,
            checklist,
            members: all(&mut items),
            invites: all(&mut items),
            test_user: all(&mut items).pop(),
            choices: all(&mut items).pop(),
            open: all(&mut items),
            undelivered: all(&mut items),
            integrations: all(&mut items),
            phone_numbers: all(&mut items),
            api_keys: all(&mut items),
            mails: all(&mut items),
            audits: all(&mut items),
        }
    }

    /// The invite to an address that says most: the newest that is out, else the newest.
    pub fn invite_to(&self, email: &str) -> Option<&Invite> {
        let to_them = self.invites.iter().filter(|invite| invite.email.as_str() == email);
        to_them.max_by_key(|invite| (invite.outcome.is_none(), invite.created_at))
    }

    /// What the checklist has to say, whatever was kept: without what only depends on when it was looked at.
    pub fn amounts_to(&self) -> Checklist {
        let counters = self.counted();
        let folded = fold(&CURRENT, self.facts(&counters), None, Timestamp::UNIX_EPOCH);
        without_history(&folded.checklist)
    }

    /// Everything in which what is kept is not what it has to be.
    pub fn faults(&self, now: Timestamp) -> Vec<String> {
        let mut faults = Vec::new();
        let counters = self.counted();
        if counters != self.counters {
            faults.push(format!("the counters are {:?}, and a count says {counters:?}", self.counters));
        }
        faults.extend(self.faults_of_markers(now));
        let kept = &self.checklist;
        let (stands, amounts_to) = (without_history(kept), self.amounts_to());
        let again = fold(&CURRENT, self.facts(&counters), Some(kept), now);
        if stands != amounts_to {
            faults.push(difference(&stands, &amounts_to));
        } else if again.checklist != *kept {
            faults.push(format!("folded again the checklist would be another: {:?}, not {kept:?}", again.checklist));
        }
        if again.reopened.is_some() {
            faults.push("it is dismissed although a required step is not complete".to_owned());
        }
        faults.extend(self.faults_of_history(now));
        let reopened = self.times_reopened();
        let told = self.mails_of_reopening();
        if reopened != told {
            faults.push(format!("it was opened again {reopened} times, and {told} mails say so"));
        }
        faults
    }

    /// When things were, of all that is kept about that.
    fn faults_of_history(&self, now: Timestamp) -> Vec<String> {
        let kept = &self.checklist;
        let mut faults = Vec::new();
        for step in &kept.steps {
            let (id, is_complete) = (&step.id, step.standing.is_complete_at(now));
            let first = kept.first_completed(step, now);
            if is_complete && first.is_none() {
                faults.push(format!("{id} is complete and never was"));
            }
            if step.regressed_at(now).is_some() && is_complete {
                faults.push(format!("{id} fell back and is complete"));
            }
            if step.regressed_at.is_some() && first.is_none() {
                faults.push(format!("{id} fell back and never was complete"));
            }
        }
        faults
    }

    /// Whether the markers of invites say what the invites say.
    fn faults_of_markers(&self, now: Timestamp) -> Vec<String> {
        let out = |invite: &&Invite| invite.outcome.is_none() && invite.expires_at > now;
        let markers = self.open.iter().filter(|open| open.expires_at > now).map(|open| format!("{open:?}"));
        let invites = self.invites.iter().filter(out).map(|invite| format!("{:?}", invite.open_marker()));
        let open = unequal("the invites that are out", markers, invites);

        let markers = self.undelivered.iter().filter(|marker| marker.expires_at > now).map(|it| format!("{it:?}"));
        let wrong = self.invites.iter().filter(out).filter(|invite| invite.delivery.went_wrong());
        let invites = wrong.map(|invite| format!("{:?}", invite.undelivered_marker(invite.delivery)));
        open.into_iter().chain(unequal("the invites whose mail went wrong", markers, invites)).collect()
    }

    fn facts<'a>(&'a self, counters: &'a Counters) -> Facts<'a> {
        let last = |open: &&OpenInvite| (open.expires_at, open.invite);
        Facts {
            tenant: &self.tenant,
            counters,
            billing: &self.billing,
            test_user: self.test_user.as_ref(),
            choices: self.choices.as_ref(),
            last_open_invite: self.open.iter().max_by_key(last),
            last_open_operator_invite: self.open.iter().filter(|open| open.role == Role::Operator).max_by_key(last),
            last_undelivered_invite: self.undelivered.iter().max_by_key(|marker| (marker.expires_at, marker.invite)),
        }
    }

    /// The counters as a count says. What came or went last, and how often the invites changed, no record knows but they.
    fn counted(&self) -> Counters {
        let active = |role: Option<Role>| {
            let counts = |member: &&Member| member.is_active() && role.is_none_or(|role| member.role == role);
            amount(self.members.iter().filter(counts).count())
        };
        Counters {
            members: active(None),
            admins: active(Some(Role::Admin)),
            operators: active(Some(Role::Operator)),
            viewers: active(Some(Role::Viewer)),
            integrations: amount(self.integrations.len()),
            phone_numbers: amount(self.phone_numbers.len()),
            used_api_keys: amount(self.api_keys.iter().filter(|key| key.first_used_at.is_some()).count()),
            invited_members: amount(self.accepted().count()),
            seats_taken: amount(self.members.len() + self.open.len()),
            first_accepted: self.accepted().min_by_key(|accepted| accepted.at),
            ..self.counters.clone()
        }
    }

    fn accepted(&self) -> impl Iterator<Item = Accepted> {
        self.invites.iter().filter_map(|invite| match invite.outcome {
            Some(Outcome::Accepted { by, at }) => Some(Accepted { invite: invite.id, by, at }),
            _ => None,
        })
    }

    /// Whoever counts in a set, by their ids.
    fn set(&self, set: CountedSet) -> BTreeSet<String> {
        let role = |role: Role| {
            let members = self.members.iter().filter(move |member| member.is_active() && member.role == role);
            members.map(|member| member.user.to_string()).collect()
        };
        match set {
            CountedSet::Admins => role(Role::Admin),
            CountedSet::Operators => role(Role::Operator),
            CountedSet::Viewers => role(Role::Viewer),
            CountedSet::Integrations => self.integrations.iter().map(|it| it.id.to_string()).collect(),
            CountedSet::PhoneNumbers => self.phone_numbers.iter().map(|it| it.id.to_string()).collect(),
            CountedSet::UsedApiKeys => {
                let used = self.api_keys.iter().filter(|key| key.first_used_at.is_some());
                used.map(|key| key.id.to_string()).collect()
            }
        }
    }

    /// Where the evidence of what came or went last is not what became of the sets since `before`.
    pub fn faults_since(&self, before: &Ledger) -> Vec<String> {
        let mut faults = Vec::new();
        for set in SETS {
            let (then, now) = (before.set(set), self.set(set));
            let last = self.counters.last_change(set);
            let changed: BTreeSet<_> = then.symmetric_difference(&now).cloned().collect();
            let told = last != before.counters.last_change(set);
            if told == changed.is_empty() || last.is_some_and(|last| told && !changed.contains(&last.record)) {
                faults.push(format!("of {set:?} came or went {changed:?}, and the evidence is {last:?}"));
            }
        }
        faults
    }

    pub fn is_admin(&self, user: UserId) -> bool {
        self.members.iter().any(|member| member.user == user && member.is_active_admin())
    }

    /// How many operators the counters know of.
    pub fn operators(&self) -> u64 {
        self.counters.operators
    }

    /// Whether it is dismissed, by what is kept of the decision.
    pub fn is_dismissed(&self) -> bool {
        self.choices.as_ref().is_some_and(|choices| choices.dismissal.is_some())
    }

    pub fn times_reopened(&self) -> usize {
        self.audits.iter().filter(|audit| audit.action == Action::ChecklistReopened).count()
    }

    pub fn mails_of_reopening(&self) -> usize {
        self.mails.iter().filter(|mail| matches!(mail.message, Message::ChecklistReopened(_))).count()
    }

    /// The keys of a tenant's items whose time is over, by DynamoDB's attribute for that.
    pub fn expired(stage: &Stage, tenant: TenantId, now: i64) -> Vec<Value> {
        let is_over = |item: &&Value| item["expires"]["N"].as_str().is_some_and(|at| at.parse::<i64>().unwrap() <= now);
        let items = raw_items(stage, tenant);
        items.iter().filter(is_over).map(|item| json!({ "pk": item["pk"], "sk": item["sk"] })).collect()
    }
}

const SETS: [CountedSet; 6] = [
    CountedSet::Admins,
    CountedSet::Operators,
    CountedSet::Viewers,
    CountedSet::Integrations,
    CountedSet::PhoneNumbers,
    CountedSet::UsedApiKeys,
];

fn raw_items(stage: &Stage, tenant: TenantId) -> Vec<Value> {
    let database = stage.world.stack().database();
    let request = json!({
        "TableName": stage.world.stack().table(),
        "ConsistentRead": true,
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": { ":pk": { "S": format!("TENANT#{tenant}") } },
    });
    let answer = database.query(serde_json::from_value(request).unwrap()).unwrap();
    assert!(answer.last_evaluated_key.is_none(), "more than one page");
    serde_json::to_value(answer).unwrap()["Items"].as_array().unwrap().clone()
}

fn items_of(stage: &Stage, tenant: TenantId) -> Items {
    let mut items = Items::new();
    for item in raw_items(stage, tenant) {
        let key = |name: &str| item[name]["S"].as_str().unwrap();
        let (_, kind) = keys::parse(key("pk"), key("sk")).unwrap();
        items.entry(kind).or_default().push(serde_json::from_value(item).unwrap());
    }
    items
}

fn all<T: Item>(items: &mut Items) -> Vec<T> {
    let those = items.remove(&T::KIND).unwrap_or_default();
    those.into_iter().map(|item| serde_dynamo::from_item(item).unwrap()).collect()
}

/// An item of which there is one, with its version.
fn the_one<T: Item>(items: &mut Items) -> (T, u64) {
    let item = items.remove(&T::KIND).unwrap().remove(0);
    let version = match &item["v"] {
        serde_dynamo::AttributeValue::N(version) => version.parse().unwrap(),
        other => panic!("a version that is {other:?}"),
    };
    (serde_dynamo::from_item(item).unwrap(), version)
}

/// What it says of now, without what it says of before.
fn without_history(checklist: &Checklist) -> Checklist {
    let mut now = checklist.clone();
    now.first_completed.clear();
    now.first_completed_at = None;
    now.as_of = Timestamp::UNIX_EPOCH;
    now.steps.iter_mut().for_each(|step| step.regressed_at = None);
    now
}

fn difference(kept: &Checklist, amounts_to: &Checklist) -> String {
    let mut lines = vec!["the kept checklist is not what the state amounts to:".to_owned()];
    if kept.dismissed != amounts_to.dismissed {
        lines.push(format!("dismissed: kept {:?}, is {:?}", kept.dismissed, amounts_to.dismissed));
    }
    for (kept, is) in kept.steps.iter().zip(&amounts_to.steps).filter(|(kept, is)| kept != is) {
        lines.push(format!("{}: kept {:?} {:?}, is {:?} {:?}", is.id, kept.standing, kept.skip, is.standing, is.skip));
    }
    lines.join("\n  ")
}

fn unequal(what: &str, markers: impl Iterator<Item = String>, invites: impl Iterator<Item = String>) -> Option<String> {
    let (markers, invites): (BTreeSet<_>, BTreeSet<_>) = (markers.collect(), invites.collect());
    (markers != invites).then(|| format!("{what}: the markers say {markers:?}, the invites {invites:?}"))
}

fn amount(count: usize) -> u64 {
    u64::try_from(count).unwrap()
}
