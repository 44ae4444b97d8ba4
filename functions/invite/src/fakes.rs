//! People and invitations for tests.

use domain::Timestamp;
use domain::invite::{DEFAULT_EXPIRY_DAYS, Delivery, Invite, expiry};
use domain::member::{Member, MemberStatus};
use domain::role::Role;

pub(crate) fn member(role: Role) -> Member {
    Member {
        tenant: "ten_00000000000000000000000000000001".parse().unwrap(),
        user: "usr_00000000000000000000000000000002".parse().unwrap(),
        role,
        status: MemberStatus::Active,
        joined_at: Timestamp::UNIX_EPOCH,
        first_seen_at: Timestamp::UNIX_EPOCH,
        last_seen_at: Timestamp::UNIX_EPOCH,
        invited: None,
        plans_owned: 0,
    }
}

/// Good for seven days.
pub(crate) fn invite() -> Invite {
    let created_at = Timestamp::UNIX_EPOCH;
    Invite {
        tenant: "ten_00000000000000000000000000000001".parse().unwrap(),
        id: "inv_00000000000000000000000000000003".parse().unwrap(),
        email: "grace@acme.example".parse().unwrap(),
        role: Role::Viewer,
        outcome: None,
        delivery: Delivery::Sent,
        note: None,
        invited_by: "usr_00000000000000000000000000000004".parse().unwrap(),
        jti: Default::default(),
        mail: "out_00000000000000000000000000000005".parse().unwrap(),
        created_at,
        expires_at: expiry(created_at, DEFAULT_EXPIRY_DAYS),
        good_for_days: DEFAULT_EXPIRY_DAYS,
        resent_at: Vec::new(),
    }
}
