//! Connect: what a workspace is connected to. CRMs and calendars, phone numbers, API keys.

use common::function::Function;

pub static FUNCTIONS: &[&Function] = &[];
