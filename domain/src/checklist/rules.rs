//! When a step is complete, and what is missing while it is not: one rule a step, from the facts alone.

use super::{Choices, Evidence, Standing, Why};
use crate::billing::Billing;
use crate::invite::{Delivery, OpenInvite, UndeliveredInvite};
use crate::member::TestUser;
use crate::role::Role;
use crate::tenant::{CountedSet, Counters, Mark, SetChange, Tenant};

/// All that the checklist depends on. Its size does not grow with the tenant.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub tenant: &'a Tenant,
    pub counters: &'a Counters,
    pub billing: &'a Billing,
    pub test_user: Option<&'a TestUser>,
    pub choices: Option<&'a Choices>,
    /// Of the invites that are out, the one that ends last. Looked for only while nobody has come by an invite.
    pub last_open_invite: Option<&'a OpenInvite>,
    /// Of the invites of operators that are out, the one that ends last.
    pub last_open_operator_invite: Option<&'a OpenInvite>,
    /// Of the invites that are out and whose mail went wrong, the one that ends last. Looked for only while nobody has come by an
    /// invite.
    pub last_undelivered_invite: Option<&'a UndeliveredInvite>,
}

fn complete(record: impl ToString, detail: impl Into<String>, mark: Mark) -> Standing {
    let evidence = Evidence { record: record.to_string(), detail: detail.into(), by: mark.by, at: mark.at };
    Standing::Complete { evidence }
}

/// The record that came last is the evidence, while that is the latest there is to say; else what they add up to.
fn complete_by(facts: Facts<'_>, set: CountedSet, detail: impl Into<String>) -> Standing {
    let tenant = facts.tenant;
    match facts.counters.last_change(set) {
        Some(last) if last.change == SetChange::Added => complete(&last.record, detail, last.mark()),
        last => complete(tenant.id, detail, last.map_or(tenant.created, |last| last.mark())),
    }
}

fn incomplete(code: &str, detail: impl Into<String>) -> Standing {
    Standing::Incomplete { why: Why::new(code, detail) }
}

pub fn company_details(facts: Facts<'_>) -> Standing {
    let tenant = facts.tenant;
    match tenant.details_completed {
        Some(mark) => complete(tenant.id, "Company name, business contact and country are set.", mark),
        None => {
            let missing = tenant.missing_details().join(" and ");
            incomplete("company_details_missing", format!("Set {missing} in the workspace settings."))
        }
    }
}

pub fn default_timezone(facts: Facts<'_>) -> Standing {
    let tenant = facts.tenant;
    let zone = tenant.default_time_zone.as_str();
    match tenant.default_time_zone_confirmed {
        Some(mark) => complete(tenant.id, format!("{zone} is confirmed as the default time zone."), mark),
        None => incomplete(
            "time_zone_unconfirmed",
            format!("The default time zone is {zone}, but it is not confirmed. Confirm it, or choose another."),
        ),
    }
}

pub fn billing_owner(facts: Facts<'_>) -> Standing {
    let billing = facts.billing;
    match (billing.owner, billing.owner_named) {
        (Some(owner), Some(mark)) => complete(owner, "A billing owner is named and is an active admin.", mark),
        _ => incomplete("billing_owner_missing", "Nobody receives the invoices. Name an admin as billing owner."),
    }
}

pub fn backup_admin(facts: Facts<'_>) -> Standing {
    match facts.counters.admins {
        0 | 1 => incomplete(
            "one_admin_only",
            "There is one admin only. Invite a second one, so that nobody is locked out when the first is away.",
        ),
        admins => complete_by(facts, CountedSet::Admins, format!("{admins} active admins have signed in.")),
    }
}

pub fn invite_team(facts: Facts<'_>) -> Standing {
    match (facts.counters.first_accepted, facts.last_open_invite) {
        (Some(accepted), _) => complete(
            accepted.invite,
            match facts.counters.invited_members {
                1 => "1 invited person has joined.".to_owned(),
                joined => format!("{joined} invited people have joined."),
            },
            Mark { by: accepted.by, at: accepted.at },
        ),
        (None, Some(open)) => {
            let out = Standing::InProgress {
                why: Why::new("invite_open", "An invitation is out, and nobody has accepted one yet."),
                until: open.expires_at,
                afterwards: Box::new(incomplete(
                    "invites_expired",
                    "Every invitation has expired unused. Send new ones.",
                )),
            };
            facts.last_undelivered_invite.map_or(out.clone(), |undelivered| undelivered_until(undelivered, out))
        }
        (None, None) => incomplete(
            "no_invite_open",
            "No invitation is out and nobody has joined by one. Invite the people you launch with.",
        ),
    }
}

