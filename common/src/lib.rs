//! What every function shares: the manifest entry ([`route::Route`], [`trigger::StreamTrigger`]), the table ([`store`],
//! [`keys`]), who is asking ([`auth`]), refusals ([`error`]), mail ([`mail`]) and the way into a Lambda ([`lambda`]).

pub mod app;
pub mod auth;
pub mod clock;
pub mod config;
pub mod error;
pub mod feedback;
pub mod function;
pub mod idempotency;
pub mod json;
pub mod keys;
pub mod lambda;
pub mod limit;
pub mod mail;
pub mod page;
pub mod paging;
pub mod random;
pub mod reply;
pub mod request;
pub mod route;
pub mod schedule;
pub mod signing_keys;
pub mod store;
pub mod trigger;
pub mod view;
