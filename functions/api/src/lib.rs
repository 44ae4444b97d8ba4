//! The API's own description.

use common::function::Function;

pub mod get_openapi;

pub static FUNCTIONS: &[&Function] = &[&get_openapi::FUNCTION];
