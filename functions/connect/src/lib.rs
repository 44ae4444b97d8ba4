//! Connect: what a workspace is connected to. CRMs and calendars, phone numbers, API keys.

use common::function::Function;

pub mod create_api_key;
pub mod get_current_api_key;
pub mod list_api_keys;
pub mod remove_api_key;

mod api_key_view;

pub static FUNCTIONS: &[&Function] =
    &[&create_api_key::FUNCTION, &list_api_keys::FUNCTION, &get_current_api_key::FUNCTION, &remove_api_key::FUNCTION];
