//! Invite: bringing a team in, and who may do what.

use common::function::Function;

pub mod accept_invite;
pub mod accept_page;
pub mod create_access_rehearsal;
pub mod create_invites;
pub mod decline_invite;
pub mod get_access_review;
pub mod get_invite;
pub mod get_member_access;
pub mod leave_tenant;
pub mod list_audit;
pub mod list_invites;
pub mod list_members;
pub mod mail_feedback;
pub mod preview_invite;
pub mod remove_member;
pub mod resend_invite;
pub mod revoke_invite;
pub mod send_mail;
pub mod update_invite;
pub mod update_member;

mod access_finding;
mod address;
mod delivery_note;
mod invite_end;
mod invite_link;
mod invite_mail;
mod invite_relink;
mod invite_view;
mod member_view;
mod membership_change;
mod moved;
mod operation;
mod operations;
mod recipients;
mod seats;
mod users;

#[cfg(test)]
mod fakes;

pub static FUNCTIONS: &[&Function] = &[
    &create_invites::FUNCTION,
    &list_invites::FUNCTION,
    &get_invite::FUNCTION,
    &resend_invite::FUNCTION,
    &update_invite::FUNCTION,
    &revoke_invite::FUNCTION,
    &preview_invite::FUNCTION,
    &accept_invite::FUNCTION,
    &decline_invite::FUNCTION,
    &accept_page::FUNCTION,
    &list_members::FUNCTION,
    &update_member::FUNCTION,
    &remove_member::FUNCTION,
    &leave_tenant::FUNCTION,
    &get_member_access::FUNCTION,
    &create_access_rehearsal::FUNCTION,
    &get_access_review::FUNCTION,
    &list_audit::FUNCTION,
    &send_mail::FUNCTION,
    &mail_feedback::FUNCTION,
];
