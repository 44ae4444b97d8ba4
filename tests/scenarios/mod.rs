//! What people do with the product, by area.

mod attacks;
mod billing;
mod checklist;
mod idempotency;
mod invite;
mod main_job;
mod members;
mod pages;
mod profile;
mod tenant;
