//! What an access review looks for: the rules alone, each from facts to what there is to say about them.

use domain::Timestamp;
use domain::email::Email;
use domain::id::{InviteId, UserId};
use domain::invite::{Invite, InviteStatus};
use domain::member::Member;
use domain::tenant::Counters;
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Serialize;

/// How long somebody may take to come before it is worth a look.
const LONG_ENOUGH_TO_COME: SignedDuration = SignedDuration::from_hours(3 * 24);
/// Who may do everything should be few: with more than this, no more than one in [`ONE_IN`].
const ADMINS_OF_ANY_TEAM: u64 = 2;
const ONE_IN: u64 = 3;
/// The console page where people and invitations are looked after, relative to the console.
const USERS: &str = "/users";

/// Something about who may do what that somebody should look at.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AccessFinding {
    code: FindingCode,
    /// What was found, why it matters, and what to do about it.
    detail: String,
    /// The console page where that is done, relative to the console.
    action: &'static str,
    /// The member it is about, if they are in the workspace.
    member: Option<UserId>,
    /// The invitation it is about.
    invite: Option<InviteId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingCode {
    /// If the only admin is away, nobody can look after the workspace.
    NoBackupAdmin,
    /// More may do everything than should have to.
    TooManyAdmins,
    /// Somebody was invited days ago and has not come.
    NeverSignedIn,
    /// An invitation is open that nobody who may invite answers for.
    InviterNotAdmin,
    /// An invitation is open whose mail did not arrive.
    Undelivered,
}

/// What there is to say about the admins that a workspace has.
pub fn admins(counters: &Counters) -> Option<AccessFinding> {
    let (admins, members) = (counters.admins, counters.members);
    let (code, detail) = if admins < 2 {
        let detail = "There is only one active admin: if they are away, nobody can look after people, settings and billing. Make \
                      somebody else an admin, or invite one.";
        (FindingCode::NoBackupAdmin, detail.to_owned())
    } else if admins > ADMINS_OF_ANY_TEAM && admins * ONE_IN > members {
        let detail = format!(
            "{admins} of {members} active members are admins, more than one in three, and every admin may do everything. Give those \
             who do not need that another role."
        );
        (FindingCode::TooManyAdmins, detail)
    } else {
        return None;
    };
    Some(AccessFinding { code, detail, action: USERS, member: None, invite: None })
}

/// Whether somebody has been invited for long and has not come.
pub fn never_signed_in(invite: &Invite, now: Timestamp) -> Option<AccessFinding> {
    let ago = now.duration_since(invite.link_made_at());
    if ago < LONG_ENOUGH_TO_COME || invite.status(now) != InviteStatus::Pending {
        return None;
    }
    let (email, role, days) = (&invite.email, invite.role.label(), ago.as_hours() / 24);
    let detail = format!(
        "{email} was invited as {role} {days} days ago and has never signed in. Ask them whether the mail came, send it again, or \
         revoke the invitation."
    );
    Some(about_invite(FindingCode::NeverSignedIn, detail, invite))
}

/// Whether the mail of an open invitation did not arrive: then nobody will come by it.
pub fn undelivered(invite: &Invite, now: Timestamp) -> Option<AccessFinding> {
    if !invite.delivery.went_wrong() || invite.status(now) != InviteStatus::Pending {
        return None;
    }
    let what_now = match invite.delivery.wants_another_address() {
        true => "Correct the address, or revoke the invitation.",
        false => "Send it again, or correct the address.",
    };
    let (email, role, delivery) = (&invite.email, invite.role.label(), invite.delivery);
    let detail = format!("The mail that invites {email} as {role} did not arrive ({delivery}). {what_now}");
    Some(about_invite(FindingCode::Undelivered, detail, invite))
}

fn about_invite(code: FindingCode, detail: String, invite: &Invite) -> AccessFinding {
    AccessFinding { code, detail, action: USERS, member: None, invite: Some(invite.id) }
}

