//! Billing: who pays, and where the invoices go.

use common::function::Function;

pub mod get_billing;
pub mod update_billing;

mod billing_settings;

pub static FUNCTIONS: &[&Function] = &[&get_billing::FUNCTION, &update_billing::FUNCTION];
