//! Who is asking: tokens, passwords, sessions, API keys, and what a caller may do.

pub mod account;
pub mod api_key;
pub mod caller;
pub mod password;
pub mod session;
pub mod token;