/// Whoever sent an invitation: their membership if they have one still, their address if they have an account still.
#[derive(Debug, Clone, Copy)]
pub struct Inviter<'a> {
    pub member: Option<&'a Member>,
    pub email: Option<&'a Email>,
}

/// Whether an invitation is open whose inviter may not invite any more.
pub fn inviter_not_admin(invite: &Invite, inviter: Inviter<'_>, now: Timestamp) -> Option<AccessFinding> {
    if invite.status(now) != InviteStatus::Pending {
        return None;
    }
    let what_became = no_admin_because(inviter.member)?;
    let who = inviter.email.map_or("Somebody", Email::as_str);
    let (email, role) = (&invite.email, invite.role.label());
    let detail = format!(
        "{who} invited {email} as {role} and {what_became}, but the invitation is still open. Send it again in your own name, or \
         revoke it."
    );
    Some(AccessFinding {
        code: FindingCode::InviterNotAdmin,
        detail,
        action: USERS,
        member: inviter.member.map(|member| member.user),
        invite: Some(invite.id),
    })
}

/// Why somebody is no active admin; nothing if they are one.
fn no_admin_because(member: Option<&Member>) -> Option<String> {
    match member {
        None => Some("is not in the workspace any more".to_owned()),
        Some(member) if member.is_active_admin() => None,
        Some(member) if member.is_active() => Some(format!("is {} now", member.role.label())),
        Some(_) => Some("is disabled now".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::{invite, member};
    use domain::invite::{Delivery, NewLink, Outcome};
    use domain::member::MemberStatus;
    use domain::role::Role;
    use domain::tenant::Mark;

    fn found(admins_of: u64, members: u64) -> Option<FindingCode> {
        let person = member(Role::Admin);
        let counters = Counters::new(person.tenant, Mark { by: person.user, at: Timestamp::UNIX_EPOCH });
        admins(&Counters { admins: admins_of, members, ..counters }).map(|finding| finding.code)
    }

    fn after_hours(hours: i64) -> Timestamp {
        invite().created_at + SignedDuration::from_hours(hours)
    }

    #[test]
    fn a_workspace_needs_a_second_admin() {
        assert_eq!(found(1, 1), Some(FindingCode::NoBackupAdmin));
        assert_eq!(found(1, 40), Some(FindingCode::NoBackupAdmin));
        assert_eq!(found(2, 2), None);
        assert_eq!(found(2, 40), None);
    }

    #[test]
    fn more_than_two_admins_are_too_many_if_they_are_more_than_one_in_three() {
        assert_eq!(found(3, 9), None);
        assert_eq!(found(3, 8), Some(FindingCode::TooManyAdmins));
        assert_eq!(found(4, 9), Some(FindingCode::TooManyAdmins));
        assert_eq!(found(4, 12), None);
        assert_eq!(found(3, 3), Some(FindingCode::TooManyAdmins));
        let person = member(Role::Admin);
        let counters = Counters::new(person.tenant, Mark { by: person.user, at: Timestamp::UNIX_EPOCH });
        let finding = admins(&Counters { admins: 4, members: 9, ..counters }).unwrap();
        assert!(finding.detail.starts_with("4 of 9 active members are admins"), "{}", finding.detail);
        assert_eq!((finding.action, finding.member, finding.invite), ("/users", None, None));
    }

    #[test]
    fn whoever_was_invited_three_days_ago_to_the_second_and_has_not_come_is_named_with_their_role() {
        let three_days = after_hours(72);
        assert_eq!(never_signed_in(&invite(), three_days - SignedDuration::from_secs(1)), None);
        let expected = AccessFinding {
            code: FindingCode::NeverSignedIn,
            detail: "grace@acme.example was invited as Tenant Viewer 3 days ago and has never signed in. Ask them whether the mail came, \
                     send it again, or revoke the invitation."
                .to_owned(),
            action: "/users",
            member: None,
            invite: Some(invite().id),
        };
        assert_eq!(never_signed_in(&invite(), three_days), Some(expected));
    }

    #[test]
    fn an_invitation_that_nobody_can_come_by_any_more_is_no_finding() {
        let bounced = Invite { delivery: Delivery::Bounced, ..invite() };
        assert!(never_signed_in(&bounced, after_hours(7 * 24 - 1)).is_some());
        assert_eq!(never_signed_in(&bounced, after_hours(7 * 24)), None);
        assert_eq!(undelivered(&bounced, after_hours(7 * 24)), None);
        let by = invite().invited_by;
        let at = after_hours(1);
        for outcome in [Outcome::Accepted { by, at }, Outcome::Declined { at }, Outcome::Revoked { by, at }] {
            let ended = Invite { outcome: Some(outcome), ..invite() };
            assert_eq!(never_signed_in(&ended, after_hours(4 * 24)), None);
            assert_eq!(undelivered(&Invite { delivery: Delivery::Bounced, ..ended.clone() }, after_hours(1)), None);
            let gone = Inviter { member: None, email: None };
            assert_eq!(inviter_not_admin(&ended, gone, after_hours(2)), None);
        }
    }

    #[test]
    fn whoever_was_sent_the_invitation_again_has_another_three_days() {
        let link = NewLink { by: invite().invited_by, jti: Default::default(), mail: invite().mail };
        let again = invite().sent_again(link, after_hours(72));
        assert_eq!(never_signed_in(&again, after_hours(143)), None);
        assert!(never_signed_in(&again, after_hours(144)).is_some());
    }

    #[test]
    fn an_invitation_whose_mail_did_not_arrive_is_found_at_once_with_what_to_do() {
        let found =
            |delivery| undelivered(&Invite { delivery, ..invite() }, after_hours(0)).map(|finding| finding.detail);
        for delivery in [Delivery::Queued, Delivery::Sent, Delivery::Delivered] {
            assert_eq!(found(delivery), None);
        }
        let corrected = "The mail that invites grace@acme.example as Tenant Viewer did not arrive (bounced). Correct the address, or revoke \
                         the invitation.";
        assert_eq!(found(Delivery::Bounced).as_deref(), Some(corrected));
        assert!(found(Delivery::Failed).unwrap().ends_with("(failed). Send it again, or correct the address."));
    }

    #[test]
    fn an_open_invitation_whose_inviter_left_was_demoted_or_disabled_is_found_with_the_role_it_gives() {
        let bob: Email = "bob@acme.example".parse().unwrap();
        let demoted = member(Role::Operator);
        let disabled = Member { status: MemberStatus::Disabled, ..member(Role::Admin) };
        let cases = [
            (
                None,
                "bob@acme.example invited grace@acme.example as Tenant Viewer and is not in the workspace any more,",
            ),
            (
                Some(&demoted),
                "bob@acme.example invited grace@acme.example as Tenant Viewer and is Tenant Operator now,",
            ),
            (Some(&disabled), "bob@acme.example invited grace@acme.example as Tenant Viewer and is disabled now,"),
        ];
        for (member, begins) in cases {
            let finding = inviter_not_admin(&invite(), Inviter { member, email: Some(&bob) }, after_hours(1)).unwrap();
            assert!(finding.detail.starts_with(begins), "{}", finding.detail);
            let about = (finding.code, finding.member, finding.invite);
            assert_eq!(about, (FindingCode::InviterNotAdmin, member.map(|member| member.user), Some(invite().id)));
        }
    }

    #[test]
    fn an_inviter_who_is_an_admin_or_an_invitation_that_nobody_can_come_by_is_no_finding() {
        let admin = member(Role::Admin);
        let inviter = Inviter { member: Some(&admin), email: None };
        assert_eq!(inviter_not_admin(&invite(), inviter, after_hours(1)), None);
        let gone = Inviter { member: None, email: None };
        assert_eq!(inviter_not_admin(&invite(), gone, invite().expires_at), None);
        assert!(inviter_not_admin(&invite(), gone, invite().expires_at - SignedDuration::from_secs(1)).is_some());
    }
}
