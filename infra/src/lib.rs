//! What follows from the manifest: the files that are written down from it ([`generated`]), the OpenAPI document
//! ([`openapi`]), pages for people ([`docs`]), and the rules that the manifest itself has to keep ([`manifest_check`]).
//! And what a release would do to what is kept ([`checklist_dry_run`]).

pub mod checklist_dry_run;
pub mod deployment;
pub mod docs;
pub mod generated;
pub mod manifest_check;
pub mod openapi;
pub mod operations;
pub mod signing_key;

mod input;

#[cfg(test)]
mod fakes;
