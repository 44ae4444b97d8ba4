//! The rules and the words of Callaro's workspace set-up: what a tenant, a member, an invite, a checklist step *is*.
//!
//! Pure: no async, no AWS, no clock, no randomness, no environment. Whoever calls brings the time and the ids.

pub mod audit;
pub mod billing;
pub mod checklist;
pub mod connect;
pub mod country;
pub mod date;
pub mod email;
pub mod id;
pub mod invalid;
pub mod invite;
pub mod member;
pub mod money;
pub mod outbox;
pub mod patch;
pub mod phone;
pub mod role;
pub mod tenant;
pub mod text;
pub mod time_zone;
pub mod user;

pub use jiff::Timestamp;
