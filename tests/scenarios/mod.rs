//! What people do with the product, by area.

mod access;
mod attacks;
mod audit;
mod billing;
mod checklist;
mod connect;
mod idempotency;
mod invite;
mod invite_changes;
mod main_job;
mod members;
mod pages;
mod profile;
mod tenant;
