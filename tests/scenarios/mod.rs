//! What people do with the product, by area.

mod access;
mod api_keys;
mod attacks;
mod audit;
mod billing;
mod checklist;
mod checklist_choices;
mod connect;
mod idempotency;
mod invite;
mod invite_changes;
mod main_job;
mod members;
mod pages;
mod profile;
mod tenant;
