//! The whole system, used as its clients use it: over HTTP, with the mail it sends.
//!
//! The scenarios run against a *target*: the functions in this process; with `CALLARO_BOOTSTRAPS=DIR`, their real binaries; with
//! `CALLARO_DEPLOYED=FILE`, the deployment that this file describes (`tests/test-deploy`). Every answer that any test gets is checked
//! against the OpenAPI document.
#![expect(clippy::unwrap_used, reason = "what a test does not expect ends it")]

mod access;
mod crashes;
mod definitions;
mod every_route;
mod least_privilege;
mod openapi;
mod poison;
mod races;
mod reconciling;
mod scenarios;
mod store_contract;
mod world;
