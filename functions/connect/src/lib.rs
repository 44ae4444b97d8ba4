//! Connect: what a workspace is connected to. CRMs and calendars, phone numbers, API keys.

use common::function::Function;

pub mod add_phone_number;
pub mod create_api_key;
pub mod create_integration;
pub mod get_current_api_key;
pub mod list_api_keys;
pub mod list_integrations;
pub mod list_phone_numbers;
pub mod remove_api_key;
pub mod remove_integration;
pub mod remove_phone_number;

mod api_key_view;
mod integration_view;
mod phone_number_view;
mod plan_owner;

pub static FUNCTIONS: &[&Function] = &[
    &create_integration::FUNCTION,
    &list_integrations::FUNCTION,
    &remove_integration::FUNCTION,
    &add_phone_number::FUNCTION,
    &list_phone_numbers::FUNCTION,
    &remove_phone_number::FUNCTION,
    &create_api_key::FUNCTION,
    &list_api_keys::FUNCTION,
    &get_current_api_key::FUNCTION,
    &remove_api_key::FUNCTION,
];
