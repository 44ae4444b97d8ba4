//! Profile: the person, their sign-in, their tenant.

use common::function::Function;

pub mod confirm_page;
pub mod confirm_sign_up;
pub mod create_session;
pub mod create_sign_up;
pub mod delete_current_session;
pub mod get_me;
pub mod get_tenant;
pub mod list_my_tenants;
pub mod refresh_session;
pub mod update_me;
pub mod update_tenant;

mod me;
mod tenant_settings;

pub static FUNCTIONS: &[&Function] = &[
    &create_sign_up::FUNCTION,
    &confirm_sign_up::FUNCTION,
    &confirm_page::FUNCTION,
    &create_session::FUNCTION,
    &refresh_session::FUNCTION,
    &delete_current_session::FUNCTION,
    &get_me::FUNCTION,
    &update_me::FUNCTION,
    &list_my_tenants::FUNCTION,
    &get_tenant::FUNCTION,
    &update_tenant::FUNCTION,
];
