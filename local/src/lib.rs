//! The whole backend on one machine: the same functions as in AWS, with stand-ins around them.
//!
//! ```text
//! client ──▶ gateway ──API Gateway v2 event──▶ functions ──SDK──▶ table (embedded dynoxide, its own loopback port)
//!               │                                 ▲  │                 │
//!               │                                 │  └──SDK──▶ SES ────┼──▶ mailbox
//!               └──▶ /, /mailbox, /local          └──── triggers ◀── stream
//! ```
//!
//! [`Stack`] is all of it. A function gets the very event that it gets in AWS and answers through the same adapter; whether
//! it runs in this process or as its real binary is [`Target`].

mod data;
mod dead_letters;
mod demo;
mod environment;
mod feedback;
mod gateway;
mod home;
mod in_process;
mod options;
mod private_keys;
mod problem;
mod request_body;
mod runner;
mod schedules;
mod server;
mod stack;
mod start_error;
mod stream_index;
mod sweeper;
mod table;
#[cfg(test)]
mod tests;
mod triggers;

pub use data::DataError;
pub use dead_letters::Attempt;
pub use demo::{DemoError, DemoTenant, SignIn};
pub use options::{Demo, Options, Storage, TableFront, Target};
pub use private_keys::KeyError;
pub use stack::Stack;
pub use start_error::StartError;
pub use table::TableError;
pub use triggers::NotSettled;
