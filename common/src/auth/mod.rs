//! Who is asking: tokens, passwords, sessions, and what a caller may do.

pub mod account;
pub mod caller;
pub mod password;
pub mod session;
pub mod token;