/// One of the invites that are out waits for an admin; once it is over too, the step stands as if it had not been.
fn undelivered_until(undelivered: &UndeliveredInvite, afterwards: Standing) -> Standing {
    let email = &undelivered.email;
    let (code, detail) = match undelivered.delivery {
        Delivery::Bounced => (
            "invite_bounced",
            format!("The invitation to {email} came back: there is no such mailbox. Correct the address."),
        ),
        Delivery::Complained => (
            "invite_complained",
            format!("{email} reported the invitation as spam. Talk to them, or invite another address of theirs."),
        ),
        _ => ("invite_failed", format!("The invitation to {email} could not be delivered. Send it again.")),
    };
    Standing::InProgress {
        why: Why::new(code, detail),
        until: undelivered.expires_at,
        afterwards: Box::new(afterwards),
    }
}

pub fn test_user(facts: Facts<'_>) -> Standing {
    let Some(test_user) = facts.test_user else {
        return incomplete(
            "test_user_missing",
            "Nobody is the test user. Mark a member with the role that your team will have, who then tries out what it may do.",
        );
    };
    match (&test_user.rehearsal, test_user.access_confirmed_at()) {
        (_, Some(at)) => {
            let detail = "The test user tried their access out, and it is what their role should see.";
            complete(test_user.user, detail, Mark { by: test_user.user, at })
        }
        (Some(rehearsal), None) if rehearsal.role == Role::Admin => incomplete(
            "test_user_is_admin",
            "The test user is an admin, who may do everything: what they see says nothing about your team. Mark a member with the role that your team will have.",
        ),
        (Some(_), None) => incomplete(
            "access_not_as_expected",
            "The test user tried their access out, and it is not what their role should see. Look at what they may do, then let them try again.",
        ),
        (None, None) => incomplete(
            "access_unconfirmed",
            "The test user has not tried their access out since it last changed. Ask them to do so, signed in; if they are disabled, enable them or mark somebody else.",
        ),
    }
}

pub fn crm_or_calendar(facts: Facts<'_>) -> Standing {
    let missing = "No CRM or calendar is connected or planned. Connect one, or plan it with an owner and a date.";
    match facts.counters.integrations {
        0 => incomplete("integration_missing", missing),
        1 => complete_by(facts, CountedSet::Integrations, "1 CRM or calendar is connected or planned."),
        some => {
            complete_by(facts, CountedSet::Integrations, format!("{some} CRMs or calendars are connected or planned."))
        }
    }
}

pub fn operators_signed_in(facts: Facts<'_>) -> Standing {
    let signed_in = match facts.counters.operators {
        0 => incomplete("operator_missing", "No operator has signed in. Invite the people who will run the calls."),
        1 => complete_by(facts, CountedSet::Operators, "1 operator has signed in, and no operator is awaited."),
        some => {
            let detail = format!("{some} operators have signed in, and none is awaited.");
            complete_by(facts, CountedSet::Operators, detail)
        }
    };
    match facts.last_open_operator_invite {
        Some(open) => Standing::InProgress {
            why: Why::new("operator_invite_open", "An operator is invited and has not signed in yet."),
            until: open.expires_at,
            afterwards: Box::new(signed_in),
        },
        None => signed_in,
    }
}

pub fn reviewer_assigned(facts: Facts<'_>) -> Standing {
    match facts.counters.viewers {
        0 => incomplete(
            "reviewer_missing",
            "Nobody who reviews calls has signed in. Invite a reviewer or a lead as Tenant Viewer.",
        ),
        1 => complete_by(facts, CountedSet::Viewers, "1 viewer has signed in."),
        some => complete_by(facts, CountedSet::Viewers, format!("{some} viewers have signed in.")),
    }
}

pub fn phone_number(facts: Facts<'_>) -> Standing {
    match facts.counters.phone_numbers {
        0 => incomplete("phone_number_missing", "There is no active phone number. Add the one you call from."),
        1 => complete_by(facts, CountedSet::PhoneNumbers, "1 phone number is active."),
        some => complete_by(facts, CountedSet::PhoneNumbers, format!("{some} phone numbers are active.")),
    }
}

pub fn api_key(facts: Facts<'_>) -> Standing {
    match facts.counters.used_api_keys {
        0 => incomplete(
            "api_key_unused",
            "No live API key has been used. Make one, and call GET /v1/api-keys/current with it.",
        ),
        1 => complete_by(facts, CountedSet::UsedApiKeys, "1 live API key has been used."),
        some => complete_by(facts, CountedSet::UsedApiKeys, format!("{some} live API keys have been used.")),
    }
}
