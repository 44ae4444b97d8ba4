//! Connect: what a workspace is connected to. CRMs and calendars, phone numbers, API keys.

use common::function::Function;

pub mod add_phone_number;
pub mod create_integration;
pub mod list_integrations;
pub mod list_phone_numbers;
pub mod remove_integration;
pub mod remove_phone_number;

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
];
